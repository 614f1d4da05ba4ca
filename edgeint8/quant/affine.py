"""The affine map between real numbers and integer levels, written out by hand.

A real value ``x`` is represented by an integer level ``q`` of a grid [qmin, qmax]:

    (1)  x ~ s (q - z)                           s > 0 the scale, z the zero-point, a level
    (2)  q = clip(rint(x / s) + z, qmin, qmax)   the division in float32, rint half to even
    (3)  x' = s (q - z)                          dequantised, in float32

The parameters follow from a range [lo, hi], which is first widened to contain 0, because zero
padding, ReLU and absent values must be represented without error:

    (4)  asymmetric  s = (hi - lo) / (qmax - qmin),  z = rint(qmin - lo / s)
    (5)  symmetric   a = max(|lo|, |hi|),  s = 2a / (qmax - qmin),  z = rint((qmin + qmax) / 2)

with (4), (5) computed in float64 and the scale rounded once to float32. (5) gives z = 0 on signed
grids and z = 2^(bits - 1) on unsigned ones. On the restricted signed grid, which leaves -2^(bits-1)
out, s = a / (2^(bits-1) - 1) and the range ends are levels; on the full grid the upper end falls
half a step outside and saturates.

Within the range the error of (3) is at most s/2 plus the rounding of the zero-point (another s/2 at
the two ends of an asymmetric range); for a value spread evenly over a step it has variance

    (6)  MSE = s^2 / 12,   SQNR = 10 log10(E[x^2] / MSE) dB:  about 6 dB a bit.

A sum of products of centred levels, a = q - z in [a_low, a_high], with integer weights w leaves

    (7)  High = a_high sum(w+) + a_low  sum(w-)        w+ the positive weights, w- the negative
    (8)  Low  = a_low  sum(w+) + a_high sum(w-)

for no input; both are reached (equations 3 and 4 of docs/fixed_point_note.md).

Degenerate input has defined results: a range of zero width (a scale below the smallest normal
float32) gets s = 1, z = 0; a constant tensor is exact up to one rounding, because one end of its
widened range is 0 and the other is a level; quantising +inf, -inf and NaN gives qmax, qmin and z;
a range that is not finite, or upside down, is refused.

These are the rules of ONNX's QuantizeLinear and of ONNX Runtime's quantiser
(``compute_scale_zp``); gemmlowp, ``doc/quantization.md``, derives them from the constraint that 0
be exact.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeint8.errors import ConfigError, DataError, ModelError

SMALLEST_SCALE = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class IntegerGrid:
    """The levels of a `bits`-wide integer, 2 to 16 bits.

    `restricted` leaves out the most negative level of a signed grid, which makes it symmetric about
    zero; the unsigned grids have no such level and refuse it.
    """

    bits: int = 8
    signed: bool = True
    restricted: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 16:
            raise ConfigError(f"{self.bits} bits", where="integer grid", allowed="2 to 16 bits")
        if self.restricted and not self.signed:
            raise ConfigError("an unsigned restricted grid", allowed="restricted signed grids")

    @property
    def qmin(self) -> int:
        """Smallest level."""
        return -(1 << (self.bits - 1)) + int(self.restricted) if self.signed else 0

    @property
    def qmax(self) -> int:
        """Largest level."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest NumPy integer type that holds the levels."""
        return np.dtype(f"{'int' if self.signed else 'uint'}{8 if self.bits <= 8 else 16}")


