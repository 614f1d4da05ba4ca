"""Random quantised graphs: every tensor of the executor against ONNX Runtime, tolerance 0."""

import pytest
from random_graphs import random_graph

from edgeint8.fixed_point.compare import compare_batch
from edgeint8.fixed_point.executor import DataPath, Executor
from edgeint8.quant import ort_witness

EVERY_OPERATOR = {
    "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm", "QLinearAdd",
    "QLinearMul", "QLinearConcat", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax",
    "QLinearAveragePool", "QLinearGlobalAveragePool", "MaxPool", "Relu", "Clip", "Flatten",
    "Transpose", "Pad", "Slice",
}  # fmt: skip


def compare_seed(seed):
    """Differences of one random graph; both data paths must agree."""
    model, feeds = random_graph(seed)
    reference = ort_witness.all_tensors(model, feeds)
    path = list(DataPath)[seed % 2]
    return compare_batch(Executor(model, data_path=path), feeds, reference)


def check(seeds):
    """All seeds without a mismatch; returns the operators that were met."""
    met, elements = set(), 0
    for seed in seeds:
        for tensor in compare_seed(seed):
            assert tensor.exact, tensor
            assert tensor.mismatches == 0, f"seed {seed}: {tensor}"
            met.add(tensor.op_type)
            elements += tensor.elements
    return met, elements


def test_hundred_random_graphs_equal_ort():
    met, elements = check(range(100))
    assert met >= EVERY_OPERATOR
    assert elements > 200_000


@pytest.mark.slow
def test_two_thousand_random_graphs_equal_ort():
    met, elements = check(range(1000, 3000))
    assert met >= EVERY_OPERATOR
    assert elements > 4_000_000
