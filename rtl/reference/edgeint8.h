/* The arithmetic of EdgeINT8's integer executor in C99: what an accelerator's scoreboard predicts with.
 *
 *   cc -std=c99 -O2 -ffp-contract=off -shared -fPIC *.c -lm -o libedgeint8.so
 *
 * It needs a C compiler and libm. Equations (1) and (2) are those of docs/fixed_point_note.md, and the
 * tests hold every function against the executor, which they hold against ONNX Runtime: 0 differ.
 *
 * Codes are int32_t whatever their type (int8, uint8, ...); a range says which codes exist. Tensors are
 * dense, the last axis the fastest; layouts stand beside each function. Nothing allocates and nothing
 * fails: sizes are the caller's to check.
 */
#ifndef EDGEINT8_H
#define EDGEINT8_H

#include <stdbool.h>
#include <stdint.h>

/* ---- requantize.c: from a wide accumulator back to codes ------------------------------------------- */

/* How an accumulator is multiplied by the real number S = x_scale * w_scale / y_scale and rounded. */
typedef enum {
    E8_ORT_FLOAT32,     /* float32 product, ties to even: ONNX Runtime */
    E8_FLOAT64,         /* float64 product, ties to even */
    E8_INT32_HALF_UP,   /* 31-bit multiplier, one rounding, ties upwards: TFLite single rounding */
    E8_INT32_HALF_EVEN, /* 31-bit multiplier, one rounding, ties to even */
    E8_GEMMLOWP,        /* 31-bit multiplier, rounded twice: TFLite's and CMSIS-NN's default */
    E8_INT16_HALF_UP,   /* 16-bit multiplier, one rounding, ties upwards */
    E8_TRUNCATE,        /* 31-bit multiplier, towards minus infinity */
    E8_POWER_OF_TWO     /* S as the nearest power of two: a shift, ties upwards */
} e8_scheme;

/* The codes that exist, and the one that means 0. int8 is {-128, 127, zero}, uint8 {0, 255, zero}. */
typedef struct {
    int32_t low, high, zero_point;
} e8_range;

/* S = mantissa * 2**-shift, the mantissa in [2**(bits-1), 2**bits). */
typedef struct {
    int64_t mantissa;
    int shift;
} e8_multiplier;

/* S as the scheme combines it: in float32 for ONNX Runtime's, in float64 for all others. */
double e8_combined_scale(e8_scheme scheme, float x_scale, float w_scale, float y_scale);

/* Integers closest to `scale`, which is above 0 and below 65536; below 2**-32 it becomes 0. */
e8_multiplier e8_quantize_multiplier(double scale, int bits);

/* Equation (1): clip(round(acc * scale) + zero_point). `scale` is of e8_combined_scale. */
int32_t e8_requantize(int64_t acc, double scale, e8_scheme scheme, e8_range codes);

/* gemmlowp's two roundings, without zero-point and clip. */
int64_t e8_multiply_gemmlowp(int64_t acc, e8_multiplier multiplier);

/* QuantizeLinear, saturate(rint(f32(x / scale)) + zero_point), and DequantizeLinear. */
int32_t e8_quantize(float x, float scale, e8_range codes);
float e8_dequantize(int32_t code, float scale, int32_t zero_point);

/* ---- products.c: sums of products, exact or on a narrow accumulator -------------------------------- */

/* What an accumulator of `bits` bits does with a sum that it cannot hold. The bias is preloaded. */
typedef enum {
    E8_EXACT,          /* never overflows: int64 */
    E8_WRAP,           /* two's complement */
    E8_SATURATE_FINAL, /* exact inside, one clamp behind */
    E8_SATURATE_STEP,  /* a clamp after every product */
    E8_SATURATE_TILE   /* `tile_rows` products exactly, then a clamp */
} e8_policy;

typedef struct {
    e8_policy policy;
    int bits;      /* 8 to 48; not read by E8_EXACT */
    int tile_rows; /* read by E8_SATURATE_TILE */
} e8_accumulator;

/* A sliding window over height and width; a signal has height 1. Pads lie before and behind. */
typedef struct {
    int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    int pad_top, pad_left, pad_bottom, pad_right;
} e8_window;

/* Number of window positions along an axis. With `ceiling` the last may hang over the end, but none
 * starts behind the image and the pad before it (ONNX, ceil_mode). */
int e8_positions(int size, int kernel, int stride, int dilation, int before, int after, bool ceiling);

/* One value into the accumulator: for a scoreboard that follows a machine step by step. */
int64_t e8_limited(int64_t sum, e8_policy policy, int bits);

/* Equation (2). x (images, channels, height, width), w (filters, channels/groups, kernel_h, kernel_w),
 * bias (filters) or NULL, acc (images, filters, out_h, out_w). w_zero (filters). What lies outside the
 * image is x_zero. K runs kernel row, kernel column, channel, the channel the fastest. groups ==
 * channels is a depthwise convolution. */
typedef struct {
    int images, channels, height, width, filters, groups;
    e8_window window;
    e8_accumulator accumulator;
} e8_conv;
void e8_convolve(const e8_conv *conv, const int32_t *x, int32_t x_zero, const int32_t *w,
                 const int32_t *w_zero, const int32_t *bias, int64_t *acc);

/* x (rows, depth) times w (depth, columns), w_zero and bias (columns), acc (rows, columns). */
typedef struct {
    int rows, depth, columns;
    e8_accumulator accumulator;
} e8_dense;
void e8_multiply(const e8_dense *dense, const int32_t *x, int32_t x_zero, const int32_t *w,
                 const int32_t *w_zero, const int32_t *bias, int64_t *acc);

/* Equation (1) over accumulators (outer, channels, inner); scale (channels). */
void e8_requantize_all(const int64_t *acc, int outer, int channels, int inner, const double *scale,
                       e8_scheme scheme, e8_range codes, int32_t *y);

/* ---- elementwise.c: additions ----------------------------------------------------------------------- */

typedef struct {
    const int32_t *codes;
    int count; /* of elements; 1 is repeated */
    float scale;
    int32_t zero_point;
} e8_tensor;

/* y = a + b as ONNX Runtime's QLinearAdd: raw codes, two fused multiply-adds, constants folded. */
void e8_add_ort(e8_tensor a, e8_tensor b, float y_scale, e8_range codes, int32_t *y);

/* y = a + b as TFLite's reference ADD of int8: 20 more bits, three multipliers. */
void e8_add_gemmlowp(e8_tensor a, e8_tensor b, float y_scale, e8_range codes, int32_t *y);

/* ---- pools.c: x (planes, height, width), a plane being one channel of one image --------------------- */

typedef struct {
    int planes, height, width, out_h, out_w;
    e8_window window;
} e8_pool;

void e8_max_pool(const e8_pool *pool, const int32_t *x, int32_t *y);

/* Mean over each plane as ONNX Runtime's QLinearGlobalAveragePool: an integer sum, requantised. */
void e8_global_average_ort(const e8_pool *pool, const int32_t *x, float x_scale, int32_t x_zero,
                           float y_scale, e8_scheme scheme, e8_range codes, int32_t *y);

/* Any other average as its QLinearAveragePool: float32 sums, one tap after the other. The divisor
 * counts what lies inside the image; with `count_pads` the whole window. */
void e8_average_ort(const e8_pool *pool, const int32_t *x, float x_scale, int32_t x_zero,
                    float y_scale, bool count_pads, e8_range codes, int32_t *y);

/* TFLite's AVERAGE_POOL_2D: sum of raw codes over their number inside, ties away from zero. */
void e8_average_tflite(const e8_pool *pool, const int32_t *x, int32_t *y);

#endif
