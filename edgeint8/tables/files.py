"""Tables as CSV files: the one way rows are checked, written, read and put together."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from edgeint8.errors import DataError
from edgeint8.files import absence, atomic_path
from edgeint8.tables.contents import TABLES
from edgeint8.tables.table import Column, Table


def columns_of(table: str) -> list[str]:
    """The promised columns of a table, in order."""
    return TABLES[table].columns


def framed(table: Table, rows: Iterable[Mapping[str, Any]], where: str = "") -> pd.DataFrame:
    """Rows as a frame, promised columns first, each cell checked against its column.

    Raises
    ------
    DataError
        If a promised column is missing, a column is not declared, or a cell is not of its kind.
    """
    frame = pd.DataFrame(list(rows))
    where = where or table.name
    if frame.empty:
        return pd.DataFrame(columns=pd.Index(table.columns))
    declared = {column.name: column for column in table}
    for name in table.columns:
        if name not in frame.columns:
            allowed = ", ".join(table.columns)
            raise DataError(f"column {name!r} is missing", where=where, allowed=allowed)
    for name in frame.columns:
        if name not in declared:
            allowed = ", ".join(declared)
            raise DataError(f"column {name!r} is not declared", where=where, allowed=allowed)
        _check(frame[name], declared[name], where)
    return frame[table.columns + [name for name in frame.columns if name not in table.columns]]


def _check(cells: "pd.Series[Any]", column: Column, where: str) -> None:
    """Refuse a cell that is not of its column's kind; an empty one is of any."""
    present = cells.dropna()
    present = present[present.astype(str) != ""]
    if column.kind == "text" or present.empty:
        return
    values = present.infer_objects()
    if column.kind == "flag":
        fits = is_bool_dtype(values)
    else:
        fits = is_numeric_dtype(values) and not is_bool_dtype(values)
        fits = fits and (column.kind == "number" or bool((values == values.round()).all()))
    if not fits:
        raise DataError(
            f"column {column.name!r} holds {values.iloc[0]!r}",
            where=where,
            allowed={"flag": "true or false", "integer": "whole numbers"}.get(
                column.kind, "numbers"
            ),
        )


def write_table(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV; a file that is named after a table is checked against it: see `framed`."""
    table = TABLES.get(Path(path).stem)
    frame = pd.DataFrame(list(rows)) if table is None else framed(table, rows, str(path))
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV that `write_table` wrote.

    An empty one has no rows and no columns, nor has one that holds a reason in place of a table.
    """
    if absence(path) is not None:
        return pd.DataFrame()
    try:
        return pd.read_csv(path)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except FileNotFoundError:
        raise DataError("table does not exist", where=str(path)) from None


def by_key(column: str, *paths: str | Path) -> dict[str, dict[str, Any]]:
    """The rows of tables that have one for each value of `column`, joined, by that value."""
    found: dict[str, dict[str, Any]] = {}
    for frame in map(read_table, paths):
        for row in frame.to_dict("records"):
            found.setdefault(str(row.pop(column)), {}).update(row)
    return found


def with_absent(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """`tables`, and an empty one with its promised columns for each that there is not."""
    empty = {name: pd.DataFrame(columns=pd.Index(columns_of(name))) for name in TABLES}
    return empty | {name: frame for name, frame in tables.items() if len(frame.columns)}


def concatenate(paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    """The rows of several tables, in the order of the paths."""
    frames = [frame for frame in map(read_table, paths) if len(frame)]
    return pd.concat(frames).to_dict("records") if frames else []
