// TFLite's addition of int8 codes on different scales: both minus their zero-points, 20 bits to the left,
// each times its multiplier; the sum times the third one. multipliers * 2**-shifts, shifts from 31 on; an
// addend's is at most 1/2. Three stages.
module add_gemmlowp (
  input  logic clk, on,
  input  logic signed [8:0] a, b,
  input  logic [30:0] multiplier_a, multiplier_b, multiplier,
  input  logic [5:0] shift_a, shift_b, shift,
  input  logic signed [9:0] zero, low, high,
  output logic [7:0] code
);
`include "gemmlowp.svh"
  function automatic logic signed [32:0] scaled(input logic signed [8:0] x, input logic [30:0] factor, input logic [5:0] places);
    scaled = divided(doubled((64'(x) <<< 20) * $signed({33'd0, factor})), places - 6'd31);
  endfunction
  function automatic logic [7:0] clipped(input logic signed [32:0] x);
    logic signed [33:0] value;
    value = 34'(x) + 34'(zero);
    if (value < 34'(low)) value = 34'(low);
    if (value > 34'(high)) value = 34'(high);
    clipped = value[7:0];
  endfunction
  logic signed [32:0] first, second;
  logic signed [63:0] product;
  always_ff @(posedge clk) if (on) begin
    first <= scaled(a, multiplier_a, shift_a);
    second <= scaled(b, multiplier_b, shift_b);
    product <= (64'(first) + 64'(second)) * $signed({33'd0, multiplier});
    code <= clipped(divided(doubled(product), shift - 6'd31));
  end
endmodule
