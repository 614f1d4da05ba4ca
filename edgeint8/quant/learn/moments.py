"""What is learned from of one layer: sums of products of its integer inputs and float outputs.

Inputs are centred codes u = q - z, so every entry of sum u u' is an integer: float64 adds it up
exactly, in any order, as long as it stays below 2^53 (138 billion windows of 8-bit codes). Memory
holds the sums and one piece of the stream, however many images there are.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeint8.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Sums over windows, per group of channels: G groups, K inputs, M outputs a group.

    rows: windows seen; inputs (G, K) and outputs (G, M): sums; gram (G, K, K): sum u u';
    cross (G, K, M): sum u y'; power (G, M): sum y^2.
    """

    rows: int
    inputs: Array
    outputs: Array
    gram: Array
    cross: Array
    power: Array

    def __add__(self, other: "Moments") -> "Moments":
        parts = {name: getattr(self, name) + getattr(other, name) for name in vars(self)}
        return Moments(**parts)


def moments_of(windows: NDArray[np.integer], outputs: NDArray[np.floating]) -> Moments:
    """Sums of one piece: windows (R, G, K) of centred codes, outputs (R, G, M)."""
    if windows.shape[:2] != outputs.shape[:2]:
        raise DataError(f"windows {windows.shape} beside outputs {outputs.shape}")
    u = np.ascontiguousarray(windows.swapaxes(0, 1), np.float64)  # (G, R, K)
    y = np.ascontiguousarray(outputs.swapaxes(0, 1), np.float64)  # (G, R, M)
    return Moments(
        rows=len(windows),
        inputs=u.sum(axis=1),
        outputs=y.sum(axis=1),
        gram=np.stack([group.T @ group for group in u]),
        cross=np.stack([group.T @ target for group, target in zip(u, y, strict=True)]),
        power=np.square(y).sum(axis=1),
    )


@dataclass(frozen=True)
class LeastSquares:
    """Means and the quadratic form of equation (3), per group.

    mean_input (G, K) and mean_output (G, M), zero where there is no bias to absorb them;
    gram (G, K, K), cross (G, K, M) and constant (G, M): J = t^2 q'Gq - 2 t q'c + constant.
    """

    mean_input: Array
    mean_output: Array
    gram: Array
    cross: Array
    constant: Array

    def objective(self, codes: NDArray[np.integer], step: Array) -> Array:
        """J of every channel, (G, M), for codes (G, M, K) and steps (G, M)."""
        q = codes.astype(np.float64)
        square = np.einsum("gmk,gmk->gm", q @ self.gram, q)
        linear = np.einsum("gmk,gkm->gm", q, self.cross)
        return step**2 * square - 2 * step * linear + self.constant


def least_squares(moments: Moments, *, with_bias: bool) -> LeastSquares:
    """Divide by the number of windows; a bias removes the means (equation 2)."""
    rows, share = moments.rows, float(with_bias)
    u, y = moments.inputs / rows, moments.outputs / rows
    return LeastSquares(
        mean_input=u * share,
        mean_output=y * share,
        gram=moments.gram / rows - share * u[:, :, None] * u[:, None, :],
        cross=moments.cross / rows - share * u[:, :, None] * y[:, None, :],
        constant=moments.power / rows - share * y**2,
    )


def with_ridge(problem: LeastSquares, weights: Array, damping: float) -> LeastSquares:
    """Add ``lambda |t q - w|^2``: what the images leave open stays near the weights.

    weights (G, M, K) in units of the step's product, s_x w; lambda is `damping` times the mean
    square of an input. Without it, directions that no window of the sample spans would be free.
    """
    depth = problem.gram.shape[-1]
    strength = damping * np.trace(problem.gram, axis1=1, axis2=2) / depth  # (G,)
    strength = np.where(strength > 0, strength, 1.0)  # inputs that never vary: keep the weights
    return replace(
        problem,
        gram=problem.gram + strength[:, None, None] * np.eye(depth),
        cross=problem.cross + strength[:, None, None] * weights.swapaxes(1, 2),
        constant=problem.constant + strength[:, None] * np.square(weights).sum(axis=2),
    )
