// Walks the folds of output-stationary tiles. Filters of a fold change slowest, then pixels, then the
// dot product that streams: kernel row, kernel column, channel. A fold must not end before the rows
// of the one before have left the array.
module folds_os import machine::*; #(parameter int R = 16, parameter int C = 16) (
  input  logic clk, restart, pipelined,
  input  int tiles, moved, folds_done,
  output int s_tile, input tile_t s,
  output logic stream, first, last, output int at, kernel_row, kernel_col, channel, pixel,
  output tag_t tag                                    // at `last`, of the fold's first row
);
  logic streaming, ready;
  int started, filter, depth, pixels, since_end;
  always_comb begin
    depth = s.channels * s.kernel_h * s.kernel_w;
    pixels = s.rows * s.cols;
    ready = s_tile < tiles && moved >= s.wait_inputs && moved >= s.wait_weights
      && (pipelined || folds_done == started) && since_end + depth - 1 >= R;
    stream = streaming || ready;
    first = stream && at == 0;
    last = stream && at == depth - 1;
    tag = '0;
    tag.valid = last;
    tag.first = 1'b1;
    tag.last = 1'b1;
    tag.tile_end = pixel + R >= pixels && filter + C >= s.filters;
    tag.tile = s_tile;
    tag.pixel = pixel;
    tag.filter = filter;
  end
  always_ff @(posedge clk) begin
    if (restart) begin
      {s_tile, started, filter, at, kernel_row, kernel_col, channel, pixel} <= '0;
      streaming <= 1'b0;
      since_end <= R;  // no fold before the first
    end else begin
      since_end <= last ? 1 : (since_end < R ? since_end + 1 : R);
      if (stream) begin
        streaming <= !last;
        if (first) started <= started + 1;
        at <= last ? 0 : at + 1;
        channel <= last || channel + 1 == s.channels ? 0 : channel + 1;
        if (last) {kernel_row, kernel_col} <= '0;
        else if (channel + 1 == s.channels) begin
          kernel_col <= kernel_col + 1 == s.kernel_w ? 0 : kernel_col + 1;
          kernel_row <= kernel_row + 32'(kernel_col + 1 == s.kernel_w);
        end
        if (last) begin
          if (pixel + R < pixels) pixel <= pixel + R;
          else begin
            pixel <= 0;
            filter <= filter + C < s.filters ? filter + C : 0;
            if (filter + C >= s.filters) s_tile <= s_tile + 1;
          end
        end
      end
    end
  end
endmodule
