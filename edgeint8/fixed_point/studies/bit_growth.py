"""How wide an accumulator must be: the textbook rule, the exact bound, the width seen on data.

For one output channel with centred weights w and activations in [a_low, a_high]:

    High = a_high * sum(w+) + a_low  * sum(w-)        w+ the positive weights, w- the negative   (3)
    Low  = a_low  * sum(w+) + a_high * sum(w-)                                                   (4)

The smallest two's complement width that holds [Low, High] is sufficient; it is necessary too,
because the vertex input (a_high under every positive weight, a_low under every negative one) is a
legal input that reaches High. If 0 lies in [a_low, a_high], every partial sum in any order stays
inside [Low, High], so the width also holds for any tiling of K. The bound itself is `sum_reach` of
``quant.affine``, where it also limits what weights may be learned.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.arithmetic.operands import Operands, with_raw_codes
from edgeint8.fixed_point.arithmetic.requantize import code_range
from edgeint8.fixed_point.executor import Executor, exact_accumulate
from edgeint8.quant.affine import Reach, signed_width, sum_reach, tile_width, with_bias

DEFAULT_TILE_ROWS = 16


def textbook_width(depth: int, product_bits: int = 16) -> int:
    """The classic rule: product width plus ``ceil(log2 K)`` bits for K additions.

    >>> textbook_width(576)
    26
    """
    if depth < 1:
        raise ModelError(f"depth is {depth}", allowed="1 or more")
    return product_bits + (depth - 1).bit_length()


def worst_case_width(depth: int, x_range: tuple[int, int], w_range: tuple[int, int]) -> int:
    """Width for any weights and activations in the ranges, at depth K: the rule made exact.

    >>> worst_case_width(576, (-128, 127), (-127, 127))
    25
    >>> worst_case_width(576, (0, 255), (-127, 127))
    26
    """
    corners = [a * w for a in x_range for w in w_range]
    return signed_width(depth * min(corners), depth * max(corners))


def vertex_input(operands: Operands, channel: int, highest: bool) -> tuple[Array, tuple[int, ...]]:
    """An input that reaches (3), or (4), in one channel, and the output position where it does.

    Returns codes shaped like one image of ``operands.x``, (1, C, *S) or (1, K), and the index of
    the accumulator, (0, *position, channel), channels last. Outside the window stands the
    zero-point. The bound is reached only if one window has every tap inside the image.
    """
    low, high = code_range(operands.x.dtype)
    group, column = divmod(channel, operands.channels // operands.groups)
    weights = operands.weight_matrix()[group][:, column]
    codes = np.where((weights > 0) == highest, high, low).astype(operands.x.dtype)
    geometry = operands.geometry
    if geometry is None:
        return codes[None], (0, channel)
    position = inner_position(geometry, operands.x.shape[2:])
    if position is None:
        raise ModelError(f"no window of {geometry.extent} lies inside {operands.x.shape[2:]}")
    image = np.full((1, *operands.x.shape[1:]), operands.x_zero_point, operands.x.dtype)
    window = tuple(
        slice(p * s - before, p * s - before + extent, dilation)
        for p, s, before, extent, dilation in zip(
            position, geometry.strides, geometry.pads_begin, geometry.extent, geometry.dilations,
            strict=True,
        )
    )  # fmt: skip
    per_group = operands.w.shape[1]
    block = codes.reshape(*geometry.kernel, per_group)
    channels = slice(group * per_group, (group + 1) * per_group)
    image[0, channels][(slice(None), *window)] = np.moveaxis(block, -1, 0)
    return image, (0, *position, channel)


def inner_position(geometry: ConvGeometry, spatial: tuple[int, ...]) -> tuple[int, ...] | None:
    """The first output position whose window lies inside the image on every axis, if any."""
    position = tuple(
        -(-before // stride)
        for before, stride in zip(geometry.pads_begin, geometry.strides, strict=True)
    )
    for p, s, before, extent, size in zip(
        position, geometry.strides, geometry.pads_begin, geometry.extent, spatial, strict=True
    ):
        if p * s - before + extent > size:
            return None
    return position


@dataclass(frozen=True)
class LayerWidth:
    """Widths in bits of one layer: one row of ``bit_growth.csv``.

    bits_vertex is the width that vertex inputs need when they are built and run: equal to
    bits_exact, which proves that bound tight; None where no window lies inside the image.
    bits_observed is None where no data were given.
    """

    layer: str
    k: int
    bits_rule: int
    bits_exact: int
    bits_exact_with_bias: int
    bits_tile: int
    bits_observed: int | None
    bits_raw: int
    bits_raw_with_bias: int
    bits_raw_tile: int
    tile_rows: int
    bits_vertex: int | None = None


def layer_width(name: str, operands: Operands, observed: tuple[int, int], rows: int) -> LayerWidth:
    """All widths of one layer, for both data paths."""
    weights, raw = operands.weight_matrix(), with_raw_codes(operands)
    centred_reach = sum_reach(weights, operands.x_range)
    raw_reach = sum_reach(weights, raw.x_range)
    return LayerWidth(
        layer=name,
        k=operands.depth,
        bits_rule=textbook_width(operands.depth),
        bits_exact=centred_reach.width,
        bits_exact_with_bias=with_bias(centred_reach, operands.bias).width,
        bits_tile=tile_width(weights, operands.x_range, rows),
        bits_observed=signed_width(*observed),
        bits_raw=raw_reach.width,
        bits_raw_with_bias=with_bias(raw_reach, raw.bias).width,
        bits_raw_tile=tile_width(weights, raw.x_range, rows),
        tile_rows=rows,
        bits_vertex=vertex_width(operands, centred_reach),
    )


def vertex_width(operands: Operands, reach: Reach) -> int | None:
    """Run the vertex inputs of the extreme channels and measure the width of their sums."""
    if operands.geometry is not None and (
        inner_position(operands.geometry, operands.x.shape[2:]) is None
    ):
        return None
    sums = []
    for channel, highest in ((int(reach.high.argmax()), True), (int(reach.low.argmin()), False)):
        codes, _ = vertex_input(operands, channel, highest)
        acc = accumulate(replace(operands, x=codes, bias=None))
        sums += [int(acc.min()), int(acc.max())]
    return signed_width(min(sums), max(sums))


class Observer:
    """Accumulates exactly and remembers each layer's operands and range of final sums."""

    def __init__(self) -> None:
        self.operands: dict[str, Operands] = {}
        self.range: dict[str, tuple[int, int]] = {}

    def __call__(self, node: Node, operands: Operands) -> Array:
        """An `Accumulate` function."""
        acc = exact_accumulate(node, operands)
        low, high = int(acc.min()), int(acc.max())
        known = self.range.get(node.name, (low, high))
        self.range[node.name] = (min(low, known[0]), max(high, known[1]))
        self.operands.setdefault(node.name, operands)
        return acc


