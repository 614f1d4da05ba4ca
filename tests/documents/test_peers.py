"""What peers.py sends to ZigZag is the same layer on the same machine; answers are matched."""

import importlib
import math
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def peers():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module("peers")


def test_both_sides_get_the_same_work(peers) -> None:
    found = peers.peers()
    assert len({(peer.name, peer.form) for peer in found}) == len(found) == 10
    for peer in found:
        (workload,) = peer.request()["workload"]
        assert math.prod(workload["loop_sizes"]) == peer.layer.macs, peer
        assert len(workload["loop_dims"]) == len(workload["loop_sizes"])
    forms = {peer.form: peer.layer for peer in found if peer.name == "16-channel conv"}
    assert forms["matrix product"].macs == forms["convolution"].macs == 2_359_296
    assert forms["matrix product"].ifmap_bytes == 9 * forms["convolution"].ifmap_bytes


def test_both_sides_get_the_same_machine(peers) -> None:
    machine = peers.accelerator()
    assert machine["operational_array"]["sizes"] == [16, 16]
    memories = machine["memories"]
    assert list(memories) == [
        *("weights", "sums", "ifmap_sram", "filter_sram", "ofmap_sram", "dram"),
    ]  # from the array outwards, as ZigZag reads them
    for name in ("ifmap_sram", "filter_sram", "ofmap_sram"):
        assert memories[name]["size"] == 64 * 1024 * 8
    (dram,) = memories["dram"]["ports"]
    assert dram["bandwidth_max"] == 8 * 3 * 16 and dram["type"] == "read_write"
    assert memories["weights"]["size"] == 16  # two weights: one in use, one arriving
    ways = [way for port in memories["sums"]["ports"] for way in port["allocation"]]
    assert ways == ["O, tl", "O, th", "O, fh", "O, fl"]


def test_an_answer_is_matched_quantity_by_quantity(peers) -> None:
    peer = next(peer for peer in peers.peers() if peer.form == "convolution")
    down, up = "read_down", "written_from_below"
    answer = {
        "cycles": 9560.0,
        "elements": {
            "I": [{down: 147_456.0}, {down: 16_384.0}],
            "W": [{down: 2304.0}, {down: 2304.0}, {down: 4608.0}],
            "O": [{up: 0.0}, {up: 147_456.0}, {up: 16_384.0}],
        },
    }
    rows = {row["quantity"]: row for row in peers.compared(peer, answer)}
    assert rows["cycles"]["ours"] == 9_264 and rows["cycles"]["ratio"] == 9_264 / 9_560
    assert rows["filter DRAM reads"]["ratio"] == 0.5 and "prime" in rows["filter DRAM reads"]["why"]
    equal = [name for name, row in rows.items() if row["why"] == "agrees"]
    assert equal == [
        *("ifmap SRAM reads", "filter SRAM reads", "sums into the ofmap SRAM"),
        *("ifmap DRAM reads", "ofmap DRAM writes"),
    ]


def test_the_kept_comparison_is_of_this_model(peers) -> None:
    """Our side of the kept CSV is what the model says today."""
    kept = pd.read_csv(ROOT / "docs/data/benchmarks/peers.csv")
    for peer in peers.peers():
        mine = kept[(kept["layer"] == peer.name) & (kept["form"] == peer.form)]
        assert len(mine) == 7
        ours = mine.set_index("quantity")["ours"]
        cost = peers.layer_cost(peer.layer, peers.HARDWARE)
        assert ours["cycles"] == cost.cycles and ours["ifmap DRAM reads"] == cost.ifmap_bytes
