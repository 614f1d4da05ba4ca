// Walks the windows of a pool's tiles: C channels a cycle, one element of the window each.
module pool import machine::*; #(parameter int C = 16) (
  input  logic clk, restart,
  input  int tiles, moved,
  output int s_tile, input tile_t s,
  output logic stream, first, last, tile_end,
  output int row, col, kernel_row, kernel_col, channel
);
  logic streaming, ends;
  always_comb begin
    stream = streaming || (s_tile < tiles && moved >= s.wait_inputs);
    first = kernel_row == 0 && kernel_col == 0;
    last = kernel_row == s.kernel_h - 1 && kernel_col == s.kernel_w - 1;
    ends = last && channel + C >= s.channels && col + 1 == s.cols && row + 1 == s.rows;
    tile_end = stream && ends;
  end
  always_ff @(posedge clk) begin
    if (restart) begin
      {s_tile, row, col, kernel_row, kernel_col, channel} <= '0;
      streaming <= 1'b0;
    end else if (stream) begin
      streaming <= !ends;
      kernel_col <= kernel_col + 1 == s.kernel_w ? 0 : kernel_col + 1;
      if (kernel_col + 1 == s.kernel_w) kernel_row <= last ? 0 : kernel_row + 1;
      if (last) channel <= channel + C >= s.channels ? 0 : channel + C;
      if (last && channel + C >= s.channels) begin
        col <= col + 1 == s.cols ? 0 : col + 1;
        if (col + 1 == s.cols) row <= ends ? 0 : row + 1;
      end
      if (ends) s_tile <= s_tile + 1;
    end
  end
endmodule
