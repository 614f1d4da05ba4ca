"""verify_tflite: what it says of runtimes, of pairs of them, and of wrong input."""

import numpy as np
import pytest
from tflite_models import Op, T, options, random_model, write

from edgeint8.errors import ConfigError, DataError, ModelError
from edgeint8.fixed_point.runtimes import runtime as runtime_module
from edgeint8.fixed_point.runtimes.known import ALIKE, RUNTIMES, runtime_named
from edgeint8.tflite import verify as verify_module
from edgeint8.tflite.verify import verify_tflite
from edgeint8.tflite.witness.witness import Witness


@pytest.fixture
def conv_file(tmp_path):
    data, [(x,)] = random_model("DEPTHWISE_CONV_2D", 3)
    path = tmp_path / "conv.tflite"
    path.write_bytes(data)
    return path, np.concatenate([x, np.flip(x, 3), -1 - x])


def test_each_runtime_equals_its_witness_and_pairs_are_counted(conv_file):
    report = verify_tflite(*conv_file)
    frame = report.to_frame().set_index("runtime")
    assert list(frame.index) == [name for name in RUNTIMES if name not in ALIKE]
    assert (frame.mismatches == 0).all() and (frame.images == 3).all()
    assert set(frame.witness) > {"none", "ai-edge-litert 2.3.0"}
    assert frame.witness["cmsis_single"] == "none" and frame.elements["cmsis_single"] == 0
    pairs = report.pairs_frame()
    assert len(pairs) == 10
    for pair in report.pairs:
        assert (pair.elements_differing > 0) == bool(pair.parts_at)
        assert pair.outputs_differing <= 3


def test_wrong_arithmetic_shows_as_mismatches(conv_file, monkeypatch):
    """The control: tflite-micro's name on XNNPACK's arithmetic, on a layer where the two differ."""
    rng = np.random.default_rng(0)
    w = rng.integers(-127, 128, (16, 3, 3, 16))
    parts = [
        T((1, 12, 12, 16), scale=0.1, zero=5), T(w.shape, scale=0.1, data=w),
        T((1, 10, 10, 16), scale=7.3, zero=3), T((16,), np.int32, 0.01, data=range(16)),
    ]  # fmt: skip
    table = options("Conv2D", padding=1, strideH=1, strideW=1)
    conv_file[0].write_bytes(write(parts, [Op("CONV_2D", [0, 1, 3], [2], table)], [0], [2]))
    x = rng.integers(-128, 128, (20, 12, 12, 16)).astype(np.int8)
    right = verify_tflite(conv_file[0], x, ["tflm", "litert_xnnpack"])
    wrong = {**RUNTIMES, "tflm": RUNTIMES["litert_xnnpack"]}
    monkeypatch.setattr(
        verify_module, "runtime_named",
        lambda name: runtime_module.Runtime(
            name, RUNTIMES[name].version, "any", wrong[name].scheme, wrong[name].operators
        ),
    )  # fmt: skip
    assert right.mismatches == 0
    assert verify_tflite(conv_file[0], x, ["tflm"]).mismatches == right.pairs[0].elements_differing
    assert right.pairs[0].elements_differing > 0


def test_floats_are_quantised_and_other_arrays_refused(conv_file):
    path, x = conv_file
    found = verify_tflite(path, x.astype(np.float32), ["tflm"])
    assert found.mismatches == 0 and found.runtimes[0].images == 3
    for wrong, words in (
        (x[..., :1].repeat(40, 3), r"allowed: \(n, "),
        (x.astype(np.int32), "array of int32"),
        (x[:0], "0 images"),
        (np.full(x.shape, np.nan, np.float32), "finite floats"),
        ({"other": x}, "no array for t0"),
    ):
        with pytest.raises(DataError, match=words):
            verify_tflite(path, wrong, ["tflm"])


def test_a_name_that_is_no_runtime_lists_the_names(conv_file):
    with pytest.raises(ConfigError, match="allowed: ort, litert_ref, litert_xnnpack, tflm"):
        verify_tflite(*conv_file, ["tensorrt"])


def test_a_network_that_mixes_its_first_axis_runs_one_by_one(tmp_path):
    same = {"scale": 0.1, "zero": 3}
    parts = [T((1, 4, 6), **same), T((4, 6), **same), T((2,), np.int32, data=[4, 6])]
    parts += [T((4, 6), scale=0.2, zero=-5)]
    operators = [
        Op("RESHAPE", [0, 2], [1], options("Reshape", newShape=[4, 6])),
        Op("ADD", [1, 1], [3], options("Add")),
    ]
    path = tmp_path / "rows.tflite"
    path.write_bytes(write(parts, operators, [0], [3]))
    x = np.random.default_rng(0).integers(-128, 128, (5, 4, 6)).astype(np.int8)
    report = verify_tflite(path, x)
    assert report.mismatches == 0
    assert all(result.images == 5 for result in report.runtimes)
    assert (report.to_frame().elements[:4] == 5 * 2 * 24).all()


def test_another_machine_is_told_what_cannot_be_claimed(conv_file, monkeypatch):
    monkeypatch.setattr(runtime_module.platform, "machine", lambda: "aarch64")
    frame = verify_tflite(*conv_file).to_frame().set_index("runtime")
    assert frame.note["litert_xnnpack"].endswith("this machine is aarch64")
    assert frame.note["tflm"] == ""


def test_what_a_runtime_refuses_stops_no_other(tmp_path):
    shape = (1, 4, 4, 1)
    parts = [T(shape, scale=s) for s in (300.0, 1.0, 1.0)]
    path = tmp_path / "far.tflite"
    path.write_bytes(write(parts, [Op("ADD", [0, 1], [2], options("Add"))], [0, 1], [2]))
    x = np.zeros((2, 4, 4, 1), np.int8)
    report = verify_tflite(path, {"t0": x, "t1": x})
    by_name = {result.runtime.name: result for result in report.runtimes}
    assert "ratio of scales" in by_name["litert_xnnpack"].refused
    assert by_name["tflm"].images == 2 and report.mismatches == 0
    assert all("litert_xnnpack" not in (p.first, p.second) for p in report.pairs)
    with pytest.raises(ModelError, match="no runtime takes it"):
        verify_tflite(path, {"t0": x, "t1": x}, ["litert_xnnpack"])


def test_a_witness_that_refuses_a_file_says_why_and_takes_the_next():
    data, [feeds] = random_model("RELU", 0)
    with Witness("tflm") as witness:
        with pytest.raises(ModelError, match="TFL3"):
            witness.load(b"no network")
        witness.load(data)
        assert len(witness.run(feeds)) == 2


def test_every_runtime_names_version_and_instruction_set():
    for name in RUNTIMES:
        runtime = runtime_named(name)
        assert runtime.version in runtime.description
        assert runtime.instruction_set in runtime.description
        assert ("no witness" in runtime.description) == name.startswith("cmsis")
