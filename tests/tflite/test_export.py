"""Own networks as .tflite files: codes are kept, every runtime takes them, every tensor equals."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as official
from onnx import helper, numpy_helper
from quantized_networks import STRATEGIES, network
from tflite_models import KINDS, random_model

from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.graph import read_graph
from edgeint8.fixed_point.executor import ALL_TENSORS, Executor
from edgeint8.models.networks.ds_cnn import DSCNN
from edgeint8.models.networks.registry import MODELS
from edgeint8.tflite.convert.convert import convert
from edgeint8.tflite.export.export import export_tflite
from edgeint8.tflite.export.exporter import as_int8
from edgeint8.tflite.file.reader import read_tflite
from edgeint8.tflite.file.writer import write_tflite
from edgeint8.tflite.verify import verify_tflite


def strided():
    """Borders that TFLite has no word for: a stride of 2 with 1 all around; a flattened image."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(3, stride=2, padding=1),
        torch.nn.Conv2d(8, 12, 3, padding=1, groups=2),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(48, 10),
    )


def bare():
    """No layer has a bias, which LiteRT does not take of a convolution."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, bias=False),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 8, 3, groups=8, bias=False),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(1152, 10, bias=False),
    )


NETWORKS = {**MODELS, "ds_cnn": DSCNN, "strided": strided, "bare": bare}
SHAPES = {
    "strided": (3, 16, 16),
    "bare": (3, 16, 16),
    "signal_cnn_1d": (1, 128),
    "ds_cnn": (1, 49, 10),
}


def exported(name, strategy):
    """The quantised network and its file."""
    model, _ = network(NETWORKS[name], SHAPES.get(name, (3, 32, 32)), strategy)
    return model, export_tflite(model)


def verified(file, folder, images):
    path = Path(folder) / "net.tflite"
    path.write_bytes(write_tflite(file.model))
    shape = file.model.tensors[file.model.inputs[0]].shape[1:]
    codes = np.random.default_rng(1).integers(-128, 128, (images, *shape)).astype(np.int8)
    return verify_tflite(path, codes)


def holds(report):
    """All witnesses ran, every element of every tensor is equal."""
    for result in report.runtimes:
        assert not result.refused and not result.note, result
        assert (result.witness == "none") == (result.runtime.name == "cmsis_single")
    assert report.mismatches == 0
    assert min(report.to_frame().elements[:4]) > 2_000


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("signal_cnn_1d", "asym_channel"),
        ("resnet8", "sym_tensor"),
        ("ds_cnn", "asym_tensor"),
        ("strided", "asym_channel"),
        ("bare", "asym_channel"),
    ],
)
def test_own_networks_equal_every_runtime(name, strategy, tmp_path):
    holds(verified(exported(name, strategy)[1], tmp_path, 2))


EVERY = [(name, s) for name in NETWORKS for s in STRATEGIES if name != "strided" or "asym" in s]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "strategy"), EVERY)
def test_all_own_networks_equal_every_runtime_on_fifty_images(name, strategy, tmp_path):
    report = verified(exported(name, strategy)[1], tmp_path, 50)
    holds(report)
    apart = report.pairs_frame().set_index(["first", "second"]).elements_differing
    if name == "resnet8":
        assert apart["litert_xnnpack", "tflm"] > 0 and apart["ort", "litert_ref"] > 0


@pytest.mark.parametrize("strategy", ["asym_channel", "sym_tensor"])
@pytest.mark.parametrize("name", ["signal_cnn_1d", "resnet8", "ds_cnn"])
def test_weight_and_bias_codes_are_the_network_s_own(name, strategy):
    model, file = exported(name, strategy)
    graph = read_graph(model)
    stored = {t.name: t for t in file.model.tensors if t.data is not None}
    layers = [n for n in graph.nodes if n.op_type in ("QLinearConv", "QGemm")]
    assert len(layers) > 3
    for node in layers:
        w, b = node.inputs[3], node.inputs[8 if node.op_type == "QLinearConv" else 6]
        mine, theirs = as_int8(graph.constants[w]), stored[w]
        if mine.ndim == 2:
            mine = mine if node.attribute("transB", 0) else mine.T
        elif mine.ndim == 3:
            mine = mine.transpose(0, 2, 1)[:, None]
        elif theirs.shape[0] == 1 and node.attribute("group", 1) > 1:
            mine = mine.transpose(1, 2, 3, 0)
        else:
            mine = mine.transpose(0, 2, 3, 1)
        np.testing.assert_array_equal(theirs.data, mine)
        np.testing.assert_array_equal(stored[b].data, graph.constants[b].reshape(-1))
        np.testing.assert_array_equal(
            theirs.quantization.scale, graph.constants[node.inputs[4]].reshape(-1)
        )


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_reads_back(kind):
    before = read_tflite(random_model(kind, 2)[0])
    data = write_tflite(before)
    after = read_tflite(data)
    assert (after.inputs, after.outputs) == (before.inputs, before.outputs)
    for a, b in zip(after.operators, before.operators, strict=True):
        assert (a.kind, a.inputs, a.outputs, a.options) == (b.kind, b.inputs, b.outputs, b.options)
    for a, b in zip(after.tensors, before.tensors, strict=True):
        assert (a.name, a.shape, a.type_code) == (b.name, b.shape, b.type_code)
        np.testing.assert_array_equal(a.data, b.data)
        if b.quantization is not None:
            np.testing.assert_array_equal(a.quantization.scale, b.quantization.scale)
            assert a.quantization.axis == b.quantization.axis
    theirs = official.ModelT.InitFromObj(official.Model.GetRootAsModel(data, 0))
    assert len(theirs.subgraphs[0].tensors) == len(before.tensors)
    assert all(len(b.data) > 0 for b in theirs.buffers[1:])


@pytest.mark.parametrize(
    ("name", "strategy"),
    [("signal_cnn_1d", "asym_channel"), ("resnet8", "asym_tensor"), ("strided", "asym_channel")],
)
def test_codes_of_a_file_equal_the_network_s(name, strategy):
    """With ONNX Runtime's arithmetic every tensor of the file holds the network's codes."""
    model, images = network(NETWORKS[name], SHAPES.get(name, (3, 32, 32)), strategy)
    ours = Executor(model).run({"input": images[:4]}, keep=ALL_TENSORS)
    converted = convert(read_tflite(write_tflite(export_tflite(model).model)))
    (entered,) = [each.name for each in converted.model.graph.input]
    codes = in_file(as_int8(ours[entered]))
    theirs = Executor(converted.model).run({entered: codes}, keep=ALL_TENSORS)
    compared = 0
    for view in converted.views.values():
        if view.name in ours:
            want = in_file(as_int8(ours[view.name]))
            np.testing.assert_array_equal(view.as_file(theirs[view.name]), want)
            compared += 1
    assert compared >= 5


def in_file(codes):
    """(N, C, *S) as the file has it."""
    if codes.ndim == 3:
        codes = codes[:, :, None]
    return np.ascontiguousarray(np.moveaxis(codes, 1, -1))


def test_a_border_of_signed_codes_is_refused():
    """PAD fills with the code of 0, which a maximum of negative codes would lose against."""
    with pytest.raises(ModelError, match=r"a border of this MaxPool.*MaxPool"):
        exported("strided", "sym_tensor")


def test_what_tflite_has_no_operator_for_is_named():
    node = helper.make_node("Sin", ["x"], ["y"], "wave")
    info = [helper.make_tensor_value_info(n, 1, [1, 4]) for n in "xy"]
    model = helper.make_model(helper.make_graph([node], "g", info[:1], info[1:]))
    with pytest.raises(ModelError, match=r"Sin.*wave"):
        export_tflite(model)


def test_a_float_layer_is_refused():
    w = numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], "layer")
    info = [helper.make_tensor_value_info(n, 1, [1, 1, 2, 2]) for n in "xy"]
    model = helper.make_model(helper.make_graph([node], "g", info[:1], info[1:], [w]))
    with pytest.raises(ModelError, match=r"Conv has no operator.*layer"):
        export_tflite(model)
