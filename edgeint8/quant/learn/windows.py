"""The windows that a layer multiplies, as rows: which inputs meet which weights of one output.

K runs kernel row, kernel column, channel, the channel fastest, as the integer machine walks it, so
that tiles of K are the machine's tiles.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from edgeint8.errors import ModelError
from edgeint8.quant.graph import attribute


@dataclass(frozen=True)
class Window:
    """Geometry of a convolution over one or more spatial axes."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    groups: int

    def positions(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the output."""
        return tuple(
            (size + sum(pad) - dilation * (kernel - 1) - 1) // stride + 1
            for size, pad, dilation, kernel, stride in zip(
                spatial, self.pads, self.dilations, self.kernel, self.strides, strict=True
            )
        )


def window_of(node: onnx.NodeProto, weights: NDArray[np.floating]) -> Window:
    """The geometry of a Conv node with weights (M, C / groups, *kernel)."""
    lists = {a.name: tuple(a.ints) for a in node.attribute if a.ints}
    padding = next((a.s for a in node.attribute if a.name == "auto_pad"), b"NOTSET")
    if padding not in (b"NOTSET", b"VALID", b""):
        raise ModelError(
            f"auto_pad {padding.decode()}", where=node.name, allowed="explicit pads, or VALID"
        )
    kernel = weights.shape[2:]
    rank = len(kernel)
    flat = lists.get("pads", (0,) * (2 * rank))
    return Window(
        kernel=kernel,
        strides=lists.get("strides", (1,) * rank),
        dilations=lists.get("dilations", (1,) * rank),
        pads=tuple(zip(flat[:rank], flat[rank:], strict=True)),
        groups=int(attribute(node, "group", 1)),
    )


def convolution_rows(
    codes: NDArray[np.integer],
    outputs: NDArray[np.floating],
    window: Window,
    most: int,
    generator: np.random.Generator,
) -> tuple[NDArray[np.integer], NDArray[np.floating]]:
    """Windows (R, G, K) and outputs (R, G, M / G) at no more than `most` positions an image.

    codes: centred, (N, C, *S); outputs: (N, M, *O). The positions of each image are drawn without
    repetition. Outside the image stands 0, which is what the zero-point means.
    """
    count, channels = codes.shape[:2]
    shape = window.positions(codes.shape[2:])
    total = int(np.prod(shape))
    if total > most:
        drawn = generator.permuted(np.tile(np.arange(total), (count, 1)), axis=1)[:, :most]
    else:
        drawn = np.tile(np.arange(total), (count, 1))
    image = np.repeat(np.arange(count), drawn.shape[1])
    place = np.unravel_index(drawn.ravel(), shape)
    taps = np.indices(window.kernel).reshape(len(window.kernel), -1)  # (axes, taps)
    where = tuple(
        at[:, None] * stride + tap * dilation
        for at, stride, tap, dilation in zip(
            place, window.strides, taps, window.dilations, strict=True
        )
    )
    padded = np.pad(np.moveaxis(codes, 1, -1), ((0, 0), *window.pads, (0, 0)))  # (N, *S, C)
    rows = padded[(image[:, None], *where)]  # (R, taps, C)
    grouped = rows.reshape(*rows.shape[:2], window.groups, channels // window.groups)
    windows = grouped.swapaxes(1, 2).reshape(len(rows), window.groups, -1)
    found = np.moveaxis(outputs, 1, -1)[(image, *place)]  # (R, M)
    return windows, found.reshape(len(found), window.groups, -1)


def weight_matrix(weights: NDArray[np.float64], axis: int, groups: int) -> NDArray[np.float64]:
    """Weights as (G, M / G, K), with K in the order of `convolution_rows`.

    A convolution holds (M, C / G, *kernel); a matrix product (K, M) or, with axis 0, (M, K).
    """
    if weights.ndim == 2:
        return (weights if axis == 0 else weights.T)[None]
    last = np.moveaxis(weights, 1, -1)
    return last.reshape(groups, weights.shape[0] // groups, -1)


def weight_tensor(
    matrix: NDArray[np.integer], shape: tuple[int, ...], axis: int
) -> NDArray[np.integer]:
    """The inverse of `weight_matrix`, for weights of `shape`."""
    if len(shape) == 2:
        return matrix[0] if axis == 0 else matrix[0].T
    last = matrix.reshape(shape[0], *shape[2:], shape[1])
    return np.moveaxis(last, -1, 1)
