import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edgeint8.arch.explore.design_space import DesignSpace
from edgeint8.arch.machine.hardware import (
    Hardware,
    load_preset,
    parse_hardware_id,
    uniform_hardware,
)
from edgeint8.arch.network.inputs import find_hardware
from edgeint8.arch.questions.scaling import RESOURCES, doubled
from edgeint8.dataflow import DATAFLOWS
from edgeint8.errors import HardwareError
from edgeint8.hardware_id import FORM, PATTERN, HardwareId, read_hardware_id
from edgeint8.study.config import STUDY_SCHEMA

GOOD = """
dataflow: ws
rows: 256
cols: 256
clock_mhz: 700
dram_gb_per_s: 34
sram_kb: 8192
technology_nm: 28
shared_bus: true
"""

machines = st.builds(
    uniform_hardware,
    st.sampled_from(DATAFLOWS),
    st.integers(1, 4096),
    st.integers(1, 4096),
    st.integers(1, 1 << 20),
    st.none() | st.integers(1, 1 << 20),
)


@given(machines)
def test_id_reads_back(hardware: Hardware) -> None:
    assert parse_hardware_id(hardware.id) == hardware


def test_id_is_the_documented_one() -> None:
    assert uniform_hardware("ws", 16, 8, 64).id == "ws_16x8_64kB_unlimited"
    assert uniform_hardware("os", 16, 8, 64, 12).id == "os_16x8_64kB_12Bpc"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "xs_8x8_64kB_unlimited",
        "ws_8x8_64kB",
        "ws_0x8_64kB_unlimited",
        "ws_8x8_64kB_0Bpc",
        "ws_08x8_64kB_unlimited",
        "ws_8x8_0kB_unlimited",
        "ws_9999x8_64kB_unlimited",
    ],
)
def test_bad_ids_are_refused(text: str) -> None:
    with pytest.raises(HardwareError, match="allowed"):
        parse_hardware_id(text)


@given(
    st.builds(
        HardwareId,
        st.sampled_from(DATAFLOWS),
        *[st.integers(1)] * 3,
        st.none() | st.integers(1),
    )
)
def test_every_id_says_its_parts_and_nothing_else_does(parts: HardwareId) -> None:
    assert read_hardware_id(str(parts)) == parts
    for wrong in (f"{parts} ", f" {parts}", f"x{parts}", str(parts).upper(), f"{parts}x"):
        assert read_hardware_id(wrong) is None


