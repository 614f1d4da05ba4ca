"""Constants of one's own in place of the published ones, and DRAM by type."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import edgeint8
from edgeint8.arch.cost.cost_rows import dse_row
from edgeint8.arch.cost.energy import area_mm2, network_energy_fj
from edgeint8.arch.cost.physical import network_cost
from edgeint8.arch.explore.design_space import DesignSpace
from edgeint8.arch.explore.explore import explore
from edgeint8.arch.explore.front import front_check_rows
from edgeint8.arch.machine.constants import (
    CONSTANTS,
    DRAM_PER_BYTE,
    INT8_MAC,
    LEVELS,
    sram_fj_per_byte,
)
from edgeint8.arch.machine.dram import DRAM_TYPES
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.machine.technology import in_use, load_technology, using
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.cli import main
from edgeint8.data import TOPOLOGIES
from edgeint8.errors import HardwareError
from edgeint8.report.findings.design_answers import constants_used

DOCUMENT = Path(__file__).parents[3] / "docs/technology.md"
LAYER = Layer("gemm", "gemm", LayerShape.from_gemm(64, 32, 48), 1, 3072, 1536, 2048, "test")
MACHINE = parse_hardware_id("ws_16x16_8kB_8Bpc")


def written(folder: Path, **constants) -> Path:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(constants))
    return path


def energy(level="mid") -> dict[str, int]:
    return network_energy_fj(network_cost([LAYER], MACHINE), MACHINE, level)


def test_every_constant_can_be_replaced_and_moves_its_part(tmp_path) -> None:
    """Twice the constant is twice the part that rests on it, and nothing else."""
    parts = {
        "int8_mac_fj": ("mac",),
        "register_bit_data_fj": ("registers",),
        "register_bit_clock_fj": ("clock",),
        "sram_factor": ("ifmap_sram", "filter_sram", "ofmap_sram"),
        "sram_leakage_pw_per_bit": ("sram_leakage",),
        "dram_fj_per_byte": ("dram",),
    }
    before, area = energy(), area_mm2(MACHINE)
    for band in CONSTANTS:
        path = written(tmp_path, **{band.key: 2 * band.mid if "share" not in band.key else 0.5})
        with using(load_technology(path)):
            after = energy()
            grown = area_mm2(MACHINE)
        moved = {part for part in after if after[part] != before[part]}
        if band.key in parts:
            assert moved == set(parts[band.key])
            for part in moved:
                # a cycle's leakage here is 19 fJ, in whole femtojoules
                assert after[part] == pytest.approx(2 * before[part], rel=0.03)
        elif band.key == "sram_port_exponent":  # ports of 16, 16 and 64 bytes, against eight
            assert moved == set(parts["sram_factor"])
            for part, port in zip(parts["sram_factor"], (16, 16, 64), strict=True):
                fall = (8 / port) ** band.mid
                assert after[part] == pytest.approx(before[part] * fall, rel=0.01)
        elif band.key.endswith("_um2") or "um2_per" in band.key:
            assert not moved and (grown > area) == ("fp32" not in band.key)
    assert energy() == before and in_use() == "published"


def test_a_band_has_its_three_levels(tmp_path) -> None:
    path = written(tmp_path, int8_mac_fj={"low": 10, "mid": 20, "high": 40}, sram_um2_per_bit=0.2)
    with using(load_technology(path)):
        assert [INT8_MAC.at(level) for level in LEVELS] == [10, 20, 40]
        assert in_use() == "mine.yaml (2)"
        assert area_mm2(MACHINE, "low") < area_mm2(MACHINE, "high")


def test_sram_of_one_s_own_by_size(tmp_path) -> None:
    """Straight lines in log-log between the sizes: 16 KiB lies between 4 (100) and 64 (400)."""
    curve = {4: 100, 64: 400, 256: 1600}
    with using(load_technology(written(tmp_path, sram_fj_per_byte=curve))):
        assert [sram_fj_per_byte(kb, 8, "mid") for kb in (4, 16, 64, 256)] == [100, 200, 400, 1600]
        assert sram_fj_per_byte(16, 8, "low") == 200  # no factor of another memory on top
        assert sram_fj_per_byte(16, 512, "high") == 200  # nor a fall over widths
    path = written(tmp_path, sram_fj_per_byte=curve, sram_port_exponent=0.5)
    with using(load_technology(path)):
        assert sram_fj_per_byte(16, 32, "mid") == 100


def test_a_memory_may_leak_nothing(tmp_path) -> None:
    with using(load_technology(written(tmp_path, sram_leakage_pw_per_bit=0))):
        assert energy()["sram_leakage"] == 0
    assert energy()["sram_leakage"] > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("int8_mac: 1", r"no constant 'int8_mac' @ .*mine.yaml; allowed: int8_mac_fj, "),
        ("int8_mac_fj: 0", "int8_mac_fj is 0 @ .*; allowed: a number above 0"),
        ("int8_mac_fj: .nan", "int8_mac_fj is nan"),
        ("int8_mac_fj: yes", "int8_mac_fj is True"),
        ("int8_mac_fj: {low: 3, mid: 2, high: 4}", "low, mid and high in that order"),
        ("int8_mac_fj: {low: 3, high: 4}", "low, mid and high in that order"),
        ("idle_clock_share: 2", "at most 1"),
        ("sram_port_exponent: -1", "in that order, zero as well"),
        ("sram_leakage_pw_per_bit: no", "sram_leakage_pw_per_bit is False"),
        ("sram_fj_per_byte: {8: 3}", "two sizes or more"),
        ("sram_fj_per_byte: {8: 3, 16: -1}", "two sizes or more"),
        ("[]", "no constants"),
        ("a: [", "not YAML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, text, message) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(HardwareError, match=message) as caught:
        load_technology(path)
    assert "\n" not in str(caught.value)


def test_the_sweep_uses_them_too(tmp_path) -> None:
    """Every design of a front at other constants, by the full model at the same ones."""
    space = DesignSpace((4, 8), (4, 8), ((8, 8, 8), (16, 8, 8)), (2, 8))
    path = written(tmp_path, int8_mac_fj=77, sram_fj_per_byte={4: 100, 64: 400})
    with using(load_technology(path), "lpddr4"):
        found = explore([LAYER], space)
        assert not any(row["difference"] for row in front_check_rows("n", [LAYER], found))
    assert (found.energy_fj != explore([LAYER], space).energy_fj[: len(found.energy_fj)]).any()


def test_dram_by_type() -> None:
    """8, 13, 14 pJ a bit of LPDDR4; none at all without DRAM; everything else stays."""
    before = energy()
    with using(dram="lpddr4"):
        assert [DRAM_PER_BYTE.at(level) for level in LEVELS] == [64_000, 104_000, 112_000]
        assert energy()["dram"] * 100 == before["dram"] * 104
        row = dse_row("n", [LAYER], MACHINE, 1, 0)
    assert row["constants"] == "published, lpddr4"
    with using(dram="none"):
        assert energy() == before | {"dram": 0}
    with (
        pytest.raises(HardwareError, match="dram is 'sdram'; allowed: mixed, none, lpddr4"),
        using(dram="sdram"),
    ):
        pass


def test_every_type_of_dram_has_a_band_and_a_source() -> None:
    for band in DRAM_TYPES.values():
        assert band.low <= band.mid <= band.high and len(band.source) > 20
    mids = [DRAM_TYPES[name].mid for name in ("none", "hbm2", "lpddr4", "ddr3")]
    assert all(a < b for a, b in pairwise(mids))


def test_a_file_s_own_dram_goes_before_the_type(tmp_path) -> None:
    with using(load_technology(written(tmp_path, dram_fj_per_byte=5)), "lpddr4"):
        assert DRAM_PER_BYTE.at("mid") == 5 and in_use() == "mine.yaml (1)"


def test_values_are_in_no_answer(tmp_path, capsys) -> None:
    """The answers of the calls and of the command have sums, not the constants themselves."""
    path = written(tmp_path, int8_mac_fj=731_913_577)
    network = str(TOPOLOGIES / "resnet18.csv")
    own = edgeint8.cost(network, MACHINE, technology=path)
    published = edgeint8.cost(network, MACHINE)
    assert own.energy_pj[1] > 1000 * published.energy_pj[1]
    assert "731913577" not in str(load_technology(path)) and "731913577" not in str(own)
    assert main(["cost", network, "--technology", str(path), "--dram", "hbm2", "--json"]) == 0
    assert "731913577" not in capsys.readouterr().out
    assert main(["cost", network, "--technology", str(tmp_path / "none.yaml")]) == 2
    assert "cannot be read (No such file" in capsys.readouterr().err


def test_the_example_of_the_document_names_every_constant(tmp_path) -> None:
    example = re.search(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert example is not None
    path = tmp_path / "mine.yaml"
    path.write_text(example[1])
    given = yaml.safe_load(example[1])
    assert {*given} == {*(band.key for band in CONSTANTS), "sram_fj_per_byte"}
    assert load_technology(path).replaced == len(given)


def test_the_document_shows_the_types_of_dram() -> None:
    text = DOCUMENT.read_text()
    for name, band in DRAM_TYPES.items():
        values = " | ".join(f"{band.at(level) / 8000:.3g}" for level in LEVELS if name != "mixed")
        if name != "mixed":
            assert f"| `{name}` | {values} | {band.source} |" in text


def test_the_study_names_them_in_a_column() -> None:
    row = dse_row("n", [LAYER], MACHINE, 1, 0)
    assert row["constants"] == "published" and not constants_used(pd.DataFrame([row]))
    (sentence,) = constants_used(pd.DataFrame([row | {"constants": "mine.yaml (3), lpddr4"}]))
    assert "mine.yaml (3), lpddr4" in sentence
    assert not {"int8_mac_fj", "dram_fj_per_byte"} & set(pd.DataFrame([row]).columns)
    assert np.isfinite(row["energy_pj"])
