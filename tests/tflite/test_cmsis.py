"""A CMSIS-NN library of the user's as a witness; own_cmsis.c stands in for one.

What real CMSIS-NN computes is not shown here: docs/runtimes.md says how it was.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from tflite_models import Op, T, options, random_model, small_network, write
from tflite_witnesses import tensors

from edgeint8.errors import ConfigError, ModelError
from edgeint8.fixed_point.runtimes import known
from edgeint8.tflite.verify import verify_tflite
from edgeint8.tflite.witness.cmsis.library import VARIABLE
from edgeint8.tflite.witness.witness import Witness

SOURCE = Path(__file__).with_name("own_cmsis.c")
CALLED = (
    *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MUL", "AVERAGE_POOL_2D"),
    *("MAX_POOL_2D", "MAXIMUM", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"),
)


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Builds the stand-in with flags and names it in the environment."""

    def build(*flags):
        path = tmp_path / f"{'_'.join(flags) or 'plain'}.so"
        command = ["cc", "-O1", "-shared", "-fPIC", "-o", path, SOURCE]
        subprocess.run([*command, *(f"-D{flag}" for flag in flags)], check=True)
        monkeypatch.setenv(VARIABLE, str(path))

    return build


def mismatches(witness, data, feeds, ours):
    """Elements of the library's tensors that differ from our arithmetic of a runtime."""
    witness.load(data)
    want, got = witness.run(feeds), tensors(data, feeds, ours)
    assert set(want) == set(got)
    return sum(int(np.count_nonzero(got[k] != want[k])) for k in got)


@pytest.mark.parametrize(
    ("flags", "own", "other"),
    [((), "cmsis_double", "cmsis_single"), (("SINGLE",), "cmsis_single", "cmsis_double")],
)
def test_random_operators_equal_the_runtime_of_the_same_rounding(library, flags, own, other):
    library(*flags)
    apart = dict.fromkeys(CALLED, 0)
    with Witness("cmsis") as witness:
        for kind in CALLED:
            for seed in range(5):
                data, [feeds] = random_model(kind, seed)
                assert mismatches(witness, data, feeds, own) == 0, (kind, seed)
                apart[kind] += mismatches(witness, data, feeds, other)
    assert witness.runtime == own
    assert apart["MUL"] > 0 and apart["CONV_2D"] + apart["DEPTHWISE_CONV_2D"] > 0
    assert apart["AVERAGE_POOL_2D"] == apart["RESHAPE"] == 0


@pytest.mark.parametrize(("flags", "least"), [((), -2), (("SINGLE",), -1)])
def test_a_sum_rounds_as_often_as_the_layers(library, flags, least):
    """Scales of 1 added on one of 2: a sum of -3 is the tie -1.5."""
    library(*flags)
    parts = [T((1, 256), scale=1.0), T((1, 256), scale=1.0, zero=3), T((1, 256), scale=2.0)]
    data = write(parts, [Op("ADD", [0, 1], [2], options("Add"))], [0, 1], [2])
    codes = np.arange(-128, 128).reshape(1, 256).astype(np.int8)
    feeds = [codes, np.zeros_like(codes)]
    with Witness("cmsis") as witness:
        witness.load(data)
        assert witness.run(feeds)[2][0, 128] == least
        assert mismatches(witness, data, feeds, witness.runtime) == 0


def test_softmax_of_equal_codes_gives_their_share(library):
    library()
    parts = [T((2, 8), scale=0.1), T((2, 8), scale=1 / 256, zero=-128)]
    data = write(parts, [Op("SOFTMAX", [0], [1], options("Softmax", beta=1.0))], [0], [1])
    with Witness("cmsis") as witness:
        assert mismatches(witness, data, [np.full((2, 8), 3, np.int8)], "cmsis_double") == 0


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(small_network())
    x = np.random.default_rng(0).integers(-128, 128, (3, 6, 6, 2)).astype(np.int8)
    return path, x


def test_the_report_has_a_row_of_the_library(library, net):
    before = verify_tflite(*net)
    library("SINGLE", "NO_SOFTMAX")
    report = verify_tflite(*net)
    frame = report.to_frame().set_index("runtime")
    assert list(frame.index) == [r.runtime.name for r in before.runtimes]
    row = frame.loc["cmsis_single"]
    assert row.witness.startswith("CMSIS-NN, one rounding, SINGLE_NO_SOFTMAX.so sha256 ")
    assert row.mismatches == 0 and row.elements == 3 * (36 * 4 * 2 + 9 * 4 + 36)
    missing = "no function of its own for SOFTMAX (arm_softmax_s8 is not in the library): given"
    assert row.note.startswith(missing)
    assert [r["witness"] for r in before.golden_rows()] == ["litert_ref", "litert_xnnpack", "tflm"]
    assert report.golden_rows()[-1]["witness"] == "cmsis_single"


