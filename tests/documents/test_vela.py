"""Vela's summary is read as it is written, and the kept rows are still ours."""

import importlib.util
import sys
from pathlib import Path

import pytest

from edgeint8.errors import DataError
from edgeint8.tables.files import read_table

ROOT = Path(__file__).parents[2]
SUMMARY = Path(__file__).with_name("vela_summary.csv")  # of Vela 5.2.0 for signal_cnn_1d
KEPT = ROOT / "docs/data/benchmarks/vela.csv"


@pytest.fixture(scope="module")
def vela():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("vela", ROOT / "benchmarks/vela.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["vela"] = module
    spec.loader.exec_module(module)
    return module


def test_the_summary_says_what_vela_prints(vela):
    """Printed: 3.00 KiB of SRAM, 24.92 KiB of flash; 31,855 cycles, 13,088 of the NPU."""
    found = vela.read_summary(SUMMARY)
    assert (found.cycles, found.array_cycles) == (31_855, 13_088)
    assert found.sram_bytes == 3 * 1024 and found.flash_bytes == pytest.approx(24.92 * 1024, abs=6)


def test_another_file_is_refused_in_one_line(vela, tmp_path):
    header, row = SUMMARY.read_text().splitlines()
    for text in (header, f"{header}\n{row}\n{row}", "cycles_total\n5"):
        path = tmp_path / "summary.csv"
        path.write_text(text)
        with pytest.raises(DataError, match=r"rows @ .*allowed: one row with cycles_total"):
            vela.read_summary(path)


def test_kept_rows_hold_what_we_compute_today(vela, tmp_path):
    found = vela.ours(vela.exported("signal_cnn_1d", tmp_path))
    kept = read_table(KEPT)
    kept = kept[kept.conditions.str.startswith("signal_cnn_1d")].set_index("quantity")
    assert kept.ours["cycles"] == found.cycles
    assert kept.ours["cycles of the array"] == found.array_cycles
    assert kept.ours["SRAM"] == found.sram_bytes and kept.ours["flash"] == found.flash_bytes
    theirs = vela.read_summary(SUMMARY)
    assert kept.published["cycles of the array"] == pytest.approx(theirs.array_cycles, rel=0.01)
    assert kept.published["SRAM"] == theirs.sram_bytes


def test_the_validation_holds_the_kept_rows(vela):
    import published_tools  # type: ignore[import-not-found]

    assert len(published_tools.vela()) == len(read_table(KEPT)) == 20
