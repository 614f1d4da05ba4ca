"""The INT8 arena of a network against what tflite-micro itself allocates for its tensors."""

import re

import pytest
from quantized_networks import network
from tflite_micro.python.tflite_micro import runtime
from tflite_models import KINDS, random_model

from edgeint8.arch.network.fusion import fold
from edgeint8.arch.network.memory import memory
from edgeint8.arch.network.onnx_layers import layers_from_onnx
from edgeint8.inputs import tflite_memory
from edgeint8.models.networks.ds_cnn import DSCNN
from edgeint8.models.networks.registry import MODELS
from edgeint8.tflite.convert.convert import convert
from edgeint8.tflite.export.export import export_tflite
from edgeint8.tflite.file.reader import read_tflite
from edgeint8.tflite.file.writer import write_tflite

WITHIN = 0.05
NETWORKS = {**MODELS, "ds_cnn": DSCNN}
SHAPES = {"signal_cnn_1d": (1, 128), "ds_cnn": (1, 49, 10)}
ALLOCATED = re.compile(r"Arena allocation head (\d+) bytes")


def allocated(data, capfd):
    """The head of tflite-micro's arena: what the tensors of a run take."""
    interpreter = runtime.Interpreter.from_bytes(data, arena_size=1 << 21)
    interpreter.print_allocations()
    (found,) = map(int, ALLOCATED.findall("".join(capfd.readouterr())))
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_the_arena_is_what_tflite_micro_allocates(name, capfd, tmp_path):
    """Of the graph about as much, of the file every byte."""
    model, _ = network(NETWORKS[name], SHAPES.get(name, (3, 32, 32)), "asym_channel")
    data = write_tflite(export_tflite(model).model)
    head, source = allocated(data, capfd), read_tflite(data)
    found = memory(fold(layers_from_onnx(convert(source).model)))
    assert found.arena_bytes == pytest.approx(head, rel=WITHIN)
    assert found.live_bytes <= head
    stored = sum(t.data.nbytes for t in source.tensors if t.data is not None)
    assert stored <= found.flash_bytes <= 1.15 * stored  # scales and zero-points come on top
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    of_file = tflite_memory(path)
    assert (of_file.arena_bytes, of_file.flash_bytes) == (head, stored)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "RELU_N1_TO_1"])
def test_the_arena_of_one_operator_is_exact(kind, capfd, tmp_path):
    path = tmp_path / "one.tflite"
    for seed in range(5):
        path.write_bytes(random_model(kind, seed)[0])
        assert tflite_memory(path).arena_bytes == allocated(path.read_bytes(), capfd), seed


def test_a_resize_is_one_operator_whatever_its_body_holds():
    """Two transposes at the ends of the file, one operator between them, nothing unknown."""
    layers = layers_from_onnx(convert(read_tflite(random_model("RESIZE_BILINEAR", 5)[0])).model)
    assert [layer.name for layer in layers if layer.writes][1:-1] == ["QLinearResizeBilinear_0"]
    assert not any(layer.unknown for layer in layers)
