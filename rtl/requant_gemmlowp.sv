// gemmlowp's rule: a rounding doubling high multiply, then a rounding shift right.
// scale = multiplier * 2**-shift, shift from 31 on. Three stages.
module requant_gemmlowp #(parameter int AW = 32) (
  input  logic clk,
  input  logic signed [AW-1:0] acc,
  input  logic [30:0] multiplier,
  input  logic [5:0] shift,
  input  logic signed [9:0] zero, low, high,
  output logic [7:0] code
);
`include "gemmlowp.svh"
  logic signed [63:0] product;
  logic [5:0] right1, right2;
  logic signed [32:0] high_half;
  logic signed [33:0] value;
  always_comb begin
    value = 34'(divided(high_half, right2)) + 34'(zero);
    if (value < 34'(low)) value = 34'(low);
    if (value > 34'(high)) value = 34'(high);
  end
  always_ff @(posedge clk) begin
    product <= 64'(acc) * $signed({33'd0, multiplier});
    right1 <= shift - 6'd31;
    high_half <= doubled(product);
    right2 <= right1;
    code <= value[7:0];
  end
endmodule
