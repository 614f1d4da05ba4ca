"""Whole networks and random layers through the machine in RTL: to the bit and to the cycle."""

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
from bins import BINS, bins_of
from onnx import TensorProto, helper, numpy_helper
from random_layers import MANY, SMALL_MACHINES, run_random_layers, scales_of

from edgeint8.arch.cost.physical import layer_cost
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.conventions import Row
from edgeint8.errors import HardwareError, ModelError
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.runtimes.known import ORT, TFLM
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.rtl import simulator
from edgeint8.rtl.compare import check_layers, run_network
from edgeint8.rtl.image import image_of, with_input
from edgeint8.rtl.layer import SCHEMES
from edgeint8.rtl.network import rtl_layers
from edgeint8.rtl.rows import BOUND, MACHINE, SCALESIM, as_arch_layer, below_the_machine, rtl_rows
from edgeint8.rtl.simulator import Simulated, build, parameters, simulate
from edgeint8.scale_sim.account.account_bytes import byte_rungs
from edgeint8.scale_sim.account.account_cycles import CYCLE_TERMS, cycle_rungs
from edgeint8.scale_sim.simulator.cache import simulate_cached
from edgeint8.tables.contents import TABLES
from edgeint8.tables.files import framed
from edgeint8.tables.part_c import SCALESIM_TERMS

ROOT = Path(__file__).parents[2]
REQUIRED = os.environ.get("EDGEINT8_REQUIRE_ALL") == "1"
needs_verilator = pytest.mark.skipif(
    not simulator.available() and not REQUIRED, reason="verilator is not installed"
)
WS = Hardware("ws", 4, 3, 8, 8, 8, 1, pipelined_folds=True, name="ws_small")
OS = Hardware("os", 3, 4, 8, 8, 8, 1, pipelined_folds=True, name="os_small")
IS = Hardware("is", 4, 3, 8, 8, 8, 1, pipelined_folds=True, name="is_small")
MACHINES = [
    (WS, Scheme.ORT_FLOAT32, ORT),
    (OS, Scheme.GEMMLOWP, ORT),
    (IS, Scheme.GEMMLOWP, TFLM),
]
NAMES = ["ws_ort", "os_gemmlowp", "is_tflm"]


def constants(seed: int) -> dict[str, np.generic | np.ndarray]:
    """Weights, biases, scales and zero-points of `network`."""
    rng = np.random.default_rng(seed)
    return {
        "xs": np.float32(0.05), "xz": np.uint8(119), "one": np.float32(0.02), "zero": np.int8(0),
        "w1": rng.integers(-127, 128, (6, 3, 3, 3)).astype(np.int8),
        "s1": (0.002 * rng.uniform(0.5, 2, 6)).astype(np.float32), "z6": np.zeros(6, np.int8),
        "b1": rng.integers(-900, 900, 6).astype(np.int32),
        "y1s": np.float32(0.03), "y1z": np.uint8(101),
        "w2": rng.integers(-127, 128, (5, 6, 2, 2)).astype(np.int8),
        "s2": (0.002 * rng.uniform(0.5, 2, 5)).astype(np.float32), "z5": np.zeros(5, np.int8),
        "b2": rng.integers(-900, 900, 5).astype(np.int32),
        "y2s": np.float32(0.05), "y2z": np.uint8(7),
        "w3": rng.integers(-127, 128, (4, 45)).astype(np.int8),
        "b3": rng.integers(-900, 900, 4).astype(np.int32),
        "y3s": np.float32(0.2), "y3z": np.uint8(128),
        "y4s": np.float32(0.04), "y4z": np.uint8(3),
    }  # fmt: skip


