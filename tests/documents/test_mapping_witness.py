"""What mapping_witness.py sends is the chosen mapping: walked, it moves what the model counts."""

import importlib
import sys
from collections import Counter
from itertools import product
from math import prod
from pathlib import Path

import pytest
import yaml
from mapping_walk import (
    Loader,
    Walk,
    accelforge_walk,
    loops_of,
    storages,
    timeloop_walk,
    walked,
)

from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.errors import DataError, ModelError
from edgeint8.tables.files import read_table

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs/data/benchmarks/mapping_witness.csv"


@pytest.fixture(scope="module")
def witness():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module("mapping_witness")


@pytest.fixture(scope="module")
def every(witness):
    return witness.cases()


def small(dataflow: str, edge: int, window: int, channels: int, filters: int, stride: int = 1):
    """A layer that 1 KiB an operand cannot hold, on 4x4, nested."""
    shape = LayerShape.from_output((edge, edge), (window, window), channels, filters, (stride,) * 2)
    sizes = (
        shape.ifmap_h * shape.ifmap_w * channels,
        shape.window * filters,
        shape.output_pixels * filters,
    )
    hardware = Hardware(dataflow, 4, 4, 1, 1, 1, 16, pipelined_folds=True, name="small")
    nest = importlib.import_module("mapping_nest")
    return nest.nest_of(Layer("layer", "conv", shape, 1, *sizes, "test"), hardware)


# (edge, window, channels, filters, stride): other orders and buffers each, and all tiles divide.
SMALL = (
    *((4, 1, 4, 32, 1), (12, 1, 8, 16, 1), (4, 3, 4, 32, 1), (8, 3, 4, 4, 2)),
    *((6, 3, 8, 8, 2), (8, 3, 16, 8, 1)),
)
small_nests = pytest.mark.parametrize(
    ("dataflow", "sizes"), list(product(("ws", "os"), SMALL)), ids=str
)


def check(walk: Walk, nest, witness) -> None:
    """The walk moves what the model counts; without spilled sums."""
    ours = witness.ours(nest)
    extents = {name: cut.extent for name, cut in nest.cuts.items()}
    found = walked(walk, extents, (nest.loops.stride_h, nest.loops.stride_w))
    assert found["macs"] == nest.layer.macs
    assert found["ifmap DRAM"] == ours["ifmap DRAM reads"]
    assert found["filter DRAM"] == ours["filter DRAM reads"]
    assert found["ofmap DRAM"] == ours["ofmap DRAM writes"]
    for name, way in (("ifmap", "reads"), ("filter", "reads"), ("ofmap", "writes")):
        assert found[f"{name} SRAM"] == ours[f"{name} SRAM {way}"], name


# AccelForge ---------------------------------------------------------------------------------


@small_nests
def test_accelforge_gets_loops_that_move_what_the_model_counts(dataflow, sizes, witness) -> None:
    nest = small(dataflow, *sizes)
    check(accelforge_walk(nest, witness.mapping_accelforge.mapping(nest)), nest, witness)


def tiles(cut) -> list[int]:
    return [len(range(cut.extent)[at : at + cut.tile]) for at in range(0, cut.extent, cut.tile)]


def test_means_keep_trips_and_folds_whole(witness, every) -> None:
    """On the real layers, where little divides: every tile and every fold, counted one by one."""
    for _, nest in every:
        hardware, cuts = nest.hardware, nest.cuts
        lanes = {"ws": "csr", "os": "pq"}[hardware.dataflow]
        assert all(cut.extent / cut.mean_tile == len(tiles(cut)) for cut in cuts.values())
        columns = sum(len(range(0, size, hardware.cols)) for size in tiles(cuts["m"]))
        assert cuts["m"].extent / cuts["m"].mean_fold == columns
        places = product(*(tiles(cuts[name]) for name in lanes))
        rows = sum(len(range(0, prod(place), hardware.rows)) for place in places)
        assert prod(cuts[name].extent / cuts[name].mean_fold for name in lanes) == rows
        assert prod(cuts[name].mean_fold for name in lanes) <= hardware.rows


def test_accelforge_gets_the_machine_and_its_constants(witness, every) -> None:
    nest = every[0][1]
    energy = {"mac": 5.0, "ifmap": 2.0, "filter": 3.0, "ofmap": 4.0, "dram": 7.0, "cycle": 11.0}
    case = witness.mapping_accelforge.case(nest, energy)
    nodes = yaml.load(case["arch"], Loader)["arch"]["nodes"]
    by_name = {node["name"]: node for node in nodes}
    assert next(iter(by_name)) == "DRAM" and list(by_name)[-3:] == ["PE", "cell", "MAC"]
    assert (
        by_name["DRAM"]["leak_power"] == 11 and by_name["ofmap_sram"]["actions"][0]["energy"] == 16
    )
    assert [axis["fanout"] for axis in by_name["PE"]["spatial"]] == [16, 16]
    (einsum,) = yaml.safe_load(case["workload"])["workload"]["einsums"]
    assert einsum["tensor_accesses"][0]["projection"] == {
        "C": "c",
        "H": "1 * p + r",
        "X": "1 * q + s",
    }


