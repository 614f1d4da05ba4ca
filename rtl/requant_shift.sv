// One multiplication and one shift: floor(acc * multiplier / 2**shift + 1/2), shift from 0 to 62.
// RULE 2: ties upwards (TFLite's single rounding; a 16-bit multiplier; a power of two, multiplier 1);
// 3: ties to even; 4: no 1/2, towards minus infinity. Three stages.
module requant_shift #(parameter int AW = 32, parameter int RULE = 2) (
  input  logic clk,
  input  logic signed [AW-1:0] acc,
  input  logic [30:0] multiplier,
  input  logic [5:0] shift,
  input  logic signed [9:0] zero, low, high,
  output logic [7:0] code
);
  logic signed [63:0] product, half, whole, rounded, value;
  logic [63:0] rest;
  logic [5:0] shift1;
  always_comb begin
    half = RULE == 4 || shift1 == 0 ? '0 : 64'sd1 <<< (shift1 - 6'd1);
    rest = product & ((64'd1 << shift1) - 64'd1);
    whole = (product + half) >>> shift1;
    if (RULE == 3 && half != 0 && rest == half && whole[0]) whole = whole - 64'sd1;
    value = rounded + 64'(zero);
    if (value < 64'(low)) value = 64'(low);
    if (value > 64'(high)) value = 64'(high);
  end
  always_ff @(posedge clk) begin
    product <= 64'(acc) * $signed({33'd0, multiplier});
    shift1 <= shift;
    rounded <= whole;
    code <= value[7:0];
  end
endmodule
