// TFLite's average of a window: the sum of codes over their number, ties away from zero. `count` is right
// with a window's last element; four stages.
module average_tflite (
  input  logic clk, on, take, first,            // take: x is an element of a window, first: its first
  input  logic signed [8:0] x,
  input  logic [23:0] count,
  input  logic signed [9:0] low, high,
  output logic [7:0] code
);
  logic signed [31:0] total;
  logic [31:0] size, mean;
  logic [23:0] number, divisor;
  logic negative1, negative2;
  function automatic logic [7:0] clipped(input logic signed [32:0] value);
    if (value < 33'(low)) return low[7:0];
    return value > 33'(high) ? high[7:0] : value[7:0];
  endfunction
  always_ff @(posedge clk) if (on) begin
    if (take) begin
      total <= (first ? '0 : total) + 32'(x);
      number <= count;
    end
    negative1 <= total < 0;
    size <= (total < 0 ? -total : total) + {9'd0, number[23:1]};
    divisor <= number;
    negative2 <= negative1;
    mean <= size / {8'd0, divisor};
    code <= clipped(negative2 ? -$signed({1'b0, mean}) : $signed({1'b0, mean}));
  end
endmodule