# Timeloop -----------------------------------------------------------------------------------


def timeloop_parts(nest, witness) -> tuple[dict, list[dict]]:
    """Its memories and its mapping."""
    timeloop = witness.mapping_timeloop
    return storages(timeloop.architecture(nest)), timeloop.mapping(nest)


@small_nests
def test_timeloop_gets_loops_that_move_what_the_model_counts(dataflow, sizes, witness) -> None:
    nest = small(dataflow, *sizes)
    assert witness.mapping_timeloop.exact(nest)
    check(timeloop_walk(*timeloop_parts(nest, witness)), nest, witness)


def test_timeloop_s_own_checks_pass(witness, every) -> None:
    """Factors of a loop are the digits of its extent, lanes fit the mesh, names are letters."""
    for _, nest in every:
        problem = witness.mapping_timeloop.problem(nest)
        extents = {name: problem["instance"][name] for name in problem["shape"]["dimensions"]}
        assert all(len(name) == 1 for name in extents)
        assert prod(extents.values()) == nest.layer.macs
        loops = list(loops_of(*timeloop_parts(nest, witness)))
        reached = dict.fromkeys(extents, 0)
        for _, _, name, size, last in reversed(loops):
            reached[name] = reached[name] * size + last - 1
        assert {name: value + 1 for name, value in reached.items()} == extents
        lanes = [loop for loop in loops if loop[1] == "spatial"]
        assert {level for level, *_ in lanes} == {"folds"}
        assert lanes[0][2] == "M" and lanes[0][3] <= nest.hardware.cols  # `split: 1`: one on X
        assert prod(size for *_, size, _ in lanes[1:]) <= nest.hardware.rows


def test_timeloop_gets_memories_that_it_knows(witness, every) -> None:
    for _, nest in every[:2]:
        memories = storages(witness.mapping_timeloop.architecture(nest))
        assert next(iter(memories)) == "DRAM" and list(memories)[-2:] == ["folds", "cell"]
        for attributes, instances in memories.values():
            assert attributes["width"] % attributes["datawidth"] == 0
            assert instances % attributes.get("meshX", 1) == 0
        assert memories["folds"][1] == 1 and memories["cell"][1] == 256
        kept: Counter = Counter()
        for one in witness.mapping_timeloop.mapping(nest):
            assert one["target"] in memories
            kept.update(one.get("keep", ()))
            if one["type"] == "bypass":
                assert sorted(one["keep"] + one["bypass"]) == ["Inputs", "Outputs", "Weights"]
        stationary = {"ws": "Weights", "os": "Outputs"}[nest.hardware.dataflow]
        assert kept == Counter(dict.fromkeys(("Inputs", "Outputs", "Weights"), 2)) + Counter(
            [stationary]
        )


def test_timeloop_gets_our_constants_a_word(witness, every, tmp_path) -> None:
    """The last part of a name finds the level; a sum has four bytes; picojoules."""
    nest = every[0][1]
    energy = witness.prices(nest.hardware)
    witness.mapping_timeloop.write(nest, energy, tmp_path)
    table = yaml.safe_load((tmp_path / "ERT.yaml").read_text())["ERT"]
    assert table["version"] == 0.3
    found = {
        one["name"].rsplit(".", 1)[1]: {
            action["name"]: action["energy"] for action in one["actions"]
        }
        for one in table["tables"]
    }
    memories = storages(
        yaml.safe_load((tmp_path / "architecture.yaml").read_text())["architecture"]
    )
    assert set(found) == {*memories, "mac"}
    assert found["ofmap_sram"]["read"] == pytest.approx(4 * energy["ofmap"] / 1000)
    assert found["DRAM"]["write"] == pytest.approx(energy["dram"] / 1000)
    assert found["mac"] == {"compute": pytest.approx(energy["mac"] / 1000)}


STATS = """
=== ofmap_sram ===

    STATS
    -----
    Cycles               : 9
    Outputs:
        Utilized instances (max)                 : 1
        Scalar reads (per-instance)              : 30
        Scalar fills (per-instance)              : 10
        Scalar updates (per-instance)            : 40
        Energy (total)                           : 800.00 pJ
=== DRAM ===
    Inputs:
        Utilized instances (max)                 : 2
        Scalar reads (per-instance)              : 7
Summary Stats
-------------
Cycles: 1234
Energy: 0.5 uJ
"""


def test_timeloop_s_statistics_are_read(witness) -> None:
    found = witness.mapping_timeloop.read_stats(STATS)
    assert found["ofmap SRAM reads"] == 30 and found["ofmap SRAM writes"] == 50
    assert found["ifmap DRAM reads"] == 14 and found["filter DRAM reads"] == 0
    assert found["cycles, the bound"] == 1234 and found[witness.ENERGY] == 0.5e9
    with pytest.raises(DataError, match="no cycles"):
        witness.mapping_timeloop.read_stats("=== DRAM ===")


