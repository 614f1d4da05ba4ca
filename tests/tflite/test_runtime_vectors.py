"""Vectors of a .tflite network, runtime by runtime, against the real runtimes."""

import json

import numpy as np
import pytest
from tflite_models import Op, T, options, write
from tflite_wide import random_wide
from tflite_witnesses import NAMES

import edgeint8 as e8
from edgeint8.cli import main
from edgeint8.errors import ConfigError, ModelError
from edgeint8.fixed_point.runtimes.known import runtime_named
from edgeint8.fixed_point.vectors.vectors import read_vectors
from edgeint8.tflite.vectors import write_runtime_vectors
from edgeint8.tflite.witness.witness import Witness


def layers_with_ties():
    """Two convolutions, their sum, a pool, and a product whose every other output is a tie."""
    rng = np.random.default_rng(3)
    same = {"scale": 0.5, "zero": 2}
    w = rng.integers(-9, 10, (4, 3, 3, 2))
    dense = rng.integers(-20, 21, (40, 4))
    parts = [
        T((1, 8, 8, 2), scale=0.5, zero=-3, name="image"), T(w.shape, scale=0.041, data=w),
        T((4,), np.int32, 0.0205, data=range(4)), T((1, 8, 8, 4), **same, name="first"),
        T((1, 8, 8, 4), scale=0.3, zero=1, name="second"), T((1, 8, 8, 4), **same, name="sum"),
        T((1, 1, 1, 4), **same, name="mean"), T(dense.shape, scale=0.5, data=dense),
        T((40,), np.int32, 0.25, data=[0] * 40), T((1, 40), scale=1.0, zero=-7, name="scores"),
    ]  # fmt: skip
    plain = options("Conv2D", strideH=1, strideW=1)
    pool = options("Pool2D", padding=1, strideH=8, strideW=8, filterHeight=8, filterWidth=8)
    operators = [
        Op("CONV_2D", [0, 1, 2], [3], plain), Op("CONV_2D", [0, 1, 2], [4], plain),
        Op("ADD", [3, 4], [5], options("Add")), Op("AVERAGE_POOL_2D", [5], [6], pool),
        Op("FULLY_CONNECTED", [6, 7, 8], [9], options("FullyConnected")),
    ]  # fmt: skip
    x = rng.integers(-128, 128, (2, 8, 8, 2)).astype(np.int8)
    return write(parts, operators, [0], [9]), x


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The file, its inputs, and the vectors of every runtime."""
    folder = tmp_path_factory.mktemp("runtimes")
    data, x = layers_with_ties()
    (folder / "net.tflite").write_bytes(data)
    assert write_runtime_vectors(folder / "net.tflite", x, folder / "vectors") == {}
    return folder, data, x


def tensors_of(folder):
    """Every tensor of the vectors by the name that the graph has for it."""
    vectors = read_vectors(folder)
    writes = {n["name"]: n["writes"][0] for n in vectors.manifest["graph"]["nodes"]}
    found = {}
    for node in vectors.manifest["other_nodes"]:
        found[writes[node["name"]]] = vectors.array(node["arrays"]["output_0"])
    for layer in vectors.manifest["layers"]:
        found[writes[layer["name"]]] = vectors.array(layer["sets"]["image"]["ofm"])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_is_the_real_runtime_s(written, name):
    folder, data, x = written
    ours = tensors_of(folder / "vectors" / name)
    places = {"first": 3, "second": 4, "sum": 5, "mean": 6, "scores": 9}
    with Witness(name) as witness:
        witness.load(data)
        answers = [witness.run([image[None]]) for image in x]
    for tensor, place in places.items():
        want = np.concatenate([answer[place] for answer in answers])
        got = ours[tensor]
        got = np.moveaxis(got, 1, -1) if got.ndim == 4 else got
        np.testing.assert_array_equal(got, want, err_msg=tensor)


def dense_layer(folder):
    vectors = read_vectors(folder)
    (layer,) = [entry for entry in vectors.manifest["layers"] if entry["op_type"] == "QGemm"]
    sets = [{k: vectors.array(v) for k, v in s.items()} for s in layer["sets"].values()]
    return layer, {k: vectors.array(v) for k, v in layer["constants"].items()}, sets


def test_a_product_s_outputs_follow_from_its_constants(written):
    """Corner sets too: LiteRT's reference rounds ties away from zero, tflite-micro rounds twice."""
    folder = written[0] / "vectors"
    layer, constants, sets = dense_layer(folder / "litert_ref")
    assert layer["rounding"] == "float64_half_away"
    scale, ties = constants["multiplier"] / 2.0 ** constants["shift"], 0
    for arrays in sets:
        real = arrays["acc"] * scale
        level = np.sign(real) * np.floor(np.abs(real) + 0.5) + layer["y_zero_point"]
        np.testing.assert_array_equal(arrays["ofm"], np.clip(level, -128, 127))
        ties += int((real % 1 == 0.5).sum())
    assert ties > 10
    layer, constants, sets = dense_layer(folder / "tflm")
    assert layer["rounding"] == "gemmlowp"
    for arrays in sets:
        high = (arrays["acc"].astype(np.int64) * constants["multiplier"] + (1 << 30)) >> 31
        right = constants["shift"] - 31
        assert (right >= 1).all()
        half = (1 << (right - 1)) - (high < 0)
        level = ((high + half) >> right) + layer["y_zero_point"]
        np.testing.assert_array_equal(arrays["ofm"], np.clip(level, -128, 127))


