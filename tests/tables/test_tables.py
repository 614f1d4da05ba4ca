"""A table is a type: what is not declared is not written, and the page is written from it."""

import pandas as pd
import pytest

from edgeint8.errors import DataError
from edgeint8.tables.contents import TABLES
from edgeint8.tables.files import columns_of, framed, read_table, write_table
from edgeint8.tables.table import WORKLOAD, Table, flag, integer, number, text
from tools.docs import tables as document
from tools.docs.pages import is_current

ONE = Table(
    "one",
    "a",
    "One row a thing.",
    (WORKLOAD, integer("bound_cycles", "cycles"), flag("right"), number("share")),
    (text("note"),),
)
ROW = {"workload": "net", "bound_cycles": 3, "right": True, "share": 0.5}


def test_promised_columns_come_first_and_a_missing_one_is_an_error(tmp_path):
    row = dict.fromkeys(columns_of("golden"), 1)
    path = tmp_path / "golden.csv"
    write_table(path, [{"note": 2, **row}])
    assert list(read_table(path).columns) == [*columns_of("golden"), "note"]
    del row["mismatches"]
    with pytest.raises(DataError, match="'mismatches' is missing"):
        write_table(path, [row])
    assert list(read_table(path).columns) == [*columns_of("golden"), "note"]  # nothing lost


def test_a_column_that_is_not_declared_is_an_error():
    with pytest.raises(DataError, match="'cycles' is not declared"):
        framed(ONE, [{**ROW, "cycles": 3}])


@pytest.mark.parametrize(
    ("column", "wrong", "allowed"),
    [
        ("bound_cycles", 2.5, "whole numbers"),
        ("bound_cycles", True, "whole numbers"),
        ("bound_cycles", "many", "whole numbers"),
        ("right", 1, "true or false"),
        ("right", "yes", "true or false"),
        ("share", "half", "numbers"),
        ("share", False, "numbers"),
    ],
)
def test_a_cell_of_another_kind_is_an_error(column, wrong, allowed):
    with pytest.raises(DataError, match=rf"{column}.*{allowed}"):
        framed(ONE, [{**ROW, column: wrong}])


@pytest.mark.parametrize("column", ["bound_cycles", "right", "share", "note"])
def test_an_empty_cell_is_of_any_kind(column):
    rows = [ROW, {**ROW, column: None}, {**ROW, column: float("nan")}]
    assert len(framed(ONE, rows)) == 3
    assert list(framed(ONE, [])) == ONE.columns


def test_what_was_written_and_read_can_be_written_again(tmp_path):
    rows = [ROW, {**ROW, "bound_cycles": None, "right": None, "note": "why"}]
    framed(ONE, rows).to_csv(tmp_path / "one.csv", index=False)
    again = pd.read_csv(tmp_path / "one.csv").to_dict("records")
    assert framed(ONE, again)["bound_cycles"].tolist()[0] == 3


@pytest.mark.parametrize("names", [("cycles",), ("k", "k")])
def test_no_column_is_called_cycles_and_none_stands_twice(names):
    with pytest.raises(DataError, match="each name once, and cycles that say whose they are"):
        Table("bad", "a", "", tuple(map(integer, names)))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_says_what_a_row_is_and_cycles_say_whose_they_are(table):
    assert table.row.endswith((".", "walked (cycles, energy, area, bandwidth)."))
    units = {column.name: column.unit for column in table}
    assert all(units[name] == "cycles" for name in units if name.endswith("_cycles"))
    assert all(units[name] == "pJ" for name in units if "_pj" in name)
    assert all(units[name] == "bytes" for name in units if name.endswith("bytes"))


def test_the_page_is_written_from_the_types():
    assert is_current(document.PAGE, document.page), "write it: python -m tools.docs.tables"
    page = document.page()
    for table in TABLES.values():
        section = page.split(f"### {table.name}.csv")[1].split("\n### ")[0]
        assert all(f"| `{column.name}` |" in section for column in table)
