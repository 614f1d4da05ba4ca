/* Additions of codes with different scales, as ONNX Runtime and as TFLite order them. */
#include "edgeint8.h"

#include <math.h>

static const int LEFT_SHIFT = 20; /* TFLite, op_params->left_shift of int8 */

static int32_t code_of(const e8_tensor *t, int k)
{
    return t->codes[t->count == 1 ? 0 : k];
}

static int32_t rounded(float value, e8_range codes)
{
    const float level = rintf(value);
    return level < (float)codes.low ? codes.low : level > (float)codes.high ? codes.high : (int32_t)level;
}

void e8_add_ort(e8_tensor a, e8_tensor b, float y_scale, e8_range codes, int32_t *y)
{
    const float ratio_a = a.scale / y_scale, ratio_b = b.scale / y_scale;
    const float zero_a = (float)a.zero_point, zero_b = (float)b.zero_point;
    const float rest = ratio_b * zero_b;
    const float fixed = (float)codes.zero_point - fmaf(ratio_a, zero_a, rest);
    const int count = a.count > b.count ? a.count : b.count;
    for (int k = 0; k < count; k++) {
        const float left = (float)code_of(&a, k), right = (float)code_of(&b, k);
        float value;
        if (b.count == 1 && a.count > 1) { /* a single number joins the constant, rounded there */
            const float product = right * ratio_b;
            value = fmaf(left, ratio_a, fixed + product);
        } else if (a.count == 1 && b.count > 1) {
            const float product = left * ratio_a;
            value = fmaf(right, ratio_b, fixed + product);
        } else {
            value = fmaf(left, ratio_a, fmaf(right, ratio_b, fixed));
        }
        y[k] = rounded(value, codes);
    }
}

void e8_add_gemmlowp(e8_tensor a, e8_tensor b, float y_scale, e8_range codes, int32_t *y)
{
    const double left = a.scale, right = b.scale, twice = 2 * (left > right ? left : right);
    const e8_multiplier first = e8_quantize_multiplier(left / twice, 31);
    const e8_multiplier second = e8_quantize_multiplier(right / twice, 31);
    const double real = twice / (ldexp(1.0, LEFT_SHIFT) * (double)y_scale);
    const int64_t wide = (int64_t)1 << LEFT_SHIFT;
    const int count = a.count > b.count ? a.count : b.count;
    for (int k = 0; k < count; k++) {
        const int64_t sum = e8_multiply_gemmlowp((code_of(&a, k) - a.zero_point) * wide, first) +
                            e8_multiply_gemmlowp((code_of(&b, k) - b.zero_point) * wide, second);
        y[k] = e8_requantize(sum, real, E8_GEMMLOWP, codes);
    }
}
