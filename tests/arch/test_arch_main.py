"""The quick way in, from file to text, and the presets that it offers."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from edgeint8.arch.__main__ import main
from edgeint8.arch.cost.physical import Options, network_cost
from edgeint8.arch.machine.hardware import load_preset, parse_hardware_id
from edgeint8.arch.network.inputs import find_hardware, read_layers
from edgeint8.arch.questions.advice import changes
from edgeint8.arch.questions.summary import network_totals, summary
from edgeint8.data import HARDWARE
from edgeint8.errors import HardwareError, ModelError

PRESETS = sorted(HARDWARE.glob("*.yaml"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Conv 3x3 (16 -> 16, 32x32, pad 1), Relu, GlobalAveragePool; free batch and side."""
    weight = numpy_helper.from_array(np.zeros((16, 16, 3, 3), np.float32), "weight")
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["input", "weight"], ["sum"], name="conv", pads=[1] * 4),
            helper.make_node("Relu", ["sum"], ["relu"], name="relu"),
            helper.make_node("GlobalAveragePool", ["relu"], ["output"], name="pool"),
        ],
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 16, "side", 32])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 16, 1, 1])],
        [weight],
    )
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


SHAPE = "input=1,16,32,32"


def test_totals_by_hand(model: Path) -> None:
    """9,630 serial lines of ws 16x16, as SCALE-Sim has them; the ReLU is folded, the pool moves."""
    layers = read_layers(str(model), [SHAPE])
    hardware = parse_hardware_id("ws_16x16_64kB_unlimited")
    totals = network_totals(network_cost(layers, hardware), hardware)
    assert totals.cycles == 9_630 and totals.macs == 2_359_296
    assert totals.milliseconds == pytest.approx(9_630 / 1e9 * 1e3)
    assert totals.frames_per_second == pytest.approx(1e9 / 9_630)
    assert totals.peak_activation_bytes == 2 * 16_384
    conv, pool = 16_384 + 2_304 + 16_384, 16_384 + 16
    assert totals.dram_bytes == conv + pool
    assert totals.energy_mj[0] < totals.energy_mj[1] < totals.energy_mj[2]


def test_text_has_layers_bounds_totals_and_advice(model: Path, capsys) -> None:
    assert main([str(model), "--hardware", "gemmini", "--shape", SHAPE, "--no-fused"]) == 0
    text = capsys.readouterr().out
    for part in (
        *("gemmini: ws, 16x16", "conv", "relu", "pool", "time by cause:", "cycles ", " fps"),
        *("mJ an inference", "peak activation SRAM   32,768 bytes", "advice, each change alone:"),
        *("fusing pools and element-wise layers", "(tile by tile "),
    ):
        assert part in text
    assert main([str(model), "--shape", SHAPE, "--on-chip"]) == 0
    fused = capsys.readouterr().out
    assert "conv+relu+pool" in fused and "fused and on_chip" in fused
    assert "fusing pools" not in fused


def test_same_text_twice(model: Path) -> None:
    layers = read_layers(str(model), [SHAPE])
    hardware = find_hardware("tpu_v1")
    assert summary(layers, hardware, Options()) == summary(layers, hardware, Options())


def test_advice_is_what_was_tried(model: Path) -> None:
    """Every sentence carries the cycles of the changed machine; small savings are left out."""
    layers = read_layers(str(model), [SHAPE])
    found = changes(layers, parse_hardware_id("ws_16x16_64kB_1Bpc"), Options())
    assert [c.cycles_saved for c in found] == sorted((c.cycles_saved for c in found), reverse=True)
    assert all(max(c.cycles_saved, c.bytes_saved) >= 0.02 for c in found)
    double = next(c for c in found if c.what == "twice the DRAM bandwidth")
    faster = network_cost(layers, parse_hardware_id("ws_16x16_64kB_2Bpc"))
    assert double.cycles_then == sum(cost.cycles for cost in faster)
    assert f"{double.cycles_then:,} cycles" in double.sentence


