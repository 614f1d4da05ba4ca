"""Cross-layer equalisation: no float bit changes, ranges come closer, Clip is left alone."""

import numpy as np
import pytest
from float_networks import classifier, images
from varied_networks import bottleneck, one_dimensional, varied

from edgeint8.errors import ModelError
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.graph import initializer_values, weight_layers
from edgeint8.quant.learn.equalize import equalize, pairs
from edgeint8.quant.ptq import Strategy, calibrate_for, prepare_model, quantize, run_onnx

BUILT = {
    "classifier": (classifier, (3, 8, 8)),
    "varied": (varied, (3, 12, 12)),
    "1-D": (one_dimensional, (2, 40)),
    "bottleneck": (bottleneck, (4, 8, 8)),
}


@pytest.mark.parametrize("name", BUILT)
def test_the_equalised_network_computes_the_same_bits(name):
    build, shape = BUILT[name]
    model = prepare_model(build())
    equal = equalize(model)
    inputs = images(32, shape=shape)
    wanted, found = run_onnx(model, inputs), run_onnx(equal, inputs)
    for output, value in wanted.items():
        assert (found[output] == value).all()
    assert equalize(equal) == equal


def spread_of(model, name):
    """How far apart the ranges of a layer's output channels lie, in doublings."""
    rows = next(layer for layer in weight_layers(model) if layer.name == name).channels_first
    sizes = np.log2(np.abs(rows).max(axis=1))
    return sizes.max() - sizes.min()


def test_depthwise_chains_become_level_and_gain_fidelity_per_tensor():
    model, inputs = prepare_model(bottleneck()), images(64, shape=(4, 8, 8))
    chain = [(p.first.name, p.second.name) for p in pairs(model, initializer_values(model))]
    assert chain == [("expand", "depthwise"), ("depthwise", "project"), ("project", "dense")]
    assert spread_of(model, "expand") > 8 and spread_of(equalize(model), "expand") < 3
    name, values = model.graph.output[0].name, {}
    for equal in (False, True):
        strategy = Strategy("s", per_channel=False, equalize=equal)
        found = quantize(model, calibrate_for(model, inputs, strategy), strategy).executable
        values[equal] = sqnr_db(run_onnx(model, inputs)[name], run_onnx(found, inputs)[name])
    assert values[True] > values[False] + 6


def test_clip_ends_a_chain():
    model = prepare_model(bottleneck("Clip"))
    chain = [(p.first.name, p.second.name) for p in pairs(model, initializer_values(model))]
    assert chain == [("depthwise", "project"), ("project", "dense")]
    inputs = images(16, shape=(4, 8, 8))
    name = model.graph.output[0].name
    assert (run_onnx(model, inputs)[name] == run_onnx(equalize(model), inputs)[name]).all()


def test_a_tensor_that_two_layers_read_is_left_alone():
    model = prepare_model(varied())
    chain = [(p.first.name, p.second.name) for p in pairs(model, initializer_values(model))]
    assert ("stem", "depthwise") not in chain and ("depthwise", "grouped") in chain


def test_a_calibration_of_the_other_network_is_refused():
    model, inputs = prepare_model(bottleneck()), images(16, shape=(4, 8, 8))
    plain, equal = Strategy("a"), Strategy("b", equalize=True)
    assert plain.calibration_id != equal.calibration_id
    with pytest.raises(ModelError, match="equalized"):
        quantize(model, calibrate_for(model, inputs, plain), equal)