@dataclass(frozen=True)
class AffineParameters:
    """Scale and zero-point of a tensor: scalars, or one per index of `axis`.

    scale: float32, () or (C,), positive and finite; zero_point: int32, same shape, on the grid.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int32]
    grid: IntegerGrid
    axis: int | None = None

    def __post_init__(self) -> None:
        if self.scale.shape != self.zero_point.shape:
            raise ConfigError(f"scale {self.scale.shape} beside zero-point {self.zero_point.shape}")
        if self.scale.ndim != (0 if self.axis is None else 1):
            raise ConfigError(
                f"scale of shape {self.scale.shape} with axis {self.axis}",
                allowed="a scalar without axis, a vector with one",
            )
        if not (np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise ConfigError(f"scale {self.scale}", allowed="positive finite numbers")
        outside = (self.zero_point < self.grid.qmin) | (self.zero_point > self.grid.qmax)
        if outside.any():
            raise ConfigError(
                f"zero-point {self.zero_point}", allowed=f"{self.grid.qmin} to {self.grid.qmax}"
            )


def parameters_from_range(
    low: ArrayLike,
    high: ArrayLike,
    grid: IntegerGrid,
    *,
    symmetric: bool,
    axis: int | None = None,
) -> AffineParameters:
    """Equations (4) and (5) for ranges of shape (), or (C,) with an `axis`.

    >>> relu = parameters_from_range(0.0, 5.1, IntegerGrid(signed=False), symmetric=False)
    >>> float(relu.scale), int(relu.zero_point)
    (0.019999999552965164, 0)
    """
    lo, hi = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if not (np.isfinite(lo).all() and np.isfinite(hi).all()):
        raise DataError(f"range [{low!r}, {high!r}]", allowed="finite bounds")
    if (lo > hi).any():
        raise DataError(f"range [{low!r}, {high!r}]", allowed="low <= high")
    lo, hi = np.minimum(lo, 0.0), np.maximum(hi, 0.0)
    if symmetric:
        hi = np.maximum(-lo, hi)
        lo = -hi
    step = (hi - lo) / (grid.qmax - grid.qmin)
    empty = step < SMALLEST_SCALE
    step = np.where(empty, 1.0, step)
    if symmetric:
        zero = np.full_like(step, np.rint((grid.qmin + grid.qmax) / 2))
    else:
        zero = np.clip(np.rint(grid.qmin - lo / step), grid.qmin, grid.qmax)
    zero = np.where(empty, 0.0, zero)
    return AffineParameters(step.astype(np.float32), zero.astype(np.int32), grid, axis)


def parameters_from_data(
    values: ArrayLike, grid: IntegerGrid, *, symmetric: bool, axis: int | None = None
) -> AffineParameters:
    """Parameters whose range is the smallest and largest value: per tensor, or per index of `axis`.

    An empty tensor has the range [0, 0]; values that are not finite are refused.
    """
    array = np.asarray(values, np.float32)
    if not np.isfinite(array).all():
        raise DataError("NaN or infinity among the values", allowed="finite values")
    others = None if axis is None else _other_axes(array.ndim, axis)
    low = array.min(axis=others, initial=0.0)
    high = array.max(axis=others, initial=0.0)
    return parameters_from_range(low, high, grid, symmetric=symmetric, axis=axis)


def quantize(values: ArrayLike, parameters: AffineParameters) -> NDArray[Any]:
    """Levels of `values` after equation (2), in the grid's dtype and the shape of `values`.

    >>> signed = parameters_from_range(-1.0, 1.0, IntegerGrid(restricted=True), symmetric=True)
    >>> quantize([-1.0, 0.0, 0.5, 2.0], signed).tolist()
    [-127, 0, 64, 127]
    """
    array = np.asarray(values, np.float32)
    scale, zero = _aligned(parameters, array.ndim)
    with np.errstate(over="ignore"):  # a huge value over a small scale is infinite and saturates
        steps = np.rint(array / scale).astype(np.float64)
    levels = np.clip(steps + zero, parameters.grid.qmin, parameters.grid.qmax)
    return np.where(np.isnan(array), zero, levels).astype(parameters.grid.dtype)


def dequantize(levels: ArrayLike, parameters: AffineParameters) -> NDArray[np.float32]:
    """Real values of `levels` after equation (3), in float32."""
    array = np.asarray(levels).astype(np.int32)
    scale, zero = _aligned(parameters, array.ndim)
    return (array - zero).astype(np.float32) * scale


def fake_quantize(values: ArrayLike, parameters: AffineParameters) -> NDArray[np.float32]:
    """The nearest representable values: equation (2) followed by (3)."""
    return dequantize(quantize(values, parameters), parameters)


def signed_width(low: int, high: int) -> int:
    """Bits of the smallest two's complement integer that holds both `low` and `high`.

    >>> signed_width(-510, 1020), signed_width(-128, 127)
    (11, 8)
    """
    if low > high:
        raise ModelError(f"range [{low}, {high}] is empty", allowed="low <= high")
    return 1 + max(
        int(high).bit_length() if high > 0 else 0, (~int(low)).bit_length() if low < 0 else 0
    )


def extreme_sum(positive: Any, negative: Any, at_positive: Any, at_negative: Any) -> Any:
    """Equations (7) and (8): the sum if every positive weight meets one level, every negative one
    the other. Plain arithmetic, so that compiled loops can use it too."""
    return at_positive * positive + at_negative * negative


@dataclass(frozen=True)
class Reach:
    """Lowest and highest sum of every output channel, (M,) int64 each: equations (7) and (8)."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]

    @property
    def width(self) -> int:
        """Bits that hold all channels."""
        return signed_width(int(self.low.min()), int(self.high.max()))


def sum_reach(weights: NDArray[Any], x_range: tuple[int, int]) -> Reach:
    """Reach of ``sum(x * w)`` for centred weights (..., K, M), without bias."""
    positive = np.maximum(weights, 0).sum(axis=-2, dtype=np.int64).reshape(-1)
    negative = np.minimum(weights, 0).sum(axis=-2, dtype=np.int64).reshape(-1)
    low, high = x_range
    return Reach(
        extreme_sum(positive, negative, low, high), extreme_sum(positive, negative, high, low)
    )


