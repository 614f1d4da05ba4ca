"""Test vectors: complete, consistent, checked on reading, and replayable by plain integers."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from test_executor import IMAGE, small_network

from edgeint8.errors import DataError
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.executor import DataPath
from edgeint8.fixed_point.studies.overflow import Limits, Policy
from edgeint8.fixed_point.vectors import hexfile
from edgeint8.fixed_point.vectors.design import Design
from edgeint8.fixed_point.vectors.layouts import stream
from edgeint8.fixed_point.vectors.vectors import first_mismatch, read_vectors, write_vectors
from edgeint8.quant.affine import sum_reach


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Vectors of the small network."""
    root = tmp_path_factory.mktemp("vectors")
    write_vectors(small_network(), IMAGE, root)
    return root


def test_data_set_by_hand(folder):
    vectors = read_vectors(folder)
    (layer,) = vectors.manifest["layers"]
    arrays = {role: vectors.array(entry) for role, entry in layer["sets"]["image"].items()}
    assert arrays["ifm"].tolist() == [[[4, 5, 5, 255], [3, 4, 0, 3]]]
    assert arrays["acc_before_bias"].tolist() == [[[0, 1, 0, 8, 252]]]
    assert arrays["acc"].tolist() == [[[4, 5, 4, 12, 256]]]
    assert arrays["ofm"].tolist() == [[[4, 4, 4, 6, 67]]]
    assert (layer["pad_value"], layer["y_zero_point"], layer["depth"]) == (3, 3, 2)


def test_hex_files_are_twos_complement_words(folder):
    (layer,) = read_vectors(folder).manifest["layers"]
    weight = (folder / layer["constants"]["weight"]["hex"]).read_text()
    assert weight == "01\nfe\n"
    assert (folder / layer["sets"]["image"]["acc"]["hex"]).read_text().split()[4] == "00000100"
    assert (folder / layer["constants"]["scale_float32"]["hex"]).read_text() == "3e800000\n"


def test_multiplier_and_shift_are_the_scale(folder):
    vectors = read_vectors(folder)
    constants = vectors.manifest["layers"][0]["constants"]
    multiplier, shift = (vectors.array(constants[k]).item() for k in ("multiplier", "shift"))
    assert multiplier / 2**shift == 0.25


def test_raw_codes_replay_to_the_same_output(tmp_path):
    """The bias holds the correction and the border the raw zero-point."""
    write_vectors(small_network(), IMAGE, tmp_path, Design(data_path=DataPath.RAW_CODES))
    vectors = read_vectors(tmp_path)
    (layer,) = vectors.manifest["layers"]
    assert (layer["subtracted_zero_point"], layer["pad_value"]) == (0, 3)
    assert vectors.array(layer["constants"]["bias"]).tolist() == [4 - 3 * (1 - 2)]
    arrays = {role: vectors.array(entry) for role, entry in layer["sets"]["image"].items()}
    assert arrays["acc_before_bias"].tolist() == [[[-3, -2, -3, 5, 249]]]
    assert arrays["acc"].tolist() == [[[4, 5, 4, 12, 256]]]


def test_narrow_accumulator_and_scheme_are_applied(tmp_path):
    limits = Limits(8, Policy.SATURATE_FINAL)
    write_vectors(small_network(), IMAGE, tmp_path, Design(Scheme.TRUNCATE, limits=limits))
    vectors = read_vectors(tmp_path)
    (layer,) = vectors.manifest["layers"]
    arrays = {role: vectors.array(entry) for role, entry in layer["sets"]["image"].items()}
    assert arrays["acc"].tolist() == [[[4, 5, 4, 12, 127]]]
    assert arrays["ofm"].tolist() == [[[4, 4, 4, 6, 34]]]
    assert vectors.manifest["overflow"] == "saturate_final"


def test_corner_sets_reach_the_exact_bounds(folder):
    vectors = read_vectors(folder)
    (layer,) = vectors.manifest["layers"]
    weights = vectors.array(layer["constants"]["weight"])[0]
    reach = sum_reach(weights.astype(int), (-3, 252))
    assert vectors.array(layer["sets"]["highest"]["acc_before_bias"]).max() == reach.high.item()
    assert vectors.array(layer["sets"]["lowest"]["acc_before_bias"]).min() == reach.low.item()
    silent = vectors.array(layer["sets"]["all_zero_point"]["acc_before_bias"])
    assert not silent.any()