def test_the_manifest_names_the_runtime(written):
    folder = written[0] / "vectors"
    for name in ("ort", *NAMES, "cmsis_single"):
        manifest = read_vectors(folder / name).manifest
        assert manifest["runtime"].startswith(f"{name} (")
        rounding = {layer["rounding"] for layer in manifest["layers"]}
        assert (rounding == {manifest["rounding"]}) == (name != "litert_ref")


def test_a_refusal_is_kept_and_stops_no_other(tmp_path):
    shape = (1, 4, 4, 1)
    parts = [T(shape, scale=s) for s in (300.0, 1.0, 1.0)]
    path = tmp_path / "far.tflite"
    path.write_bytes(write(parts, [Op("ADD", [0, 1], [2], options("Add"))], [0, 1], [2]))
    x = dict.fromkeys(("t0", "t1"), np.zeros((1, 4, 4, 1), np.int8))
    refused = write_runtime_vectors(path, x, tmp_path / "v")
    assert list(refused) == ["litert_xnnpack"] and "ratio of scales" in refused["litert_xnnpack"]
    assert json.loads((tmp_path / "v/refused.json").read_text()) == refused
    assert not (tmp_path / "v/litert_xnnpack").exists()
    assert (tmp_path / "v/tflm/manifest.json").exists()


def test_wide_codes_have_vectors_of_the_runtimes_that_take_them(tmp_path):
    data, feeds = random_wide("FULLY_CONNECTED", 1)
    path = tmp_path / "wide.tflite"
    path.write_bytes(data)
    refused = write_runtime_vectors(path, feeds[0], tmp_path / "v")
    assert set(refused) == {"ort", "cmsis_single"}
    (node,) = [n for n in read_vectors(tmp_path / "v/tflm").manifest["other_nodes"]
               if n["op_type"] == "QGemm16x8"]  # fmt: skip
    assert node["arrays"]["output_0"]["dtype"] == "int16"


def test_a_network_that_no_runtime_takes_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("edgeint8.tflite.vectors.RUNTIMES", {"ort": runtime_named("ort")})
    data, feeds = random_wide("ADD", 1)
    path = tmp_path / "wide.tflite"
    path.write_bytes(data)
    x = {f"t{k}": value for k, value in enumerate(feeds)}
    with pytest.raises(ModelError, match="no runtime takes it: ort does not take QLinearAdd16"):
        write_runtime_vectors(path, x, tmp_path / "v")


def test_the_face_writes_them_of_floats_too(written, tmp_path, capsys):
    folder, _, x = written
    net = folder / "net.tflite"
    real = (x[:1].astype(np.float32) + 3) * np.float32(0.5)
    answer = e8.vectors(net, tmp_path / "a", real, runtime="tflm")
    assert answer.facts()["runtime"].startswith("tflm (") and answer.facts()["images"] == 1
    given = e8.vectors(net, tmp_path / "b", x[:1], runtime="tflm")
    assert answer.manifest["layers"] == given.manifest["layers"]
    assert e8.accumulator_widths(net, real).observed == e8.accumulator_widths(net, x[:1]).observed
    assert main(["vectors", str(net), str(tmp_path / "c"), "--runtime", "litert_ref"]) == 0
    assert "litert_ref (" in capsys.readouterr().out


def test_a_runtime_and_a_rounding_exclude_each_other(written, tmp_path):
    net = written[0] / "net.tflite"
    with pytest.raises(ConfigError, match="a rounding and a runtime"):
        e8.vectors(net, tmp_path / "v", rounding="gemmlowp", runtime="tflm")
    with pytest.raises(ConfigError, match=r"runtime tflm of q\.onnx.*allowed: ort, or a \.tflite"):
        e8.vectors("q.onnx", tmp_path / "v", runtime="tflm")
    with pytest.raises(ConfigError, match="no runtime 'tensorrt'"):
        e8.vectors(net, tmp_path / "v", runtime="tensorrt")
