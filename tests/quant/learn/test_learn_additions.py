"""A layer before an addition repairs the other branch too: where it may, what it aims at."""

import numpy as np
import onnx
import pytest
from float_networks import images
from onnx import numpy_helper, parser

from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.learn.learn import gather, targets_of
from edgeint8.quant.ptq import Strategy, calibrate_for, prepare_model, quantize, run_onnx

SHAPE = (3, 10, 10)
HEAD = '<ir_version: 8, opset_import: ["" : 17]> '
HEAD += "g (float[N, 3, 10, 10] input) => (float[N, 6, S, T] y)"
BLOCK = """
    a0 = Conv <pads = [1, 1, 1, 1]> (input, wa, ba)
    a = Relu (a0)
    b = Conv <pads = [1, 1, 1, 1]> (a, wb, bb)
"""
SHORTCUT = "c = Conv <pads = [1, 1, 1, 1]> (input, wc, bc)\n"
IDENTITY = BLOCK + "y0 = Add (a, b)\n y = Relu (y0)"
LATER = BLOCK + SHORTCUT + "y = Add (c, b)"
EARLIER = SHORTCUT + BLOCK + "y = Add (c, b)"
READ_TWICE = BLOCK + "y0 = Add (a, b)\n z = Relu (b)\n y = Add (y0, z)"
BROADCAST = BLOCK + "m = GlobalAveragePool (a)\n y0 = Add (m, b)\n y = Relu (y0)"
TWICE_ITSELF = BLOCK + "y0 = Add (b, b)\n y = Relu (y0)"
NO_SUM = BLOCK + "y = Mul (a, b)"


def network(body):
    """A network of 3x3 convolutions of six channels; the first reads three."""
    model = parser.parse_model(HEAD + "{" + body + "}")
    generator = np.random.default_rng(0)
    for name in "abc":
        depth = 6 if name == "b" else 3
        arrays = {"w": generator.normal(size=(6, depth, 3, 3)) / 4, "b": generator.normal(size=6)}
        for kind, array in arrays.items():
            tensor = numpy_helper.from_array(array.astype(np.float32), kind + name)
            model.graph.initializer.append(tensor)
    return prepare_model(model)


def integer_network(model, inputs, **options):
    strategy = Strategy("s", weight_bits=3, **options)
    calibration = calibrate_for(model, inputs, strategy)
    return quantize(model, calibration, strategy, images=inputs).executable


def tensors(model, names, inputs):
    """Any tensors of a graph, as ONNX Runtime computes them."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return run_onnx(copy, inputs)


@pytest.mark.parametrize("format", ["qoperator", "qdq"])
@pytest.mark.parametrize(
    ("body", "aims"),
    [
        (IDENTITY, {"b": "y0"}),
        (EARLIER, {"b": "y"}),
        (LATER, {"c": "y"}),  # b is learned first, and cannot know what c will do
        (READ_TWICE, {}),
        (BROADCAST, {}),
        (TWICE_ITSELF, {}),
        (NO_SUM, {}),
    ],
)
def test_the_last_layer_before_a_sum_aims_at_it(body, aims, format):
    model = network(body)
    work = integer_network(model, images(8, shape=SHAPE), format=format)
    found = {target.node.output[0]: target.addition for target in targets_of(model, work)[0]}
    assert {name: added.sum for name, added in found.items() if added} == aims


def test_it_aims_at_the_sum_less_what_the_other_branch_really_gives():
    model, inputs = network(IDENTITY), images(8, shape=SHAPE)
    work = integer_network(model, inputs)
    target = next(t for t in targets_of(model, work)[0] if t.node.output[0] == "b")
    other, real = target.addition.other, tensors(model, ["y0"], inputs)["y0"]
    codes = tensors(work, [other], inputs)[other].astype(float)
    wanted = real - target.addition.scale * (codes - target.addition.zero)
    moments = gather(target, inputs)
    assert moments.rows == 8 * 10 * 10  # every window of every image
    assert moments.outputs[0] == pytest.approx(wanted.sum(axis=(0, 2, 3)), rel=1e-5)
    assert moments.power[0] == pytest.approx(np.square(wanted).sum(axis=(0, 2, 3)), rel=1e-5)


def test_the_sum_comes_nearer_than_when_every_layer_aims_at_itself(monkeypatch):
    model, inputs = network(IDENTITY), images(64, shape=SHAPE)
    fresh = images(64, seed=9, shape=SHAPE)
    wanted, found = run_onnx(model, fresh)["y"], []
    for blind in (True, False):
        if blind:
            monkeypatch.setattr("edgeint8.quant.learn.learn.addition_of", lambda *_: None)
        learned = integer_network(model, inputs, rounding="learned")
        found.append(sqnr_db(wanted, run_onnx(learned, fresh)["y"]))
        monkeypatch.undo()
    assert found[1] > found[0] + 0.3  # dB
