/* Equation (2): sums of products, in the order of a machine, on an accumulator that may be narrow. */
#include "edgeint8.h"

#include <stddef.h>

int64_t e8_limited(int64_t sum, e8_policy policy, int bits)
{
    if (policy == E8_EXACT)
        return sum;
    const int64_t half = (int64_t)1 << (bits - 1);
    if (policy == E8_WRAP) /* ((sum + half) mod 2**bits) - half */
        return (int64_t)(((uint64_t)sum + (uint64_t)half) & (((uint64_t)half << 1) - 1)) - half;
    return sum < -half ? -half : sum >= half ? half - 1 : sum;
}

/* A running sum: `total` is what the accumulator holds, `tile` what the array has added since. */
typedef struct {
    const e8_accumulator *kind;
    int64_t total, tile;
    int products;
} running;

static running start(const e8_accumulator *kind, int64_t bias)
{
    const bool inside = kind->policy == E8_SATURATE_STEP || kind->policy == E8_SATURATE_TILE;
    return (running){kind, inside ? e8_limited(bias, kind->policy, kind->bits) : bias, 0, 0};
}

static void close_tile(running *sum)
{
    sum->total = e8_limited(sum->total + sum->tile, sum->kind->policy, sum->kind->bits);
    sum->tile = 0;
}

static void add(running *sum, int64_t product)
{
    sum->products += 1;
    switch (sum->kind->policy) {
    case E8_SATURATE_STEP:
        sum->total = e8_limited(sum->total + product, E8_SATURATE_STEP, sum->kind->bits);
        break;
    case E8_SATURATE_TILE:
        sum->tile += product;
        if (sum->products % sum->kind->tile_rows == 0)
            close_tile(sum);
        break;
    default:
        sum->total += product;
    }
}

static int64_t finish(running *sum)
{
    close_tile(sum);
    return sum->total;
}

int e8_positions(int size, int kernel, int stride, int dilation, int before, int after, bool ceiling)
{
    const int room = size + before + after - ((kernel - 1) * dilation + 1);
    int count = (ceiling ? room + stride - 1 : room) / stride + 1;
    if (ceiling && (count - 1) * stride >= size + before)
        count -= 1;
    return count;
}

/* The sum of one output: image n, filter m, position (i, j). */
static int64_t one_output(const e8_conv *c, const int32_t *x, int32_t x_zero, const int32_t *w,
                          int32_t w_zero, int64_t bias, int n, int m, int i, int j)
{
    const e8_window *win = &c->window;
    const int depth = c->channels / c->groups, first = m / (c->filters / c->groups) * depth;
    running sum = start(&c->accumulator, bias);
    for (int r = 0; r < win->kernel_h; r++)
        for (int s = 0; s < win->kernel_w; s++) {
            const int row = i * win->stride_h - win->pad_top + r * win->dilation_h;
            const int column = j * win->stride_w - win->pad_left + s * win->dilation_w;
            const bool inside = row >= 0 && row < c->height && column >= 0 && column < c->width;
            for (int k = 0; k < depth; k++) {
                const ptrdiff_t plane = (ptrdiff_t)n * c->channels + first + k;
                const ptrdiff_t at = (plane * c->height + row) * c->width + column;
                const ptrdiff_t of = (((ptrdiff_t)m * depth + k) * win->kernel_h + r) * win->kernel_w + s;
                const int64_t centred = inside ? x[at] - x_zero : 0;
                add(&sum, centred * (w[of] - w_zero));
            }
        }
    return finish(&sum);
}

void e8_convolve(const e8_conv *c, const int32_t *x, int32_t x_zero, const int32_t *w,
                 const int32_t *w_zero, const int32_t *bias, int64_t *acc)
{
    const e8_window *win = &c->window;
    const int out_h = e8_positions(c->height, win->kernel_h, win->stride_h, win->dilation_h,
                                   win->pad_top, win->pad_bottom, false);
    const int out_w = e8_positions(c->width, win->kernel_w, win->stride_w, win->dilation_w,
                                   win->pad_left, win->pad_right, false);
    for (int n = 0; n < c->images; n++)
        for (int m = 0; m < c->filters; m++)
            for (int i = 0; i < out_h; i++)
                for (int j = 0; j < out_w; j++)
                    *acc++ = one_output(c, x, x_zero, w, w_zero[m], bias ? bias[m] : 0, n, m, i, j);
}

void e8_multiply(const e8_dense *d, const int32_t *x, int32_t x_zero, const int32_t *w,
                 const int32_t *w_zero, const int32_t *bias, int64_t *acc)
{
    for (int row = 0; row < d->rows; row++)
        for (int m = 0; m < d->columns; m++) {
            running sum = start(&d->accumulator, bias ? bias[m] : 0);
            for (int k = 0; k < d->depth; k++) {
                const int64_t centred = x[(ptrdiff_t)row * d->depth + k] - x_zero;
                add(&sum, centred * (w[(ptrdiff_t)k * d->columns + m] - w_zero[m]));
            }
            *acc++ = finish(&sum);
        }
}

void e8_requantize_all(const int64_t *acc, int outer, int channels, int inner, const double *scale,
                       e8_scheme scheme, e8_range codes, int32_t *y)
{
    for (int n = 0; n < outer; n++)
        for (int m = 0; m < channels; m++)
            for (int k = 0; k < inner; k++)
                *y++ = e8_requantize(*acc++, scale[m], scheme, codes);
}
