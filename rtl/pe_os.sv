// Output-stationary PE. Activations move right, weights down; first and last travel with the
// activation. A finished sum is copied to `held` and leaves downwards, row after row, while the next
// fold accumulates: the row below hands its neighbour's turn on.
module pe_os #(
  parameter int XW = 9, parameter int WW = 8, parameter int AW = 32, parameter bit TOP = 1'b0
) (
  input  logic clk,
  input  logic signed [XW-1:0] x_in,         output logic signed [XW-1:0] x_out,
  input  logic valid_in, first_in, last_in,  output logic valid_out, first_out, last_out,
  input  logic signed [WW-1:0] w_in,         output logic signed [WW-1:0] w_out,
  input  logic signed [AW-1:0] drain_in,     output logic signed [AW-1:0] drain_out,
  input  logic drains_in, turn_in,           output logic drains_out, turn_out
);
  logic signed [AW-1:0] acc, held, sum;
  logic signed [XW+WW-1:0] product;
  logic turn;
  assign product = x_in * w_in;
  assign sum = (first_in ? '0 : acc) + AW'(product);
  always_ff @(posedge clk) begin
    x_out <= x_in;
    w_out <= w_in;
    valid_out <= valid_in;
    first_out <= first_in;
    last_out <= last_in;
    if (valid_in) acc <= sum;
    if (valid_in && last_in) held <= sum;
    turn <= TOP ? (valid_in && last_in) : (drains_in && turn_in);
    drain_out <= turn ? held : drain_in;
    drains_out <= turn || drains_in;
    turn_out <= turn;
  end
endmodule
