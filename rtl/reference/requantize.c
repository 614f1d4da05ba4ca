/* Equation (1) in every scheme. One function rounds an accumulator, one rounds a float to a code. */
#include "edgeint8.h"

#include <float.h>
#include <math.h>

#if FLT_EVAL_METHOD != 0
#error "float32 products must be rounded to float32: compile for SSE2, with -mfpmath=sse on 32-bit x86"
#endif

static const int NO_FRACTION = 62; /* shifts of int64 stay below its width */

/* floor(x / 2**n), where C99 leaves the right shift of negative numbers to the compiler. */
static int64_t shift_right(int64_t x, int n)
{
    return x >= 0 ? x >> n : ~(~x >> n);
}

/* x * 2**n modulo 2**64. */
static int64_t shift_left(int64_t x, int n)
{
    return (int64_t)((uint64_t)x << n);
}

static int64_t clip(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

double e8_combined_scale(e8_scheme scheme, float x_scale, float w_scale, float y_scale)
{
    if (scheme == E8_ORT_FLOAT32) {
        const float product = x_scale * w_scale;
        return product / y_scale;
    }
    return (double)x_scale * w_scale / y_scale;
}

e8_multiplier e8_quantize_multiplier(double scale, int bits)
{
    int exponent;
    const double fraction = frexp(scale, &exponent);
    int64_t mantissa = (int64_t)floor(ldexp(fraction, bits) + 0.5);
    if (mantissa == (int64_t)1 << bits) {
        mantissa >>= 1;
        exponent += 1;
    }
    const int shift = bits - exponent;
    const bool vanishes = shift > bits + 31; /* TFLite's rule for scales below 2**-32 */
    return (e8_multiplier){vanishes ? 0 : mantissa, vanishes ? bits : shift};
}

/* floor(acc * S + 1/2) */
static int64_t half_up(int64_t acc, e8_multiplier s)
{
    const int64_t half = s.shift ? (int64_t)1 << (s.shift - 1) : 0;
    return shift_right(acc * s.mantissa + half, s.shift);
}

/* Half up, then one step back where the value was an exact tie and the result is odd. */
static int64_t half_even(int64_t acc, e8_multiplier s)
{
    const int64_t mask = ((int64_t)1 << s.shift) - 1, half = (int64_t)1 << (s.shift - 1);
    const int64_t rounded = half_up(acc, s);
    const bool tie = ((acc * s.mantissa) & mask) == half;
    return rounded - (tie && (rounded & 1));
}

/* gemmlowp, SaturatingRoundingDoublingHighMul: a * b / 2**31, ties towards plus infinity. */
static int64_t high_multiply(int64_t a, int64_t b)
{
    return shift_right(a * b + ((int64_t)1 << 30), 31);
}

/* gemmlowp, RoundingDivideByPOT: x / 2**n, ties away from zero. */
static int64_t divide_by_power_of_two(int64_t x, int n)
{
    const int64_t mask = ((int64_t)1 << n) - 1, threshold = (mask >> 1) + (x < 0);
    return shift_right(x, n) + ((x & mask) > threshold);
}

int64_t e8_multiply_gemmlowp(int64_t acc, e8_multiplier s)
{
    const int left = s.shift < 31 ? 31 - s.shift : 0, right = s.shift > 31 ? s.shift - 31 : 0;
    /* A factor above 1 shifts left first, in 32 bits: what leaves them wraps around. */
    const int64_t shifted = left ? e8_limited(shift_left(acc, left), E8_WRAP, 32) : acc;
    return divide_by_power_of_two(high_multiply(shifted, s.mantissa), right);
}

static int64_t power_of_two(int64_t acc, double scale)
{
    const int shift = -(int)rint(log2(scale));
    if (shift <= 0)
        return shift_left(acc, -shift);
    const int right = shift < NO_FRACTION ? shift : NO_FRACTION;
    return shift_right(acc + ((int64_t)1 << (right - 1)), right);
}

/* v = f32(f32(acc) * S), clipped to what the codes can reach, then rounded, then the zero-point: a tie
 * does not move with the zero-point. */
static int32_t ort_float32(int64_t acc, float scale, e8_range codes)
{
    const float low = (float)(codes.low - codes.zero_point);
    const float high = (float)(codes.high - codes.zero_point);
    float value = (float)acc * scale;
    value = value < low ? low : value > high ? high : value;
    return (int32_t)rintf(value) + codes.zero_point;
}

int32_t e8_requantize(int64_t acc, double scale, e8_scheme scheme, e8_range codes)
{
    int64_t rounded = 0;
    switch (scheme) {
    case E8_ORT_FLOAT32:
        return ort_float32(acc, (float)scale, codes);
    case E8_FLOAT64: {
        const double value = rint((double)acc * scale) + codes.zero_point;
        return (int32_t)(value < codes.low ? codes.low : value > codes.high ? codes.high : value);
    }
    case E8_INT32_HALF_UP:
        rounded = half_up(acc, e8_quantize_multiplier(scale, 31));
        break;
    case E8_INT32_HALF_EVEN:
        rounded = half_even(acc, e8_quantize_multiplier(scale, 31));
        break;
    case E8_GEMMLOWP:
        rounded = e8_multiply_gemmlowp(acc, e8_quantize_multiplier(scale, 31));
        break;
    case E8_INT16_HALF_UP:
        rounded = half_up(acc, e8_quantize_multiplier(scale, 16));
        break;
    case E8_TRUNCATE: {
        const e8_multiplier s = e8_quantize_multiplier(scale, 31);
        rounded = shift_right(acc * s.mantissa, s.shift);
        break;
    }
    case E8_POWER_OF_TWO:
        rounded = power_of_two(acc, scale);
        break;
    }
    return (int32_t)clip(rounded + codes.zero_point, codes.low, codes.high);
}

int32_t e8_quantize(float x, float scale, e8_range codes)
{
    const double level = (double)rintf(x / scale) + codes.zero_point;
    return (int32_t)(level < codes.low ? codes.low : level > codes.high ? codes.high : level);
}

float e8_dequantize(int32_t code, float scale, int32_t zero_point)
{
    return (float)(code - zero_point) * scale;
}
