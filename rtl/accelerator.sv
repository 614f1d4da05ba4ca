// The machine of docs/machine.md: DRAM behind one bus, DMA, three SRAMs, a systolic array (FLOW 0:
// weight-, 1: output-, 2: input-stationary), accumulators, requantisers (SCHEME 0: ONNX Runtime's float32,
// 1: gemmlowp's, 2 to 4: requant_shift's rules) and a unit for maxima and averages of windows and for
// additions (RUNTIME 0: as ONNX Runtime, 1: as TFLite). Layer after layer of a network runs from static
// programs; only "n done" synchronises transfers and tiles. SUM_BITS is the width of sums; SATURATE clamps
// each K-tile of R products where it is added (ws, is), otherwise they wrap.
module accelerator import machine::*; #(
  parameter int R = 16, parameter int C = 16, parameter int FLOW = 0, parameter int SCHEME = 0,
  parameter int RUNTIME = 0,
  parameter int SUM_BITS = 32, parameter int SATURATE = 0,
  parameter int IFMAP_BYTES = 1 << 16, parameter int FILTER_BYTES = 1 << 16,
  parameter int SUM_WORDS = 1 << 14, parameter int CHANNELS = 4096,
  parameter int DRAM_BYTES = 1 << 22, parameter int PROGRAM = 1 << 14, parameter int LAYERS = 256
) (input logic clk, output logic done);
  localparam int XW = 9, WW = 8;  // bits of an activation minus its zero-point, and of a weight
  localparam int MOVES = FLOW == 2 ? WW : XW, HELD = FLOW == 2 ? XW : WW;  // along the rows, in the columns
  localparam int TW = SATURATE != 0 ? XW + WW + $clog2(R) : SUM_BITS;  // bits inside the array
  localparam int CONSTANT = SCHEME == 0 ? 8 : 9;  // bias, then scale, or multiplier and shift

  // ---- memories ---------------------------------------------------------------------------------
  logic [7:0] dram [DRAM_BYTES];
  logic [7:0] ifmaps [IFMAP_BYTES];
  logic [7:0] filters [FILTER_BYTES];
  logic [7:0] constants [9*CHANNELS];
  int sums [SUM_WORDS];  // sums of SUM_BITS, sign-extended; finished outputs are codes
  logic [31:0] transfer_program [TRANSFER_WORDS*PROGRAM];
  logic [31:0] tile_program [TILE_WORDS*PROGRAM];
  logic [31:0] layer_program [LAYER_WORDS*LAYERS];
  int layers, size, bus, latency, burst, pipelined;
  string file;
  initial begin
    if ($value$plusargs("dram=%s", file)) $readmemh(file, dram);
    if ($value$plusargs("transfers=%s", file)) $readmemh(file, transfer_program);
    if ($value$plusargs("tiles=%s", file)) $readmemh(file, tile_program);
    if ($value$plusargs("layers=%s", file)) $readmemh(file, layer_program);
    if (!$value$plusargs("count=%d", layers)) layers = 0;
    if (!$value$plusargs("size=%d", size)) size = DRAM_BYTES;
    if (!$value$plusargs("bus=%d", bus)) bus = 0;
    if (!$value$plusargs("latency=%d", latency)) latency = 0;
    if (!$value$plusargs("burst=%d", burst)) burst = 1;
    if (!$value$plusargs("pipelined=%d", pipelined)) pipelined = 1;
  end

  // ---- the layer, its transfers and its tiles ---------------------------------------------------
  int layer, cycle, tiles_done, folds_done, moved, transfer_index;
  logic restart, over;
  layer_t now;
  transfer_t transfer;
  tile_t stream_tile, sum_tile, code_tile;
  function automatic int word(input int at); return int'(tile_program[at]); endfunction
  function automatic tile_t tile_at(input int first, input int index);
    int at = TILE_WORDS*(first + index);
    return '{word(at), word(at+1), word(at+2), word(at+3), word(at+4), word(at+5), word(at+6),
      word(at+7), word(at+8), word(at+9), word(at+10), word(at+11), word(at+12), word(at+13),
      word(at+14), word(at+15), word(at+16), word(at+17), word(at+18), word(at+19), word(at+20),
      word(at+21), word(at+22), word(at+23), word(at+24), word(at+25)};
  endfunction
  function automatic int transfer_word(input int field);
    return int'(transfer_program[TRANSFER_WORDS*(now.first_transfer + transfer_index) + field]);
  endfunction
  function automatic int layer_word(input int field);
    return int'(layer_program[LAYER_WORDS*layer + field]);
  endfunction
  always_comb begin
    now = '{layer_word(0), layer_word(1), layer_word(2), layer_word(3), layer_word(4),
      layer_word(5), layer_word(6), layer_word(7), layer_word(8), layer_word(9),
      {layer_word(14), layer_word(13), layer_word(12), layer_word(11), layer_word(10)}};
    transfer = '{transfer_word(0), transfer_word(1), transfer_word(2), transfer_word(3),
      transfer_word(4), transfer_word(5), transfer_word(6), transfer_word(7), transfer_word(8),
      transfer_word(9), transfer_word(10)};
    over = !restart && !done && moved == now.transfers && tiles_done == now.tiles;
  end
  int from, until_, piece;
  dma u_dma (clk, restart, now.transfers, tiles_done, bus, latency, burst, transfer_index, transfer,
    moved, from, until_, piece);

  // ---- the array and what walks its folds -------------------------------------------------------
  logic signed [MOVES-1:0] x [R];
  logic signed [HELD-1:0] w [C];
  logic signed [TW-1:0] array_sums [C];
  tag_t tag, out, leaving;
  int s_tile, array_tile, tiles_on_array;
  assign tiles_on_array = now.unit == ARRAY ? now.tiles : 0;
  function automatic logic signed [XW-1:0] element(input tile_t t, input int y, z, c);
    logic [7:0] code;
    if (y < 0 || z < 0 || y >= t.window_h || z >= t.window_w) return '0;
    code = ifmaps[t.ifmap + y*t.ifmap_row + z*t.ifmap_pixel + c];
    return XW'((now.is_unsigned != 0 ? int'({24'd0, code}) : int'($signed(code))) - now.zero_in);
  endfunction
  function automatic logic signed [XW-1:0] input_at(input tile_t t, input int row, col, k);
    int position = k / t.channels;  // kernel row, kernel column, channel
    if (position >= t.kernel_h*t.kernel_w) return '0;
    return element(t, t.top + row*t.stride_h + position / t.kernel_w * t.dilation_h,
      t.left + col*t.stride_w + position % t.kernel_w * t.dilation_w, k % t.channels);
  endfunction
  function automatic logic signed [WW-1:0] weight_at(input tile_t t, input int k, filter);
    if (filter >= t.filters || k >= t.channels*t.kernel_h*t.kernel_w) return '0;
    return $signed(filters[t.filter + k*t.filter_row + filter]);
  endfunction
  if (FLOW != 1) begin : g_held
    logic load, stream, swap;
    int l_tile, load_row, load_depth, load_first, depth, at, row, col;
    tile_t load_tile;
    assign load_tile = tile_at(now.first_tile, l_tile);
    folds_ws #(R, C, FLOW == 2) u_folds (clk, restart, pipelined != 0, tiles_on_array, moved, folds_done,
      l_tile, load_tile, load, load_row, load_depth, load_first,
      array_tile, stream_tile, stream, swap, depth, at, row, col, tag);
    array_ws #(R, C, MOVES, HELD, TW) u_array (clk, x, swap, w, load, load && load_row == 0, array_sums);
    always_comb begin
      for (int r = 0; r < R; r++) x[r] = !stream ? '0 : FLOW == 2
        ? MOVES'(weight_at(stream_tile, depth + r, at)) : MOVES'(input_at(stream_tile, row, col, depth + r));
      for (int c = 0; c < C; c++) if (!load) w[c] = '0;
        else if (FLOW == 0) w[c] = HELD'(weight_at(load_tile, load_depth + load_row, load_first + c));
        else w[c] = load_first + c < load_tile.rows*load_tile.cols ? HELD'(input_at(load_tile,
          (load_first + c) / load_tile.cols, (load_first + c) % load_tile.cols, load_depth + load_row)) : '0;
    end
    skew #($bits(tag_t), R + C - 1) u_tag (clk, tag, leaving);
    assign out = leaving;
  end else begin : g_os
    logic stream, first, last, valid;
    int at, kernel_row, kernel_col, channel, pixel, row, row_now;
    tag_t ended, fold;
    folds_os #(R, C) u_folds (clk, restart, pipelined != 0, tiles_on_array, moved, folds_done,
      array_tile, stream_tile, stream, first, last, at, kernel_row, kernel_col, channel, pixel, tag);
    array_os #(R, C, MOVES, HELD, TW) u_array (clk, x, stream, first, last, w, array_sums, valid);
    always_comb begin
      for (int r = 0; r < R; r++)
        x[r] = stream && pixel + r < stream_tile.rows*stream_tile.cols ? element(stream_tile,
          stream_tile.top + (pixel + r) / stream_tile.cols * stream_tile.stride_h + kernel_row*stream_tile.dilation_h,
          stream_tile.left + (pixel + r) % stream_tile.cols * stream_tile.stride_w + kernel_col*stream_tile.dilation_w,
          channel) : '0;
      for (int c = 0; c < C; c++) w[c] = stream ? weight_at(stream_tile, at, tag.filter + c) : '0;
    end
    skew #($bits(tag_t), R + C) u_tag (clk, tag, ended);
    assign row_now = ended.valid ? 0 : row;
    assign leaving = ended.valid ? ended : fold;
    always_comb begin  // a tag for each row that leaves, the first row first
      out = leaving;
      out.pixel = leaving.pixel + row_now;
      out.valid = valid && leaving.pixel + row_now < sum_tile.rows*sum_tile.cols;
      out.fold_end = valid && row_now == R - 1;
      out.tile_end = valid && row_now == R - 1 && leaving.tile_end;
    end
    always_ff @(posedge clk) begin
      if (ended.valid) fold <= ended;
      row <= row_now + 1;
    end
  end
  assign stream_tile = tile_at(now.first_tile, s_tile);
  assign s_tile = now.unit == ARRAY ? array_tile : pool_tile;
  assign sum_tile = tile_at(now.first_tile, leaving.tile);
  assign code_tile = tile_at(now.first_tile, tags[4].tile);

  // ---- what is not on the array: windows of pools, pixels of additions ---------------------------
  logic pools, pool_first, pool_last, pool_end, in_image;
  int pool_tile, pool_row, pool_col, pool_kernel_row, pool_kernel_col, pool_channel, y, z, best [C];
  logic signed [XW-1:0] here [C], there [C];
  logic [23:0] taps, counted;  // elements of a window so far: before this one, with it
  tag_t requantised;
  pool #(C) u_pool (clk, restart, now.unit == ARRAY ? 0 : now.tiles, moved, pool_tile, stream_tile,
    pools, pool_first, pool_last, pool_end,
    pool_row, pool_col, pool_kernel_row, pool_kernel_col, pool_channel);
  always_comb begin
    y = stream_tile.top + pool_row*stream_tile.stride_h + pool_kernel_row*stream_tile.dilation_h;
    z = stream_tile.left + pool_col*stream_tile.stride_w + pool_kernel_col*stream_tile.dilation_w;
    in_image = y >= 0 && z >= 0 && y < stream_tile.window_h && z < stream_tile.window_w;
    counted = (pool_first ? '0 : taps) + 24'(in_image || now.k[2] != 0);
    for (int c = 0; c < C; c++) begin
      here[c] = '0;
      there[c] = '0;
      if (pools && pool_channel + c < stream_tile.channels) begin
        here[c] = element(stream_tile, y, z, pool_channel + c);
        if (now.unit == ADDITION) there[c] = second(stream_tile, y, z, pool_channel + c);
      end
    end
    requantised = '0;  // but for maxima, these take the stages behind the array
    requantised.valid = pools && pool_last;
    requantised.last = 1'b1;
    requantised.tile_end = pool_end;
    requantised.tile = pool_tile;
    requantised.pixel = pool_row*stream_tile.cols + pool_col;
    requantised.filter = pool_channel;
  end
  function automatic logic signed [XW-1:0] second(input tile_t t, input int row, col, c);
    logic [7:0] other;
    other = filters[t.ifmap + row*t.ifmap_row + col*t.ifmap_pixel + c];
    return XW'((now.is_unsigned != 0 ? int'({24'd0, other}) : int'($signed(other)))
      - (RUNTIME == 1 ? int'(now.k[4]) : 0));
  endfunction

  // ---- requantisers -----------------------------------------------------------------------------
  logic signed [SUM_BITS-1:0] finished [C];
  logic [31:0] scale [C];
  logic [7:0] shift [C], code [C];
  for (genvar c = 0; c < C; c++) begin : g_requant
    if (SCHEME == 0) begin : g_ort
      requant_ort #(SUM_BITS) u_requant (
        clk, finished[c], scale[c], 10'(now.zero_out), 10'(now.low), 10'(now.high), code[c]);
    end else if (SCHEME == 1) begin : g_gemmlowp
      requant_gemmlowp #(SUM_BITS) u_requant (clk, finished[c], scale[c][30:0], shift[c][5:0],
        10'(now.zero_out), 10'(now.low), 10'(now.high), code[c]);
    end else begin : g_shift
      requant_shift #(SUM_BITS, SCHEME) u_requant (clk, finished[c], scale[c][30:0], shift[c][5:0],
        10'(now.zero_out), 10'(now.low), 10'(now.high), code[c]);
    end
  end

  // ---- additions, averages of windows -------------------------------------------------------------
  logic signed [XW-1:0] add_a [C], add_b [C];
  logic [7:0] added [C], average [C];
  for (genvar c = 0; c < C; c++) begin : g_beside
    if (RUNTIME == 0) begin : g_ort
      add_ort u_add (clk, now.unit == ADDITION, add_a[c], add_b[c], now.k[0], now.k[1], now.k[2],
        10'(now.low), 10'(now.high), added[c]);
      average_ort u_average (clk, now.unit == AVERAGE, pools, pool_first, here[c], counted, now.k[0],
        now.k[1], 10'(now.zero_out), 10'(now.low), 10'(now.high), average[c]);
    end else begin : g_tflite
      add_gemmlowp u_add (clk, now.unit == ADDITION, add_a[c], add_b[c], now.k[0][30:0], now.k[1][30:0],
        now.k[2][30:0], now.k[3][5:0], now.k[3][13:8], now.k[3][21:16],
        10'(now.zero_out), 10'(now.low), 10'(now.high), added[c]);
      average_tflite u_average (clk, now.unit == AVERAGE, pools, pool_first, here[c], counted,
        10'(now.low), 10'(now.high), average[c]);
    end
  end

  // ---- one clock --------------------------------------------------------------------------------
  tag_t tags [5];  // 1 to 4: the stages behind the array's foot
  longint bytes [6];
  function automatic int narrow(input longint value);  // to SUM_BITS
    longint top = 64'sd1 <<< (SUM_BITS - 1);
    if (SATURATE == 0) return int'(value << (64 - SUM_BITS) >>> (64 - SUM_BITS));
    return int'(value >= top ? top - 1 : value < -top ? -top : value);
  endfunction
  function automatic int constant(input int channel, input int byte_);
    return int'({constants[CONSTANT*channel + byte_ + 3], constants[CONSTANT*channel + byte_ + 2],
      constants[CONSTANT*channel + byte_ + 1], constants[CONSTANT*channel + byte_]});
  endfunction
  task automatic move_bytes();
    int source, target, offset, line, plane;
    for (int i = from; i < until_; i++) begin
      offset = i % piece;
      line = i / piece % transfer.lines;
      plane = i / piece / transfer.lines;
      if (offset < transfer.bytes) begin
        source = transfer.dram + plane*transfer.dram_plane + line*transfer.dram_line + offset;
        target = transfer.sram + plane*transfer.sram_plane + line*transfer.sram_line;
        case (kind_t'(transfer.kind[2:0]))
          IFMAP: ifmaps[target + offset] = dram[source];
          FILTER: filters[target + offset] = dram[source];
          CONSTANTS: constants[target + offset] = dram[source];
          OFMAP: dram[source] = sums[target + offset][7:0];
          SPILL: dram[source] = sums[target + offset/4][8*(offset%4) +: 8];
          RELOAD: sums[target + offset/4][8*(offset%4) +: 8] = dram[source];
          default: ;
        endcase
        bytes[transfer.kind]++;
      end
    end
  endtask
  task automatic pool_step();
    int value;
    taps <= counted;
    for (int c = 0; c < C; c++) if (pool_channel + c < stream_tile.channels) begin
      add_a[c] <= here[c];
      add_b[c] <= there[c];
      value = pool_first ? (now.unit == MEAN ? 0 : -(1 << 20)) : best[c];
      if (now.unit == MEAN) value = narrow(longint'(value) + longint'(here[c]));
      else if (in_image && int'(here[c]) > value) value = int'(here[c]);
      best[c] = value;
      if (pool_last && now.unit == MEAN) begin
        finished[c] <= SUM_BITS'(value);
        scale[c] <= now.k[0];
        shift[c] <= now.k[1][7:0];
      end else if (pool_last && now.unit == MAXIMUM) sums[stream_tile.sums
        + (pool_row*stream_tile.cols + pool_col)*stream_tile.sum_pixel + pool_channel + c] = value;
    end
  endtask
  // Columns are filters, of input-stationary arrays pixels.
  function automatic logic keeps(input tile_t t, input tag_t g, input int c);
    if (FLOW == 2 && now.unit == ARRAY) return g.pixel + c < t.rows*t.cols;
    return g.filter + c < t.filters;
  endfunction
  function automatic int place_of(input tile_t t, input tag_t g, input int c);
    if (FLOW == 2 && now.unit == ARRAY) return t.sums + (g.pixel + c)*t.sum_pixel + g.filter;
    return t.sums + g.pixel*t.sum_pixel + g.filter + c;
  endfunction
  always_ff @(posedge clk) begin
    restart <= over;
    cycle <= over || restart ? 0 : cycle + 1;
    if (restart) begin
      tiles_done <= 0;
      folds_done <= 0;
    end else if (!done) begin
      move_bytes();
      if (pools) pool_step();
      // finished codes return to the sums' place
      if (tags[4].valid && tags[4].last && code_tile.last != 0)
        for (int c = 0; c < C; c++) if (keeps(code_tile, tags[4], c))
          sums[place_of(code_tile, tags[4], c)] = int'({24'd0,
            now.unit == ADDITION ? added[c] : now.unit == AVERAGE ? average[c] : code[c]});
      tiles_done <= tiles_done + 32'(tags[4].tile_end) + 32'(pool_end && now.unit == MAXIMUM);
      folds_done <= folds_done + 32'(tags[4].fold_end);
      // accumulate
      if (out.valid) for (int c = 0; c < C; c++) if (keeps(sum_tile, out, c)) begin
        int channel, place, base, total;
        channel = sum_tile.constants + out.filter + (FLOW == 2 ? 0 : c);
        place = place_of(sum_tile, out, c);
        base = out.first && sum_tile.first != 0 ? constant(channel, 0) : sums[place];
        total = narrow(longint'(array_sums[c]) + longint'(base));
        sums[place] = total;
        finished[c] <= SUM_BITS'(total);
        scale[c] <= constant(channel, 4);
        shift[c] <= constants[CONSTANT*channel + CONSTANT - 1];
      end
    end
    tags[1] <= restart ? '0 : now.unit == ARRAY || now.unit == MAXIMUM ? out : requantised;
    tags[2] <= restart ? '0 : tags[1];
    tags[3] <= restart ? '0 : tags[2];
    tags[4] <= restart ? '0 : tags[3];
    if (over) begin
      $display("layer %0d cycles %0d bytes %0d %0d %0d %0d %0d %0d", layer, cycle, bytes[0], bytes[1],
        bytes[2], bytes[3], bytes[4], bytes[5]);
      for (int k = 0; k < 6; k++) bytes[k] = 0;
      layer <= layer + 1;
      if (layer + 1 == layers) begin
        done <= 1'b1;
        if ($value$plusargs("out=%s", file)) $writememh(file, dram, 0, size - 1);
      end
    end
  end
  initial begin
    cycle = 0;
    layer = 0;
    done = 1'b0;
    restart = 1'b1;
  end
endmodule
