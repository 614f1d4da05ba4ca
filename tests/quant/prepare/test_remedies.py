"""What detectors and transformers need: a scale for each branch, exclusions, clamped masks."""

import json

import numpy as np
import onnx
import pytest
from messy_networks import node, weights
from onnx import numpy_helper
from role_networks import LARGEST, masked, network, normal

from edgeint8.errors import ConfigError
from edgeint8.fixed_point.compare import compare_model
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.evidence.draw_study import draw_rows
from edgeint8.quant.evidence.evaluation import evaluate
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.prepare.masks import LOWEST, masks_of
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize


def detector():
    """Boxes to 300 and scores to 1, joined and turned into one output."""
    stored = {**weights(1, w=(8, 3, 3, 3), u=(4, 8, 1, 1), v=(6, 8, 1, 1)), "size": np.float32(300)}
    nodes = [
        node("Conv", ["x", "w"], ["a"], "stem"),
        node("Relu", ["a"], ["b"], "relu"),
        node("Conv", ["b", "u"], ["c"], "box"),
        node("Mul", ["c", "size"], ["boxes"], "pixels"),
        node("Conv", ["b", "v"], ["d"], "class"),
        node("Sigmoid", ["d"], ["scores"], "probability"),
        node("Concat", ["boxes", "scores"], ["joined"], "join", axis=1),
        node("Transpose", ["joined"], ["y"], "turn", perm=[0, 2, 3, 1]),
    ]
    return network(nodes, stored, {"x": (3, 8, 8)}, "y"), {"x": normal(2, 30, 3, 8, 8)}


def answers(prepared, feeds, strategy):
    """Float and quantised outputs, and the quantised model; the replay must have no mismatch."""
    calibration = calibrate(prepared, feeds, "minmax", clamp_masks=strategy.clamp_masks)
    quantized = quantize(prepared, calibration, strategy)
    graph, name = quantized.executable, prepared.graph.output[0].name
    assert compare_model(graph, batches(graph, feeds)).mismatches == 0
    return evaluate(prepared, feeds)[name], evaluate(graph, feeds)[name], quantized


@pytest.mark.parametrize("form", ["qoperator", "qdq"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_scores_beside_boxes_survive_with_a_scale_of_their_own(form, symmetric):
    """Under one scale of more than 1 every score became 0 or that scale."""
    model, feeds = detector()
    prepared = prepare_model(model)
    options = {"symmetric": symmetric, "format": form}
    want, joined, _ = answers(prepared, feeds, Strategy("joined", **options))
    _, split, quantized = answers(prepared, feeds, Strategy("s", split_outputs=True, **options))
    scores = (..., slice(4, None))
    assert sqnr_db(want[scores], joined[scores]) < 10 < 25 < sqnr_db(want[scores], split[scores])
    assert "outputs split: join, turn" in quantized.note
    kinds = {n.op_type for n in quantized.executable.graph.node if n.name in quantized.float_nodes}
    assert kinds <= {"Concat", "Transpose", "Relu"}, "before the joint all is integer"


@pytest.mark.parametrize(
    ("exclude", "names"),
    [(["Sigmoid"], {"probability"}), (["b*", "stem"], {"box", "stem"}), (["class"], {"class"})],
)
def test_nodes_patterns_and_operators_stay_float(exclude, names):
    model, feeds = detector()
    strategy = Strategy.from_mapping("s", {"exclude": exclude})
    _, _, quantized = answers(prepare_model(model), feeds, strategy)
    assert names <= set(quantized.float_nodes)
    assert "excluded: " in quantized.note and "float: " in strategy.description


def test_an_exclusion_of_nothing_is_refused():
    model, feeds = detector()
    prepared, strategy = prepare_model(model), Strategy("s", exclude=("/h/*",))
    calibration = calibrate(prepared, feeds, "minmax")
    with pytest.raises(ConfigError, match=r"'/h/\*' names no node @ \$\.strategies\.s\.exclude"):
        quantize(prepared, calibration, strategy)


def test_a_mask_is_clamped_and_scores_keep_their_levels():
    """0 to 7 dB with float32's smallest number as the end of a range."""
    model, feeds = masked()
    prepared = prepare_model(model)
    want, found, quantized = answers(prepared, feeds, Strategy("s"))
    assert sqnr_db(want, found) > 20 and "masks clamped to -100: lowest" in quantized.note
    plain = Strategy("s", clamp_masks=False)
    want, found, quantized = answers(prepared, feeds, plain)
    assert sqnr_db(want, found) < 10 and "clamped" not in quantized.note
    assert Strategy("s").calibration_id != plain.calibration_id
    rows = draw_rows(prepared, feeds, (feeds, None), [Strategy("s", calibration_samples=20)], 0, 2)
    assert min(row["sqnr_db"] for row in rows) > 15


def test_what_was_clamped_travels_with_the_ranges():
    model, feeds = masked()
    calibration = calibrate(prepare_model(model), feeds, "minmax")
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration
    assert calibration.clamped == ("lowest",)


def reading(kind):
    """A constant of -1e9 that a Softmax sees, or that something else sees as well."""
    stored = {"w": normal(1, 8, 6), "low": np.float32([-1e9, 0, 0, 0, 0, 0])}
    nodes = [node("MatMul", ["x", "w"], ["s"], "m"), node("Add", ["s", "low"], ["t"], "add")]
    last = {"softmax": "Softmax", "relu": "Relu"}.get(kind, "Softmax")
    nodes.append(node(last, ["t"], ["y"], "last"))
    model = network(nodes, stored, {"x": (8,)}, "y")
    if kind == "output":
        model.graph.output.append(onnx.ValueInfoProto(name="t"))
    return model


@pytest.mark.parametrize(("kind", "masks"), [("softmax", 1), ("relu", 0), ("output", 0)])
def test_only_what_a_softmax_alone_sees_is_a_mask(kind, masks):
    assert len(masks_of(prepare_model(reading(kind)))) == masks


def test_a_mask_whose_clamping_would_be_seen_stays():
    """All scores lie below -100 too: there the mask is no minus infinity any more."""
    model = reading("softmax")
    for tensor in model.graph.initializer:
        if tensor.name == "low":
            values = np.float32([-1e9, -300, -300, -300, -300, -300])
            tensor.CopyFrom(numpy_helper.from_array(values, "low"))
    calibration = calibrate(prepare_model(model), {"x": normal(2, 40, 8)}, "minmax")
    assert calibration.clamped == () and LOWEST > -300 > -LARGEST
