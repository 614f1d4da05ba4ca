"""The price of a strategy's datapath: by hand, and against what other parts say of it."""

from dataclasses import replace

import onnx
import pytest
from float_networks import FLAVOURS, classifier, images
from varied_networks import one_dimensional, varied

from edgeint8.arch.machine.constants import (
    DRAM_PER_BYTE,
    IDLE_CLOCK,
    REGISTER_BIT_CLOCK,
    mac_area_um2,
    mac_fj,
    sram_fj_per_byte,
)
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.fusion import fuse
from edgeint8.arch.network.inputs import read_layers
from edgeint8.codesign.codesign import strategy_path
from edgeint8.codesign.datapath import REQUANTIZERS, Datapath, datapath_cost
from edgeint8.codesign.strategy_prices import Bill, strategy_prices
from edgeint8.conventions import PLAIN_MACHINE
from edgeint8.errors import HardwareError
from edgeint8.fixed_point.executor import as_feeds
from edgeint8.fixed_point.studies.bit_growth import exact_widths, recommend
from edgeint8.quant.evidence.table_rows import quantization_facts
from edgeint8.quant.learn.guarantee import UNBOUNDED, sums_bits
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize

MACHINE = parse_hardware_id(PLAIN_MACHINE)
NETWORKS = {"classifier": (classifier, (3, 8, 8)), "varied": (varied, (3, 12, 12))}
NETWORKS |= {"1-D": (one_dimensional, (2, 40))}
OPTIONS = {
    "asym": {},
    "tensor": {"per_channel": False},
    "sym": {"symmetric": True},
    "sym_qdq": {"symmetric": True, "format": "qdq"},
    "pow2": {"power_of_two": True},
    "w4": {"weight_bits": 4},
    "floats": {"exclude": ("conv_b", "relu_b", "average")},
}


@pytest.fixture(scope="module")
def priced(tmp_path_factory):
    """Files, facts and prices of the classifier under all `OPTIONS`."""
    folder = tmp_path_factory.mktemp("priced")
    network = prepare_model(classifier())
    onnx.save(network, folder / "net.onnx")
    calibration = calibrate(network, images(16), "minmax")
    graphs, facts = {}, {}
    for name, options in OPTIONS.items():
        quantized = quantize(network, calibration, Strategy(name, **options))
        graphs[name] = folder / f"{name}.onnx"
        onnx.save(quantized.executable, graphs[name])
        facts[name] = quantization_facts(quantized, calibration)
    return graphs, facts, strategy_prices(folder / "net.onnx", graphs, facts)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda strategy: strategy.name)
def test_the_bound_from_constants_is_that_of_the_executor(network, flavour):
    """Part C walks the operands that it executes; this reads the graph alone."""
    make, shape = NETWORKS[network]
    prepared = prepare_model(make())
    inputs = images(8, shape=shape)
    executable = quantize(prepared, calibrate(prepared, inputs, "minmax"), flavour).executable
    widths = exact_widths(executable, as_feeds(executable, images(1, shape=shape)))
    assert sums_bits(executable) == recommend(widths, raw_codes=True).guaranteed


def test_a_product_of_two_activations_has_no_bound():
    node = onnx.helper.make_node("QLinearMatMul", list("abcdefgh"), ["y"], "product")
    graph = onnx.helper.make_graph([node], "g", [], [])
    assert sums_bits(onnx.helper.make_model(graph)) == UNBOUNDED == 32


def test_a_bill_is_that_of_the_datapath_that_the_graph_asks_for(priced):
    """Every width written out: no word of the strategy but its own."""
    graphs, _, prices = priced
    requantizers = {"pow2": "power_of_two"}
    for name in ("asym", "tensor", "sym", "pow2", "w4"):
        executable = onnx.load(graphs[name])
        path = Datapath(
            weight_bits=4 if name == "w4" else 8,
            accumulator_bits=sums_bits(executable),
            zero_point="none" if name == "sym" else "folded",
            per_channel=name != "tensor",
            requantizer=REQUANTIZERS[requantizers.get(name, "ort_float32")],
        )
        cost = datapath_cost(fuse(read_layers(graphs[name])), MACHINE, path)
        assert prices[name].bill == Bill(cost.energy_pj["mid"], cost.area_mm2)
        assert prices[name].columns["priced_on"] == PLAIN_MACHINE
    assert prices["w4"].price < prices["pow2"].price < prices["tensor"].price
    assert prices["w4"].reasons[:2] == ("4-bit weights", f"{sums_bits(executable)}-bit sums")


