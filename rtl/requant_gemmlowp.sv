// gemmlowp's rule: a rounding doubling high multiply, then a rounding shift right; ties away from zero
// in the first, and in the second too. scale = multiplier * 2**-shift, shift from 31 on. Three stages.
module requant_gemmlowp #(parameter int AW = 32) (
  input  logic clk,
  input  logic signed [AW-1:0] acc,
  input  logic [30:0] multiplier,
  input  logic [5:0] shift,
  input  logic signed [9:0] zero, low, high,
  output logic [7:0] code
);
  logic signed [63:0] product, nudged, halved;
  logic [5:0] right1, right2;
  logic signed [32:0] doubled;
  assign nudged = product + (product[63] ? 64'sd1 - (64'sd1 <<< 30) : 64'sd1 <<< 30);
  assign halved = nudged[63] ? -((-nudged) >>> 31) : nudged >>> 31;  // towards zero
  always_ff @(posedge clk) begin
    product <= 64'(acc) * $signed({33'd0, multiplier});
    right1 <= shift - 6'd31;
    doubled <= halved[32:0];
    right2 <= right1;
  end
  logic signed [32:0] nearest;
  logic [32:0] mask, rest, threshold;
  logic signed [33:0] value;
  always_comb begin
    mask = (33'd1 << right2) - 33'd1;
    rest = doubled & mask;
    threshold = (mask >> 1) + 33'(doubled[32]);
    nearest = (doubled >>> right2) + (rest > threshold ? 33'sd1 : 33'sd0);
    value = 34'(nearest) + 34'(zero);
    if (value < 34'(low)) value = 34'(low);
    if (value > 34'(high)) value = 34'(high);
  end
  always_ff @(posedge clk) code <= value[7:0];
endmodule