def network(seed: int = 0, average: bool = False) -> onnx.ModelProto:
    """Quantize, two convolutions with a pool between them, Flatten, QGemm, Dequantize.

    In front of the Flatten stands a pool of single pixels, or the mean over the image.
    """
    tensors = constants(seed)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["q"], "quantize"),
        helper.make_node(
            "QLinearConv",
            ["q", "xs", "xz", "w1", "s1", "z6", "y1s", "y1z", "b1"],
            ["c1"],
            "conv1",
            pads=[1, 1, 1, 1],
        ),
        helper.make_node("MaxPool", ["c1"], ["p1"], "pool", kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node(
            "QLinearConv",
            ["p1", "y1s", "y1z", "w2", "s2", "z5", "y2s", "y2z", "b2"],
            ["c2"],
            "conv2",
            pads=[0, 0, 1, 1],
            strides=[1, 1],
        ),
        helper.make_node("MaxPool", ["c2"], ["p2"], "pool2", kernel_shape=[1, 1]),
        helper.make_node("Flatten", ["p2"], ["f"], "flatten"),
        helper.make_node(
            "QGemm",
            ["f", "y2s", "y2z", "w3", "one", "zero", "b3", "y3s", "y3z"],
            ["g"],
            "fc",
            domain="com.microsoft",
            transB=1,
        ),
        helper.make_node("DequantizeLinear", ["g", "y3s", "y3z"], ["y"], "dequantize"),
    ]
    if average:
        nodes[4] = helper.make_node(
            "QLinearGlobalAveragePool",
            ["c2", "y2s", "y2z", "y4s", "y4z"],
            ["p2"],
            "mean",
            domain="com.microsoft",
        )
        nodes[6].input[1:3] = ["y4s", "y4z"]
        tensors["w3"] = tensors["w3"][:, :5]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 7, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets)


@needs_verilator
@pytest.mark.parametrize(("hardware", "scheme", "runtime"), MACHINES, ids=NAMES)
def test_a_mean_over_the_image_runs_in_the_machine(
    hardware: Hardware, scheme: Scheme, runtime: Runtime
) -> None:
    """Cycle for cycle, on parallel folds and serial ones; both ends of the code range are met."""
    for scale, machine in ((3, hardware), (200, replace(hardware, pipelined_folds=False))):
        inputs = np.random.default_rng(1).normal(0, scale, (2, 3, 7, 8)).astype(np.float32)
        checks = run_network(network(average=True), inputs, machine, scheme, runtime=runtime)
        assert [check.layer.name for check in checks][3:] == ["mean", "fc"]
        for row in rtl_rows("net", "given", machine, scheme, checks):
            assert row["mismatches"] == 0, row["first_mismatch"]
            hold_accounts(row)


@needs_verilator
@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.value)
def test_a_network_runs_in_every_scheme(scheme: Scheme) -> None:
    inputs = np.random.default_rng(3).normal(0, 3, (3, 3, 7, 8)).astype(np.float32)
    for average in (False, True):
        checks = run_network(network(average=average), inputs, WS, scheme)
        assert sum(check.mismatches for check in checks) == 0


@needs_verilator
@pytest.mark.parametrize(("hardware", "scheme", "runtime"), MACHINES, ids=NAMES)
def test_a_network_runs_from_codes_to_codes(
    hardware: Hardware, scheme: Scheme, runtime: Runtime
) -> None:
    inputs = np.random.default_rng(1).normal(0, 3, (3, 3, 7, 8)).astype(np.float32)
    checks = run_network(network(), inputs, hardware, scheme, runtime=runtime)
    assert [check.layer.name for check in checks] == ["conv1", "pool", "conv2", "pool2", "fc"]
    rows = rtl_rows("net", "given", hardware, scheme, checks)
    assert list(framed(TABLES["rtl"], rows)["layer"]) == [check.layer.name for check in checks]
    for row, check in zip(rows, checks, strict=True):
        assert row["mismatches"] == 0 and row["first_mismatch"] == "" and row["words"] > 0
        assert row["rtl_dram_bytes"] == row["dram_bytes"]
        hold_accounts(row)
        if row["scalesim_cycles"] is not None and hardware.dataflow == "ws":
            shape = as_arch_layer(check.layer).shape
            assert row["scalesim_cycles"] == simulate_layer(shape, hardware)


