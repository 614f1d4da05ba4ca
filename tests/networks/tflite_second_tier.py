"""Random files of one operator: those that fewer networks hold."""

import numpy as np
from tflite_files import F32, Op, T, layer_scale, options, scale, zero


def same_scale(rng):
    return {"scale": scale(rng), "zero": zero(rng)}


def sizes(rng, largest, count):
    return tuple(int(v) for v in rng.integers(1, largest, count))


def transpose_conv(rng):
    image, k, stride = rng.integers(1, 8, 2), rng.integers(1, 5, 2), int(rng.integers(1, 4))
    strides = np.array([stride, int(rng.integers(1, 4)) if rng.random() < 0.3 else stride])
    padding = int(rng.integers(0, 2))
    k = np.maximum(k, strides) if padding == 0 else k
    out = image * strides if padding == 0 else (image - 1) * strides + k
    if rng.random() < 0.3:  # fewer rows of the last stride, or rows that no pixel reaches
        out = out + (-1 if padding == 0 else 1) * rng.integers(0, strides)
    c, m, x = *sizes(rng, 12, 2), scale(rng)
    w = np.exp(rng.uniform(-7, -2, m if rng.random() < 0.7 else 1)).astype(F32)
    codes = rng.integers(-127, 128, (m, *k, c))
    shape = (1, *(int(v) for v in out), m)
    tensors = [
        T((4,), np.int32, data=shape),
        T(codes.shape, scale=w, data=codes),
        T((1, *(int(v) for v in image), c), scale=x, zero=zero(rng)),
        T(shape, scale=layer_scale(rng, x, w, codes[0].size), zero=zero(rng)),
        T((m,), np.int32, F32(x) * w, data=rng.integers(-4000, 4000, m)),
    ]
    table = options(
        "TransposeConv", padding=padding, strideH=int(strides[0]), strideW=int(strides[1])
    )
    inputs = [0, 1, 2, 4] if rng.random() < 0.6 else [0, 1, 2]
    return tensors, Op("TRANSPOSE_CONV", inputs, [3], table, version=3)


def tanh(rng):
    tensors = [
        T((1, 256), scale=scale(rng, -6, -1), zero=zero(rng)),
        T((1, 256), scale=1 / 128, zero=0),
    ]
    return tensors, Op("TANH", [0], [1])


def leaky_relu(rng):
    x = scale(rng)
    tensors = [
        T((1, 256), scale=x, zero=zero(rng)),
        T((1, 256), scale=x * np.exp(rng.uniform(-1, 1)), zero=zero(rng)),
    ]
    slope = float(F32(rng.choice([0.01, 0.1, 0.3, rng.uniform(0.005, 1)])))
    return tensors, Op("LEAKY_RELU", [0], [1], options("LeakyRelu", alpha=slope))


def relu_n1_to_1(rng):
    x, zx = scale(rng, -6, -1), zero(rng)
    same = rng.random() < 0.5
    y, zy = (x, zx) if same else (x * np.exp(rng.uniform(-1, 1)), zero(rng))
    if rng.random() < 0.5:
        y = float(F32(1) / F32(int(rng.integers(5, 120)) + 0.5))  # the code of 1 is a tie
        x = y if same else x
    tensors = [T((1, 256), scale=x, zero=zx), T((1, 256), scale=y, zero=zy)]
    return tensors, Op("RELU_N1_TO_1", [0], [1])


def split(rng):
    shape, same = [1, *sizes(rng, 6, int(rng.integers(1, 4)))], same_scale(rng)
    axis, count = int(rng.integers(1, len(shape))), int(rng.integers(1, 5))
    part = tuple(shape)
    shape[axis] *= count
    given = axis - len(shape) if rng.random() < 0.3 else axis
    tensors = [T((), np.int32, data=given), T(tuple(shape), **same)]
    tensors += [T(part, **same) for _ in range(count)]
    made = list(range(2, 2 + count))
    return tensors, Op("SPLIT", [0, 1], made, options("Split", numSplits=count))


