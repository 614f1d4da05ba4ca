"""A loop cut into tiles: full pieces, the rest at the edge, and their folds on the array."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.loops import Loops

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Pieces:
    """The sizes into which one loop is cut, for every tile size: columns are kinds of pieces.

    `count[i, j]` pieces of `size[i, j]`: the full ones and the rest at the edge.
    """

    count: Counts
    size: Counts

    def folds(self, per_element: int, lanes: int | Counts) -> Counts:
        """Folds of all pieces when a piece of n elements takes n * per_element array lanes.

        One entry a tile size; `lanes` may be (n, 1) where there is a single tile size.
        """
        return (self.count * -(-self.size * per_element // lanes)).sum(axis=1)

    @property
    def pieces(self) -> Counts:
        """Number of pieces for every tile size."""
        return self.count.sum(axis=1)

    def streamed(self, per_element: int, least: int) -> Counts:
        """Lines of all pieces when a piece streams its elements, but not fewer than `least`."""
        lines = np.maximum(self.size * per_element, least)
        return (np.where(self.size > 0, lines, 0) * self.count).sum(axis=1)


def cut(extent: int, tile: Counts) -> Pieces:
    """The pieces of one loop: extent // tile full ones and what is left."""
    full, rest = extent // tile, extent % tile
    return Pieces(np.stack([full, (rest > 0).astype(np.int64)], 1), np.stack([tile, rest], 1))


def cut_pixels(loops: Loops, tile_h: Counts, tile_w: Counts, tile_images: Counts) -> Pieces:
    """The pieces of the pixel loop: tiles of full size, at the right, at the bottom, corner."""
    pieces = cut(loops.output_h, tile_h)
    axes = [cut(loops.output_w, tile_w)]
    if loops.images > 1:
        axes.append(cut(loops.images, tile_images))
    for axis in axes:
        pairs = [(i, j) for i in range(pieces.size.shape[1]) for j in range(2)]
        pieces = Pieces(
            np.stack([pieces.count[:, i] * axis.count[:, j] for i, j in pairs], 1),
            np.stack([pieces.size[:, i] * axis.size[:, j] for i, j in pairs], 1),
        )
    return pieces
