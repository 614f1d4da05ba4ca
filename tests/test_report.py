"""Tables keep their columns, figures their bytes, and sentences follow the data."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from part_b_tables import part_b

from edgeint8.errors import DataError
from edgeint8.report import answers
from edgeint8.report.contents import FIGURE_TABLES, TABLES_OF_PART
from edgeint8.report.figures import FIGURES
from edgeint8.report.markdown import cell, table
from edgeint8.report.style import save_figure
from edgeint8.report.tables import COLUMNS, columns_of, concatenate, read_table, write_table
from edgeint8.report.text import stand_in_warning


def roofline(fast="ws_a", bound="compute"):
    other = {"ws_a": "os_b", "os_b": "ws_a"}[fast]
    return pd.DataFrame(
        [
            {"workload": "net", "hardware": fast, "cycles": 100, "bound": bound},
            {"workload": "net", "hardware": other, "cycles": 250, "bound": "fill_drain"},
        ]
    )


def test_the_hardware_answer_follows_the_table():
    text = answers.hardware_answer(roofline(), "net")
    assert "`ws_a` needs the fewest" in text and "bound by compute" in text and "2.50x" in text
    text = answers.hardware_answer(roofline("os_b", "dram_bandwidth"), "net")
    assert "`os_b` needs the fewest" in text and "bound by dram bandwidth" in text


@pytest.mark.parametrize(("mismatches", "expected"), [(0, "equals"), (3, "differs")])
def test_the_integer_answer_does_not_hide_mismatches(mismatches, expected):
    golden = pd.DataFrame([{"mismatches": mismatches, "elements": 10}])
    width = {"workload": "net", "strategy": "asym", "layer": "conv", "k": 27}
    bits = {"bits_rule": 21, "bits_exact_with_bias": 20, "bits_observed": 18}
    text = answers.integer_answer(golden, pd.DataFrame([width | bits]))
    assert expected in text and "20 bits can never overflow" in text


@pytest.mark.parametrize(
    ("differences", "expected"),
    [([0, 0], "All 2 quantities equal"), ([0, 1], "1 of 2 quantities differ"), ([], "nothing")],
)
def test_the_crosscheck_answer_counts_differences(differences, expected):
    assert expected in answers.crosscheck_answer(pd.DataFrame({"difference": differences}))


def test_a_stand_in_is_called_one():
    assert stand_in_warning([{"dataset": "cifar10", "stand_in": False}]) == ""
    assert "Stand-in data" in stand_in_warning([{"dataset": "cifar10", "stand_in": True}])


def test_promised_columns_come_first_and_a_missing_one_is_an_error(tmp_path):
    row = dict.fromkeys(columns_of("golden"), 1)
    path = tmp_path / "golden.csv"
    write_table(path, [{"extra": 2, **row}])
    assert list(read_table(path).columns) == [*columns_of("golden"), "extra"]
    del row["mismatches"]
    with pytest.raises(DataError, match="'mismatches'"):
        write_table(path, [row])


def test_an_empty_table_keeps_its_columns_and_concatenates(tmp_path):
    write_table(tmp_path / "golden.csv", [])
    assert list(read_table(tmp_path / "golden.csv").columns) == columns_of("golden")
    write_table(tmp_path / "a.csv", [{"x": 1}])
    write_table(tmp_path / "b.csv", [])
    paths = [tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "golden.csv"]
    assert concatenate(paths) == [{"x": 1}]


def test_every_figure_and_table_of_the_report_is_defined():
    assert set(FIGURES) == set(FIGURE_TABLES)
    of_parts = {table for tables in TABLES_OF_PART.values() for table in tables}
    drawn = {table for tables in FIGURE_TABLES.values() for table in tables}
    assert drawn <= of_parts == set(COLUMNS)


@pytest.mark.parametrize("name", COLUMNS)
def test_every_promised_column_is_described(name):
    text = (Path(__file__).parents[1] / "docs/tables.md").read_text(encoding="utf-8")
    section = next(part for part in text.split("\n### ") if f"{name}.csv" in part.splitlines()[0])
    assert [column for column in columns_of(name) if f"`{column}`" not in section] == []


def test_figures_are_the_same_bytes_every_time(tmp_path):
    paths = []
    for k in range(2):
        figure = FIGURES["accuracy"](part_b()["quantization"])
        paths.append([tmp_path / f"{k}.svg", tmp_path / f"{k}.png"])
        save_figure(figure, *paths[-1])
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert not plt.get_fignums()


def test_markdown_cells():
    assert [cell(value) for value in (1234567, 0.5, 3e-7, None, float("nan"), True, "a|b")] == [
        *("1,234,567", "0.50", "3.0e-07", "", "", "yes", "a\\|b"),
    ]
    assert table(pd.DataFrame({"a": [1]}), {"a": "A"}) == "| A |\n|---|\n| 1 |"
