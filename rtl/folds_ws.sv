// Walks the folds of weight-stationary tiles: a loader that runs one fold ahead, and a streamer.
// Filters of a fold change slowest, then the rows of weights, then the pixels that stream.
module folds_ws import machine::*; #(parameter int R = 16, parameter int C = 16) (
  input  logic clk, restart, pipelined,
  input  int tiles, moved, folds_done,
  output int l_tile, input tile_t l,                  // what is loaded
  output logic load, output int load_row, load_depth, load_filter,
  output int s_tile, input tile_t s,                  // what streams
  output logic stream, swap, output int depth, row, col, output tag_t tag
);
  logic loading, streaming, ready_load, ready_stream, ends;
  int loads, loaded, started, filter, at, l_depth, s_depth, pixels;
  always_comb begin
    l_depth = l.channels * l.kernel_h * l.kernel_w;
    s_depth = s.channels * s.kernel_h * s.kernel_w;
    pixels = s.rows * s.cols;
    ready_stream = s_tile < tiles && moved >= s.wait_inputs && loaded > started
      && (pipelined || folds_done == started);
    stream = streaming || ready_stream;
    swap = stream && !streaming;
    ready_load = l_tile < tiles && moved >= l.wait_weights && loads <= started + 32'(swap)
      && (pipelined || folds_done == loads);
    load = loading || ready_load;
    ends = stream && at == pixels - 1;
    tag = '0;
    tag.valid = stream;
    tag.first = depth == 0;
    tag.last = depth + R >= s_depth;
    tag.fold_end = ends;
    tag.tile_end = ends && tag.last && filter + C >= s.filters;
    tag.tile = s_tile;
    tag.pixel = at;
    tag.filter = filter;
  end
  always_ff @(posedge clk) begin
    if (restart) begin
      {l_tile, load_row, load_depth, load_filter, loads, loaded} <= '0;
      {s_tile, started, filter, depth, at, row, col} <= '0;
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
            load_filter <= load_filter + C < l.filters ? load_filter + C : 0;
            if (load_filter + C >= l.filters) l_tile <= l_tile + 1;
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
            filter <= filter + C < s.filters ? filter + C : 0;
            if (filter + C >= s.filters) s_tile <= s_tile + 1;
          end
        end
      end
    end
  end
endmodule
