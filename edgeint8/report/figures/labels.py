"""Numbers on logarithmic axes, and names of points that cover no point, name or line."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, NullFormatter

Position = tuple[float, float]
Box = tuple[float, float, float, float]

CHARACTER_WIDTH, LINE_HEIGHT = 0.58, 1.3  # of a font's size, in points (1/72 inch)
POINT_RADIUS = 4.0
_STEPS = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1))


def short_count(count: float) -> str:
    """1,234,567 as 1.23M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.3g}"


def plain_logarithmic(axis: Axis) -> None:
    """Plain numbers at 1, 2 and 5 of every decade; over three decades at its start only."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if np.log10(high / low) < 3 else (1,)))
    axis.set_major_formatter(lambda value, _: short_count(value))
    axis.set_minor_formatter(NullFormatter())


def place_names(
    points: Sequence[Position],
    names: Sequence[str],
    size: Position,
    obstacles: Sequence[Position] = (),
    font_size: float = 6.5,
) -> list[Position]:
    """The centre of each name, in the order of `names`; all positions are in points.

    points: of the names; size: width and height of the axes; obstacles: other points to leave free.
    The nearest free place around a point is taken, the first one when none is free.
    """
    half = POINT_RADIUS
    taken = [(x - half, y - half, x + half, y + half) for x, y in (*points, *obstacles)]
    centres = []
    for point, name in zip(points, names, strict=True):
        text = CHARACTER_WIDTH * font_size * len(name), LINE_HEIGHT * font_size
        places = [_box(centre, text) for centre in _around(point, text)]
        inside = [box for box in places if _contains(size, box)] or places
        free = [box for box in inside if not any(_overlap(box, other) for other in taken)]
        box = (free or inside)[0]
        taken.append(box)
        centres.append(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
    return centres


def _around(point: Position, text: Position) -> Iterator[Position]:
    """Centres on growing rings: right, left, below, above, corners."""
    for ring in range(1, 16):
        for right, up in _STEPS:
            across = right * (text[0] / 2 + POINT_RADIUS + 2.0 * ring)
            yield point[0] + across, point[1] + up * text[1] * (0.4 + 0.6 * ring)


def _box(centre: Position, text: Position) -> Box:
    (x, y), (width, height) = centre, text
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _contains(size: Position, box: Box) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= size[0] and box[3] <= size[1]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
