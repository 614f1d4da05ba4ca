// The C99 reference in a SystemVerilog scoreboard. The numbers of schemes and policies are those of
// e8_scheme and e8_policy in edgeint8.h; a scale is that of e8_dpi_scale.
import "DPI-C" function real e8_dpi_scale(
    input int scheme, input real x_scale, input real w_scale, input real y_scale);
import "DPI-C" function int e8_dpi_requantize(
    input longint acc, input real scale, input int scheme, input int low, input int high,
    input int zero_point);
import "DPI-C" function longint e8_dpi_limited(input longint sum, input int policy, input int bits);