def with_bias(reach: Reach, bias: NDArray[Any] | None) -> Reach:
    """Reach when the bias is preloaded; the bias itself and every partial sum are inside."""
    shift = np.zeros(1, np.int64) if bias is None else bias.astype(np.int64)
    return Reach(np.minimum(reach.low, 0) + shift, np.maximum(reach.high, 0) + shift)


def tile_width(weights: NDArray[Any], x_range: tuple[int, int], rows: int) -> int:
    """Width inside an array that adds `rows` consecutive products of K before it hands over."""
    if rows < 1:
        raise ModelError(f"array has {rows} rows", allowed="1 or more")
    depth = weights.shape[-2]
    return max(
        sum_reach(weights[..., k : k + rows, :], x_range).width for k in range(0, depth, rows)
    )


def mse(reference: ArrayLike, approximation: ArrayLike) -> float:
    """Mean squared error, summed in float64; 0 for empty arrays."""
    error = _difference(reference, approximation)
    return float(np.mean(np.square(error))) if error.size else 0.0


def max_abs_error(reference: ArrayLike, approximation: ArrayLike) -> float:
    """Largest absolute difference; 0 for empty arrays."""
    return float(np.abs(_difference(reference, approximation)).max(initial=0.0))


def sqnr_db(reference: ArrayLike, approximation: ArrayLike) -> float:
    """Signal to quantisation noise ratio 10 log10(sum x^2 / sum (x - x')^2) in dB.

    Infinite for a perfect copy (also of silence), minus infinite for noise over silence, NaN where
    either array holds NaN.

    >>> round(sqnr_db([1.0, -1.0], [1.1, -0.9]), 1)
    20.0
    """
    noise = float(np.sum(np.square(_difference(reference, approximation))))
    signal = float(np.sum(np.square(np.asarray(reference, np.float64))))
    if noise == 0.0:
        return float("inf")
    if signal == 0.0:
        return float("-inf")
    return 10.0 * float(np.log10(signal / noise))


def cosine_similarity(reference: ArrayLike, approximation: ArrayLike) -> float:
    """Cosine of the angle between the flattened arrays: 1 for two zero vectors, 0 for one."""
    x = np.asarray(reference, np.float64).ravel()
    y = np.asarray(approximation, np.float64).ravel()
    length_x, length_y = float(np.linalg.norm(x)), float(np.linalg.norm(y))
    if length_x == 0.0 or length_y == 0.0:
        return 1.0 if length_x == length_y else 0.0
    return float(np.clip((x / length_x) @ (y / length_y), -1.0, 1.0))


def _difference(reference: ArrayLike, approximation: ArrayLike) -> NDArray[np.float64]:
    x, y = np.asarray(reference, np.float64), np.asarray(approximation, np.float64)
    if x.shape != y.shape:
        raise DataError(f"shapes {x.shape} and {y.shape}", allowed="equal shapes")
    return x - y


def _other_axes(ndim: int, axis: int) -> tuple[int, ...]:
    if not -ndim <= axis < ndim:
        raise ConfigError(f"axis {axis} of a {ndim}-dimensional tensor")
    return tuple(i for i in range(ndim) if i != axis % ndim)


def _aligned(
    parameters: AffineParameters, ndim: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Scale and zero-point shaped to broadcast against a tensor of `ndim` dimensions."""
    if parameters.axis is None:
        return parameters.scale, parameters.zero_point
    shape = [1] * ndim
    _other_axes(ndim, parameters.axis)
    shape[parameters.axis] = -1
    return parameters.scale.reshape(shape), parameters.zero_point.reshape(shape)


def main() -> None:
    """Print what quantisation costs a Gaussian and a rectified Gaussian, by width and symmetry."""
    gaussian = np.random.default_rng(0).standard_normal(10_000).astype(np.float32)
    print("SQNR in dB of 10,000 samples on ranges from minimum to maximum")
    print(f"{'bits':>4} {'symmetric':>10} {'asymmetric':>11} {'sym, ReLU':>10} {'asym, ReLU':>11}")
    for bits in (4, 6, 8, 10, 12, 16):
        cells = []
        for signal in (gaussian, np.maximum(gaussian, 0)):
            for symmetric in (True, False):
                grid = IntegerGrid(bits, signed=symmetric, restricted=symmetric)
                parameters = parameters_from_data(signal, grid, symmetric=symmetric)
                cells.append(sqnr_db(signal, fake_quantize(signal, parameters)))
        print(f"{bits:>4} {cells[0]:>10.2f} {cells[1]:>11.2f} {cells[2]:>10.2f} {cells[3]:>11.2f}")


if __name__ == "__main__":
    main()
