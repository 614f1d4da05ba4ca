"""What one integer accumulation reads, for convolutions and matrix products alike."""

from dataclasses import dataclass, replace

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.requantize import code_range


@dataclass(frozen=True)
class Operands:
    """Raw codes, zero-points, bias and geometry of one accumulation.

    x : (N, C, *S) codes of a convolution, or (..., K) of a matrix product; int8, uint8 or int16
    w : (M, C/groups, *kernel) or (..., K, M); int8 or uint8
    x_zero_point : the code that means 0
    w_zero_point : 0-d or (M,)
    bias : (M,) integers, or None
    geometry : None for a matrix product
    pad_value : code outside the image; None means the zero-point
    """

    x: Array
    w: Array
    x_zero_point: int
    w_zero_point: Array
    bias: Array | None = None
    geometry: ConvGeometry | None = None
    pad_value: int | None = None

    def __post_init__(self) -> None:
        if self.x.dtype not in (np.int8, np.uint8, np.int16):
            raise ModelError(f"x has type {self.x.dtype}", allowed="int8, uint8 or int16")
        if self.w.dtype not in (np.int8, np.uint8):
            raise ModelError(f"w has type {self.w.dtype}", allowed="int8 or uint8")
        if self.geometry is not None:
            self.geometry.check_shapes(self.x.shape, self.w.shape)
        elif self.x.ndim < 1 or self.w.ndim < 2 or self.x.shape[-1] != self.w.shape[-2]:
            raise ModelError(f"product of x {self.x.shape} with w {self.w.shape}")
        if self.w_zero_point.size not in (1, self.channels):
            raise ModelError(f"{self.w_zero_point.size} weight zero-points", allowed="1 or M")

    @property
    def channels(self) -> int:
        """Number of output channels M."""
        return int(self.w.shape[-1] if self.geometry is None else self.w.shape[0])

    @property
    def groups(self) -> int:
        """Number of channel groups; 1 for a matrix product."""
        return 1 if self.geometry is None else self.geometry.groups

    @property
    def depth(self) -> int:
        """Number of products per output, K."""
        return int(self.w.shape[-2] if self.geometry is None else np.prod(self.w.shape[1:]))

    @property
    def border(self) -> int:
        """The code outside the image."""
        return self.x_zero_point if self.pad_value is None else self.pad_value

    @property
    def x_range(self) -> tuple[int, int]:
        """Smallest and largest value of ``x - x_zero_point``, from the type alone."""
        low, high = code_range(self.x.dtype)
        return low - self.x_zero_point, high - self.x_zero_point

    def weight_matrix(self) -> Array:
        """``w - w_zp`` as int32, shape (groups, K, M/groups), or (..., K, M) of a product.

        K runs kernel row, kernel column, channel; the channel is the fastest.
        """
        zero = self.w_zero_point.astype(np.int32).reshape(-1)
        if self.geometry is None:
            product = self.w.astype(np.int32) - zero
            return product[None] if product.ndim == 2 else product
        centred = self.w.astype(np.int32) - zero.reshape((-1,) + (1,) * (self.w.ndim - 1))
        by_group = np.moveaxis(centred, 1, -1).reshape(
            self.groups, self.channels // self.groups, -1
        )
        return by_group.transpose(0, 2, 1)


def with_raw_codes(operands: Operands) -> Operands:
    """The same accumulation for hardware that multiplies raw activation codes.

    ``sum((x - zp) * w) = sum(x * w) - zp * sum(w)``: the correction joins the bias, the multiplier
    is one bit narrower, and the border is filled with the raw zero-point instead of 0.
    """
    if operands.geometry is None and operands.w.ndim > 2:
        raise ModelError("raw codes need constant weights", allowed="w of shape (K, M)")
    sums = operands.weight_matrix().sum(axis=-2, dtype=np.int64).reshape(-1)
    correction = -operands.x_zero_point * sums
    bias = correction if operands.bias is None else operands.bias.astype(np.int64) + correction
    return replace(operands, x_zero_point=0, bias=bias, pad_value=operands.x_zero_point)
