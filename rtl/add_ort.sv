// ONNX Runtime's addition of codes on different scales: float32 fma(a, scale_a, fma(b, scale_b, offset)),
// each rounded once, then to the nearest integer, ties to even, clipped. Numbers are multiples of 2**-60
// in 96 bits, so that nothing but the two roundings to 24 significant bits is lost: scales and offset
// are 0 or at least 2**-37 and below 2**16. Three stages.
module add_ort (
  input  logic clk, on,
  input  logic signed [8:0] a, b,
  input  logic [31:0] scale_a, scale_b, offset,  // bits of float32
  input  logic signed [9:0] low, high,
  output logic [7:0] code
);
  localparam int WIDE = 96, PLACES = 60;
`include "single.svh"
  function automatic wide_t unpack(input logic [31:0] bits);
    wide_t size;
    size = wide_t'({1'b1, bits[22:0]}) <<< (bits[30:23] - 8'd90);
    unpack = bits[30:0] == 0 ? '0 : bits[31] ? -size : size;
  endfunction
  wide_t inner, sum;
  logic signed [8:0] a1;
  always_ff @(posedge clk) if (on) begin
    inner <= to_single(96'(b) * unpack(scale_b) + unpack(offset));
    a1 <= a;
    sum <= to_single(96'(a1) * unpack(scale_a) + inner);
    code <= to_code(sum);
  end
endmodule
