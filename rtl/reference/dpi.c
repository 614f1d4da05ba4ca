/* The functions that edgeint8_dpi.svh imports: plain arguments, for SystemVerilog passes no structures. */
#include "edgeint8.h"

double e8_dpi_scale(int scheme, double x_scale, double w_scale, double y_scale)
{
    return e8_combined_scale((e8_scheme)scheme, (float)x_scale, (float)w_scale, (float)y_scale);
}

int e8_dpi_requantize(long long acc, double scale, int scheme, int low, int high, int zero_point)
{
    return e8_requantize(acc, scale, (e8_scheme)scheme, (e8_range){low, high, zero_point});
}

long long e8_dpi_limited(long long sum, int policy, int bits)
{
    return e8_limited(sum, (e8_policy)policy, bits);
}
