/* What the witness calls of CMSIS-NN, written for tests from the header's description alone.

   SINGLE: one rounding. EVEN: ties to even, as no build of CMSIS-NN. LAYER_DOWN: convolutions alone
   round down. SWAPPED: two fields change places. NO_SOFTMAX: a function is not there. ONE_GROUP:
   convolutions know no groups, as in old versions. NO_DILATION: an argument is refused. */
#include <stdint.h>

typedef struct { int32_t w, h; } tile;
typedef struct { int32_t min, max; } activation;
typedef struct { int32_t n, h, w, c; } dims;
typedef struct { void *buf; int32_t size; } context;
typedef struct { int32_t *multiplier, *shift; } per_channel;
typedef struct { int32_t multiplier, shift; } per_tensor;
typedef struct { int32_t *multiplier, *shift, is_per_channel; } either;
#ifdef SWAPPED
typedef struct { int32_t in, out; tile padding, stride, dilation; activation limits; } conv_params;
#else
typedef struct { int32_t in, out; tile stride, padding, dilation; activation limits; } conv_params;
#endif
typedef struct { int32_t in, out, ch_mult; tile stride, padding, dilation; activation limits; } dw_params;
typedef struct { int32_t in, weights, out; activation limits; } fc_params;
typedef struct { tile stride, padding; activation limits; } pool_params;

static int32_t down(int64_t value, int shift) { return (int32_t)(value >> shift); }

static int32_t rescale(int32_t acc, int32_t multiplier, int32_t shift)
{
#if defined(SINGLE)
    return down((int64_t)acc * multiplier + (1ll << (30 - shift)), 31 - shift);
#elif defined(EVEN)
    int64_t product = (int64_t)acc * multiplier, half = 1ll << (30 - shift);
    int32_t low = down(product, 31 - shift);
    int64_t rest = product - ((int64_t)low << (31 - shift));
    return low + (rest > half || (rest == half && (low & 1)));
#else
    int left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    int32_t high = down((int64_t)(int32_t)((uint32_t)acc << left) * multiplier + (1ll << 30), 31);
    int32_t rest = high & (int32_t)((1ll << right) - 1), half = (int32_t)((1ll << right) - 1) >> 1;
    return down(high, right) + (rest > half + (high < 0));
#endif
}

static int8_t code(int32_t value, int32_t zero, activation limits)
{
    value += zero;
    return (int8_t)(value < limits.min ? limits.min : value > limits.max ? limits.max : value);
}

/* Every output of a layer: `depth` input channels from `first`, weights w[o * step_o + k * step_k + c]. */
static int32_t sum_at(const conv_params *p, const dims *image, const int8_t *x, const dims *f, const int8_t *w,
                      int y, int z, int first, int depth, int64_t at, int64_t step_k)
{
    int32_t sum = 0;
    for (int i = 0; i < f->h; i++)
        for (int j = 0; j < f->w; j++)
        {
            int row = y * p->stride.h - p->padding.h + i * p->dilation.h;
            int column = z * p->stride.w - p->padding.w + j * p->dilation.w;
            if (row < 0 || column < 0 || row >= image->h || column >= image->w) continue;
            for (int c = 0; c < depth; c++)
                sum += (x[(row * image->w + column) * image->c + first + c] + p->in) * w[at + (i * f->w + j) * step_k + c];
        }
    return sum;
}

static int32_t of_layer(int32_t acc, int32_t multiplier, int32_t shift)
{
#ifdef LAYER_DOWN
    return down((int64_t)acc * multiplier, 31 - shift);
#else
    return rescale(acc, multiplier, shift);
#endif
}

int32_t arm_convolve_wrapper_s8_get_buffer_size(const conv_params *p, const dims *i, const dims *f, const dims *o)
{
    return 64;
}

int arm_convolve_wrapper_s8(const context *ctx, const conv_params *p, const per_channel *q, const dims *image,
                            const int8_t *x, const dims *f, const int8_t *w, const dims *b, const int32_t *bias,
                            const dims *o, int8_t *out)
{
    if (ctx->size != 64 || ctx->buf == 0) return -1;
    ((char *)ctx->buf)[63] = 1;
#ifdef ONE_GROUP
    dims whole = {f->n, f->h, f->w, image->c};
    f = &whole;
#endif
    int each = o->c / (image->c / f->c);
    for (int y = 0; y < o->h; y++)
        for (int z = 0; z < o->w; z++)
            for (int m = 0; m < o->c; m++)
            {
                int32_t acc = bias[m] + sum_at(p, image, x, f, w, y, z, m / each * f->c, f->c,
                                               (int64_t)m * f->h * f->w * f->c, f->c);
                *out++ = code(of_layer(acc, q->multiplier[m], q->shift[m]), p->out, p->limits);
            }
    return 0;
}

int arm_depthwise_conv_wrapper_s8(const context *ctx, const dw_params *d, const per_channel *q, const dims *image,
                                  const int8_t *x, const dims *f, const int8_t *w, const dims *b, const int32_t *bias,
                                  const dims *o, int8_t *out)
{
#ifdef NO_DILATION
    if (d->dilation.w > 1) return -1;
#endif
    conv_params p = {.in = d->in, .out = d->out, .stride = d->stride, .padding = d->padding,
                     .dilation = d->dilation, .limits = d->limits};
    for (int y = 0; y < o->h; y++)
        for (int z = 0; z < o->w; z++)
            for (int m = 0; m < o->c; m++)
            {
                int32_t acc = bias[m] + sum_at(&p, image, x, f, w, y, z, m / d->ch_mult, 1, m, o->c);
                *out++ = code(of_layer(acc, q->multiplier[m], q->shift[m]), p.out, p.limits);
            }
    return 0;
}