def model_widths(
    model: onnx.ModelProto,
    batches: Iterable[Mapping[str, Array]],
    tile_rows: int = DEFAULT_TILE_ROWS,
) -> list[LayerWidth]:
    """Widths of every layer; `batches` of feeds give the observed ones (final sums with bias)."""
    observer = Observer()
    executor = Executor(model, accumulate=observer)
    for feeds in batches:
        executor.run(feeds)
    return [
        layer_width(name, operands, observer.range[name], tile_rows)
        for name, operands in observer.operands.items()
        if operands.geometry is not None or operands.w.ndim == 2
    ]


def exact_widths(
    model: onnx.ModelProto, feeds: Mapping[str, Array], tile_rows: int = DEFAULT_TILE_ROWS
) -> list[LayerWidth]:
    """Widths of every layer for any input, nothing observed.

    Weights, biases and code ranges decide them; `feeds` only carries shapes through the graph.
    """
    return [replace(width, bits_observed=None) for width in model_widths(model, [feeds], tile_rows)]


@dataclass(frozen=True)
class Recommendation:
    """Accumulator width of a whole network, in bits.

    guaranteed : no overflow for any input; the largest exact bound with bias
    observed : no overflow of a final sum on the data seen; wraparound needs no more than this
    tile : inside the array, for the tile height the widths were computed with
    limiting_layer : the layer that sets `guaranteed`
    """

    guaranteed: int
    observed: int
    tile: int
    limiting_layer: str


def recommend(widths: Iterable[LayerWidth], raw_codes: bool = False) -> Recommendation:
    """The narrowest safe accumulator for all layers, on the chosen data path.

    The observed width is one of final sums, which are the same on both data paths.
    """
    rows = list(widths)
    if not rows:
        raise ModelError("no integer layer", allowed="at least one convolution or matrix product")
    attribute = "bits_raw_with_bias" if raw_codes else "bits_exact_with_bias"
    widest = max(rows, key=lambda row: getattr(row, attribute))
    return Recommendation(
        guaranteed=getattr(widest, attribute),
        observed=max(row.bits_observed or 1 for row in rows),
        tile=max(row.bits_raw_tile if raw_codes else row.bits_tile for row in rows),
        limiting_layer=widest.layer,
    )


def depth_table(depths: Iterable[int] = (27, 576, 4096, 4608)) -> str:
    """Width against depth K for the usual operand types, as text."""
    kinds = {
        "rule": None,
        "s8 x s8": ((-128, 127), (-128, 127)),
        "s8 x w127": ((-128, 127), (-127, 127)),
        "u8 x w127": ((0, 255), (-127, 127)),
        "9-bit x w127": ((-255, 255), (-127, 127)),
        "9-bit x 9-bit": ((-255, 255), (-255, 255)),
    }
    lines = ["accumulator bits by depth K", "     K" + "".join(f"{kind:>15}" for kind in kinds)]
    for depth in depths:
        widths = [
            textbook_width(depth) if ranges is None else worst_case_width(depth, *ranges)
            for ranges in kinds.values()
        ]
        lines.append(f"{depth:6d}" + "".join(f"{width:15d}" for width in widths))
    return "\n".join(lines)


if __name__ == "__main__":
    print(depth_table())