def test_directed_products_and_edges(folder):
    vectors = read_vectors(folder)
    cases = {case["name"]: case["arrays"] for case in vectors.manifest["directed"]}
    assert vectors.array(cases["products"]["product"]).max() == 16384
    exact = vectors.array(cases["overflow_wrap_19_bits"]["exact"]).item()
    assert 2**18 <= exact < 2**19
    expected = {
        "overflow_wrap_19_bits": exact - 2**19,
        "overflow_saturate_final_19_bits": 2**18 - 1,
        "overflow_saturate_step_20_bits": exact,
        "overflow_saturate_tile_21_bits": exact,
    }
    for name, value in expected.items():
        assert vectors.array(cases[name]["acc"]).item() == value


@pytest.mark.parametrize("scheme", ["ort_float32", "int32_half_up"])
def test_directed_ties_follow_the_rule(folder, scheme):
    vectors = read_vectors(folder)
    cases = {case["name"]: case["arrays"] for case in vectors.manifest["directed"]}
    got = {role: vectors.array(entry) for role, entry in cases[f"ties_{scheme}"].items()}
    real = got["acc"] / 2.0 ** got["shift"] * got["multiplier"]
    rounded = np.rint(real) if scheme == "ort_float32" else np.floor(real + 0.5)
    np.testing.assert_array_equal(got["ofm"], np.clip(rounded + got["zero_point"], -128, 127))
    assert np.mean(real % 1 == 0.5) > 0.3


def test_every_file_is_checked(folder):
    assert read_vectors(folder).check_all() > 60


@pytest.mark.parametrize("kind", ["npy", "hex"])
def test_a_changed_file_is_refused(tmp_path, kind):
    write_vectors(small_network(), IMAGE, tmp_path)
    vectors = read_vectors(tmp_path)
    entry = vectors.manifest["layers"][0]["sets"]["image"]["acc"]
    path = tmp_path / entry[kind]
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="was changed"):
        vectors.array(entry)
    path.unlink()
    with pytest.raises(DataError, match="missing"):
        vectors.check_all()


def test_other_layouts_are_the_same_layer(folder):
    """The stream times K x M, with the bias, is the accumulator; two pixels by hand."""
    vectors = read_vectors(folder)
    (layer,) = vectors.manifest["layers"]
    constants = {k: vectors.array(v) for k, v in layer["constants"].items()}
    arrays = {k: vectors.array(v) for k, v in layer["sets"]["image"].items()}
    assert constants["weight_km"].tolist() == [[[1], [-2]]]
    shapes = {k: v.shape for k, v in constants.items() if not k.startswith("weight")}
    assert set(shapes.values()) == {(1,)} and constants["weight_zero_point"].shape == (1,)
    assert arrays["stream"].shape == (1, 5, 2) and arrays["stream"].dtype == np.int16
    again = arrays["stream"][0].astype(int) @ constants["weight_km"][0] + constants["bias"]
    assert again.T.tolist() == arrays["acc"][0].tolist()
    assert arrays["ifm_nhwc"].tolist() == np.moveaxis(arrays["ifm"], 1, -1).tolist()
    assert arrays["ofm_nhwc"].shape == (1, 5, 1)


def test_a_product_of_several_rows_streams_them_all() -> None:
    """Two images of three rows: the array reads three, not the first one alone."""
    codes = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    product = Operands(codes, np.ones((4, 2), np.int8), 5, np.zeros((), np.int8))
    assert stream(product).tolist() == [(np.arange(12).reshape(3, 4) - 5).tolist()]
    for rows in (codes[0], codes[0, 0]):  # an image a row, and one image without an axis
        flat = Operands(rows, product.w, 5, product.w_zero_point)
        assert stream(flat).tolist() == [[[-5, -4, -3, -2]]]


def test_every_node_says_who_feeds_it(folder):
    vectors = read_vectors(folder)
    graph = vectors.manifest["graph"]
    made = {tensor: node["name"] for node in graph["nodes"] for tensor in node["writes"]}
    assert [graph["inputs"], graph["outputs"]] == [["input"], ["out"]]
    for node in graph["nodes"]:
        for read in node["reads"]:
            assert read["made_by"] == made.get(read["tensor"], "input")
    names = [n["name"] for n in vectors.manifest["layers"] + vectors.manifest["other_nodes"]]
    assert sorted(names) == sorted(node["name"] for node in graph["nodes"])