static void product(const fc_params *p, const int32_t *multiplier, const int32_t *shift, int step, const dims *i,
                    const int8_t *x, const dims *f, const int8_t *w, const int32_t *bias, const dims *o, int8_t *out)
{
    for (int n = 0; n < i->n; n++)
        for (int m = 0; m < o->c; m++)
        {
            int32_t acc = bias[m];
            for (int k = 0; k < f->n; k++) acc += (x[n * f->n + k] + p->in) * (w[m * f->n + k] + p->weights);
            *out++ = code(rescale(acc, multiplier[m * step], shift[m * step]), p->out, p->limits);
        }
}

int arm_fully_connected_s8(const context *ctx, const fc_params *p, const per_tensor *q, const dims *i, const int8_t *x,
                           const dims *f, const int8_t *w, const dims *b, const int32_t *bias, const dims *o, int8_t *out)
{
    product(p, &q->multiplier, &q->shift, 0, i, x, f, w, bias, o, out);
    return 0;
}

int arm_fully_connected_wrapper_s8(const context *ctx, const fc_params *p, const either *q, const dims *i,
                                   const int8_t *x, const dims *f, const int8_t *w, const dims *b, const int32_t *bias,
                                   const dims *o, int8_t *out)
{
    product(p, q->multiplier, q->shift, q->is_per_channel, i, x, f, w, bias, o, out);
    return 0;
}

int arm_elementwise_add_s8(const int8_t *a, const int8_t *b, int32_t za, int32_t ma, int32_t sa, int32_t zb, int32_t mb,
                           int32_t sb, int32_t left, int8_t *out, int32_t zo, int32_t mo, int32_t so, int32_t low,
                           int32_t high, int32_t size)
{
    activation limits = {low, high};
    for (int k = 0; k < size; k++)
    {
        int32_t first = rescale((a[k] + za) * (1 << left), ma, sa), second = rescale((b[k] + zb) * (1 << left), mb, sb);
        out[k] = code(rescale(first + second, mo, so), zo, limits);
    }
    return 0;
}

int arm_elementwise_mul_s8(const int8_t *a, const int8_t *b, int32_t za, int32_t zb, int8_t *out, int32_t zo, int32_t mo,
                           int32_t so, int32_t low, int32_t high, int32_t size)
{
    activation limits = {low, high};
    for (int k = 0; k < size; k++) out[k] = code(rescale((a[k] + za) * (b[k] + zb), mo, so), zo, limits);
    return 0;
}

static void pool(const pool_params *p, const dims *i, const int8_t *x, const dims *f, const dims *o, int8_t *out, int mean)
{
    for (int y = 0; y < o->h; y++)
        for (int z = 0; z < o->w; z++)
            for (int c = 0; c < o->c; c++)
            {
                int32_t sum = 0, count = 0, most = -128;
                for (int r = y * p->stride.h - p->padding.h, r_end = r + f->h; r < r_end; r++)
                    for (int s = z * p->stride.w - p->padding.w, s_end = s + f->w; s < s_end; s++)
                    {
                        if (r < 0 || s < 0 || r >= i->h || s >= i->w) continue;
                        int32_t value = x[(r * i->w + s) * i->c + c];
                        sum += value, count++, most = value > most ? value : most;
                    }
                int32_t half = sum > 0 ? count / 2 : -(count / 2);
                *out++ = code(mean ? (sum + half) / count : most, 0, p->limits);
            }
}

int arm_avgpool_s8(const context *ctx, const pool_params *p, const dims *i, const int8_t *x, const dims *f,
                   const dims *o, int8_t *out)
{
    pool(p, i, x, f, o, out, 1);
    return 0;
}

int arm_max_pool_s8(const context *ctx, const pool_params *p, const dims *i, const int8_t *x, const dims *f,
                    const dims *o, int8_t *out)
{
    pool(p, i, x, f, o, out, 0);
    return 0;
}

int arm_maximum_s8(const context *ctx, const int8_t *a, const dims *da, const int8_t *b, const dims *db, int8_t *out,
                   const dims *o)
{
    for (int k = 0; k < o->n * o->h * o->w * o->c; k++) out[k] = a[k] > b[k] ? a[k] : b[k];
    return 0;
}

#ifndef NO_SOFTMAX
/* Of equal codes alone: their number's share, and nothing below `least`. */
void arm_softmax_s8(const int8_t *x, int32_t rows, int32_t length, int32_t multiplier, int32_t shift, int32_t least,
                    int8_t *out)
{
    for (; rows--; x += length, out += length)
    {
        int32_t most = -128, count = 0;
        for (int k = 0; k < length; k++) most = x[k] > most ? x[k] : most;
        for (int k = 0; k < length; k++) count += x[k] - most >= least;
        for (int k = 0; k < length; k++) out[k] = (int8_t)(x[k] - most >= least ? (512 / count + 1) / 2 - 128 : -128);
    }
}
#endif
