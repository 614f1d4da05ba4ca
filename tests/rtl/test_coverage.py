"""Lines and toggles of the RTL: what counts and what is waived."""

from pathlib import Path

import pytest
from test_network import needs_verilator

from edgeint8.errors import DataError
from edgeint8.rtl.coverage import (
    Waiver,
    add_counters,
    all_points,
    judge,
    read_points,
    read_waivers,
    share,
)
from edgeint8.rtl.simulator import SOURCES

WAIVERS = SOURCES / "coverage/waivers.yaml"


def record(page: str, line: int, name: str, count: int, where: str = "TOP.unit") -> str:
    """A line as Verilator writes it."""
    fields = {"f": "/some/unit.sv", "l": line, "n": 3, "page": f"{page}/unit", "o": name}
    body = "".join(f"\x01{key}\x02{value}" for key, value in (fields | {"h": where}).items())
    return f"C '{body}' {count}\n"


@pytest.fixture
def counters(tmp_path: Path) -> Path:
    """Five points; one bit is reached in the second of two instances only."""
    (tmp_path / "unit.sv").write_text("module unit;\n  if (a) b = 1;\n  int n;\nendmodule\n")
    records = [
        record("v_branch", 2, "if", 0), record("v_line", 1, "block", 7),
        record("v_toggle", 3, "n[0]", 0, "TOP.one"), record("v_toggle", 3, "n[0]", 4, "TOP.two"),
        record("v_toggle", 3, "n[1]", 2), record("v_toggle", 3, "n[31]", 0),
        record("v_user", 3, "cover", 1),
    ]  # fmt: skip
    (tmp_path / "one.dat").write_text("# SystemC::Coverage-3\n" + "".join(records))
    return tmp_path


def test_instances_are_one_and_waivers_are_counted(counters: Path) -> None:
    points = all_points(counters)
    high = Waiver("unit.sv", "toggle", r"n\[(1|31)\]", "an index")
    rows, missing = judge(points, [high], counters)
    head = ("file", "kind", "points", "reached", "waived")
    assert [tuple(row[name] for name in head) for row in rows] == [
        ("unit.sv", "line", 2, 1, 0),
        ("unit.sv", "toggle", 3, 2, 1),  # n[1] is reached, so not waived
    ]
    assert [(point.line, point.name) for point in missing] == [(2, "if")]
    assert share(rows, "line") == 0.5 and share(rows, "toggle") == 1
    branch = Waiver("unit.sv", "line", r"if \(a\).*", "a never happens")
    assert share(judge(points, [branch], counters).rows, "line") == 1


def test_a_waiver_that_nothing_needs_and_a_file_without_counters_are_refused(
    counters: Path,
) -> None:
    with pytest.raises(DataError, match="waives nothing"):
        judge(all_points(counters), [Waiver("unit.sv", "toggle", r"n\[0\]", "")], counters)
    (counters / "empty.dat").write_text("# SystemC::Coverage-3\n")
    with pytest.raises(DataError, match="no coverage counters"):
        read_points(counters / "empty.dat")


def test_every_waiver_has_a_reason() -> None:
    waivers = read_waivers(WAIVERS)
    assert all(len(waiver.reason) > 20 for waiver in waivers)


@needs_verilator
def test_counters_of_runs_add_up(counters: Path) -> None:
    """By Verilator's own tool."""
    total = counters / "sums/total.dat"
    for _ in range(2):
        add_counters(total, counters / "one.dat")
    assert read_points(total)[next(p for p in read_points(total) if p.name == "n[1]")] == 4
