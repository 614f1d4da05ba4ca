"""Lines and toggles of the RTL: what counts, what is waived, and how much is reached."""

import csv
from pathlib import Path

import pandas as pd
import pytest
from test_network import needs_verilator

from edgeint8.errors import DataError
from edgeint8.rtl.coverage import (
    KINDS,
    Waiver,
    add_counters,
    all_points,
    judge,
    read_points,
    read_waivers,
    share,
)
from edgeint8.rtl.simulator import SOURCES
from tools.docs.rtl_quotes import rtl_coverage_sentence, rtl_runs_sentence

WAIVERS = SOURCES / "coverage/waivers.yaml"
KEPT = SOURCES.parent / "docs/data/benchmarks/rtl_coverage.csv"


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


@needs_verilator
@pytest.mark.slow
def test_the_runs_reach_95_per_cent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from coverage_runs import reach

    monkeypatch.setenv("EDGEINT8_RTL_COVERAGE", str(tmp_path))
    reach()
    rows, missing = judge(all_points(tmp_path), read_waivers(WAIVERS), SOURCES)
    assert all(share(rows, kind) >= 0.95 for kind in KINDS.values()), missing


def test_the_kept_table_is_of_these_modules_and_reaches_as_much() -> None:
    with KEPT.open(encoding="utf-8") as file:
        rows = [
            {key: int(value) if value.isdigit() else value for key, value in row.items()}
            for row in csv.DictReader(file)
        ]
    files = {str(row["file"]) for row in rows}
    assert files and all((SOURCES / name).is_file() for name in files)
    assert all(share(rows, kind) >= 0.95 for kind in KINDS.values())


def test_the_document_says_shares_and_counts() -> None:
    names = ("file", "kind", "points", "reached", "waived")
    rows = [("a.sv", "line", 10, 8, 1), ("b.sv", "toggle", 4, 2, 0)]
    covered = {"benchmark_rtl_coverage": pd.DataFrame(rows, columns=names)}
    assert rtl_coverage_sentence(covered) == (
        "Reached: 88.89 % of 9 blocks of lines (1 more are waived), 50.00 % of 4 bits "
        "(0 more are waived)."
    )
    counts = {"images": 20, "layers": 8, "words": 5, "mismatches": 0, "cycles_apart": 0}
    counts |= {"bytes_apart": 0, "below_bound": 0}
    runs = [counts | {"case": "net"}, counts | {"case": "net"}]
    runs += [counts | {"case": "random layers", "layers": 90, "bytes_apart": 3}]
    said = rtl_runs_sentence({"benchmark_rtl_runs": pd.DataFrame(runs)})
    assert said.startswith(
        "40 whole images, 20 in each of 2 runs through 1 networks: 0 of 10 codes"
    )
    assert said.endswith(
        "90 random layers on 1 machines: 0 of 5 codes differ from the executor's, "
        "0 layers in cycles and 3 in DRAM bytes from the machine."
    )
