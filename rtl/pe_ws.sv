// Weight-stationary PE with shadow weights. Activations move right, sums move down. The weights of
// the next fold come down while the present one streams: each row keeps the first word after `start`
// and hands the others on. `swap` travels with the first activation of a fold.
module pe_ws #(parameter int XW = 9, parameter int WW = 8, parameter int AW = 32) (
  input  logic clk,
  input  logic signed [XW-1:0] x_in,   output logic signed [XW-1:0] x_out,
  input  logic swap_in,                output logic swap_out,
  input  logic signed [AW-1:0] sum_in, output logic signed [AW-1:0] sum_out,
  input  logic signed [WW-1:0] w_in,   output logic signed [WW-1:0] w_out,
  input  logic load_in, start_in,      output logic load_out, start_out
);
  logic signed [WW-1:0] held, shadow, weight;
  logic took;
  logic signed [XW+WW-1:0] product;
  assign weight  = swap_in ? shadow : held;
  assign product = x_in * weight;
  always_ff @(posedge clk) begin
    x_out <= x_in;
    swap_out <= swap_in;
    held <= weight;
    sum_out <= sum_in + AW'(product);
    w_out <= w_in;
    load_out <= load_in && !start_in;
    start_out <= took;
    if (load_in) took <= start_in;
    if (load_in && start_in) shadow <= w_in;
  end
endmodule
