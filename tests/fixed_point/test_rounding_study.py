"""The comparison of rounding schemes on a network whose roundings are known by hand."""

import numpy as np
import pytest
from onnx import helper
from test_executor import F32, model_of

from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.studies.rounding_study import requantize_rows


def two_layers(step=2):
    """Codes x; y = x / step; two outputs (y + 60) / step and 62 / step; odd values are ties."""
    constants = {
        "one": F32(1),
        "step": F32(step),
        "zero": np.int8(0),
        "w1": np.array([[1]], np.int8),
        "w2": np.array([[1, 0]], np.int8),
        "none": np.array([0], np.int32),
        "bias": np.array([60, 62], np.int32),
    }
    weights = ["w1", "one", "zero"]
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "one", "zero"], ["x"], "quantise"),
        helper.make_node(
            "QGemm", ["x", "one", "zero", *weights, "none", "step", "zero"], ["y"], "first",
            domain="com.microsoft",
        ),
        helper.make_node(
            "QGemm", ["y", "one", "zero", "w2", "one", "zero", "bias", "step", "zero"], ["z"],
            "second", domain="com.microsoft",
        ),
    ]  # fmt: skip
    return model_of(nodes, constants, shape=("n", 1))


IMAGES = np.array([[1], [3], [4], [126], [-127]], np.float32)
# ORT: y = 0, 2, 2, 63, -64 (ties to even); z0 = (y+60)/2 = 30, 31, 31, 61.5 -> 62, -2; z1 = 31


def rows(scheme):
    """The two rows of one scheme, by what they were fed."""
    return {row.fed: row for row in requantize_rows(two_layers(), IMAGES, [scheme], batch=2)}


def test_the_reference_scheme_differs_nowhere():
    for row in rows(Scheme.ORT_FLOAT32).values():
        assert (row.differing, row.max_lsb, row.logits_differing, row.top1_changed) == (0,) * 4
        assert row.elements == 15
        assert row.images == 5


def test_half_up_by_hand():
    """y = 1, 2, 2, 63, -63: two differ. Fed ORT's y no z differs: 61.5 rounds to 62 either way."""
    fed = rows(Scheme.INT32_HALF_UP)
    assert fed["reference"].differing == 2
    assert fed["reference"].logits_differing == 0
    # its own y: z0 = 30.5 -> 31 (was 30), 31, 31, 62, -1.5 -> -1 (was -2)
    assert fed["own"].differing == 4
    assert fed["own"].logits_differing == 2
    # image 0: z = (31, 31), a draw, so the first wins; ORT's (30, 31) chose the second
    assert fed["own"].top1_changed == 1
    assert fed["own"].max_lsb == 1


def test_truncation_by_hand():
    """y = 0, 1, 2, 63, -64; fed its own, z0 = 30, 30, 31, 61, -2."""
    fed = rows(Scheme.TRUNCATE)
    assert fed["reference"].differing == 1 + 1
    assert fed["own"].differing == 1 + 2
    assert fed["own"].logits_differing == 2


def test_clamped_elements_are_not_in_the_denominator():
    """With y = 4x the codes 126 and -127 clamp in the first layer, (127 + 60) * 2 in the second."""
    images = np.array([[1], [126], [-127]], np.float32)
    row = requantize_rows(two_layers(step=0.25), images, [Scheme.TRUNCATE])[0]
    # y: 4 | 127 clamped | -128 clamped; z0 = 256 clamped, 748 clamped, -272 clamped; z1 clamped
    assert (row.elements, row.clamped_elements) == (1, 8)


def test_no_images_is_an_error():
    with pytest.raises(ModelError):
        requantize_rows(two_layers(), IMAGES[:0])
