"""How a quantised network is run and what it is compared with."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from float_networks import FLAVOURS, NetworkBuilder, classifier, images
from onnx import helper
from ptq_networks import fidelity, minmax_ranges, prepared_classifier, quantized_by

from edgeint8.errors import DataError, ModelError
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.evidence.evaluation import evaluate
from edgeint8.quant.evidence.sensitivity import layer_groups
from edgeint8.quant.graph import (
    float_nodes,
    initializer_values,
)
from edgeint8.quant.ort.unsigned import unsigned_twin
from edgeint8.quant.ptq import (
    Strategy,
    calibrate,
    optimised_graph,
    prepare_model,
    quantize,
    run_onnx,
)
from edgeint8.quant.session import cpu_flags, has_exact_u8s8

network = pytest.fixture(scope="module")(prepared_classifier)
calibration = pytest.fixture(scope="module")(minmax_ranges)


def test_dynamic_runs_image_by_image_and_lists_its_float_nodes(network: onnx.ModelProto) -> None:
    quantized = quantize(network, None, Strategy("dynamic", dynamic=True))
    operators = {node.op_type for node in quantized.executable.graph.node}
    assert {"ConvInteger", "DynamicQuantizeLinear"} <= operators
    assert quantized.batch == 1
    assert fidelity(network, quantized) > 28
    assert {"relu_a", "pool", "relu_b", "average"} <= set(quantized.float_nodes)
    assert "batch 1" in quantized.note
    inputs = images(8)
    alone = run_onnx(quantized.executable, inputs, batch=1)["dense_out"]
    together = run_onnx(quantized.executable, inputs, batch=8)["dense_out"]
    assert not np.array_equal(alone, together)


# --- QDQ ------------------------------------------------------------------------------------------


def test_qdq_and_its_optimised_graph_are_the_same_arithmetic(
    network: onnx.ModelProto, calibration: Calibration
) -> None:
    quantized = quantize(network, calibration, Strategy("s", format="qdq"))
    assert {n.op_type for n in quantized.model.graph.node} >= {"Conv", "DequantizeLinear"}
    assert float_nodes(quantized.executable) == ()
    inputs = images(50, seed=5)
    integer = run_onnx(quantized.executable, inputs)["dense_out"]
    for level in ("extended", "all"):
        outputs = run_onnx(quantized.model, inputs, optimization=level)["dense_out"]
        assert np.array_equal(outputs, integer)
    again = optimised_graph(quantized.model)
    assert again.SerializeToString() == quantized.executable.SerializeToString()


def test_signed_qdq_residual_networks_become_integer() -> None:
    # without session.qdqisint8allowed ONNX Runtime leaves int8 additions float on x86
    net = NetworkBuilder()
    branch = net.conv(3, 4)
    net.conv(4, 4)
    net.add("Add", branch, name="sum")
    net.conv(4, 4)
    quantized = quantized_by(net.model(rank=4), symmetric=True, format="qdq")
    assert quantized.float_nodes == ()
    assert "QLinearAdd" in {node.op_type for node in quantized.executable.graph.node}


# --- the unsigned twin ----------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", FLAVOURS, ids=lambda s: s.name)
def test_evaluation_is_bit_identical_to_the_reference_level(
    network: onnx.ModelProto, calibration: Calibration, strategy: Strategy
) -> None:
    quantized = quantize(network, calibration, strategy)
    inputs = {"input": 3 * images(200, seed=11)["input"]}  # saturates often
    reference = run_onnx(quantized.executable, inputs, optimization="extended")["dense_out"]
    assert np.array_equal(evaluate(quantized.executable, inputs)["dense_out"], reference)
    twin = unsigned_twin(quantized.executable)
    assert (twin is not None) == strategy.symmetric
    if twin is not None and has_exact_u8s8(cpu_flags()):
        assert np.array_equal(run_onnx(twin, inputs)["dense_out"], reference)
    if twin is not None:
        values = initializer_values(twin)
        zeros = [values[n.input[2]] for n in twin.graph.node if n.op_type == "QLinearConv"]
        assert all(zero.dtype == np.uint8 and zero == 128 for zero in zeros)


def test_no_twin_where_a_float_expression_holds_the_zero_point(network: onnx.ModelProto) -> None:
    net = NetworkBuilder()
    branch = net.conv(3, 4)
    net.conv(4, 4)
    net.add("Add", branch, name="sum")
    quantized = quantized_by(net.model(rank=4), symmetric=True)
    assert "QLinearAdd" in {node.op_type for node in quantized.executable.graph.node}
    assert unsigned_twin(quantized.executable) is None
    assert unsigned_twin(network) is None
    inputs = images(20)
    reference = run_onnx(quantized.executable, inputs)["sum_out"]
    assert np.array_equal(evaluate(quantized.executable, inputs)["sum_out"], reference)


# --- processors -----------------------------------------------------------------------------------


def test_exactness_follows_the_cpu_flags(tmp_path: Path) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text("processor : 0\nflags\t\t: fpu avx2 avx512_vnni\n")
    assert has_exact_u8s8(cpu_flags(listing))
    listing.write_text("processor : 0\nflags\t\t: fpu avx2 avx512f\n")
    assert not has_exact_u8s8(cpu_flags(listing))
    assert cpu_flags(tmp_path / "absent") == frozenset()
    assert not has_exact_u8s8(frozenset())


def test_run_onnx_refuses_inputs_that_do_not_fit(network: onnx.ModelProto, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data for input"):
        run_onnx(network, {"x": np.zeros((1, 3, 8, 8), np.float32)})
    with pytest.raises(DataError, match="rows"):
        run_onnx(network, {"input": np.zeros((0, 3, 8, 8), np.float32)})
    with pytest.raises(DataError, match="batch 0"):
        run_onnx(network, images(2), batch=0)
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        run_onnx(tmp_path / "broken.onnx", images(1))


def test_an_output_without_a_row_a_sample_is_left_out_but_the_first() -> None:
    """A scalar and a transposed output beside scores; five images in pieces of two."""
    model = classifier()
    add = model.graph.node.add
    add().CopyFrom(helper.make_node("ReduceSum", ["dense_out"], ["total"], keepdims=0))
    add().CopyFrom(helper.make_node("Transpose", ["dense_out"], ["turned"], perm=[1, 0]))
    add().CopyFrom(helper.make_node("Neg", ["dense_out"], ["negative"]))
    more = [onnx.ValueInfoProto(name=name) for name in ("total", "turned", "negative")]
    model.graph.output.extend(more)
    outputs = run_onnx(model, images(5), batch=2)
    assert set(outputs) == {"dense_out", "negative"}
    np.testing.assert_array_equal(outputs["negative"], -outputs["dense_out"])
    del model.graph.output[0]
    with pytest.raises(ValueError, match="zero-dimensional"):
        run_onnx(model, images(5), batch=2)


def test_a_layer_that_was_kept_float_runs_in_float() -> None:
    """ONNX Runtime would quantise the weights of a layer between Q and DQ; nothing asked it to."""
    model = prepare_model(classifier())
    calibration = calibrate(model, images(16), "minmax")
    kept = layer_groups(model)["conv_b"]
    for form in ("qoperator", "qdq"):
        strategy = Strategy("s", per_channel=False, format=form)
        executable = quantize(model, calibration, strategy, exclude=kept).executable
        assert [n.op_type for n in executable.graph.node].count("Conv") == 1
        plain = run_onnx(executable, images(8), optimization="disable")
        optimised = run_onnx(executable, images(8), optimization="extended")
        np.testing.assert_array_equal(optimised["dense_out"], plain["dense_out"])


def test_fixed_batch_sizes_are_obeyed() -> None:
    model = classifier()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
    assert run_onnx(model, images(8))["dense_out"].shape == (8, 10)
    with pytest.raises(DataError, match="batch size of 4"):
        run_onnx(model, images(6))


def test_prepare_refuses_what_cannot_run() -> None:
    model = classifier()
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(ModelError, match="NoSuchOperator"):
        prepare_model(model)
    del model.opset_import[:]
    with pytest.raises(ModelError, match="operator sets"):
        prepare_model(model)
