// R x C weight-stationary array with skewed edges. Vectors go in and come out aligned: x in cycle t
// comes out as sums in cycle t + R + C - 1.
module array_ws #(
  parameter int R = 16, parameter int C = 16, parameter int XW = 9, parameter int WW = 8,
  parameter int AW = 32
) (
  input  logic clk,
  input  logic signed [XW-1:0] x [R], input logic swap,
  input  logic signed [WW-1:0] w [C], input logic load, start,
  output logic signed [AW-1:0] sums [C]
);
  logic signed [XW-1:0] xs [R][C+1];
  logic swaps [R][C+1];
  logic signed [AW-1:0] partial [R+1][C];
  logic signed [WW-1:0] ws [R+1][C];
  logic loads [R+1][C], starts [R+1][C];
  for (genvar r = 0; r < R; r++) begin : g_row
    skew #(XW + 1, r) u_skew (clk, {swap, x[r]}, {swaps[r][0], xs[r][0]});
    for (genvar c = 0; c < C; c++) begin : g_col
      pe_ws #(XW, WW, AW) u_pe (
        clk, xs[r][c], xs[r][c+1], swaps[r][c], swaps[r][c+1], partial[r][c], partial[r+1][c],
        ws[r][c], ws[r+1][c], loads[r][c], starts[r][c], loads[r+1][c], starts[r+1][c]);
    end
  end
  for (genvar c = 0; c < C; c++) begin : g_edge
    assign partial[0][c] = '0;
    skew #(WW + 2, c) u_in (clk, {load, start, w[c]}, {loads[0][c], starts[0][c], ws[0][c]});
    skew #(AW, C - 1 - c) u_out (clk, partial[R][c], sums[c]);
  end
endmodule
