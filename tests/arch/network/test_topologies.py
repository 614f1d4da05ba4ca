"""Topologies that travel: multiply-accumulates and parameters as others published them."""

import warnings

import pytest

from edgeint8.arch.network.topology import TopologyWarning, layers_from_topology
from edgeint8.data import TOPOLOGIES


def topology(name):
    with warnings.catch_warnings():  # a detector joins two branches, which no row produces
        warnings.simplefilter("ignore", TopologyWarning)
        return layers_from_topology(TOPOLOGIES / f"{name}.csv")


def weights(layers) -> int:
    return sum(layer.filter_bytes for layer in layers)


def channels(layers) -> int:
    """Outputs that have a bias, or a batch normalisation, of their own."""
    return sum(layer.shape.filters * layer.repeats for layer in layers)


@pytest.mark.parametrize(
    ("name", "macs", "parameters"),
    [
        ("resnet8", 12_501_632, 77_706),
        ("ds_cnn", 2_656_768, 22_604),
        ("mobilenet_v1_025", 7_489_664, 210_850),
        ("autoencoder", 264_192, 265_864),
    ],
)
def test_mlperf_tiny_s_four_have_the_counts_of_the_reference_models(name, macs, parameters):
    """Batch normalisation folded: a weight a product, a bias an output."""
    layers = topology(name)
    assert sum(layer.macs for layer in layers) == macs
    assert weights(layers) + channels(layers) == parameters


def test_mobilenet_v2_has_torchvision_s_parameters():
    """Two of each batch normalisation, and the bias of 1,000 classes."""
    layers = topology("mobilenet_v2")
    assert round(sum(layer.macs for layer in layers) / 1e6) == 301
    normalised = channels(layers) - 1000
    assert weights(layers) + 2 * normalised + 1000 == 3_504_872
    assert sum(layer.operator == "depthwise" for layer in layers) == 17


def test_yolo_has_the_bytes_of_its_weights_file():
    """20 bytes of a header; floats: four of each batch normalisation, a bias of the two heads."""
    layers = topology("yolov3_tiny")
    assert round(2 * sum(layer.macs for layer in layers) / 1e9, 2) == pytest.approx(5.56, abs=0.01)
    normalised = channels(layers) - 2 * 255
    assert 20 + 4 * (weights(layers) + 4 * normalised + 2 * 255) == 35_434_956


def test_deit_tiny_has_timm_s_parameters():
    """Scores and mixes have none; a class token, 197 positions, 25 layer normalisations."""
    layers = topology("deit_tiny")
    assert round(sum(layer.macs for layer in layers) / 1e9, 1) == 1.3
    dense = [layer for layer in layers if "scores" not in layer.name and "mix" not in layer.name]
    assert len(layers) - len(dense) == 12 * 2 * 3
    width = 192
    assert weights(dense) + channels(dense) + (1 + 197 + 2 * 25) * width == 5_717_416
