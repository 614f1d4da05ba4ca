// N registers in a row; none for N = 0.
module skew #(parameter int W = 8, parameter int N = 1) (
  input logic clk, input logic [W-1:0] d, output logic [W-1:0] q
);
  if (N == 0) begin : g_wire
    assign q = d;
  end else begin : g_delay
    logic [W-1:0] line [N];
    always_ff @(posedge clk) begin
      line[0] <= d;
      for (int i = 1; i < N; i++) line[i] <= line[i-1];
    end
    assign q = line[N-1];
  end
endmodule