def test_nothing_to_advise(tmp_path: Path) -> None:
    """One MAC on one element: no change helps, and the text says so."""
    path = tmp_path / "one.csv"
    path.write_text("Layer name,M,N,K,\none,1,1,1,\n")
    hardware = parse_hardware_id("os_1x1_64kB_unlimited")
    assert "no single change" in summary(read_layers(str(path)), hardware, Options())


def test_a_topology_is_accepted(tmp_path: Path, capsys) -> None:
    path = tmp_path / "net.csv"
    path.write_text(
        "Layer name,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,"
        "Strides,\nconv,34,34,3,3,16,16,1,\n"
    )
    assert main([str(path), "--hardware", "ws_16x16_64kB_unlimited"]) == 0
    assert "9,630" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.onnx"], "file does not exist @ missing.onnx"),
        (["{model}"], "--shape|shape|dim"),
        (["{model}", "--shape", "input=a"], "shape 'input=a' @ --shape"),
        (["{model}", "--shape", SHAPE, "--hardware", "gemini"], "unknown hardware 'gemini'"),
        (["{model}", "--shape", SHAPE, "--hardware", "no.yaml"], "cannot be read"),
        (["{text}"], "not a readable ONNX model"),
        (["{empty}"], "."),
        (
            ["{model}", "--shape", SHAPE, "--hardware", "ws_0x4_8kB_1Bpc"],
            "unknown hardware 'ws_0x4",
        ),
    ],
)
def test_errors_are_one_line_and_status_2(model, tmp_path, capsys, arguments, message) -> None:
    (tmp_path / "text.onnx").write_text("not a network")
    (tmp_path / "empty.csv").write_text("Layer name,M,N,K,\n")
    names = {"model": model, "text": tmp_path / "text.onnx", "empty": tmp_path / "empty.csv"}
    assert main([argument.format(**names) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    assert any(part in lines[0] for part in message.split("|"))


def test_a_network_without_products_is_refused(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
    )
    path = tmp_path / "relu.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    with pytest.raises(ModelError, match="no layer runs on the array"):
        read_layers(str(path))


def test_command_is_quick_and_needs_neither_torch_nor_snakemake(model: Path) -> None:
    code = (
        "import sys; from edgeint8.arch.__main__ import main; "
        f"status = main([{str(model)!r}, '--shape', {SHAPE!r}]); "
        "heavy = {'torch', 'snakemake', 'numba', 'scalesim', 'onnxruntime'} & set(sys.modules); "
        "assert not heavy, heavy; sys.exit(status)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "advice" in done.stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 10


# ---------------------------------------------------------------- presets


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_presets_load_and_state_their_source(path: Path, model: Path, capsys) -> None:
    hardware = load_preset(path)
    entries = yaml.safe_load(path.read_text())
    assert hardware.id == path.stem and hardware == find_hardware(path.stem)
    assert len(entries["source"]) > 60 and len(entries["note"]) > 60
    assert main([str(model), "--shape", SHAPE, "--hardware", str(path)]) == 0
    assert hardware.id in capsys.readouterr().out


def test_seven_machines_are_there() -> None:
    assert {path.stem for path in PRESETS} >= {
        *("gemmini", "tpu_v1", "nvdla_small", "nvdla_large", "eyeriss_like"),
        *("ethos_u55_256_like", "cortex_m_like"),
    }


def test_presets_have_their_published_sizes() -> None:
    """TPU v1 65,536 MACs at 700 MHz, 92 TOPS; NVDLA 2,048 at 1 GHz."""
    tpu, nvdla = find_hardware("tpu_v1"), find_hardware("nvdla_large")
    assert tpu.processing_elements == 65_536
    assert 2 * tpu.processing_elements * tpu.clock_hz == pytest.approx(92e12, rel=0.01)
    assert nvdla.processing_elements == 2_048 and sum(nvdla.sram_kb[:2]) == 512
    assert find_hardware("eyeriss_like").processing_elements == 168


def test_unknown_hardware_lists_what_there_is() -> None:
    with pytest.raises(HardwareError, match=r"gemmini.*tpu_v1.*ws_16x16"):
        find_hardware("gemmini2")
