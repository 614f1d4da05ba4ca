"""SCALE-Sim's compute report and SRAM accesses as closed forms (docs/cost_model.md, 5 to 12).

Where SCALE-Sim departs from physics the departure is repeated here and named.
"""

from typing import NamedTuple

from edgeint8.arch.cost.systolic import Mapping, sram_accesses
from edgeint8.dataflow import Role


class PortLines(NamedTuple):
    """The demand lines, counted from 0, in which a port is first and last in use."""

    first: int
    last: int


def compute_utilization_percent(mapping: Mapping) -> float:
    """SCALE-Sim's "Compute Util %". Equation 8.

    Its ws and is folds are charged ``cols - 1`` lines twice.
    """
    charged_twice = 0 if mapping.holds_outputs else mapping.cols - 1
    fold_lines = mapping.fold_lines + charged_twice
    return 100 * mapping.macs / (mapping.folds * mapping.rows * mapping.cols * fold_lines)


def reported_sram_accesses(mapping: Mapping) -> tuple[int, int, int]:
    """(ifmap reads, filter reads, ofmap writes) as reported. Equation 10.

    Output-stationary, every fold's writes are counted with ``rows + cols`` too many
    (upstream issue 166).
    """
    ifmap, filter_, ofmap = sram_accesses(mapping)
    if mapping.holds_outputs:
        ofmap += mapping.folds * (mapping.rows + mapping.cols)
    return ifmap, filter_, ofmap


def read_lines(mapping: Mapping, role: Role) -> PortLines:
    """Lines of an operand's first and last demand. Equation 11.

    A held tile enters bottom row first, and the rows that a short tile lacks come first, empty.
    A stream reaches each row, or column, one line after its neighbour (the skew).
    """
    last_fold = _last_fold_line(mapping)
    if role == "held":
        empty_rows = mapping.rows - min(mapping.rows, mapping.spatial_rows)
        return PortLines(empty_rows, last_fold + mapping.rows - 1)
    skew = mapping.last_tile_rows if role == "rows" else mapping.last_tile_cols
    first = mapping.preload_lines
    return PortLines(first, last_fold + first + mapping.temporal - 1 + skew - 1)


def ofmap_lines(mapping: Mapping) -> PortLines:
    """Lines of the first and last output. Equation 12.

    Outputs leave at the bottom, one column a line after its neighbour. Held outputs (os) are
    shifted down after the last step, so a tile of fewer rows starts later; otherwise the first
    output has crossed all rows, and one follows in every step.
    """
    if mapping.holds_outputs:
        bottom = mapping.temporal - 1 + mapping.rows
        first, last = bottom - min(mapping.rows, mapping.spatial_rows), bottom - 1
    else:
        first = 2 * mapping.rows - 1
        last = first + mapping.temporal - 1
    return PortLines(first, _last_fold_line(mapping) + last + mapping.last_tile_cols - 1)


def _last_fold_line(mapping: Mapping) -> int:
    return (mapping.folds - 1) * mapping.fold_lines