def hold_accounts(row: Row) -> None:
    """RTL over the machine to computing, from it to the bound and SCALE-Sim: no remainder."""
    assert row["rtl_cycles"] == row["machine_cycles"] == sum(row[name] for name in MACHINE)
    assert row["machine_cycles"] >= row["bound_cycles"]
    assert row["bound_cycles"] == row["compute_cycles"] + sum(row[name] for name in BOUND)
    assert min(row[name] for name in (*MACHINE, *BOUND)) >= 0
    if row["scalesim_cycles"] is not None:
        assert row["scalesim_cycles"] == row["bound_cycles"] + sum(row[name] for name in SCALESIM)


def simulate_layer(shape: LayerShape | None, hardware: Hardware) -> int:
    """Cycles of one layer by SCALE-Sim itself."""
    assert shape is not None
    with TemporaryDirectory() as cache:
        reports = simulate_cached(shape, hardware, cache).reports
    assert reports is not None
    return reports.compute.total_cycles


def test_columns_are_the_ladders() -> None:
    """The table names the terms that the account has, in its order."""
    assert tuple(f"scalesim_{term}_cycles" for term in SCALESIM_TERMS) == SCALESIM
    conv = Layer("conv", "conv", LayerShape(6, 6, 3, 3, 4, 8, 1, 1), 1, 144, 288, 128, "test")
    machine = parse_hardware_id("ws_4x4_8kB_1Bpc")
    rungs = cycle_rungs(conv, machine, byte_rungs(conv, machine, layer_cost(conv, machine)))
    assert tuple(rung.term for rung in rungs[1:]) == CYCLE_TERMS


def test_accounts_add_up_on_every_dataflow() -> None:
    """Without a simulator: the bound from computing, SCALE-Sim from the bound; padding is named."""
    layer = rtl_layers(network(), {"x": np.zeros((1, 3, 7, 8), np.float32)})[0][0]
    for name in ("ws_4x3_8kB_1Bpc", "os_3x4_8kB_2Bpc", "is_4x4_8kB_16Bpc", "ws_8x8_8kB_unlimited"):
        machine = parse_hardware_id(name)
        bound = layer_cost(as_arch_layer(layer), machine)
        row = below_the_machine(as_arch_layer(layer), bound, machine)
        assert bound.cycles == bound.compute.total + sum(row[name] for name in BOUND)
        assert row["scalesim_cycles"] == bound.cycles + sum(row[name] for name in SCALESIM)


def test_the_layer_of_the_cost_model_keeps_its_pads() -> None:
    """conv1 pads one on each side, conv2 one row and one column at the end; 2x2 taps, 1 apart."""
    layers = rtl_layers(network(), {"x": np.zeros((1, 3, 7, 8), np.float32)})[0]
    first, second = as_arch_layer(layers[0]), as_arch_layer(layers[2])
    assert (first.pads, first.input_hw) == ((1, 1, 1, 1), (7, 8))
    assert (second.pads, second.input_hw) == ((0, 0, 1, 1), (3, 3))
    assert first.dilation == (1, 1) and first.shape == LayerShape(9, 10, 3, 3, 3, 6, 1, 1)


def hold_random_layers(
    count: int, seed: int, hardware: Hardware, scheme: Scheme, runtime: Runtime = ORT
) -> set[str]:
    """Run random layers; the bins of `bins.py` that they hit."""
    met: set[str] = set()
    for one in run_random_layers(count, seed, hardware, scheme, runtime):
        case = one.layer.loops, one.engine
        assert one.mismatches == 0, case
        assert one.rtl_cycles == one.image.runs[0].cycles, case
        assert one.rtl_dram_bytes == one.image.runs[0].program.dram_bytes, case
        met |= bins_of(one.layer, one.image, one.engine, scales_of(one.layer, scheme), one.acc)
    return met


@needs_verilator
@pytest.mark.parametrize(("hardware", "scheme", "runtime"), MACHINES, ids=NAMES)
def test_random_layers_to_the_bit_and_to_the_cycle(
    hardware: Hardware, scheme: Scheme, runtime: Runtime
) -> None:
    """Strides, padding, dilation, groups, every loop order, buses from 1 byte to unlimited."""
    assert set(BINS) - hold_random_layers(30, 7, hardware, scheme, runtime) == set()


