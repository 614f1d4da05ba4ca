// Replays one layer of exported vectors: sums of products, then the unit under test on each of them.
//   python -m edgeint8 vectors net.int8.onnx vectors --data x.npz
//   iverilog -g2012 -o replay -Preplay_layer.P=64 -Preplay_layer.K=27 -Preplay_layer.M=8 \
//     -Preplay_layer.ZERO=3 examples/replay_layer.sv rtl/requant_ort.sv
//   cd vectors/00_conv1 && vvp ../../replay          (shape of image/stream: 1, P, K; y_zero_point)
`timescale 1ns / 1ns
module replay_layer #(parameter int P = 1, K = 1, M = 1, ZERO = 0, LOW = 0, HIGH = 255);
  reg signed [15:0] x [0:P*K-1];
  reg signed [7:0] w [0:K*M-1];
  reg signed [31:0] bias [0:M-1], scale [0:M-1], acc [0:M*P-1], sum, s;
  reg [7:0] want [0:M*P-1];
  wire [7:0] code;
  reg clk = 0;
  integer m, p, k, bad = 0;
  requant_ort dut (clk, sum, s, ZERO[9:0], LOW[9:0], HIGH[9:0], code);
  initial begin
    $readmemh("image/stream.hex", x, 0, P*K-1);
    $readmemh("weight_km.hex", w, 0, K*M-1);
    $readmemh("bias.hex", bias, 0, M-1);
    $readmemh("scale_float32.hex", scale, 0, M-1);
    $readmemh("image/acc.hex", acc, 0, M*P-1);
    $readmemh("image/ofm.hex", want, 0, M*P-1);
    for (m = 0; m < M; m = m + 1) for (p = 0; p < P; p = p + 1) begin
      sum = bias[m];
      for (k = 0; k < K; k = k + 1) sum = sum + x[p*K + k]*w[k*M + m];
      s = scale[m];
      for (k = 0; k < 3; k = k + 1) begin #1 clk = 1; #1 clk = 0; end
      if (sum !== acc[m*P + p] || code !== want[m*P + p]) bad = bad + 1;
    end
    $display("%0d words, %0d mismatches", M*P, bad);
    $finish;
  end
endmodule