def _leaves(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for entry in schema:
            yield from _leaves(entry)


def test_the_study_schema_knows_the_same_ids_and_dataflows() -> None:
    leaves = list(_leaves(yaml.safe_load(STUDY_SCHEMA.read_text())))
    plain = PATTERN.replace("?:", "")
    patterns = [leaf["pattern"] for leaf in leaves if "Bpc" in str(leaf.get("pattern", ""))]
    bare = "^" + re.sub(r"\(([^()|]*)\)", r"\1", plain) + "$"
    words = [
        leaf["description"] for leaf in leaves if "pattern" in leaf and leaf["pattern"] == bare
    ]
    assert len(patterns) == 2 and all(bare[1:-1] in pattern for pattern in patterns)
    assert words == [FORM]
    flows = [leaf["enum"] for leaf in leaves if "ws" in leaf.get("enum", ())]
    assert len(flows) == 2 and all(tuple(names) == DATAFLOWS for names in flows)


def test_preset_units(tmp_path: Path) -> None:
    """34 GB/s at 700 MHz over three ports: floor(48.57 / 3) = 16 bytes per cycle and port."""
    path = tmp_path / "tpu.yaml"
    path.write_text(GOOD)
    preset = load_preset(path)
    assert (preset.id, preset.bandwidth_bpc, preset.clock_hz) == ("tpu", 16, 700e6)
    assert preset.sram_kb == (8192, 8192, 8192)
    assert preset.shared_bus and not preset.pipelined_folds


def test_preset_bandwidth_is_at_least_one(tmp_path: Path) -> None:
    path = tmp_path / "slow.yaml"
    path.write_text(GOOD.replace("dram_gb_per_s: 34", "dram_gb_per_s: 0.1"))
    assert load_preset(path).bandwidth_bpc == 1


@pytest.mark.parametrize(
    ("find", "replace", "message"),
    [
        ("dataflow: ws", "dataflow: row", "dataflow"),
        ("rows: 256", "rows: 0", "rows is 0"),
        ("rows: 256", "rows: 16.5", "rows is 16.5"),
        ("clock_mhz: 700", "clock_mhz: -1", "clock_mhz is -1"),
        ("clock_mhz: 700", "clock_mhz: 1000000", "clock_hz"),
        ("clock_mhz: 700", "", "lacks clock_mhz"),
        ("dram_gb_per_s: 34", "dram_gb_per_s: many", "dram_gb_per_s is 'many'"),
        ("sram_kb: 8192", "sram_kb: 0", "sram_kb is 0"),
        ("sram_kb: 8192", "ifmap_sram_kb: 4", "lacks filter_sram_kb, ofmap_sram_kb"),
        ("sram_kb: 8192", "sram_mb: 8", "unknown keys sram_mb"),
        ("shared_bus: true", "shared_bus: 1", "shared_bus is 1"),
        ("dataflow: ws", ": [", "cannot be read"),
        ("rows: 256", "rows: 256\nrows: 8", "'rows' stands there twice"),
        ("rows: 256", "rows: 2026-99-99", "cannot be read .month must be in 1..12"),
    ],
)
def test_absurd_presets_are_refused(tmp_path: Path, find: str, replace: str, message: str) -> None:
    path = tmp_path / "absurd.yaml"
    path.write_text(GOOD.replace(find, replace))
    with pytest.raises(HardwareError, match=message):
        load_preset(path)


@pytest.mark.parametrize("name", ["My machine", "ws_8x8_8kB_8Bpc", "os_4x4_1_1_1kb_4bpc_serial"])
def test_a_file_that_is_called_as_another_machine_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.yaml"
    path.write_text(GOOD)
    with pytest.raises(HardwareError, match="by which tables name the machine"):
        load_preset(path)


def test_powers_of_ten_are_numbers(tmp_path: Path) -> None:
    """YAML 1.1, which PyYAML speaks, takes 7e2 for a text."""
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.replace("clock_mhz: 700", "clock_mhz: 7e2"))
    assert load_preset(path).clock_hz == 700e6


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_largest_machine_has_no_double(resource: str) -> None:
    largest = parse_hardware_id("os_4096x4096_1048576kB_1048576Bpc")
    assert doubled(largest, resource) is None
    assert doubled(parse_hardware_id("os_2048x2048_524288kB_524288Bpc"), resource) is not None


def test_unequal_buffers_need_a_name() -> None:
    with pytest.raises(HardwareError, match="no name"):
        Hardware("ws", 8, 8, 1, 2, 3)
    assert Hardware("ws", 8, 8, 1, 2, 3, name="mine").id == "mine"


@given(
    st.sampled_from(DATAFLOWS),
    st.tuples(*[st.integers(1, 300)] * 2),
    st.tuples(*[st.integers(1, 64)] * 3),
    st.none() | st.integers(1, 512),
    st.booleans(),
)
def test_the_name_of_a_design_is_a_machine(dataflow, array, sram_kb, bandwidth, pipelined):
    """What `best.csv` calls a design names the same machine everywhere else."""
    space = DesignSpace((array[0],), (array[1],), (sram_kb,), (bandwidth,), (dataflow,))
    machine = space.machine(dataflow, *array, sram_kb, bandwidth, pipelined)
    assert find_hardware(machine.id) == machine


@pytest.mark.parametrize("text", ["os_4x4_1_1kb_4bpc_serial", "os_4x4_1_1_1kb_0bpc_serial", "x"])
def test_what_only_looks_like_a_design_is_refused(text):
    with pytest.raises(HardwareError, match="unknown hardware"):
        find_hardware(text)