def test_what_onnx_runtime_leaves_in_float_costs_nothing(priced):
    """Relus and the average of symmetric QOperator graphs: hardware works on levels there."""
    _, facts, prices = priced
    assert "average" in facts["sym"]["float_nodes"]
    assert "average" not in facts["sym_qdq"]["float_nodes"]
    assert prices["sym"].price == prices["sym_qdq"].price


def test_float_layers_by_hand(priced):
    """conv_b with its Relu, 8 channels of 4x4 to 12, and the average of them: float32."""
    graphs, facts, prices = priced
    layers = read_layers(graphs["floats"])
    names = ("conv_b", "average")
    rest = [layer for layer in layers if layer.source.split()[-1] not in names]
    path = replace(
        strategy_path(facts["floats"]), accumulator_bits=sums_bits(onnx.load(graphs["floats"]))
    )
    levels = datapath_cost(fuse(rest), MACHINE, path)
    operations = 12 * 8 * 9 * 4 * 4 + 12  # products, and an element of the average
    narrow = (8 * 16 + 12 * 16) + 12 * 8 * 9  # inputs and weights, through ports of 16 bytes
    wide = 12 * 16 + 12  # outputs, through one of 16 sums
    fj = operations * mac_fj("mid", "fp32")
    fj += 8 * (narrow * sram_fj_per_byte(64, 16, "mid") + wide * sram_fj_per_byte(64, 64, "mid"))
    fj += 4 * (narrow + wide) * round(DRAM_PER_BYTE.at("mid"))
    bits = 8 + 8 + 32
    idle = round(REGISTER_BIT_CLOCK.at("mid") * bits * IDLE_CLOCK.at("mid"))
    fj += -(-operations // 16) * 256 * idle
    bill = prices["floats"].bill
    assert bill.energy_pj == pytest.approx(levels.energy_pj["mid"] + fj / 1000)
    units = 16 * mac_area_um2("mid", "fp32") / 1e6
    assert bill.area_mm2 == pytest.approx(levels.area_mm2 + units)
    assert prices["floats"].price > prices["asym"].price


def test_the_order_does_not_depend_on_what_1_is():
    one, two = Bill(8.0, 1.0), Bill(2.0, 5.0)
    for plain in (Bill(1.0, 1.0), Bill(100.0, 0.01)):
        assert one.relative_to(plain) / two.relative_to(plain) == pytest.approx(0.8**0.5)
    assert one.relative_to(one) == 1.0


def test_bits_that_were_spent_are_stored_so(priced):
    graphs, facts, _ = priced
    network = graphs["asym"].parent / "net.onnx"
    alone = {"asym": facts["asym"]}
    spent = [{"strategy": "asym", "layer": "conv_b", "weight_bits": 2}]
    narrow = strategy_prices(network, graphs, alone, spent)["asym"].bill
    whole = strategy_prices(network, graphs, alone)["asym"].bill
    assert narrow.area_mm2 == whole.area_mm2 and narrow.energy_pj < whole.energy_pj


def test_nothing_to_price_and_what_does_not_fit(priced, monkeypatch):
    graphs, facts, _ = priced
    network = graphs["asym"].parent / "net.onnx"
    assert strategy_prices(network, {}, facts) == {}
    monkeypatch.setattr("edgeint8.codesign.strategy_prices.PLAIN_MACHINE", "ws_4x4_1kB_unlimited")
    monkeypatch.setattr("edgeint8.arch.cost.physical.KIB", 1)
    with pytest.raises(HardwareError, match="cannot hold layer"):
        strategy_prices(network, graphs, facts)
