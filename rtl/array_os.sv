// R x C output-stationary array. After the last vector of a fold in cycle t, the sums of row r come
// out, aligned over the columns, in cycle t + R + C + r; `valid` is high meanwhile.
module array_os #(
  parameter int R = 16, parameter int C = 16, parameter int XW = 9, parameter int WW = 8,
  parameter int AW = 32
) (
  input  logic clk,
  input  logic signed [XW-1:0] x [R], input logic stream, first, last,
  input  logic signed [WW-1:0] w [C],
  output logic signed [AW-1:0] sums [C], output logic valid
);
  logic signed [XW-1:0] xs [R][C+1];
  logic streams [R][C+1], firsts [R][C+1], lasts [R][C+1];
  logic signed [WW-1:0] ws [R+1][C];
  logic signed [AW-1:0] drain [R+1][C];
  logic drains [R+1][C], turns [R+1][C], valids [C];
  for (genvar r = 0; r < R; r++) begin : g_row
    skew #(XW + 3, r) u_skew (
      clk, {stream, first, last, x[r]}, {streams[r][0], firsts[r][0], lasts[r][0], xs[r][0]});
    for (genvar c = 0; c < C; c++) begin : g_col
      pe_os #(XW, WW, AW, r == 0) u_pe (
        clk, xs[r][c], xs[r][c+1], streams[r][c], firsts[r][c], lasts[r][c],
        streams[r][c+1], firsts[r][c+1], lasts[r][c+1], ws[r][c], ws[r+1][c],
        drain[r][c], drain[r+1][c], drains[r][c], turns[r][c], drains[r+1][c], turns[r+1][c]);
    end
  end
  for (genvar c = 0; c < C; c++) begin : g_edge
    assign drain[0][c] = '0;
    assign drains[0][c] = 1'b0;
    assign turns[0][c] = 1'b0;
    skew #(WW, c) u_in (clk, w[c], ws[0][c]);
    skew #(AW + 1, C - 1 - c) u_out (clk, {drains[R][c], drain[R][c]}, {valids[c], sums[c]});
  end
  assign valid = valids[0];
endmodule
