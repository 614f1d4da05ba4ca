"""The order in which the array demands an operand's blocks (docs/cost_model.md, equation 22)."""

from typing import NamedTuple

from edgeint8.arch.cost.systolic import Mapping
from edgeint8.dataflow import Role


class Passes(NamedTuple):
    """The order in which a streaming operand's blocks are demanded.

    `span` consecutive blocks are streamed `repeats` times over, then the next `span`. Each
    block takes one fold of `fold_lines` lines and begins `first_line` lines into it.
    """

    groups: int
    repeats: int
    span: int
    fold_lines: int
    first_line: int


def stream_passes(mapping: Mapping, role: Role) -> Passes:
    """A stream into the rows passes all row folds, once for each column fold; a stream into the
    columns passes one column fold, once for each row fold.
    """
    row_folds, col_folds = mapping.row_folds, mapping.col_folds
    groups, repeats, span = (
        (1, col_folds, row_folds) if role == "rows" else (col_folds, row_folds, 1)
    )
    return Passes(groups, repeats, span, mapping.fold_lines, mapping.preload_lines)


class Tiles(NamedTuple):
    """The order in which a held operand is demanded: every tile of `rows` rows once."""

    row_folds: int
    rows: int
    fold_lines: int


def held_tiles(mapping: Mapping) -> Tiles:
    """Tiles of the operand that stays in the array."""
    return Tiles(mapping.row_folds, mapping.rows, mapping.fold_lines)
