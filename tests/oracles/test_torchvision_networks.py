"""Published architectures, exported with a free batch: every element and every layer."""

import warnings

import pytest
import torch

from edgeint8.arch.network.onnx_layers import layers_from_onnx
from edgeint8.fixed_point.compare import compare_model
from edgeint8.models.data.own_data import InputSpec, random_data
from edgeint8.models.networks.torchvision_import import import_torchvision
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.prequantized.own_network import input_specs, prepared_network, read_network
from edgeint8.quant.ptq import Strategy, calibrate, quantize

QUICK = ("mobilenet_v3_small", "shufflenet_v2_x0_5")
OTHERS = (
    *("squeezenet1_1", "efficientnet_b0", "densenet121", "googlenet", "regnet_y_400mf"),
    *("inception_v3", "mnasnet0_5", "convnext_tiny", "swin_t", "resnet18"),
)
STRATEGIES = (
    Strategy("asym", per_channel=True),
    Strategy("sym_qdq", symmetric=True, per_channel=False, format="qdq"),
)
PRODUCTS = ("Conv", "Gemm", "MatMul")


def exported(name, folder):
    """An ONNX file of the architecture with random weights, 64 pixels a side (Inception: 96)."""
    torch.manual_seed(0)
    plain = {"init_weights": False, "aux_logits": False}
    options = plain if name in ("googlenet", "inception_v3") else {}
    network = getattr(import_torchvision().models, name)(weights=None, **options).eval()
    side = 96 if name == "inception_v3" else 64
    path = folder / f"{name}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter announces its successor
        torch.onnx.export(
            network, (torch.zeros(2, 3, side, side),), path, dynamo=False, opset_version=17,
            input_names=["input"], dynamic_axes={"input": {0: "N"}},
        )  # fmt: skip
    return path


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)
def test_a_published_architecture_is_replayed_and_mapped(name, tmp_path):
    model = read_network(exported(name, tmp_path), {})
    specs = [InputSpec(*entry) for entry in ((n, *spec) for n, spec in input_specs(model).items())]
    feeds = random_data(specs, seed=0)["test"].first(4).inputs
    prepared = prepared_network(model, feeds).model
    layers = layers_from_onnx(prepared)
    products = sum(node.op_type in PRODUCTS for node in prepared.graph.node)
    assert sum(layer.shape is not None for layer in layers) == products > 15
    for strategy in STRATEGIES:
        graph = quantize(prepared, calibrate(prepared, feeds, "minmax"), strategy).executable
        compared = compare_model(graph, batches(graph, feeds, batch=2))
        assert compared.mismatches == 0 and compared.elements > 1_000_000