def test_a_library_of_two_roundings_has_a_row_of_its_own(library, net):
    library("NO_SOFTMAX")
    report = verify_tflite(*net)
    frame = report.to_frame().set_index("runtime")
    assert list(frame.index) == list(known.RUNTIMES)
    assert frame.witness["cmsis_single"] == "none" and report.mismatches == 0
    assert "two roundings" in frame.witness["cmsis_double"]
    (pair,) = [p for p in report.pairs if (p.first, p.second) == ("tflm", "cmsis_double")]
    assert pair.elements_differing == 0 and pair.images == 3
    assert verify_tflite(*net, witnesses=False).to_frame().witness.eq("none").all()


def test_what_the_library_lacks_is_given_and_the_rest_compared(library, tmp_path):
    """LOGISTIC between two sums: the second sum reads our logistic."""
    library()
    same = {"scale": 0.1, "zero": 3}
    half = {"scale": 1 / 256, "zero": -128}
    parts = [T((1, 40), **same), T((1, 40), **same), T((1, 40), **half), T((1, 40), **same)]
    operators = [
        Op("ADD", [0, 0], [1], options("Add")), Op("LOGISTIC", [1], [2]),
        Op("ADD", [2, 1], [3], options("Add")),
    ]  # fmt: skip
    path = tmp_path / "gate.tflite"
    path.write_bytes(write(parts, operators, [0], [3]))
    x = np.random.default_rng(1).integers(-128, 128, (2, 40)).astype(np.int8)
    (result,) = verify_tflite(path, x, ["cmsis_double"]).runtimes
    assert [t.name for t in result.tensors] == ["t1", "t3"] and result.mismatches == 0
    assert result.note == "no function of its own for LOGISTIC: given ours"


def test_a_layer_that_rounds_its_own_way_shows(library, net):
    library("LAYER_DOWN", "NO_SOFTMAX")
    report = verify_tflite(*net, ["cmsis_double"])
    assert report.mismatches > 20
    assert next(t.op_type for t in report.runtimes[0].tensors if t.mismatches) == "CONV_2D"


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("SWAPPED", r"arm_convolve_wrapper_s8 answers \[.*allowed: CMSIS-NN from version 4.0 on"),
        ("EVEN", r"rounds -0.5, 0.5 and -1.5 to \[0, 0, -2\]"),
    ],
)
def test_another_interface_and_another_rounding_are_one_line(library, net, flag, words):
    library(flag)
    with pytest.raises(ModelError, match=words) as caught:
        verify_tflite(*net)
    assert VARIABLE in str(caught.value) and "\n" not in str(caught.value)


def layer(path, kind, w, image=4, **more):
    """A file of one layer over images of 4 x 4, its bias apart from 0 in one channel."""
    same, channels = {"scale": 0.1}, w.shape[-1] if kind[0] == "D" else w.shape[0]
    padded = {"padding": 0, "strideH": 1, "strideW": 1, **more}
    parts = [
        T((1, 4, 4, image), **same), T(w.shape, scale=0.1, data=w), T((1, 4, 4, channels), **same),
        T((channels,), np.int32, 0.01, data=range(channels)),
    ]  # fmt: skip
    table = options("DepthwiseConv2D" if kind[0] == "D" else "Conv2D", **padded)
    path.write_bytes(write(parts, [Op(kind, [0, 1, 3], [2], table)], [0], [2]))
    x = np.random.default_rng(0).integers(-9, 10, (2, 4, 4, image)).astype(np.int8)
    return verify_tflite(path, x, ["cmsis_double"])


def test_groups_are_asked_for_only_of_who_knows_them(library, tmp_path):
    w = np.random.default_rng(0).integers(-9, 10, (4, 3, 3, 2))
    for flag, elements in (("NO_SOFTMAX", 2 * 4 * 4 * 4), ("ONE_GROUP", 0)):
        library(flag)
        (result,) = layer(tmp_path / "groups.tflite", "CONV_2D", w).runtimes
        assert result.mismatches == 0 and result.row()["elements"] == elements
        assert ("CONV_2D in groups: given ours" in result.note) == (elements == 0)


def test_an_argument_that_is_refused_is_named(library, tmp_path):
    library("NO_DILATION")
    w = np.ones((1, 2, 2, 4), np.int8)
    dilated = {"dilationHFactor": 2, "dilationWFactor": 2, "depthMultiplier": 1}
    with pytest.raises(ModelError, match="no runtime takes it") as caught:
        layer(tmp_path / "dilated.tflite", "DEPTHWISE_CONV_2D", w, **dilated)
    words = "arm_depthwise_conv_wrapper_s8 answers ARG_ERROR @ operator 0 DEPTHWISE_CONV_2D"
    assert words in str(caught.value)


def test_no_library_and_no_shared_object_are_one_line(net, tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=f"{VARIABLE} is not set"):
        Witness("cmsis")
    (tmp_path / "text.so").write_text("no code")
    for name, words in (("none.so", "cannot open shared object"), ("text.so", "no library")):
        monkeypatch.setenv(VARIABLE, str(tmp_path / name))
        with pytest.raises(ModelError, match=words) as caught:
            verify_tflite(*net)
        assert "\n" not in str(caught.value)
