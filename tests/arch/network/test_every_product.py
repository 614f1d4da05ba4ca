"""Every product of a network counts, whatever operator it hides in and whoever saved the file."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.quantization import QuantType, quantize_dynamic
from product_networks import CASES, INT64, bodies, network, node, value, weights

from edgeint8.arch.network.graph import NetworkInputs
from edgeint8.arch.network.onnx_layers import layers_from_onnx
from edgeint8.arch.network.totals import mac_count

LEVELS = ("BASIC", "EXTENDED", "LAYOUT", "ALL")


def saved(model: onnx.ModelProto, level: str, path: Path) -> onnx.ModelProto:
    """What ONNX Runtime makes of a model at this optimisation level."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(
        onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}"
    )
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(model.SerializeToString(), options)
    return onnx.load(path)


@pytest.mark.parametrize(("name", "model", "macs"), CASES, ids=[case[0] for case in CASES])
def test_macs_are_those_worked_out_by_hand_at_every_level(name, model, macs, tmp_path) -> None:
    for level in (None, *LEVELS):
        changed = saved(model, level, tmp_path / f"{level}.onnx") if level else model
        count = mac_count(layers_from_onnx(changed))
        assert (count.mapped, count.unmapped, count.unknown) == (macs, 0, ()), (name, level)


def test_blocked_channels_are_not_counted(tmp_path: Path) -> None:
    """Six and then five channels: blocks of 8 or 16 hold more, of which nothing is work."""
    nodes = [
        node("Conv", ["x", "a"], ["c"], pads=[1] * 4),
        node("Relu", ["c"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["p", "b"], ["y"]),
    ]
    model = network(nodes, [value("x", [1, 3, 8, 8])], weights(a=(12, 3, 3, 3), b=(5, 12, 3, 3)))
    changed = saved(model, "ALL", tmp_path / "m.onnx")
    if not any(n.domain == "com.microsoft.nchwc" for n in changed.graph.node):
        pytest.skip("ONNX Runtime has no blocked layout on this processor")
    found = layers_from_onnx(changed)
    assert [layer.macs for layer in found if layer.macs] == [64 * 12 * 27, 4 * 5 * 108]


def test_integer_forms_count_the_same(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", ["x", "a"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "b"], ["y"]),
    ]
    model = network(nodes, [value("x", ["N", 16])], weights(a=(16, 24), b=(24, 4)))
    onnx.save(model, tmp_path / "f.onnx")
    quantize_dynamic(tmp_path / "f.onnx", tmp_path / "q.onnx", weight_type=QuantType.QInt8)
    dynamic = onnx.load(tmp_path / "q.onnx")
    for level in (None, *LEVELS):
        changed = saved(dynamic, level, tmp_path / f"{level}.onnx") if level else dynamic
        assert mac_count(layers_from_onnx(changed)).mapped == 16 * 24 + 24 * 4, level


def test_the_larger_branch_is_named() -> None:
    model = next(model for name, model, _ in bodies() if name == "branch")
    products = [layer for layer in layers_from_onnx(model) if layer.macs]
    assert all("the larger branch (else: 512 MACs)" in layer.note for layer in products)
    assert [layer.name for layer in products] == ["choose/else/matmul_0", "choose/else/matmul_1"]


def test_trips_that_data_decide_are_incomplete() -> None:
    model = next(model for name, model, _ in bodies() if name == "loop")
    model = onnx.ModelProto.FromString(model.SerializeToString())
    kept = [tensor for tensor in model.graph.initializer if tensor.name != "n"]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    model.graph.input.append(value("n", [], INT64))
    count = mac_count(layers_from_onnx(model))
    assert not count.complete and count.mapped == 256 and "inner" in count.unknown[0]
    fixed = NetworkInputs(constants={"n": 7})
    assert mac_count(layers_from_onnx(model, inputs=fixed)).mapped == 7 * 256


def test_an_operator_that_nobody_knows_makes_totals_incomplete() -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["a"], name="known"),
        node("Mystery", ["a", "w"], ["b"], domain="com.microsoft", name="mystery"),
        node("Relu", ["b"], ["y"], name="relu"),
    ]
    count = mac_count(layers_from_onnx(network(nodes, [value("x", [1, 16])], weights(w=(16, 16)))))
    assert count.mapped == 256 and count.unknown == ("mystery",)
    assert count.warning == "incomplete: unknown work in mystery"


def test_little_that_is_not_mapped_is_complete() -> None:
    """1e4 of 1e6 MACs without a mapping are under 5 %; of 1e5 they are not."""
    for large, complete in ((100, True), (10, False)):
        nodes = [
            node("MatMul", ["x", "w"], ["y"]),
            node("Conv", ["z", "k"], ["v"], name="four"),
        ]
        inputs = [value("x", [large, 100]), value("z", [1, 1, 10, 10, 10, 10])]
        stored = {**weights(w=(100, 100)), "k": np.zeros((1, 1, 1, 1, 1, 1), np.float32)}
        count = mac_count(layers_from_onnx(network(nodes, inputs, stored, ("y", "v"))))
        assert (count.mapped, count.unmapped) == (10_000 * large, 10_000)
        assert count.complete == complete


def test_recurrent_weights_stay_while_the_steps_wait() -> None:
    model = next(model for name, model, _ in CASES if name == "LSTM")
    inputs, steps = (layer for layer in layers_from_onnx(model) if layer.macs)
    assert (inputs.repeats, inputs.steps, steps.repeats, steps.steps) == (2, 1, 2, 10)
    assert inputs.shape is not None and steps.shape is not None
    assert (inputs.shape.output_pixels, steps.shape.output_pixels) == (10, 1)
    assert steps.filter_bytes == 2 * 48 * 12


def test_a_sum_inside_a_convolution_is_read(tmp_path: Path) -> None:
    """FusedConv adds a second tensor: it is an edge and traffic, not work."""
    fused = node(
        "FusedConv", ["x", "w", "b", "z"], ["y"], domain="com.microsoft", activation="Relu"
    )
    inputs = [value("x", [1, 4, 6, 6]), value("z", [1, 4, 6, 6])]
    model = network([fused], inputs, weights(w=(4, 4, 1, 1), b=(4,)))
    (layer,) = layers_from_onnx(model)
    assert [tensor.name for tensor in layer.reads] == ["x", "z"]
    assert (layer.added_bytes, layer.macs) == (144, 36 * 16)


def test_another_batch_axis() -> None:
    model = next(model for name, model, _ in CASES if name == "LSTM")
    model = onnx.ModelProto.FromString(model.SerializeToString())
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "N"
    macs = mac_count(layers_from_onnx(model, inputs=NetworkInputs(batch_axis=1))).mapped
    assert macs == 2 * 10 * 48 * 20
