// What the modules share: the fields of a transfer and of a tile, as the program has them, and the
// tag that travels beside a vector through the array. docs/rtl.md explains the words.
package machine;
  localparam int TRANSFER_WORDS = 16, TILE_WORDS = 32, LAYER_WORDS = 16;

  typedef enum logic [2:0] {IFMAP, FILTER, CONSTANTS, OFMAP, SPILL, RELOAD} kind_t;

  typedef struct packed {
    int kind, wait_tiles, dram, planes, lines, bytes, dram_plane, dram_line, sram, sram_plane, sram_line;
  } transfer_t;

  typedef struct packed {
    int wait_weights, wait_inputs, rows, cols, channels, filters, kernel_h, kernel_w;
    int stride_h, stride_w, dilation_h, dilation_w, top, left, window_h, window_w;
    int ifmap, ifmap_row, ifmap_pixel, filter, filter_row, sums, sum_pixel, first, last, constants;
  } tile_t;

  // What computes a layer; beside the array each has constants k, one for all channels:
  localparam int ARRAY = 0, MAXIMUM = 1;
  localparam int MEAN = 2;      // over the image. The requantiser's scale or multiplier, shift
  localparam int ADDITION = 3;  // ONNX Runtime: scales of both, offset. TFLite: multipliers of both and of
                                // the sum, three shifts of 8 bits, the second zero-point
  localparam int AVERAGE = 4;   // of a window. Scales of input and output; whether padding counts
  typedef struct packed {
    int transfers, tiles, first_transfer, first_tile, zero_in, zero_out, low, high, is_unsigned, unit;
    logic [4:0][31:0] k;
  } layer_t;

  // valid: sums to keep; first: start from the bias; last: requantise; fold_end, tile_end: the fold
  // (the tile) is over with this vector.
  typedef struct packed {
    logic valid, first, last, fold_end, tile_end;
    int tile, pixel, filter;
  } tag_t;
endpackage
