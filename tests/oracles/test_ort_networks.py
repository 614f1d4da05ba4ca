"""Published networks with random weights: every tensor of the executor against ONNX Runtime."""

import math

import numpy as np
import pytest
import torch
from quantized_networks import STRATEGIES, network

from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import as_feeds
from edgeint8.models.networks.ds_cnn import DSCNN
from edgeint8.models.networks.mobilenet_v1 import MobileNetV1
from edgeint8.models.networks.resnet8 import ResNet8
from edgeint8.models.networks.torchvision_import import import_torchvision
from edgeint8.quant.ort import reference as ort_witness

TINY = {"resnet8": ResNet8, "ds_cnn": DSCNN, "mobilenet_v1": MobileNetV1}
# published: parameters with folded BatchNorm, multiply-accumulates
PUBLISHED = {
    "resnet8": (77_706, 12_501_632),
    "ds_cnn": (22_604, 2_656_768),
    "mobilenet_v1": (210_850, 7_489_664),
}


def folded_counts(module, shape):
    """Parameters and MACs of the convolutions and Gemms, a bias for each output channel."""
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
    model, _ = network(torchvision_network(name), (3, 32, 32), strategy, qdq)
    assert_equal(model, (3, 32, 32), images=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "strategy, qdq", [("asym_channel", False), ("sym_tensor", False), ("asym_tensor", True)]
)
@pytest.mark.parametrize(
    "name",
    [
        "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5", "mnasnet0_5",
        "efficientnet_b0", "densenet121", "regnet_y_400mf",
    ],
)  # fmt: skip
def test_more_of_torchvision_equals_ort(name, strategy, qdq):
    """Concat, sigmoid, squeeze-and-excitation, channel shuffles, float BatchNorm, HardSigmoid."""
    model, _ = network(torchvision_network(name), (3, 64, 64), strategy, qdq)
    assert_equal(model, (3, 64, 64), images=2)


class AttentionBlock(torch.nn.Module):
    """One pre-norm transformer block of width 32 over 16 tokens, and a classifier."""

    def __init__(self):
        super().__init__()
        self.norm, self.norm_2 = torch.nn.LayerNorm(32), torch.nn.LayerNorm(32)
        self.project, self.merge = torch.nn.Linear(32, 96), torch.nn.Linear(32, 32)
        self.feed = torch.nn.Sequential(
            torch.nn.Linear(32, 64), torch.nn.GELU(), torch.nn.Linear(64, 32)
        )
        self.classifier = torch.nn.Linear(32, 5)

    def forward(self, x):
        """(N, 16, 32) -> (N, 5)."""
        query, key, value = (
            part.reshape(-1, 16, 4, 8).transpose(1, 2)
            for part in self.project(self.norm(x)).chunk(3, -1)
        )
        weights = torch.softmax(query @ key.transpose(-1, -2) / 8**0.5, -1)
        x = x + self.merge((weights @ value).transpose(1, 2).reshape(-1, 16, 32))
        return self.classifier((x + self.feed(self.norm_2(x))).mean(1))


@pytest.mark.parametrize("qdq", [False, True], ids=["qoperator", "qdq"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_attention_equals_ort(strategy, qdq):
    """Products of two activations, softmax of codes, float LayerNorm and Erf."""
    model, _ = network(AttentionBlock, (16, 32), strategy, qdq)
    assert {"QLinearMatMul", "QLinearSoftmax", "LayerNormalization", "Erf"} <= {
        node.op_type for node in model.graph.node
    }
    assert_equal(model, (16, 32), images=6)