def test_the_document_lists_every_bin() -> None:
    text = (ROOT / "docs/rtl.md").read_text(encoding="utf-8").split("**Coverage.**")[1]
    listed = text.split("\n\n")[0].replace("\n", " ")
    assert [name for name in BINS if name not in listed] == []


@needs_verilator
@pytest.mark.slow
@pytest.mark.parametrize(("hardware", "scheme", "runtime"), SMALL_MACHINES)
def test_many_random_layers(hardware: Hardware, scheme: Scheme, runtime: Runtime) -> None:
    """What `benchmarks/rtl_runs.py` counts, and every bin of `bins.py`."""
    met = hold_random_layers(MANY, hardware.cols, hardware, scheme, runtime)
    assert set(BINS) - met == set()


@needs_verilator
def test_a_flipped_bit_is_found_and_named() -> None:
    """In DRAM's weights, in the width of the sums: layer, index, expected and got."""
    inputs = np.random.default_rng(2).normal(0, 3, (1, 3, 7, 8)).astype(np.float32)
    layers, known = rtl_layers(network(), {"x": inputs})
    image = image_of(layers, known["q"][0], WS, Scheme.ORT_FLOAT32)
    built = build(WS, Scheme.ORT_FLOAT32)
    at = known["q"][0].size  # the first weight
    image.dram[at] ^= 0x40
    checks = check_layers(layers, [known], [image], [simulate(built, image)])
    assert checks[0].mismatches > 0 and "index (" in checks[0].first
    assert "expected" in checks[0].first and "got" in checks[0].first
    image.dram[at] ^= 0x40
    narrow = build(WS, Scheme.ORT_FLOAT32, sum_bits=12)
    checks = check_layers(layers, [known], [image], [simulate(narrow, image)])
    assert checks[0].mismatches > 0 and checks[0].first


def test_an_image_that_takes_other_cycles_is_seen() -> None:
    """Of three images the second; the third has another input in the same DRAM."""
    first, other = np.random.default_rng(2).normal(0, 3, (2, 1, 3, 7, 8)).astype(np.float32)
    layers, known = rtl_layers(network(), {"x": first})
    image = image_of(layers, known["q"][0], WS, Scheme.ORT_FLOAT32)
    cycles = tuple(run.cycles for run in image.runs)
    moved = tuple((run.program.dram_bytes, 0, 0, 0, 0, 0) for run in image.runs)
    late = (cycles[0], cycles[1] + 5, *cycles[2:])
    runs = [Simulated(each, moved, image.dram) for each in (cycles, late, cycles)]
    checks = check_layers(layers, [known] * 3, [image] * 3, runs)
    assert tuple(check.rtl_cycles for check in checks) == late
    codes = rtl_layers(network(), {"x": other})[1]["q"][0]
    whole = image_of(layers, codes, WS, Scheme.ORT_FLOAT32)
    np.testing.assert_array_equal(with_input(image, codes).dram, whole.dram)


def test_what_the_machine_has_not_is_named() -> None:
    model = network()
    model.graph.node[4].op_type = "Relu"
    del model.graph.node[4].attribute[:]
    with pytest.raises(ModelError, match="Relu is not in the machine"):
        rtl_layers(model, {"x": np.zeros((1, 3, 7, 8), np.float32)})
    with pytest.raises(ModelError, match="no requantiser"):
        rtl_layers(network(), {}, Scheme.FLOAT64)
    with pytest.raises(ModelError, match="no requantiser for ort_float32"):
        rtl_layers(network(), {}, Scheme.ORT_FLOAT32, TFLM)
    with pytest.raises(HardwareError, match="additions and averages of litert_ref"):
        parameters(WS, Scheme.GEMMLOWP, runtime="litert_ref")
    with pytest.raises(HardwareError, match="saturate_tile on an os array"):
        parameters(OS, Scheme.ORT_FLOAT32, saturate=True)


@needs_verilator
def test_large_arrays_are_not_built_unasked() -> None:
    with pytest.raises(HardwareError, match="takes long"):
        build(parse_hardware_id("ws_64x64_64kB_1Bpc"), Scheme.ORT_FLOAT32)
