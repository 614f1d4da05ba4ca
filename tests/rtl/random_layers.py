"""Random layers for the machine in RTL, with operands and the outputs of Part C's kernels."""

import numpy as np

from edgeint8.arch.cost.loops import Loops
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import Scheme, requantize
from edgeint8.rtl.layer import RtlLayer, as_nhwc, rescale_of

Array = np.ndarray


def random_zero(rng: np.random.Generator, low: int) -> int:
    """Any zero-point, but often the ends of the codes and the one with codes -128 to 127."""
    ends = [low, low + 128, low + 255]
    return int(rng.choice(ends) if rng.integers(2) else rng.integers(low, low + 256))


def random_layer(rng: np.random.Generator, scheme: Scheme) -> tuple[RtlLayer, Array, Array, Array]:
    """(layer, input codes (C, H, W), accumulators (H, W, M), output codes (H, W, M)).

    The layer's rescale follows from float32 scales: `scales_of` gives them again.
    """
    kernel = tuple(int(rng.integers(1, 4)) for _ in range(2))
    strides = tuple(int(rng.integers(1, 4)) for _ in range(2))
    dilations = tuple(int(d) for d in rng.choice([1, 1, 2], 2))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    begin, end = (tuple(int(rng.integers(0, s)) for s in spans) for _ in range(2))
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    channels, filters = (int(rng.integers(1, 13 if groups == 1 else 4)) for _ in range(2))
    height, width = (int(rng.integers(s, 10)) for s in spans)
    if rng.integers(8) == 0:  # one fold of a small array
        kernel, strides, dilations, begin, end = (1, 1), (1, 1), (1, 1), (0, 0), (0, 0)
        groups, channels, filters, height, width = 1, 3, int(rng.integers(1, 4)), 1, 2
    dtype = np.uint8 if rng.integers(2) else np.int8
    low = 0 if dtype == np.uint8 else -128
    x = rng.integers(low, low + 256, (1, groups * channels, height, width)).astype(dtype)
    w = rng.integers(-128, 128, (groups * filters, channels, *kernel)).astype(np.int8)
    bias = rng.integers(-5000, 5000, groups * filters)
    zero_in, zero_out = random_zero(rng, low), random_zero(rng, low)
    geometry = ConvGeometry(kernel, strides, dilations, begin, end, groups)
    operands = Operands(x, w, zero_in, np.zeros((), np.int8), bias, geometry)
    acc = accumulate(operands).astype(np.int64)  # (1, H, W, M)
    scale = (2.0 ** rng.uniform(-14, -7, groups * filters)).astype(np.float32)
    if rng.integers(3) == 0:
        scale = (2.0 ** -rng.integers(6, 13, groups * filters)).astype(np.float32)  # many ties
    real = scale if scheme is Scheme.ORT_FLOAT32 else scale.astype(np.float64)
    codes = requantize(acc, real, zero_out, dtype, scheme)[0]
    loops = Loops(
        *(codes.shape[0], codes.shape[1], channels, filters),
        *(*kernel, *strides, height, width, *begin),
        *(height * width * channels, w[0].size * filters, codes[..., 0].size * filters),
        1,
        *dilations,
    )
    stored = w.reshape(groups, filters, channels, -1).transpose(0, 3, 2, 1)
    layer = RtlLayer(
        *("random", loops, groups, "x", "y", zero_in, zero_out, np.dtype(dtype)),
        *(stored.reshape(groups, -1, filters), bias, rescale_of(scheme, real, len(bias))),
    )
    return layer, x[0], acc[0], codes


def scales_of(layer: RtlLayer, scheme: Scheme) -> Array:
    """S of each filter, float64."""
    assert layer.rescale is not None
    if scheme is Scheme.ORT_FLOAT32:
        return layer.rescale.factor.view(np.float32).astype(np.float64)
    return layer.rescale.factor / 2.0**layer.rescale.shift


def nhwc(codes: Array) -> Array:
    return as_nhwc(codes)
