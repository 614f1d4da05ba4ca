// ONNX Runtime's average of a window: codes minus zero-point, times scale_x, added one after the other;
// the sum over the count, over scale_y, plus the zero-point; each step rounded to float32, then to the
// nearest integer, ties to even, clipped. Sums are integers in units of scale_x's last place, so that
// nothing but the roundings is lost. `count` is right with a window's last element; four stages.
module average_ort (
  input  logic clk, on, take, first,            // take: x is an element of a window, first: its first
  input  logic signed [8:0] x,
  input  logic [23:0] count,
  input  logic [31:0] scale_x, scale_y,         // bits of a positive float32, from 2**-37 to 2**16
  input  logic signed [9:0] zero, low, high,
  output logic [7:0] code
);
  localparam int WIDE = 64, PLACES = 26;
`include "single.svh"
  typedef struct packed {  // size * 2**exponent, size 0 or with 24 significant bits
    logic negative;
    logic [23:0] size;
    logic [10:0] exponent;  // signed
  } single_t;
  function automatic single_t normal(input wide_t whole, input logic signed [10:0] exponent);
    wide_t size;
    int top;
    size = whole < 0 ? -whole : whole;
    top = 0;
    for (int i = 0; i < WIDE - 1; i++) if (size[i]) top = i;
    size = top > 23 ? size >>> (top - 23) : size <<< (23 - top);
    return {whole < 0, size[23:0], exponent + 11'(top) - 11'sd23};
  endfunction
  function automatic single_t over(input single_t a, b);
    logic [48:0] quotient;
    logic some;
    quotient = {a.size, 25'd0} / {25'd0, b.size};
    some = quotient * {25'd0, b.size} != {a.size, 25'd0};  // a remainder
    if (quotient[25]) return {a.negative,
      quotient[25:2] + 24'(quotient[1] && (quotient[0] || some || quotient[2])), a.exponent - b.exponent - 11'sd23};
    return {a.negative, quotient[24:1] + 24'(quotient[0] && (some || quotient[1])), a.exponent - b.exponent - 11'sd24};
  endfunction
  function automatic single_t unpack(input logic [31:0] bits);
    return {bits[31], 1'b1, bits[22:0], $signed({3'd0, bits[30:23]}) - 11'sd150};
  endfunction
  // As PLACES binary places. Below 2**-3 a number does not change an integer's nearest one, from 2**11 on
  // every one is clipped.
  function automatic wide_t fixed(input single_t a);
    logic signed [10:0] exponent;
    wide_t size;
    exponent = $signed(a.exponent);  // Icarus takes fields as unsigned
    if (exponent < -26) return '0;
    size = exponent >= -12 ? wide_t'(1) <<< 37 : wide_t'({1'b0, a.size}) <<< (exponent + 11'sd26);
    return a.size == 0 ? '0 : a.negative ? -size : size;
  endfunction
  wide_t total;
  logic [23:0] number;
  single_t mean, level;
  always_ff @(posedge clk) if (on) begin
    if (take) begin
      total <= to_single((first ? '0 : total) + to_single(64'(x) * wide_t'({1'b1, scale_x[22:0]})));
      number <= count;
    end
    mean <= over(normal(total, $signed({3'd0, scale_x[30:23]}) - 11'sd150), normal(wide_t'({1'b0, number}), '0));
    level <= over(mean, unpack(scale_y));
    code <= to_code(to_single(fixed(level) + (wide_t'(zero) <<< PLACES)));
  end
endmodule
