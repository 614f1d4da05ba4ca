"""Inputs that are settings, and samples that do not lie on the first axis of a file's tensors."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from messy_networks import model, node, weights

from edgeint8.arch.network.onnx_layers import layers_from_onnx
from edgeint8.errors import ModelError
from edgeint8.quant.prequantized.own_network import input_specs, prepared_network, read_network
from edgeint8.quant.session import run_onnx

STEPS, SAMPLES, FEATURES, STATES = 5, 3, 6, 4
VOICE = {"sr": 16000.0}


def voice_network():
    """(time, samples, features) in and out, a state of the same layout, and a sampling rate."""
    stored = weights(1, w=(FEATURES, 8), v=(STATES, 8), rate=(1,))
    nodes = [
        node("MatMul", ["x", "w"], ["a"]),
        node("MatMul", ["state", "v"], ["b"]),
        node("Add", ["a", "b"], ["c"]),
        node("Div", ["c", "sr"], ["d"]),
        node("Mul", ["d", "rate"], ["e"]),
        node("ReduceMean", ["e"], ["last"], axes=[0], keepdims=1),
        node("Relu", ["e"], ["y"]),
    ]
    shapes = {"x": [STEPS, "N", FEATURES], "state": [1, "N", STATES], "sr": []}
    return model(nodes, stored, shapes, ["y", "last"])


def feeds_of_the_file():
    draw = np.random.default_rng(3).standard_normal
    return {
        "x": draw((STEPS, SAMPLES, FEATURES)).astype(np.float32),
        "state": draw((1, SAMPLES, STATES)).astype(np.float32),
    }


def saved(tmp_path, made):
    path = tmp_path / "net.onnx"
    onnx.save(made, path)
    return path


def test_samples_come_first_and_the_answers_stay(tmp_path):
    """ONNX Runtime on the file itself, fed in its own layout, says what must come out."""
    path, feeds = saved(tmp_path, voice_network()), feeds_of_the_file()
    session = ort.InferenceSession(str(path))
    want = session.run(["y", "last"], feeds | {"sr": np.array(VOICE["sr"], np.float32)})
    read = read_network(path, {}, VOICE, 1)
    assert input_specs(read) == {
        "x": (np.dtype("float32"), (None, STEPS, FEATURES)),
        "state": (np.dtype("float32"), (None, 1, STATES)),
    }
    turned = {name: np.moveaxis(array, 1, 0) for name, array in feeds.items()}
    prepared = prepared_network(read, turned)
    assert prepared.output_shape == (STEPS, 8)
    got = run_onnx(prepared.model, turned)
    for name, array in zip(("y", "last"), want, strict=True):
        np.testing.assert_allclose(got[name], np.moveaxis(array, 1, 0), rtol=1e-5, atol=1e-9)


def test_an_input_without_an_axis_of_samples_runs_one_at_a_time(tmp_path):
    path, feeds = saved(tmp_path, voice_network()), feeds_of_the_file()
    shapes, axes = {"state": [1, 1, STATES]}, {"x": 1, "state": None, "y": 1, "last": 1}
    read = read_network(path, shapes, VOICE, axes)
    assert [spec[1] for spec in input_specs(read).values()] == [
        (1, STEPS, FEATURES),
        (1, 1, 1, STATES),
    ]
    turned = {
        "x": np.moveaxis(feeds["x"], 1, 0),
        "state": np.moveaxis(feeds["state"], 1, 0)[:, None],
    }
    got = run_onnx(read, turned)["y"]
    session = ort.InferenceSession(str(path))
    want = session.run(["y"], feeds | {"sr": np.array(VOICE["sr"], np.float32)})[0]
    np.testing.assert_allclose(got, np.moveaxis(want, 1, 0), rtol=1e-5, atol=1e-9)


def test_turning_one_sample_moves_no_data(tmp_path):
    """The architecture part sees the layers of the file: a Transpose of one sample is none."""
    path = saved(tmp_path, voice_network())
    read = read_network(path, {}, VOICE, 1)
    own = layers_from_onnx(read)
    traffic = [layer.dram_bytes_minimum for layer in own if "as_made" in layer.name]
    assert traffic == [0] * 4
    products = [layer.macs for layer in own if layer.shape is not None]
    assert products == [STEPS * FEATURES * 8, STATES * 8]


@pytest.mark.parametrize(
    ("constants", "axis", "said"),
    [
        ({}, 1, "no shape, or a scalar"),
        ({"rate": 1}, 1, "no tensor 'rate'"),
        (VOICE, {"x": 1, "state": 1, "z": 1}, "no tensor 'z'"),
        (VOICE, 0, "dimension 1 (N) of"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(constants, axis, said, tmp_path):
    with pytest.raises(ModelError) as caught:
        read_network(saved(tmp_path, voice_network()), {}, constants, axis)
    assert said in str(caught.value) and "\n" not in str(caught.value)
