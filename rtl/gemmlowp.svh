// gemmlowp's two roundings: a product over 2**31, ties upwards, then a shift right, ties away from zero.
// No `return`, here and in single.svh: Yosys 0.23 does not read it.
  function automatic logic signed [32:0] doubled(input logic signed [63:0] product);
    doubled = 33'((product + (64'sd1 <<< 30)) >>> 31);
  endfunction
  function automatic logic signed [32:0] divided(input logic signed [32:0] v, input logic [5:0] places);
    logic [32:0] mask, rest, threshold;
    mask = (33'd1 << places) - 33'd1;
    rest = v & mask;
    threshold = (mask >> 1) + 33'(v[32]);
    divided = (v >>> places) + (rest > threshold ? 33'sd1 : 33'sd0);
  endfunction
