"""The geometry of a sliding window over one, two or more spatial axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError


@dataclass(frozen=True)
class ConvGeometry:
    """Kernel, strides, dilations, padding and groups; one entry per spatial axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads_begin: tuple[int, ...]
    pads_end: tuple[int, ...]
    groups: int = 1

    def __post_init__(self) -> None:
        axes = len(self.kernel)
        lists = (self.strides, self.dilations, self.pads_begin, self.pads_end)
        if axes == 0 or any(len(values) != axes for values in lists):
            raise ModelError(f"window lists have different lengths: {self}")
        if min(*self.kernel, *self.strides, *self.dilations, self.groups) < 1:
            raise ModelError(f"window has a size below 1: {self}", allowed="1 or more")
        if min(*self.pads_begin, *self.pads_end) < 0:
            raise ModelError(f"window has negative padding: {self}", allowed="0 or more")

    @classmethod
    def from_attributes(
        cls, attributes: Mapping[str, Any], kernel: Sequence[int], spatial: Sequence[int]
    ) -> "ConvGeometry":
        """Read ONNX attributes (strides, dilations, pads, auto_pad, group) for an input size."""
        axes = len(kernel)
        strides = tuple(attributes.get("strides", (1,) * axes))
        dilations = tuple(attributes.get("dilations", (1,) * axes))
        pads = tuple(attributes.get("pads", (0,) * 2 * axes))
        auto = attributes.get("auto_pad", "NOTSET")
        begin, end = pads[:axes], pads[axes:]
        if auto == "VALID":
            begin = end = (0,) * axes
        elif auto in ("SAME_UPPER", "SAME_LOWER"):
            extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
            total = [
                max((-(-size // s) - 1) * s + e - size, 0)
                for size, s, e in zip(spatial, strides, extent, strict=True)
            ]
            small, large = tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
            begin, end = (small, large) if auto == "SAME_UPPER" else (large, small)
        groups = int(attributes.get("group", 1))
        return cls(tuple(kernel), strides, dilations, begin, end, groups)

    @property
    def extent(self) -> tuple[int, ...]:
        """Size of the dilated kernel on each axis."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    def output_size(self, spatial: Sequence[int]) -> tuple[int, ...]:
        """Number of window positions on each axis, rounded down."""
        sizes = tuple(
            (size + before + after - extent) // stride + 1
            for size, before, after, extent, stride in zip(
                spatial, self.pads_begin, self.pads_end, self.extent, self.strides, strict=True
            )
        )
        if min(sizes) < 1:
            raise ModelError(f"the kernel {self.extent} is larger than the image {tuple(spatial)}")
        return sizes

    def check_shapes(self, x: Sequence[int], w: Sequence[int]) -> None:
        """Refuse an input (N, C, *S) and weights (M, C/groups, *kernel) that do not fit."""
        fits = len(x) == len(w) == len(self.kernel) + 2 and tuple(w[2:]) == self.kernel
        if not fits or x[1] != w[1] * self.groups or w[0] % self.groups:
            raise ModelError(f"convolution of x {tuple(x)} with w {tuple(w)}, {self.groups} groups")

    def pad(self, x: Array, value: float, channels_last: bool = False) -> Array:
        """`x` (N, C, *S), or (N, *S, C), with a border of `value`."""
        border = list(zip(self.pads_begin, self.pads_end, strict=True))
        if not any(self.pads_begin) and not any(self.pads_end):
            return x
        widths = [(0, 0), *border, (0, 0)] if channels_last else [(0, 0), (0, 0), *border]
        return np.pad(x, widths, constant_values=value)

    def taps(self, x: Array, sizes: Sequence[int]) -> "list[tuple[tuple[int, ...], Array]]":
        """Per kernel position its index and the view of padded `x` (N, *S, C) it multiplies.

        Kernel row first, so the list runs in the order of K; every view is (N, *sizes, C).
        """
        result = []
        for index in np.ndindex(*self.kernel):
            slices = tuple(
                slice(i * d, i * d + (size - 1) * s + 1, s)
                for i, d, s, size in zip(index, self.dilations, self.strides, sizes, strict=True)
            )
            result.append((index, x[(slice(None), *slices)]))
        return result

    def windows(self, x: Array, sizes: Sequence[int]) -> Array:
        """View of padded `x` (N, *S, C) as (N, *sizes, *kernel, C), without a copy."""
        batch, step = x.shape[0], x.strides
        spatial = [b * s for b, s in zip(step[1:-1], self.strides, strict=True)]
        inner = [b * d for b, d in zip(step[1:-1], self.dilations, strict=True)]
        return np.lib.stride_tricks.as_strided(
            x,
            (batch, *sizes, *self.kernel, x.shape[-1]),
            (step[0], *spatial, *inner, step[-1]),
            writeable=False,
        )
