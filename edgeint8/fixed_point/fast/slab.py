"""Centred codes of one tensor, laid out for speed.

A slab holds ``q - zero_point`` in float32, channels last, inside a border of zeros: (N, H, W, C)
with the border that its consumers' padding needs. Signals have H = 1. Zero is what the border
means, so padding costs nothing, and the next product reads the slab as it is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeint8.conventions import Array

ALIGNMENT_BYTES = 64
"""A vector register. ``np.zeros`` aligns to 16, which slows matrix products by a quarter."""


def aligned_zeros(shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> Array:
    """Zeros whose memory begins at a multiple of 64 bytes."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + ALIGNMENT_BYTES, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT_BYTES
    return raw[start : start + size].view(dtype).reshape(shape)


@dataclass(frozen=True)
class Halo:
    """Zeros around an image: above, left, below, right."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    def join(self, other: "Halo") -> "Halo":
        """A border wide enough for both."""
        return Halo(
            max(self.top, other.top),
            max(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )


@dataclass(frozen=True)
class Slab:
    """Memory for one tensor; `shape` is ONNX's: (N, C, H, W), (N, C, L) or (N, C)."""

    data: Array
    halo: Halo
    shape: tuple[int, ...]
    zero_point: int
    dtype: np.dtype

    @classmethod
    def allocate(
        cls, shape: tuple[int, ...], halo: Halo, zero_point: int, dtype: np.dtype
    ) -> "Slab":
        """A slab of zeros."""
        count, channels, (height, width) = shape[0], shape[1], image_size(shape)
        size = (count, halo.top + height + halo.bottom, halo.left + width + halo.right, channels)
        return cls(aligned_zeros(size), halo, shape, zero_point, dtype)

    @property
    def limits(self) -> tuple[np.float32, np.float32]:
        """Lowest and highest centred code."""
        info = np.iinfo(self.dtype)
        return np.float32(info.min - self.zero_point), np.float32(info.max - self.zero_point)

    @property
    def corner(self) -> Array:
        """Row and column where the image begins."""
        return np.array([self.halo.top, self.halo.left])

    def view(self, halo: Halo) -> Array:
        """The image with a border of exactly `halo`, (N, H + .., W + .., C)."""
        height, width = image_size(self.shape)
        top, left = self.halo.top - halo.top, self.halo.left - halo.left
        rows, columns = halo.top + height + halo.bottom, halo.left + width + halo.right
        return self.data[:, top : top + rows, left : left + columns]

    def codes(self) -> Array:
        """The tensor as ONNX defines it, in its integer type (memory stays channels last)."""
        image = self.view(Halo())
        codes = (image + np.float32(self.zero_point)).astype(self.dtype)
        return np.moveaxis(codes, -1, 1).reshape(self.shape)

    def fill(self, codes: Array) -> None:
        """Take codes of ONNX's shape."""
        height, width = image_size(self.shape)
        source = np.moveaxis(codes.reshape(*self.shape[:2], height, width), 1, -1)
        zero = np.float32(self.zero_point)
        np.subtract(source, zero, out=self.view(Halo()), dtype=np.float32)


def image_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a tensor (N, C, H, W), (N, C, L) or (N, C)."""
    padded = (1, 1, *shape[2:])
    return padded[-2], padded[-1]