def strided_slice(rng):
    shape, same = (1, *sizes(rng, 8, int(rng.integers(1, 4)))), same_scale(rng)
    rank, masks, left = len(shape), dict.fromkeys(("beginMask", "endMask", "shrinkAxisMask"), 0), []
    begin, end, step = [], [], []
    for k, size in enumerate(shape):
        pace = int(rng.choice([1, 1, 1, 2, 3])) * (-1 if k and rng.random() < 0.2 else 1)
        first, last = sorted(int(v) for v in rng.choice(size + 1, 2, replace=False))
        if pace < 0:
            first, last = last - 1, first - 1
        chosen = range(first, last, pace)
        if k and rank > 2 and rng.random() < 0.15:
            masks["shrinkAxisMask"] |= 1 << k
            chosen, pace = range(first, first + 1), 1
        elif rng.random() < 0.2:
            masks["beginMask"] |= 1 << k
            chosen = range(0 if pace > 0 else size - 1, last, pace)
        if not masks["shrinkAxisMask"] >> k & 1:
            if last < 0:
                masks["endMask"] |= 1 << k
            left.append(len(chosen))
        negative = rng.random() < 0.2 and last < size and last > 0
        begin.append(first)
        end.append(last - size if negative else last)
        step.append(pace)
    tensors = [T(shape, **same), T(tuple(left), **same)]
    tensors += [T((rank,), np.int32, data=v) for v in (begin, end, step)]
    return tensors, Op("STRIDED_SLICE", [0, 2, 3, 4], [1], options("StridedSlice", **masks))


def squeeze(rng):
    shape, same = [1, *sizes(rng, 6, int(rng.integers(1, 4)))], same_scale(rng)
    axis = int(rng.integers(1, len(shape)))
    shape[axis] = 1
    after = tuple(shape[:axis] + shape[axis + 1 :])
    table = options("Squeeze", squeezeDims=[axis - len(shape) if rng.random() < 0.3 else axis])
    return [T(tuple(shape), **same), T(after, **same)], Op("SQUEEZE", [0], [1], table)


def expand_dims(rng):
    shape, same = [1, *sizes(rng, 6, int(rng.integers(1, 4)))], same_scale(rng)
    axis = int(rng.integers(1, len(shape) + 1))
    after = (*shape[:axis], 1, *shape[axis:])
    given = axis - len(after) if rng.random() < 0.3 else axis
    tensors = [T(tuple(shape), **same), T(after, **same), T((), np.int32, data=given)]
    return tensors, Op("EXPAND_DIMS", [0, 2], [1], options("ExpandDims"))


def pack(rng):
    shape, same = [1, *sizes(rng, 6, int(rng.integers(1, 4)))], same_scale(rng)
    axis, count = int(rng.integers(1, len(shape) + 1)), int(rng.integers(1, 5))
    after = (*shape[:axis], count, *shape[axis:])
    given = axis - len(after) if rng.random() < 0.3 else axis
    tensors = [*(T(tuple(shape), **same) for _ in range(count)), T(after, **same)]
    table = options("Pack", valuesCount=count, axis=given)
    return tensors, Op("PACK", list(range(count)), [count], table)


def padv2(rng):
    shape, same = (1, *sizes(rng, 8, 3)), same_scale(rng)
    border = rng.integers(0, 4, (4, 2))
    border[0] = 0
    after = tuple(int(n + b.sum()) for n, b in zip(shape, border, strict=True))
    filling = T((), data=int(rng.integers(-128, 128)), **same)
    tensors = [T(shape, **same), T(after, **same), T((4, 2), np.int32, data=border), filling]
    return tensors, Op("PADV2", [0, 2, 3], [1], options("PadV2"))


def _resize(kind, name):
    def make(rng):
        (h, w, c), (y, x), same = sizes(rng, 10, 3), sizes(rng, 20, 2), same_scale(rng)
        mode = int(rng.integers(0, 3))
        table = options(name, alignCorners=mode == 1, halfPixelCenters=mode == 2)
        tensors = [T((1, h, w, c), **same), T((1, y, x, c), **same)]
        return [*tensors, T((2,), np.int32, data=(y, x))], Op(kind, [0, 2], [1], table)

    return make


def _extreme(kind):
    def make(rng):
        shape, same = (1, *sizes(rng, 7, 3)), same_scale(rng)
        other = tuple(n if rng.random() < 0.7 else 1 for n in shape)
        tensors = [T(shape, **same), T(other, **same), T(shape, **same)]
        order = [0, 1] if rng.random() < 0.5 else [1, 0]
        return tensors, Op(kind, order, [2], options("MaximumMinimum"))

    return make


KINDS_2 = {
    "TRANSPOSE_CONV": transpose_conv,
    "TANH": tanh,
    "LEAKY_RELU": leaky_relu,
    "RELU_N1_TO_1": relu_n1_to_1,
    "SPLIT": split,
    "STRIDED_SLICE": strided_slice,
    "SQUEEZE": squeeze,
    "EXPAND_DIMS": expand_dims,
    "PACK": pack,
    "PADV2": padv2,
    "RESIZE_NEAREST_NEIGHBOR": _resize("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighbor"),
    "RESIZE_BILINEAR": _resize("RESIZE_BILINEAR", "ResizeBilinear"),
    "MAXIMUM": _extreme("MAXIMUM"),
    "MINIMUM": _extreme("MINIMUM"),
}
EVERY_CODE_2 = ("TANH", "LEAKY_RELU", "RELU_N1_TO_1")
