"""TFLite files of one operator, random sizes and scales.

``random_model(kind, seed)`` gives a file's bytes and inputs for it.
"""

import numpy as np
from tflite_files import (
    CODES,
    F32,
    Op,
    T,
    activation,
    layer_scale,
    options,
    scale,
    tie_of_six,
    window,
    write,
    zero,
)
from tflite_second_tier import EVERY_CODE_2, KINDS_2


def conv(rng):
    image, k, strides, dilations, padding, out = window(rng)
    c, m = (int(v) for v in rng.integers(1, 20, 2))
    x, per_channel = scale(rng), rng.random() < 0.75
    w = np.exp(rng.uniform(-7, -2, m if per_channel else 1)).astype(F32)
    groups = int(rng.choice([1, 1, 1, 1, 2, 3]))
    m *= groups
    w = np.repeat(w, groups) if per_channel else w
    codes = rng.integers(-127, 128, (m, *k, c))
    c *= groups
    has_bias = rng.random() < 0.8
    tensors = [
        T((1, *image, c), scale=x, zero=zero(rng)),
        T(codes.shape, scale=w, data=codes),
        T((1, *out, m), scale=layer_scale(rng, x, w, codes[0].size), zero=zero(rng)),
        T((m,), np.int32, F32(x) * w, data=rng.integers(-4000, 4000, m)),
    ]
    table = options(
        "Conv2D", padding=padding, strideH=int(strides[0]), strideW=int(strides[1]),
        dilationHFactor=int(dilations[0]), dilationWFactor=int(dilations[1]),
        fusedActivationFunction=activation(rng),
    )  # fmt: skip
    return tensors, Op("CONV_2D", [0, 1, 3] if has_bias else [0, 1], [2], table)


