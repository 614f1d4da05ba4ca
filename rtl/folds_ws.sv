// Walks the folds of tiles whose weights stay (INPUTS 0) or whose inputs do (1): a loader that runs one
// fold ahead, and a streamer. What the columns hold, filters or pixels, changes slowest (`first`), then the
// rows of the dot product (`depth`), then the pixels or filters that stream (`at`).
module folds_ws import machine::*; #(
  parameter int R = 16, parameter int C = 16, parameter bit INPUTS = 1'b0
) (
  input  logic clk, restart, pipelined,
  input  int tiles, moved, folds_done,
  output int l_tile, input tile_t l,                  // what is loaded
  output logic load, output int load_row, load_depth, load_first,
  output int s_tile, input tile_t s,                  // what streams
  output logic stream, swap, output int depth, at, row, col, output tag_t tag
);
  logic loading, streaming, ready_load, ready_stream, ends;
  int loads, loaded, started, first, l_depth, s_depth, l_held, s_held, s_moving;
  always_comb begin
    l_depth = l.channels * l.kernel_h * l.kernel_w;
    s_depth = s.channels * s.kernel_h * s.kernel_w;
    l_held = INPUTS ? l.rows * l.cols : l.filters;
    s_held = INPUTS ? s.rows * s.cols : s.filters;
    s_moving = INPUTS ? s.filters : s.rows * s.cols;
    ready_stream = s_tile < tiles && moved >= (INPUTS ? s.wait_weights : s.wait_inputs) && loaded > started
      && (pipelined || folds_done == started);
    stream = streaming || ready_stream;
    swap = stream && !streaming;
    ready_load = l_tile < tiles && moved >= (INPUTS ? l.wait_inputs : l.wait_weights) && loads <= started + 32'(swap)
      && (pipelined || folds_done == loads);
    load = loading || ready_load;
    ends = stream && at == s_moving - 1;
    tag = '0;
    tag.valid = stream;
    tag.first = depth == 0;
    tag.last = depth + R >= s_depth;
    tag.fold_end = ends;
    tag.tile_end = ends && tag.last && first + C >= s_held;
    tag.tile = s_tile;
    tag.pixel = INPUTS ? first : at;
    tag.filter = INPUTS ? at : first;
  end
  always_ff @(posedge clk) begin
    if (restart) begin
      {l_tile, load_row, load_depth, load_first, loads, loaded} <= '0;
      {s_tile, started, first, depth, at, row, col} <= '0;
      {loading, streaming} <= '0;
    end else begin
      if (load) begin
        loading <= load_row != R - 1;
        load_row <= load_row == R - 1 ? 0 : load_row + 1;
        if (load_row == R - 1) begin
          loaded <= loaded + 1;
          loads <= loads + 1;
          if (load_depth + R < l_depth) load_depth <= load_depth + R;
          else begin
            load_depth <= 0;
            load_first <= load_first + C < l_held ? load_first + C : 0;
            if (load_first + C >= l_held) l_tile <= l_tile + 1;
          end
        end
      end
      if (stream) begin
        streaming <= !ends;
        if (swap) started <= started + 1;
        at <= ends ? 0 : at + 1;
        col <= ends || col + 1 == s.cols ? 0 : col + 1;
        row <= ends ? 0 : row + 32'(col + 1 == s.cols);
        if (ends) begin
          if (!tag.last) depth <= depth + R;
          else begin
            depth <= 0;
            first <= first + C < s_held ? first + C : 0;
            if (first + C >= s_held) s_tile <= s_tile + 1;
          end
        end
      end
    end
  end
endmodule