def test_pools_and_additions_can_be_replayed(tmp_path):
    """A max-pool by comparing, an addition of equal scales by adding codes."""
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 100, (2, 3, 4, 4)).astype(np.uint8)
    write_vectors(pool_and_addition(), codes, tmp_path)
    nodes = {n["op_type"]: n for n in read_vectors(tmp_path).manifest["other_nodes"]}
    vectors = read_vectors(tmp_path)
    pool, add = (
        {k: vectors.array(v) for k, v in nodes[kind]["arrays"].items()}
        for kind in ("MaxPool", "QLinearAdd")
    )
    assert nodes["MaxPool"]["attributes"] == {"kernel_shape": [2, 2], "strides": [2, 2]}
    blocks = pool["input_0"].reshape(2, 3, 2, 2, 2, 2).max(axis=(3, 5))
    assert pool["output_0"].tolist() == blocks.tolist()
    assert add["output_0"].tolist() == (2 * add["input_0"].astype(int)).tolist()
    assert vectors.array(nodes["QLinearAdd"]["constants"]["input_1"]).tolist() == [0.5]
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS", "--quiet"], cwd=tmp_path, check=False)
    assert done.returncode == 0


def pool_and_addition():
    """A pool of codes and its sum with itself."""
    nodes = [
        helper.make_node("MaxPool", ["x"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node(
            "QLinearAdd",
            ["p", "s", "z", "p", "s", "z", "s", "z"],
            ["y"],
            "add",
            domain="com.microsoft",
        ),
    ]
    info = helper.make_tensor_value_info
    constants = {"s": np.float32(0.5), "z": np.uint8(0)}
    graph = helper.make_graph(
        nodes,
        "net",
        [info("x", TensorProto.UINT8, ["n", 3, 4, 4])],
        [info("y", TensorProto.UINT8, ["n", 3, 2, 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets)


def test_a_manifest_of_another_form_is_refused(tmp_path):
    write_vectors(small_network(), IMAGE, tmp_path)
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["layers"][0]["constants"]["weight_km"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="'weight_km' is a required property") as raised:
        read_vectors(tmp_path)
    assert "layers[0].constants" in str(raised.value)


def test_unknown_format_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(DataError, match="vector format 99"):
        read_vectors(tmp_path)


def test_two_writes_give_identical_bytes(folder, tmp_path):
    write_vectors(small_network(), IMAGE, tmp_path)
    names = sorted(p.relative_to(folder) for p in Path(folder).rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert all((folder / n).read_bytes() == (tmp_path / n).read_bytes() for n in names)


def test_a_folder_holds_one_network(tmp_path):
    """What the last network left would be read by a testbench that takes all folders there are."""
    folder, outside = tmp_path / "v", tmp_path / "outside.txt"
    write_vectors(small_network(), IMAGE, folder)
    old, mine = folder / "07_old/image/ofm.npy", folder / "07_old/notes.txt"
    old.parent.mkdir(parents=True)
    for path in (old, mine, outside):
        path.write_text("x")
    with (folder / "SHA256SUMS").open("a") as sums:
        sums.write("0  07_old/image/ofm.npy\n0  ../outside.txt\n0  absent.npy\n")
    write_vectors(small_network(), IMAGE, folder)
    assert mine.exists() and outside.exists() and not old.parent.exists()
    assert read_vectors(folder).manifest["layers"]
    write_vectors(small_network(), IMAGE, tmp_path / "fresh")
    fresh = {path.relative_to(tmp_path / "fresh") for path in (tmp_path / "fresh").rglob("*")}
    left = {path.relative_to(folder) for path in folder.rglob("*")}
    assert left - fresh == {Path("07_old"), Path("07_old/notes.txt")} and fresh <= left


def test_first_mismatch_names_layer_index_and_values():
    want, got = np.arange(6).reshape(2, 3), np.arange(6).reshape(2, 3)
    assert first_mismatch("conv", want, got) is None
    got[1, 0], got[1, 2] = 9, 9
    report = first_mismatch("conv", want, got)
    assert report == "conv[1, 0]: expected 3, got 9 (2 of 6 elements differ)"
    assert "shape (3, 2)" in first_mismatch("conv", want, got.T)


@given(
    st.sampled_from([8, 16, 32, 64]).flatmap(
        lambda bits: st.tuples(
            st.just(bits), st.lists(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
        )
    )
)
def test_hex_round_trip(case):
    bits, values = case
    text = hexfile.to_hex(np.array(values, np.int64), bits)
    assert text == "".join(f"{v % 2**bits:0{bits // 4}x}\n" for v in values)
    assert hexfile.from_hex(text, bits, signed=True).tolist() == values


@pytest.mark.parametrize("text", ["0\n", "00", "zz\n", "001\n"])
def test_broken_hex_is_refused(text):
    with pytest.raises(DataError, match="broken hex"):
        hexfile.from_hex(text, 8, signed=False)


def test_values_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="outside 8 bits"):
        hexfile.to_hex(np.array([256]), 8)
    with pytest.raises(DataError, match="hex words of 12"):
        hexfile.to_hex(np.array([0]), 12)
