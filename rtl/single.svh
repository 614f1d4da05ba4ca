// float32's roundings in signed integers of WIDE bits. To 24 significant bits, ties to even:
  typedef logic signed [WIDE-1:0] wide_t;
  function automatic wide_t to_single(input wide_t v);
    wide_t size, rest;
    int drop;
    size = v < 0 ? -v : v;
    drop = 0;
    for (int i = 24; i < WIDE; i++) if (size[i]) drop = i - 23;
    if (drop > 0) begin
      rest = size & ((wide_t'(1) <<< drop) - wide_t'(1));
      size = size >>> drop;
      if (rest > wide_t'(1) <<< (drop - 1) || (rest == wide_t'(1) <<< (drop - 1) && size[0])) size = size + wide_t'(1);
      size = size <<< drop;
    end
    to_single = v < 0 ? -size : size;
  endfunction
// A number with PLACES binary places to the nearest integer, ties to even, from `low` to `high`.
  function automatic logic [7:0] to_code(input wide_t v);
    wide_t whole;
    whole = v >>> PLACES;
    if (v[PLACES-1] && (whole[0] || v[PLACES-2:0] != 0)) whole = whole + wide_t'(1);
    if (whole < wide_t'(low)) whole = wide_t'(low);
    if (whole > wide_t'(high)) whole = wide_t'(high);
    to_code = whole[7:0];
  endfunction
