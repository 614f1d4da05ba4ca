"""One layer of the machine in RTL: loops, codes and constants."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from edgeint8.arch.cost.loops import Loops
from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.requantize import Scheme, quantize_multiplier

SCHEMES = tuple(scheme for scheme in Scheme if scheme is not Scheme.FLOAT64)
"""What has a requantiser in RTL: a float64 product has none."""


@dataclass(frozen=True)
class Rescale:
    """S of equation (1) as the requantiser reads it, (channels,).

    `factor` holds the bits of a float32 for ONNX Runtime's rule, else multipliers; int32.
    """

    factor: Array
    shift: Array


def rescale_of(scheme: Scheme, scale: Array, channels: int) -> Rescale:
    """`scale` is of `combined_scale`, one number or (channels,)."""
    real = np.broadcast_to(np.asarray(scale).reshape(-1), (channels,))
    if scheme is Scheme.ORT_FLOAT32:
        bits = np.ascontiguousarray(real, np.float32).view(np.int32)
        return Rescale(bits, np.zeros(channels, np.int64))
    if scheme is Scheme.POWER_OF_TWO:
        shift = -np.rint(np.log2(real.astype(np.float64))).astype(np.int64)
        left = np.maximum(-shift, 0)
        return Rescale((1 << left).astype(np.int32), np.clip(shift, 0, 62))
    found = quantize_multiplier(real, 16 if scheme is Scheme.INT16_HALF_UP else 31)
    if scheme is Scheme.GEMMLOWP and (found.shift < 31).any():
        raise ModelError(
            f"a scale of {real.max():g} in gemmlowp's requantiser in RTL", allowed="below 1"
        )
    return Rescale(found.mantissa.astype(np.int32), found.shift)


class Unit(IntEnum):
    """What computes a layer, as its program says."""

    ARRAY, MAXIMUM, MEAN, ADDITION, AVERAGE = range(5)


@dataclass(frozen=True)
class RtlLayer:
    """One layer of the machine.

    `loops` are those of one group. Codes are NHWC: `weights` (groups, K, M) with K in the order
    kernel row, kernel column, channel; a pool has none. `source` and `result` name tensors of the
    graph; bias and rescale are one a filter of all groups, in DRAM. What is not on the array has
    `constants`, in the order of `rtl/machine.sv`; an addition reads the tensor `second` too.
    """

    name: str
    loops: Loops
    groups: int
    source: str
    result: str
    zero_in: int
    zero_out: int
    dtype: np.dtype
    weights: Array | None = None
    bias: Array | None = None
    rescale: Rescale | None = None
    unit: Unit = Unit.ARRAY
    second: str = ""
    constants: tuple[int, ...] = ()

    @property
    def is_pool(self) -> bool:
        """Not on the array."""
        return self.unit is not Unit.ARRAY


def as_nhwc(codes: Array) -> Array:
    """(C, *S) as (H, W, C); a vector is one pixel, one spatial axis has height 1."""
    if codes.ndim == 1:
        return codes[None, None, :]
    if codes.ndim == 2:
        return codes.T[None]
    if codes.ndim != 3:
        raise ModelError(f"a tensor of shape {codes.shape}", allowed="(C), (C, L) or (C, H, W)")
    return codes.transpose(1, 2, 0)


def window_loops(geometry: ConvGeometry, x: Array, y: Array, groups: int) -> Loops:
    """Loops of one group of a window operator on one image, (C, *S) both."""
    (input_h, input_w, channels), (output_h, output_w, filters) = as_nhwc(x).shape, as_nhwc(y).shape
    both = (1,) if x.ndim == 2 else ()
    none = (0,) if x.ndim == 2 else ()
    kernel_h, kernel_w = both + geometry.kernel
    stride_h, stride_w = both + geometry.strides
    dilation_h, dilation_w = both + geometry.dilations
    top, left = none + geometry.pads_begin
    channels, filters = channels // groups, filters // groups
    return Loops(
        output_h,
        output_w,
        channels,
        filters,
        kernel_h,
        kernel_w,
        stride_h,
        stride_w,
        input_h,
        input_w,
        top,
        left,
        input_h * input_w * channels,
        kernel_h * kernel_w * channels * filters,
        output_h * output_w * filters,
        dilation_h=dilation_h,
        dilation_w=dilation_w,
    )
