"""Layers of different bits on one array: the widest multiplier, narrower storage and traffic."""

import math
from dataclasses import replace

import onnx
import pytest
from float_networks import images
from varied_networks import one_dimensional

import edgeint8 as e8
from edgeint8.arch.cost.energy import count_accesses
from edgeint8.arch.cost.physical import network_cost
from edgeint8.arch.machine.constants import DRAM_PER_BYTE, LEVELS, sram_fj_per_byte
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.codesign.codesign import Evidence
from edgeint8.codesign.datapath import Datapath, datapath_cost, storage
from edgeint8.codesign.prices import weight_prices
from edgeint8.errors import ConfigError, HardwareError, ModelError
from edgeint8.quant.strategy import Budget, Strategy

SHAPE = LayerShape.from_output((8, 8), (3, 3), 4, 16)
NETWORK = (
    Layer("first+pool", "conv", SHAPE, 1, 256, 576, 1024, "QLinearConv node first_quant"),
    Layer("head", "gemm", LayerShape.from_gemm(1, 10, 16), 1, 16, 160, 10, "QGemm node head_quant"),
)
MACHINE = parse_hardware_id("ws_8x8_8kB_unlimited")
EIGHT = Datapath()
MIXED = replace(EIGHT, layer_bits=(("first", 3), ("head", 8)))


def test_weights_are_stored_layer_by_layer() -> None:
    assert storage(NETWORK, MIXED).weights == math.ceil((576 * 3 + 160 * 8) / 8)
    assert storage(NETWORK, replace(EIGHT, weight_bits=3)).weights == math.ceil(736 * 3 / 8)


@pytest.mark.parametrize("level", LEVELS)
def test_only_what_a_narrow_layer_moves_gets_cheaper(level) -> None:
    """By hand: five eighths of the first layer's weight bytes, in SRAM and from DRAM."""
    eight, mixed = (datapath_cost(NETWORK, MACHINE, path) for path in (EIGHT, MIXED))
    assert (mixed.area_mm2, mixed.cycles) == (eight.area_mm2, eight.cycles)
    first = network_cost(NETWORK, MACHINE)[0]
    touched = count_accesses(first, MACHINE).filter_port_bytes
    saved = touched * 5 // 8 * sram_fj_per_byte(8, 8, level)  # 8 columns of a byte
    saved += first.filter_bytes * 5 // 8 * round(DRAM_PER_BYTE.at(level))
    assert touched % 8 == first.filter_bytes % 8 == 0
    assert eight.energy_pj[level] - mixed.energy_pj[level] == pytest.approx(saved / 1000)


def test_a_layer_wider_than_the_multiplier_is_refused() -> None:
    with pytest.raises(HardwareError, match="6 bits in head; allowed: 2 to 4, the widest"):
        Datapath(weight_bits=4, layer_bits=(("head", 6),))


def test_prices_are_what_the_datapath_pays() -> None:
    """Another way to the same femtojoules: two datapaths that differ in the bits of one layer."""
    prices = weight_prices(NETWORK, MACHINE)
    assert list(prices.bit) == ["first", "head"]
    eight, mixed = (datapath_cost(NETWORK, MACHINE, path) for path in (EIGHT, MIXED))
    saved = (eight.energy_pj["mid"] - mixed.energy_pj["mid"]) * 1000
    assert 5 * prices.bit["first"] == pytest.approx(saved)
    macs = sum(layer.mapped_macs for layer in NETWORK)
    assert prices.widest[8] == macs * (200 + 100)  # Horowitz: 8 x 8 bits, and a 32-bit adder
    assert prices.widest[4] == macs * (round(200 * 0.5**0.989) + 100)


def test_a_strategy_with_a_budget_is_priced_by_what_it_spent() -> None:
    row = {
        "strategy": "s",
        "symmetry": "asymmetric",
        "granularity": "channel",
        "power_of_two": False,
        "weight_bits": 8,
    }
    bits = [
        {"strategy": "s", "layer": "first", "weight_bits": 3},
        {"strategy": "other", "layer": "first", "weight_bits": 5},
        {"strategy": "s", "layer": "head", "weight_bits": 8},
    ]
    evidence = Evidence([row], [], [], [], base="s", replayed=1, bits=bits)
    assert evidence.path("s").layer_bits == (("first", 3), ("head", 8))
    assert replace(evidence, bits=()).path("s").layer_bits == ()


def test_the_public_call_spends_energy_on_a_machine(tmp_path) -> None:
    """Of what eight bits cost: the share that is asked for, and less where nothing more fits."""
    path = tmp_path / "net.onnx"
    onnx.save(one_dimensional(), path)
    seen, judged = images(48, shape=(2, 40)), images(64, seed=9, shape=(2, 40))
    options = {"weight_bits": {"energy_share": 0.7}}
    found = e8.quantize(path, seen, options, holdout=judged).quantized
    bits = dict(found.strategy.layer_bits)
    assert min(bits.values()) < 8 and "weight bits: " in found.note
    wide = e8.quantize(path, seen, {"weight_bits": {"energy_share": 1}}, holdout=judged).quantized
    assert sum(dict(wide.strategy.layer_bits).values()) > sum(bits.values())
    with pytest.raises(ConfigError, match=r"a budget of 0\.1 of the cost of 8 bits"):
        e8.quantize(path, seen, {"weight_bits": {"energy_share": 0.1}}, holdout=judged)
    with pytest.raises(ModelError, match="nothing to choose by @ holdout"):
        e8.quantize(path, seen, Strategy("s", weight_bits=Budget(mean=4)))
