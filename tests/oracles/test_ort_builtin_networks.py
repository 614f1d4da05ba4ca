"""The executor against ONNX Runtime on the two built-in networks: every element, tolerance 0."""

import numpy as np
import pytest
from quantized_networks import STRATEGIES, network

from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import DataPath, Executor, as_feeds
from edgeint8.models.networks.signal_cnn_1d import SignalCNN1D
from edgeint8.models.networks.tiny_cnn_2d import TinyCNN2D
from edgeint8.quant.ort import reference as ort_witness


@pytest.fixture(params=[SignalCNN1D, TinyCNN2D], ids=["signal_cnn_1d", "tiny_cnn_2d"])
def build(request):
    return request.param


@pytest.mark.parametrize("qdq", [False, True], ids=["qoperator", "qdq"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_tensor_equals_ort(build, strategy, qdq):
    model, _ = network(build, build.input_shape, strategy, qdq)
    images = np.random.default_rng(7).normal(scale=1.3, size=(20, *build.input_shape))
    feeds = as_feeds(model, images.astype(np.float32))
    result = compare_model(model, ort_witness.batches(model, feeds, batch=7))
    assert result.images == 20
    assert len(result.tensors) == len(model.graph.node)
    assert result.elements > 10_000
    assert result.mismatches == 0, result.row()


def test_raw_codes_give_the_same_logits(build):
    model, images = network(build, build.input_shape, "asym_channel")
    feeds = as_feeds(model, images)
    expected = ort_witness.all_tensors(model, feeds)
    got = Executor(model, data_path=DataPath.RAW_CODES).run(feeds, keep=expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)
