// ONNX Runtime's addition of codes on different scales: float32 fma(a, scale_a, fma(b, scale_b, offset)),
// each rounded once, then to the nearest integer, ties to even, clipped. Numbers are multiples of 2**-60
// in 96 bits, so that nothing but the two roundings to 24 significant bits is lost: scales and offset
// are 0 or at least 2**-37 and below 2**16. Three stages.
module add_ort (
  input  logic clk,
  input  logic signed [8:0] a, b,
  input  logic [31:0] scale_a, scale_b, offset,  // bits of float32
  input  logic signed [9:0] low, high,
  output logic [7:0] code
);
  typedef logic signed [95:0] wide_t;
  function automatic wide_t unpack(input logic [31:0] bits);
    wide_t size;
    size = wide_t'({1'b1, bits[22:0]}) <<< (bits[30:23] - 8'd90);
    return bits[30:0] == 0 ? '0 : bits[31] ? -size : size;
  endfunction
  function automatic wide_t to_single(input wide_t x);  // 24 significant bits, ties to even
    wide_t size, rest;
    int drop;
    size = x < 0 ? -x : x;
    drop = 0;
    for (int i = 24; i < 96; i++) if (size[i]) drop = i - 23;
    if (drop > 0) begin
      rest = size & ((96'sd1 <<< drop) - 96'sd1);
      size = size >>> drop;
      if (rest > 96'sd1 <<< (drop - 1) || (rest == 96'sd1 <<< (drop - 1) && size[0])) size = size + 96'sd1;
      size = size <<< drop;
    end
    return x < 0 ? -size : size;
  endfunction
  wide_t inner, sum, whole;
  logic signed [8:0] a1;
  always_comb begin
    whole = sum >>> 60;
    if (sum[59:0] > 60'd1 << 59 || (sum[59:0] == 60'd1 << 59 && whole[0])) whole = whole + 96'sd1;
    if (whole < 96'(low)) whole = 96'(low);
    if (whole > 96'(high)) whole = 96'(high);
  end
  always_ff @(posedge clk) begin
    inner <= to_single(96'(b) * unpack(scale_b) + unpack(offset));
    a1 <= a;
    sum <= to_single(96'(a1) * unpack(scale_a) + inner);
    code <= whole[7:0];
  end
endmodule
