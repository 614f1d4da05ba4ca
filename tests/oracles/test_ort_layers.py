"""What ORT stores and returns, against the formulas of this package."""

import numpy as np
import pytest
import torch
from onnx import numpy_helper
from quantized_networks import STRATEGIES, export, network, randomise_statistics

from edgeint8.errors import DataError
from edgeint8.fixed_point.arithmetic.graph import read_graph
from edgeint8.fixed_point.arithmetic.kernels import quantize_bias
from edgeint8.models.networks.resnet8 import ResNet8
from edgeint8.models.networks.tiny_cnn_2d import TinyCNN2D
from edgeint8.quant.ort import reference as ort_witness


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("build", [TinyCNN2D, ResNet8])
def test_biases_are_the_quantisers(build, strategy):
    """Every int32 bias of a convolution from its float bias and the two scales."""
    torch.manual_seed(0)
    original = export(randomise_statistics(build()), build.input_shape)
    floats = {t.name: numpy_helper.to_array(t) for t in original.graph.initializer}
    graph = read_graph(network(build, build.input_shape, strategy)[0])
    checked = 0
    for node in graph.nodes:
        if node.op_type != "QLinearConv" or len(node.inputs) < 9:
            continue
        real = floats[node.inputs[8].removesuffix("_quantized")]
        x_scale, w_scale = (graph.constants[node.inputs[k]] for k in (1, 4))
        got = quantize_bias(real, x_scale.item(), w_scale)
        np.testing.assert_array_equal(got, graph.constants[node.inputs[8]])
        checked += len(real)
    assert checked >= 200


def test_the_witness_returns_every_tensor_in_pieces():
    model, images = network(TinyCNN2D, TinyCNN2D.input_shape, "asym_channel")
    feeds = {"input": images}
    whole = ort_witness.all_tensors(model, feeds)
    assert set(whole) == {name for node in model.graph.node for name in node.output}
    pieces = list(ort_witness.batches(model, feeds, batch=5))
    assert [len(part["input"]) for part, _ in pieces] == [5, 5, 5, 1]
    for name, value in whole.items():
        joined = np.concatenate([tensors[name] for _, tensors in pieces])
        np.testing.assert_array_equal(joined, value)


def test_the_witness_holds_few_images_of_a_large_network():
    tensors = {"a": np.zeros((1, 20 << 20), np.uint8), "b": np.zeros((1, 4), np.float32)}
    assert ort_witness._images_that_fit(tensors) == 3
    assert ort_witness._images_that_fit({"b": tensors["b"]}) == 50


def test_the_witness_refuses_ragged_inputs():
    model, images = network(TinyCNN2D, TinyCNN2D.input_shape, "asym_channel")
    with pytest.raises(DataError):
        next(ort_witness.batches(model, {"input": images, "other": images[:3]}))
