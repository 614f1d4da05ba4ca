/* Pools of codes. A window that hangs over the image reads only what lies inside it. */
#include "edgeint8.h"

#include <math.h>
#include <stddef.h>

/* Visits the taps of one window: row and column of each, and whether it lies inside the image. */
typedef struct {
    const e8_pool *pool;
    const int32_t *plane;
    int top, left, tap;
} taps;

static taps window_at(const e8_pool *pool, const int32_t *plane, int i, int j)
{
    const e8_window *w = &pool->window;
    return (taps){pool, plane, i * w->stride_h - w->pad_top, j * w->stride_w - w->pad_left, 0};
}

static bool next_tap(taps *t, bool *inside, int32_t *code)
{
    const e8_window *w = &t->pool->window;
    if (t->tap == w->kernel_h * w->kernel_w)
        return false;
    const int row = t->top + t->tap / w->kernel_w * w->dilation_h;
    const int column = t->left + t->tap % w->kernel_w * w->dilation_w;
    *inside = row >= 0 && row < t->pool->height && column >= 0 && column < t->pool->width;
    *code = *inside ? t->plane[(ptrdiff_t)row * t->pool->width + column] : 0;
    t->tap += 1;
    return true;
}

static int32_t largest(taps window)
{
    int32_t best = INT32_MIN, code;
    bool inside;
    while (next_tap(&window, &inside, &code))
        if (inside && code > best)
            best = code;
    return best;
}

void e8_max_pool(const e8_pool *pool, const int32_t *x, int32_t *y)
{
    for (int p = 0; p < pool->planes; p++, x += (ptrdiff_t)pool->height * pool->width)
        for (int i = 0; i < pool->out_h; i++)
            for (int j = 0; j < pool->out_w; j++)
                *y++ = largest(window_at(pool, x, i, j));
}

void e8_global_average_ort(const e8_pool *pool, const int32_t *x, float x_scale, int32_t x_zero,
                           float y_scale, e8_scheme scheme, e8_range codes, int32_t *y)
{
    const int size = pool->height * pool->width;
    const float divisor = y_scale * (float)size;
    const float scale = x_scale / divisor;
    for (int p = 0; p < pool->planes; p++) {
        int64_t sum = 0;
        for (int k = 0; k < size; k++)
            sum += *x++;
        *y++ = e8_requantize(sum - (int64_t)x_zero * size, scale, scheme, codes);
    }
}

static int32_t float_average(taps window, float x_scale, int32_t x_zero, float y_scale,
                             bool count_pads, e8_range codes)
{
    float total = 0.0f, count = 0.0f;
    int32_t code;
    bool inside;
    while (next_tap(&window, &inside, &code)) {
        if (inside) {
            const float real = (float)(code - x_zero) * x_scale;
            total += real;
        }
        count += inside || count_pads ? 1.0f : 0.0f;
    }
    const float mean = total / count;
    const float steps = mean / y_scale;
    const float level = rintf(steps + (float)codes.zero_point);
    return level < (float)codes.low ? codes.low : level > (float)codes.high ? codes.high : (int32_t)level;
}

void e8_average_ort(const e8_pool *pool, const int32_t *x, float x_scale, int32_t x_zero,
                    float y_scale, bool count_pads, e8_range codes, int32_t *y)
{
    for (int p = 0; p < pool->planes; p++, x += (ptrdiff_t)pool->height * pool->width)
        for (int i = 0; i < pool->out_h; i++)
            for (int j = 0; j < pool->out_w; j++) {
                const taps window = window_at(pool, x, i, j);
                *y++ = float_average(window, x_scale, x_zero, y_scale, count_pads, codes);
            }
}

static int32_t integer_average(taps window)
{
    int32_t total = 0, count = 0, code;
    bool inside;
    while (next_tap(&window, &inside, &code))
        if (inside) {
            total += code;
            count += 1;
        }
    return (total > 0 ? total + count / 2 : total - count / 2) / count;
}

void e8_average_tflite(const e8_pool *pool, const int32_t *x, int32_t *y)
{
    for (int p = 0; p < pool->planes; p++, x += (ptrdiff_t)pool->height * pool->width)
        for (int i = 0; i < pool->out_h; i++)
            for (int j = 0; j < pool->out_w; j++)
                *y++ = integer_average(window_at(pool, x, i, j));
}
