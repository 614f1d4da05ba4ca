// Transfers in their order, over one bus. Says which bytes of the present one move in this cycle; a
// transfer starts when the one before is over and its tiles are done, waits for the latency, and pays
// each contiguous piece in whole bursts.
module dma import machine::*; (
  input  logic clk, restart,
  input  int count, tiles_done, bus, latency, burst,  // bus: bytes a cycle, 0 for all at once
  output int index, input transfer_t transfer,
  output int moved,                                   // transfers that are over
  output int from, until_, piece                      // bytes [from, until_), padding included
);
  logic active, starts, ends;
  int waited, at, total, wait_now;
  always_comb begin
    piece = (transfer.bytes + burst - 1) / burst * burst;
    total = transfer.planes * transfer.lines * piece;
    starts = index < count && (active || tiles_done >= transfer.wait_tiles);
    wait_now = active ? waited : latency;
    from = at;
    until_ = at;
    if (starts && wait_now == 0) until_ = (bus == 0 || total - at < bus) ? total : at + bus;
    ends = starts && wait_now == 0 && until_ == total;
  end
  assign moved = index;
  always_ff @(posedge clk) begin
    if (restart) begin
      index <= 0;
      active <= 1'b0;
      at <= 0;
    end else if (starts) begin
      active <= !ends;
      waited <= wait_now == 0 ? 0 : wait_now - 1;
      at <= ends ? 0 : until_;
      if (ends) index <= index + 1;
    end
  end
endmodule
