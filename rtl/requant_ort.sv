// ONNX Runtime's rule in integer logic: float32(float32(acc) * scale), to the nearest integer, ties to
// even, plus the zero-point, clipped. `scale` holds the bits of a positive normal float32. Three
// stages.
module requant_ort #(parameter int AW = 32) (
  input  logic clk,
  input  logic signed [AW-1:0] acc,
  input  logic [31:0] scale,
  input  logic signed [9:0] zero, low, high,
  output logic [7:0] code
);
  // 1: |acc| as a float32: 24 significant bits, rounded to nearest even.
  logic signed [32:0] wide;
  logic [31:0] magnitude, normal;
  logic [4:0] leading;
  logic [24:0] rounded;
  always_comb begin
    wide = 33'(acc);
    if (wide < 0) wide = -wide;
    magnitude = wide[31:0];
    leading = '0;
    for (int i = 0; i < 32; i++) if (magnitude[i]) leading = 5'(31 - i);
    normal = magnitude << leading;
    rounded = {1'b0, normal[31:8]} + 25'(normal[7] && (normal[8] || normal[6:0] != 0));
  end
  logic negative1, nothing1, negative2, nothing2;
  logic [23:0] mantissa1;
  logic signed [9:0] exponent1, exponent2;
  logic [30:0] scale1;
  logic [47:0] product;
  always_ff @(posedge clk) begin
    mantissa1 <= rounded[24] ? 24'h800000 : rounded[23:0];
    exponent1 <= 10'sd8 - $signed({5'd0, leading}) + $signed({9'd0, rounded[24]});
    negative1 <= acc[AW-1];
    nothing1 <= magnitude == 0;
    scale1 <= scale[30:0];
    // 2: the exact product.
    product <= mantissa1 * {1'b1, scale1[22:0]};
    exponent2 <= exponent1 + $signed({2'b00, scale1[30:23]}) - 10'sd150;
    negative2 <= negative1;
    nothing2 <= nothing1;
  end
  // 3: to 24 bits as the float32 product, then to an integer.
  logic [24:0] single;
  logic [23:0] mantissa3, whole, rest, half;
  logic signed [9:0] shift;
  logic [9:0] nearest;
  logic signed [11:0] value;
  always_comb begin
    if (product[47]) single = {1'b0, product[47:24]}
      + 25'(product[23] && (product[24] || product[22:0] != 0));
    else single = {1'b0, product[46:23]}
      + 25'(product[22] && (product[23] || product[21:0] != 0));
    mantissa3 = single[24] ? 24'h800000 : single[23:0];
    shift = -(exponent2 + (product[47] ? 10'sd24 : 10'sd23) + $signed({9'd0, single[24]}));
    {whole, rest, half, nearest} = '0;
    if (!nothing2 && shift <= 0) nearest = 10'd511;
    else if (!nothing2 && shift <= 24) begin
      whole = shift == 24 ? '0 : mantissa3 >> shift;
      rest = mantissa3 & ((24'd1 << shift) - 24'd1);
      half = 24'd1 << (shift - 1);
      nearest = whole >= 511 ? 10'd511
        : whole[9:0] + 10'(rest > half || (rest == half && whole[0]));
    end
    value = (negative2 ? -$signed({2'b00, nearest}) : $signed({2'b00, nearest})) + 12'(zero);
    if (value < 12'(low)) value = 12'(low);
    if (value > 12'(high)) value = 12'(high);
  end
  always_ff @(posedge clk) code <= value[7:0];
endmodule
