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

  // pool: 0 is an array layer, 1 a max-pool, 2 an average, which has one scale for all channels, 3 an
  // addition: scales of both operands and the offset.
  typedef struct packed {
    int transfers, tiles, first_transfer, first_tile, zero_in, zero_out, low, high, is_unsigned, pool;
    int scale, shift, offset;
  } layer_t;

  // valid: sums to keep; first: start from the bias; last: requantise; fold_end, tile_end: the fold
  // (the tile) is over with this vector.
  typedef struct packed {
    logic valid, first, last, fold_end, tile_end;
    int tile, pixel, filter;
  } tag_t;
endpackage
