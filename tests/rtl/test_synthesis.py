"""What benchmarks/synthesis.py gives Yosys to read, and what it reads of its answer."""

import importlib
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import test_modules
from test_modules import SOURCES, needs

from edgeint8.errors import ConfigError
from edgeint8.fixed_point.arithmetic.requantize import Scheme

STATISTICS = """
=== pe_ws ===

   Number of cells:                711
     AND2X2                         39
     DFFPOSX1                      138
     INVX1                         534

   Chip area for module '\\pe_ws': 28271.000000
"""


@pytest.fixture
def synthesis(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SOURCES.parent / "benchmarks"))
    return importlib.import_module("synthesis")


@needs("iverilog")
@pytest.mark.parametrize("scheme", [Scheme.ORT_FLOAT32, Scheme.GEMMLOWP, Scheme.INT32_HALF_EVEN])
def test_units_without_casts_are_the_same(
    scheme: Scheme, synthesis: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The requantisers that Yosys reads, in Icarus."""
    plain = tmp_path / "plain"
    plain.mkdir()
    for source in (*SOURCES.glob("requant_*.sv"), *SOURCES.glob("*.svh")):
        text = synthesis.readable(source.read_text())
        assert "'(" not in text
        (plain / source.name).write_text(text)
    monkeypatch.setattr(test_modules, "SOURCES", plain)
    test_modules.test_requantisers_in_icarus(scheme, tmp_path)


def test_areas_and_cells_are_read(
    synthesis: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liberty = tmp_path / "cells.lib"
    liberty.write_text("/* a comment */\nlibrary(osu018_stdcells) {\n}\n")
    monkeypatch.setattr(synthesis, "synthesised", lambda part, liberty: STATISTICS)
    row = synthesis.row_of(synthesis.Part("pe_ws", "an element"), str(liberty), "Yosys", "today")
    assert (row["gates"], row["flip_flops"], row["area_um2"]) == (573, 138, 28271.0)
    assert row["library"] == "osu018_stdcells"
    liberty.write_text("cells {}\n")
    with pytest.raises(ConfigError, match="no library in a Liberty file"):
        synthesis.library_name(str(liberty))


def test_a_part_that_takes_too_long_says_so_and_other_rows_stay(
    synthesis: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a kept table one part is made anew."""

    def slow(part: object, liberty: object) -> str:
        raise subprocess.TimeoutExpired("yosys", 1800)

    parts = [synthesis.Part("mac", "a reference"), synthesis.Part("add_ort", "an addition")]
    monkeypatch.setattr(synthesis, "parts", lambda: iter(parts))
    monkeypatch.setattr(synthesis, "yosys", lambda arguments: "Yosys 0.23 (git)")
    monkeypatch.delenv("LIBERTY", raising=False)
    monkeypatch.setattr(synthesis, "synthesised", lambda part, liberty: STATISTICS)
    table = tmp_path / "areas.csv"
    assert synthesis.main(["--output", str(table)]) == 0
    monkeypatch.setattr(synthesis, "synthesised", slow)
    assert synthesis.main(["--output", str(table), "--only", "addition"]) == 0
    first, second = synthesis.kept_rows(table).values()
    assert (first["gates"], first["over_mac"], first["note"]) == ("573", "1.0", "")
    assert (second["gates"], second["over_mac"]) == ("", "")
    assert second["note"] == "stopped after 1800 s"