def test_timeloop_is_run_on_the_four_files_or_says_why_not(witness, every, tmp_path) -> None:
    """A stand-in for the program: it wants four files that are there, and a folder after -o."""
    timeloop, program, folder = (
        witness.mapping_timeloop,
        tmp_path / "timeloop-model",
        tmp_path / "in",
    )
    (tmp_path / "stats").write_text(STATS)
    program.write_text(
        f'#!/bin/sh\ncat "$1" "$2" "$3" "$4" && cp {tmp_path}/stats "$6/{program.name}.stats.txt"\n'
    )
    program.chmod(0o755)
    nest = every[0][1]
    timeloop.write(nest, witness.prices(nest.hardware), folder)
    assert timeloop.run(str(program), folder)["ofmap SRAM reads"] == 30
    program.write_text("#!/bin/sh\necho 'ERROR: product of all factors'; exit 1\n")
    with pytest.raises(DataError, match=r"refused the mapping: .*product of all factors"):
        timeloop.run(str(program), folder)


# The comparison -----------------------------------------------------------------------------


def test_layers_that_have_no_nest_are_refused(witness) -> None:
    shape = LayerShape.from_output((4, 4), (3, 3), 4, 4)
    layer = Layer(
        "padded", "conv", shape, 1, 64, 144, 64, "test", pads=(1, 1, 1, 1), input_hw=(4, 4)
    )
    nest = importlib.import_module("mapping_nest")
    with pytest.raises(ModelError, match="no nest"):
        nest.nest_of(layer, witness.HARDWARE[0])
    with pytest.raises(ModelError, match="dataflow is"):
        nest.nest_of(layer, Hardware("is", 4, 4, 1, 1, 1, 16, name="other"))


def test_energy_is_its_prices(witness, every) -> None:
    """The constants that are sent are those of the model: they give its energy back.

    This layer fills 16 rows and 16 columns in every fold, so no lane is idle.
    """
    network, nest = every[2]
    assert (network, nest.layer.name) == ("resnet8", "stack1_conv1")
    ours, price = witness.ours(nest), witness.prices(nest.hardware)
    everything = ours[witness.ENERGY] + ours[witness.TILED] * price["cycle"]
    assert everything == pytest.approx(ours[witness.ALL_ENERGY], rel=1e-9)


def test_an_answer_is_matched_quantity_by_quantity(witness, every) -> None:
    nest = every[2][1]  # resnet8 stack1_conv1 on ws: nothing is tiled
    ours = witness.ours(nest)
    moved = {
        "DRAM.I.read": ours["ifmap DRAM reads"] - 1,
        "ifmap_sram.I.read": ours["ifmap SRAM reads"],
        "ofmap_sram.O.write": ours["ofmap SRAM writes"],
    }
    static = 9216 * witness.prices(nest.hardware)["cycle"]
    answer = {"moved": moved, "cycles": 9216.0}
    answer |= {"dynamic_fj": ours[witness.ENERGY], "static_fj": static}
    found = witness.rows(("resnet8", nest), "accelforge", witness.of_accelforge(answer))
    cause = {row["quantity"]: row["cause"] for row in found}
    assert cause["ifmap SRAM reads"] == cause["ofmap SRAM writes"] == "equal"
    assert cause["ifmap DRAM reads"] == "not_explained"  # no stride skips a row here
    assert cause[witness.BOUND] == "no_fill_or_drain"  # 9 folds of 32 x 32 pixels
    assert cause[witness.ENERGY] == "equal" and cause[witness.ALL_ENERGY] == "other_cycles"
    assert cause["ofmap SRAM reads"] == "not_explained"
    assert "ofmap DRAM reads" not in cause  # nothing on both sides


def test_the_kept_comparison_holds_and_is_of_this_model(witness, every) -> None:
    kept = read_table(KEPT)
    named = {name for cause in kept["cause"] for name in cause.split("+")}
    assert named <= set(witness.CAUSES) - {"not_explained"}
    counts = kept[kept["unit"] == "elements"]
    assert (counts["cause"] == "equal").mean() >= 0.95
    assert len(kept[["workload", "layer"]].drop_duplicates()) >= 12
    energy = kept[kept["quantity"] == witness.ENERGY]
    apart = (energy["ratio"] - 1).abs() > 0.03
    assert set(energy[apart]["cause"]) <= {"lines_between_windows"} and apart.mean() <= 0.05
    indexed = kept.set_index(["workload", "layer", "hardware", "quantity"])["ours"]
    for network, nest in every:
        for quantity, value in witness.ours(nest).items():
            if value and "energy" not in quantity:  # constants are those of the day it was kept
                here = (network, nest.layer.name, nest.hardware.id, quantity)
                assert indexed[here] == value, here
