"""The planned executor: the outputs of ONNX Runtime, tolerance 0, for any number of images."""

import tracemalloc

import numpy as np
import onnx
import pytest
from quantized_networks import STRATEGIES, network
from random_graphs import add_or_mul, conv, max_pool, pointwise, random_graph

from edgeint8.errors import ModelError
from edgeint8.fixed_point.executor import Executor, as_feeds
from edgeint8.fixed_point.fast.fast import FastExecutor
from edgeint8.fixed_point.fast.fast_kernels import finish_row
from edgeint8.models.networks.ds_cnn import DSCNN
from edgeint8.models.networks.mobilenet_v1 import MobileNetV1
from edgeint8.models.networks.resnet8 import ResNet8
from edgeint8.models.networks.signal_cnn_1d import SignalCNN1D
from edgeint8.models.networks.tiny_cnn_2d import TinyCNN2D
from edgeint8.quant.session import make_session

NETWORKS = [SignalCNN1D, TinyCNN2D, ResNet8, DSCNN, MobileNetV1]


def ort_outputs(model, feeds):
    """Outputs by name."""
    session = make_session(model, optimization="extended")
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def assert_same(got, want):
    """Same names, types and elements."""
    assert set(got) == set(want)
    for name in want:
        assert got[name].dtype == want[name].dtype
        np.testing.assert_array_equal(got[name], want[name])
        np.testing.assert_array_equal(np.signbit(got[name]), np.signbit(want[name]))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("build", NETWORKS)
def test_outputs_equal_ort(build, strategy):
    """11 images leave a remainder for every batch size up to 8 but 1."""
    model, _ = network(build, build.input_shape, strategy)
    rng = np.random.default_rng(3)
    images = rng.normal(scale=1.5, size=(11, *build.input_shape)).astype(np.float32)
    feeds = as_feeds(model, images)
    assert_same(FastExecutor(model).run(feeds), ort_outputs(model, feeds))


@pytest.mark.parametrize("batch", [1, 2, 3, 16])
def test_the_batch_size_changes_nothing(batch):
    model, images = network(TinyCNN2D, TinyCNN2D.input_shape, "asym_channel")
    feeds = as_feeds(model, images)
    executor = FastExecutor(model, batch)
    want = ort_outputs(model, feeds)
    assert_same(executor.run(feeds), want)
    assert_same(executor.run(feeds), want)  # a plan that was used leaves no trace in its memory


def test_150_random_graphs_equal_ort():
    slabs = 0
    for seed in range(150):
        model, feeds = random_graph(seed)
        executor = FastExecutor(model, batch=2)
        assert_same(executor.run(feeds), ort_outputs(model, feeds))
        slabs += sum(len(plan.slabs) for plan in executor._plans.values())
    assert slabs > 450  # the fast forms were used, not only the ordinary operators


@pytest.mark.parametrize("steps", [(conv,), (conv, max_pool), (conv, pointwise, add_or_mul)])
def test_wide_convolutions_equal_ort(steps):
    """Channels enough for products by kernel row, with dilation, strides and pools behind."""
    for seed in range(100):
        model, feeds = random_graph(seed, most_channels=48, steps=steps)
        assert_same(FastExecutor(model).run(feeds), ort_outputs(model, feeds))


def test_ties_go_to_even():
    """Random graphs hardly ever meet a tie; half of these sums are one, times a power of two."""
    totals = np.array([1, 2, 3, 5, -1, -3, -5, 300], np.float32)
    out = np.empty_like(totals)
    finish_row(totals, np.zeros(8, np.float32), np.full(8, 0.5, np.float32), -128.0, 127.0, out)
    assert out.tolist() == [0, 1, 2, 2, 0, -2, -2, 127]


def test_every_layer_of_the_cnn_has_a_fast_form():
    """Three fused convolutions, input, pool, Gemm and output: seven steps, none ordinary."""
    model, images = network(TinyCNN2D, TinyCNN2D.input_shape, "asym_channel")
    executor = FastExecutor(model, batch=4)
    executor.run(as_feeds(model, images[:4]))
    (plan,) = executor._plans.values()
    assert len(plan.steps) == 7
    assert not [step for step in plan.steps if "_ordinary" in step.__qualname__]


def scale_weights(model, factor):
    """Raise every convolution bias, so that sums leave float32's exact range."""
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT32 and len(tensor.dims) == 1:
            values = onnx.numpy_helper.to_array(tensor).astype(np.int64) * factor
            bias = np.clip(values, -(2**30), 2**30).astype(np.int32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(bias, tensor.name))
    return model


def test_sums_beyond_float32_are_left_to_the_exact_operator():
    model, images = network(ResNet8, ResNet8.input_shape, "asym_tensor")
    large = onnx.ModelProto()
    large.CopyFrom(model)
    scale_weights(large, 2**16 + 1)
    feeds = as_feeds(large, images)
    executor = FastExecutor(large)
    assert_same(executor.run(feeds), ort_outputs(large, feeds))
    (plan, *_) = executor._plans.values()
    assert [step for step in plan.steps if "_ordinary" in step.__qualname__]


def test_memory_does_not_grow_with_the_number_of_images():
    model, _ = network(SignalCNN1D, SignalCNN1D.input_shape, "asym_channel")
    peaks = []
    for count in (200, 2000):
        feeds = as_feeds(model, np.zeros((count, *SignalCNN1D.input_shape), np.float32))
        executor = FastExecutor(model)
        executor.run({name: value[:8] for name, value in feeds.items()})
        tracemalloc.start()
        executor.run(feeds)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2000 * 400  # outputs and their list, nothing inside the network


def test_dynamic_quantisation_is_refused():
    node = onnx.helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"], "dynamic")
    graph = onnx.helper.make_graph(
        [node],
        "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n"])],
        [onnx.ValueInfoProto(name="y")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    with pytest.raises(ModelError, match="whole batch @ node dynamic"):
        FastExecutor(model)


def test_inputs_are_named():
    model, images = network(SignalCNN1D, SignalCNN1D.input_shape, "asym_channel")
    with pytest.raises(ModelError, match="no input"):
        FastExecutor(model).run({"wrong": images})
    assert Executor(model).graph.inputs == ("input",)
