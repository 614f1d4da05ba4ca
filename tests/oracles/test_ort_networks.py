"""Published networks with random weights: every tensor of the executor against ONNX Runtime."""

import math

import numpy as np
import pytest
from quantized_networks import STRATEGIES, network

from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import as_feeds
from edgeint8.models.ds_cnn import DSCNN
from edgeint8.models.mobilenet_v1 import MobileNetV1
from edgeint8.models.resnet8 import ResNet8
from edgeint8.models.torchvision_import import import_torchvision
from edgeint8.quant import ort_witness

TINY = {"resnet8": ResNet8, "ds_cnn": DSCNN, "mobilenet_v1": MobileNetV1}
# published: parameters with folded BatchNorm, multiply-accumulates
PUBLISHED = {
    "resnet8": (77_706, 12_501_632),
    "ds_cnn": (22_604, 2_656_768),
    "mobilenet_v1": (210_850, 7_489_664),
}


def folded_counts(module, shape):
    """Parameters and MACs of the convolutions and Gemms, a bias for each output channel."""
    import torch

    totals = [0, 0]

    def hook(layer, _, output):
        weights = layer.weight.numel()
        totals[0] += weights + output.shape[1]
        totals[1] += weights * math.prod(output.shape[2:])

    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(hook)
    module.eval()(torch.zeros(1, *shape))
    return tuple(totals)


@pytest.mark.parametrize("name", TINY)
def test_mlperf_tiny_sizes_are_the_published_ones(name):
    assert folded_counts(TINY[name](), TINY[name].input_shape) == PUBLISHED[name]


@pytest.mark.parametrize("qdq", [False, True], ids=["qoperator", "qdq"])
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", TINY)
def test_mlperf_tiny_equals_ort(name, strategy, qdq):
    build = TINY[name]
    model, _ = network(build, build.input_shape, strategy, qdq)
    assert_equal(model, build.input_shape, images=4)


def assert_equal(model, shape, images):
    """No mismatch in any tensor on images that also leave the calibrated range."""
    rng = np.random.default_rng(11)
    feeds = as_feeds(model, rng.normal(scale=1.5, size=(images, *shape)).astype(np.float32))
    result = compare_model(model, ort_witness.batches(model, feeds))
    assert result.mismatches == 0, result.row()
    assert len(result.tensors) == sum(len(node.output) for node in model.graph.node)


def torchvision_network(name):
    """A builder without pretrained weights."""
    models = import_torchvision().models
    return lambda: getattr(models, name)(weights=None)


@pytest.mark.parametrize(
    "name, strategy, qdq",
    [
        ("mobilenet_v2", "asym_channel", False),
        ("mobilenet_v2", "sym_tensor", True),
        ("resnet18", "asym_tensor", False),
        ("resnet18", "sym_channel", True),
    ],
)
def test_torchvision_equals_ort(name, strategy, qdq):
    model, _ = network(torchvision_network(name), (3, 64, 64), strategy, qdq)
    assert_equal(model, (3, 64, 64), images=2)
