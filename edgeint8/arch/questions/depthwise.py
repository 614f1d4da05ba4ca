"""Depthwise and grouped layers on a systolic array: group by group, or packed together.

A depthwise channel has one filter and no sum over channels, so alone it fills R * S rows and one
column of a weight-stationary array. Packing puts g groups side by side as one dense layer whose
weights are block-diagonal: g times as many rows and columns are busy, most of them with zeros.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from edgeint8.arch.cost.systolic import map_layer
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.conventions import Row
from edgeint8.errors import ModelError


@dataclass(frozen=True)
class Packing:
    """`groups_together` groups run as one; `lines` is the time of the whole layer.

    `utilization_percent` counts useful MACs only, not the zeros between the blocks.
    """

    groups_together: int
    layer: Layer
    lines: int
    utilization_percent: float


def packed_shape(shape: LayerShape, groups_together: int) -> LayerShape:
    """The dense shape that holds `groups_together` groups of `shape` block by block."""
    return replace(
        shape,
        channels=shape.channels * groups_together,
        filters=shape.filters * groups_together,
    )


def pack_groups(layer: Layer, groups_together: int) -> Layer:
    """The layer with `groups_together` of its repeats run as one block-diagonal problem."""
    shape = _shape(layer)
    if groups_together < 1 or layer.repeats % groups_together:
        raise ModelError(
            f"{groups_together} groups together",
            where=layer.source,
            allowed=f"a divisor of {layer.repeats}",
        )
    if groups_together == 1:
        return layer
    return replace(
        layer,
        shape=packed_shape(shape, groups_together),
        repeats=layer.repeats // groups_together,
        filter_bytes=layer.filter_bytes * groups_together,
        note=f"{groups_together} groups packed block-diagonally",
    )


def packings(layer: Layer, hardware: Hardware) -> tuple[Packing, ...]:
    """Every way to pack the layer's groups evenly, fewest groups together first."""
    shape = _shape(layer)
    found = []
    for groups_together in range(1, layer.repeats + 1):
        if layer.repeats % groups_together:
            continue
        mapping = map_layer(packed_shape(shape, groups_together), hardware, layer.images)
        lines = mapping.lines * (layer.repeats // groups_together)
        useful = 100 * layer.macs / (lines * hardware.processing_elements)
        found.append(Packing(groups_together, pack_groups(layer, groups_together), lines, useful))
    return tuple(found)


def best_packing(layer: Layer, hardware: Hardware) -> Packing:
    """The packing with the fewest lines; of equals the one with the fewest zeros."""
    return min(packings(layer, hardware), key=lambda packing: packing.lines)


def packing_rows(workload: str, layers: Iterable[Layer], hardware: Hardware) -> list[Row]:
    """Rows of ``packing.csv``: each depthwise or grouped layer alone and at its best packing.

    Cycles are the array's lines, folds serial; bytes include the zeros between the blocks.
    """
    rows: list[Row] = []
    for layer in layers:
        if layer.shape is None or layer.operator not in ("depthwise", "grouped"):
            continue
        alone, best = packings(layer, hardware)[0], best_packing(layer, hardware)
        rows.append(
            {
                "workload": workload,
                "layer": layer.name,
                "hardware": hardware.id,
                "operator": layer.operator,
                "groups": layer.repeats,
                "bound_cycles_alone": alone.lines,
                "utilization_alone": alone.utilization_percent / 100,
                "groups_together": best.groups_together,
                "bound_cycles_packed": best.lines,
                "utilization_packed": best.utilization_percent / 100,
                "filter_bytes_alone": layer.filter_bytes,
                "filter_bytes_packed": best.layer.filter_bytes,
            }
        )
    return rows


def _shape(layer: Layer) -> LayerShape:
    if layer.shape is None:
        raise ModelError(f"layer {layer.name} is not on the array: {layer.reason}")
    return layer.shape
