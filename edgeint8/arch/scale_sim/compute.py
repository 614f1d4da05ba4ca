"""SCALE-Sim's compute report and SRAM accesses as closed forms (docs/cost_model.md, 5 to 12).

Where SCALE-Sim departs from physics the departure is repeated here and named.
"""

from dataclasses import dataclass

from edgeint8.arch.systolic import Mapping, sram_accesses


@dataclass(frozen=True)
class PortLines:
    """The demand lines, counted from 0, in which a port is first and last in use."""

    first: int
    last: int


def compute_utilization_percent(mapping: Mapping) -> float:
    """SCALE-Sim's "Compute Util %". Equation 8.

    Its ws and is folds are charged ``cols - 1`` lines twice.
    """
    charged_twice = 0 if mapping.dataflow == "os" else mapping.cols - 1
    fold_lines = mapping.fold_lines + charged_twice
    return 100 * mapping.macs / (mapping.folds * mapping.rows * mapping.cols * fold_lines)


def reported_sram_accesses(mapping: Mapping) -> tuple[int, int, int]:
    """(ifmap reads, filter reads, ofmap writes) as reported. Equation 10.

    Output-stationary, every fold's writes are counted with ``rows + cols`` too many
    (upstream issue 166).
    """
    ifmap, filter_, ofmap = sram_accesses(mapping)
    if mapping.dataflow == "os":
        ofmap += mapping.folds * (mapping.rows + mapping.cols)
    return ifmap, filter_, ofmap


def ifmap_lines(mapping: Mapping) -> PortLines:
    """Lines of the first and last ifmap demand. Equation 11."""
    return _stationary_lines(mapping) if mapping.dataflow == "is" else _row_stream_lines(mapping)


def filter_lines(mapping: Mapping) -> PortLines:
    """Lines of the first and last filter demand. Equation 11."""
    if mapping.dataflow == "ws":
        return _stationary_lines(mapping)
    if mapping.dataflow == "is":
        return _row_stream_lines(mapping)
    last = _last_fold_line(mapping) + mapping.temporal - 1 + mapping.last_tile_cols - 1
    return PortLines(0, last)


def ofmap_lines(mapping: Mapping) -> PortLines:
    """Lines of the first and last output. Equation 12.

    Outputs fall out of the array's bottom one column after another. Output-stationary they are
    shifted down first, so a tile of fewer rows starts later; ws and is, the first output has
    crossed all rows.
    """
    first_rows = min(mapping.rows, mapping.spatial_rows)
    if mapping.dataflow == "os":
        fill = mapping.temporal - 1 + mapping.rows
        first, stream = fill - first_rows, 0
    else:
        fill = first = 2 * mapping.rows - 1
        stream = mapping.temporal - 1
    last_column = mapping.last_tile_cols - 1
    drained = fill - 1 if mapping.dataflow == "os" else fill + stream
    return PortLines(first, _last_fold_line(mapping) + drained + last_column)


def _last_fold_line(mapping: Mapping) -> int:
    return (mapping.folds - 1) * mapping.fold_lines


def _stationary_lines(mapping: Mapping) -> PortLines:
    """A tile enters bottom row first; the rows that a short tile lacks come first, empty."""
    first_rows = min(mapping.rows, mapping.spatial_rows)
    return PortLines(mapping.rows - first_rows, _last_fold_line(mapping) + mapping.rows - 1)


def _row_stream_lines(mapping: Mapping) -> PortLines:
    """A stream along the rows, each row one line after its neighbour (the skew)."""
    first = mapping.preload_lines
    last = first + mapping.temporal - 1 + mapping.last_tile_rows - 1
    return PortLines(first, _last_fold_line(mapping) + last)