def depthwise(rng):
    image, k, strides, dilations, padding, out = window(rng)
    strides = np.repeat(strides[:1], 2)
    out = -(-image // strides) if padding == 0 else (image - (k - 1) * dilations - 1) // strides + 1
    c, multiplier = int(rng.integers(1, 20)), int(rng.choice([1, 1, 2, 3]))
    m, x, per_channel = c * multiplier, scale(rng), rng.random() < 0.75
    w = np.exp(rng.uniform(-7, -2, m if per_channel else 1)).astype(F32)
    codes = rng.integers(-127, 128, (1, *k, m))
    tensors = [
        T((1, *image, c), scale=x, zero=zero(rng)),
        T(codes.shape, scale=w, axis=3, data=codes),
        T((1, *out, m), scale=layer_scale(rng, x, w, int(np.prod(k))), zero=zero(rng)),
        T((m,), np.int32, F32(x) * w, data=rng.integers(-4000, 4000, m)),
    ]
    table = options(
        "DepthwiseConv2D", padding=padding, strideH=int(strides[0]), strideW=int(strides[1]),
        dilationHFactor=int(dilations[0]), dilationWFactor=int(dilations[1]),
        depthMultiplier=multiplier, fusedActivationFunction=activation(rng),
    )  # fmt: skip
    return tensors, Op("DEPTHWISE_CONV_2D", [0, 1, 3], [2], table)


def fully_connected(rng):
    k, m, rows = int(rng.integers(1, 200)), int(rng.integers(1, 40)), int(rng.choice([1, 1, 3]))
    x, per_channel = scale(rng), rng.random() < 0.5 and m > 1
    w = np.exp(rng.uniform(-7, -2, m if per_channel else 1)).astype(F32)
    keep = rows > 1
    shape = (1, rows, k) if keep else (1, k)
    tensors = [
        T(shape, scale=x, zero=zero(rng)),
        T((m, k), scale=w, data=rng.integers(-127, 128, (m, k))),
        T((*shape[:-1], m), scale=layer_scale(rng, x, w, k), zero=zero(rng)),
        T((m,), np.int32, F32(x) * w, data=rng.integers(-4000, 4000, m)),
    ]
    table = options("FullyConnected", fusedActivationFunction=activation(rng), keepNumDims=keep)
    return tensors, Op("FULLY_CONNECTED", [0, 1, 3], [2], table)


def _pair(kind, name):
    def make(rng):
        a, b = scale(rng, -5, 0), scale(rng, -5, 0)
        if kind == "MUL":
            y = a * b * 100 * np.exp(rng.uniform(-2, 2))
        else:
            y = max(a, b) * np.exp(rng.uniform(-1, 1.2))
        big, small = (1, 256, 16, 1), (1, 1, 16, 16)
        shape = (1, 256, 16, 16)
        tensors = [T(big, scale=a, zero=zero(rng)), T(small, scale=b, zero=zero(rng))]
        if rng.random() < 0.5 or kind == "SUB":
            tensors = [
                T(shape, scale=a, zero=tensors[0].zero), T(shape, scale=b, zero=tensors[1].zero)
            ]  # fmt: skip
        tensors.append(T(shape, scale=y, zero=zero(rng)))
        return tensors, Op(
            kind, [0, 1], [2], options(name, fusedActivationFunction=activation(rng))
        )

    return make


def _pool(kind):
    def make(rng):
        image, k, strides, _, padding, out = window(rng, 14, 9, dilated=False)
        c, same = int(rng.integers(1, 24)), {"scale": scale(rng), "zero": zero(rng)}
        table = options(
            "Pool2D", padding=padding, strideH=int(strides[0]), strideW=int(strides[1]),
            filterHeight=int(k[0]), filterWidth=int(k[1]), fusedActivationFunction=activation(rng),
        )  # fmt: skip
        return [T((1, *image, c), **same), T((1, *out, c), **same)], Op(kind, [0], [1], table)

    return make


def mean(rng):
    shape = (1, *(int(v) for v in rng.integers(1, 12, 3)))
    axes = [(1, 2), (1, 2), (1,), (2,), (3,), (1, 2, 3)][int(rng.integers(0, 6))]
    keep, x, zx = bool(rng.random() < 0.5), scale(rng), zero(rng)
    same = rng.random() < 0.2
    left = [1 if k in axes else n for k, n in enumerate(shape) if keep or k not in axes]
    y = T(
        tuple(left), scale=x if same else x * rng.uniform(0.3, 1.5), zero=zx if same else zero(rng)
    )
    tensors = [T(shape, scale=x, zero=zx), y, T((len(axes),), np.int32, data=axes)]
    return tensors, Op("MEAN", [0, 2], [1], options("Reducer", keepDims=keep))


def softmax(rng):
    shape = (1, int(rng.integers(2, 60)))
    shape = (*shape[:1], int(rng.integers(1, 5)), shape[1]) if rng.random() < 0.3 else shape
    tensors = [
        T(shape, scale=scale(rng, -6, 0), zero=zero(rng)),
        T(shape, scale=1 / 256, zero=-128),
    ]
    return tensors, Op("SOFTMAX", [0], [1], options("Softmax", beta=1.0))


def logistic(rng):
    tensors = [
        T((1, 256), scale=scale(rng, -5, -1), zero=zero(rng)),
        T((1, 256), scale=1 / 256, zero=-128),
    ]
    return tensors, Op("LOGISTIC", [0], [1])


def hard_swish(rng):
    x = scale(rng, -5, -1.5)
    tensors = [
        T((1, 256), scale=x, zero=zero(rng)),
        T((1, 256), scale=x * rng.uniform(0.35, 1.2), zero=zero(rng)),
    ]
    return tensors, Op("HARD_SWISH", [0], [1], options("HardSwish"))


def _relu(kind):
    def make(rng):
        x, zx = scale(rng, -6, -1), zero(rng)
        same = rng.random() < 0.5
        y, zy = (x, zx) if same else (x * np.exp(rng.uniform(-1, 1)), zero(rng))
        return [T((1, 256), scale=x, zero=zx), T((1, 256), scale=y, zero=zy)], Op(kind, [0], [1])

    return make


def quantize(rng):
    y, zy = scale(rng), zero(rng)
    if rng.random() < 0.5:
        x = T((1, 256), scale=y * np.exp(rng.uniform(-1.5, 1.5)), zero=zero(rng))
    else:
        x = T((1, 512), np.float32)
    return [x, T(x.shape, scale=y, zero=zy)], Op("QUANTIZE", [0], [1], options("Quantize"))


def dequantize(rng):
    tensors = [T((1, 256), scale=scale(rng), zero=zero(rng)), T((1, 256), np.float32)]
    return tensors, Op("DEQUANTIZE", [0], [1], options("Dequantize"))


def concatenation(rng):
    axis, shape = int(rng.integers(1, 4)), [1, *(int(v) for v in rng.integers(1, 7, 3))]
    same = {"scale": scale(rng), "zero": zero(rng)}
    parts = []
    for _ in range(int(rng.integers(2, 5))):
        shape[axis] = int(rng.integers(1, 6))
        parts.append(T(tuple(shape), **same))
    shape[axis] = sum(part.shape[axis] for part in parts)
    count = len(parts)
    table = options("Concatenation", axis=axis - 4 if rng.random() < 0.3 else axis)
    return [*parts, T(tuple(shape), **same)], Op(
        "CONCATENATION", list(range(count)), [count], table
    )


def reshape(rng):
    a, b, c = (int(v) for v in rng.integers(1, 7, 3))
    shapes = [(1, a, b, c), (1, a * b * c), (1, b, c * a), (1, c, a, b)]
    before, after = (shapes[int(k)] for k in rng.choice(4, 2, replace=False))
    same = {"scale": scale(rng), "zero": zero(rng)}
    tensors = [T(before, **same), T(after, **same), T((len(after),), np.int32, data=after)]
    return tensors, Op("RESHAPE", [0, 2], [1], options("Reshape", newShape=list(after)))


def transpose(rng):
    shape = (1, *(int(v) for v in rng.integers(1, 7, int(rng.integers(1, 4)))))
    order = [0, *(int(v) + 1 for v in rng.permutation(len(shape) - 1))]
    same = {"scale": scale(rng), "zero": zero(rng)}
    after = tuple(shape[axis] for axis in order)
    tensors = [T(shape, **same), T(after, **same), T((len(shape),), np.int32, data=order)]
    return tensors, Op("TRANSPOSE", [0, 2], [1], options("Transpose"))


def pad(rng):
    shape = (1, *(int(v) for v in rng.integers(1, 8, 3)))
    border = rng.integers(0, 4, (4, 2))
    border[0] = 0
    same = {"scale": scale(rng), "zero": zero(rng)}
    after = tuple(int(n + b.sum()) for n, b in zip(shape, border, strict=True))
    tensors = [T(shape, **same), T(after, **same), T((4, 2), np.int32, data=border)]
    return tensors, Op("PAD", [0, 2], [1], options("Pad"))


KINDS = {
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": depthwise,
    "FULLY_CONNECTED": fully_connected,
    "ADD": _pair("ADD", "Add"),
    "SUB": _pair("SUB", "Sub"),
    "MUL": _pair("MUL", "Mul"),
    "AVERAGE_POOL_2D": _pool("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": _pool("MAX_POOL_2D"),
    "MEAN": mean,
    "PAD": pad,
    "SOFTMAX": softmax,
    "LOGISTIC": logistic,
    "HARD_SWISH": hard_swish,
    "RELU": _relu("RELU"),
    "RELU6": _relu("RELU6"),
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
    "CONCATENATION": concatenation,
    "RESHAPE": reshape,
    "TRANSPOSE": transpose,
    **KINDS_2,
}
PAIRS = ("ADD", "SUB", "MUL")
EVERY_CODE = ("LOGISTIC", "HARD_SWISH", "RELU", "RELU6", "QUANTIZE", "DEQUANTIZE", *EVERY_CODE_2)


def random_model(kind, seed):
    """Bytes of a file with one operator, and lists of inputs for it."""
    rng = np.random.default_rng([seed, len(kind), sum(kind.encode())])
    tensors, op = KINDS[kind](rng)
    if getattr(op.options, "fusedActivationFunction", 0) == 3 and rng.random() < 0.7:
        _make_six_a_tie(tensors, op, rng)
    inputs = [k for k in op.inputs if k >= 0 and tensors[k].data is None]
    data = write(tensors, [op], inputs, op.outputs)
    return data, [feeds(kind, [tensors[k] for k in inputs], tensors[op.outputs[0]], rng)]


def _make_six_a_tie(tensors, op, rng):
    """Another output scale; layers get a bias that reaches the limit."""
    out = tensors[op.outputs[0]]
    before, out.scale = out.scale, tie_of_six(rng)
    if op.kind.endswith("POOL_2D"):
        tensors[op.inputs[0]].scale = out.scale
    elif len(tensors) == 4:
        step = tensors[op.inputs[0]].scale * np.asarray(tensors[1].scale)
        tensors[3].data = np.rint(np.asarray(tensors[3].data) * 0.001 * before / step + 6 / step)
        tensors[3].data = np.clip(tensors[3].data, -(2**30), 2**30)


def feeds(kind, inputs, out, rng):
    """All 65,536 pairs, all 256 codes, or random codes with both ends among them."""
    if kind in PAIRS:
        return _all_pairs(*(tensor.shape for tensor in inputs))
    if inputs[0].dtype == np.float32:
        ties = (rng.integers(-300, 300, inputs[0].shape) / 2) * F32(out.scale)
        return [(ties * rng.choice([1, 1, 1.001], ties.shape)).astype(F32)]
    if kind in EVERY_CODE:
        return [CODES.reshape(1, 256).astype(np.int8)]
    return [rng.integers(-128, 128, tensor.shape).astype(np.int8) for tensor in inputs]


def _all_pairs(first, second):
    """Codes of two tensors that meet each code of one with each of the other."""
    a = np.broadcast_to(CODES.reshape(1, 256, 1, 1), (1, 256, 16, 1))
    b = CODES.reshape(1, 1, 16, 16)
    return [
        np.ascontiguousarray(np.broadcast_to(codes, shape)).astype(np.int8)
        for codes, shape in ((a, first), (b, second))
    ]


def small_network():
    """A file with a layer, a sum, a pool and a softmax."""
    rng = np.random.default_rng(5)
    same = {"scale": 0.1, "zero": -3}
    w = rng.integers(-127, 128, (4, 3, 3, 2))
    parts = [
        T((1, 6, 6, 2), scale=0.05, zero=4), T(w.shape, scale=0.02, data=w),
        T((4,), np.int32, 0.001, data=range(4)), T((1, 6, 6, 4), **same), T((1, 6, 6, 4), **same),
        T((1, 3, 3, 4), **same), T((1, 36), **same), T((1, 36), scale=1 / 256, zero=-128),
        T((2,), np.int32, data=[1, 36]),
    ]  # fmt: skip
    pool = options("Pool2D", padding=1, strideH=2, strideW=2, filterHeight=2, filterWidth=2)
    operators = [
        Op("CONV_2D", [0, 1, 2], [3], options("Conv2D", strideH=1, strideW=1)),
        Op("ADD", [3, 3], [4], options("Add")),
        Op("AVERAGE_POOL_2D", [4], [5], pool),
        Op("RESHAPE", [5, 8], [6], options("Reshape", newShape=[1, 36])),
        Op("SOFTMAX", [6], [7], options("Softmax", beta=1.0)),
    ]
    return write(parts, operators, [0], [7])
