"""One's own arrays: what fits is split as promised, what does not is refused with both sides."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from edgeint8.errors import DataError
from edgeint8.models.data.datasets import Request, save_dataset
from edgeint8.models.data.own_data import (
    InputSpec,
    batch_of,
    check_labels,
    random_data,
    read_own_data,
    save_own_data,
)
from edgeint8.models.data.registry import make_dataset
from edgeint8.models.data.samples import Samples, load_samples

FLOAT = np.dtype(np.float32)
IMAGE = InputSpec("input", FLOAT, (None, 3, 4, 4))
STATE = InputSpec("a/state", np.dtype(np.int64), (None, 5))
RNG = np.random.default_rng(0)


def images(count, dtype=np.float32, shape=(3, 4, 4)):
    return RNG.standard_normal((count, *shape)).astype(dtype)


def written(tmp_path, **arrays):
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    return path


def test_the_last_fifth_chooses_and_the_rest_reports(tmp_path):
    inputs, labels = images(23), np.arange(23, dtype=np.int16)
    path = written(tmp_path, calibration=images(7), inputs=inputs, labels=labels)
    splits = read_own_data(path, [IMAGE])
    assert {name: len(part) for name, part in splits.items()} == {
        "calibration": 7,
        "holdout": 4,
        "test": 19,
    }
    np.testing.assert_array_equal(splits["test"].inputs["input"], inputs[:19])
    np.testing.assert_array_equal(splits["holdout"].labels, labels[19:])
    assert splits["test"].labels.dtype == np.int64 and splits["calibration"].labels is None


def test_a_quantised_network_needs_no_calibration_and_all_inputs_report(tmp_path):
    splits = read_own_data(written(tmp_path, inputs=images(3)), [IMAGE], quantized=True)
    assert list(splits) == ["test"] and len(splits["test"]) == 3


def test_several_inputs_have_one_array_each(tmp_path):
    arrays = {
        f"{role}.{spec.name}": None for role in ("calibration", "inputs") for spec in (IMAGE, STATE)
    }
    for key in arrays:
        arrays[key] = images(6) if key.endswith("input") else np.ones((6, 5), np.int64)
    splits = read_own_data(written(tmp_path, **arrays), [IMAGE, STATE])
    assert list(splits["test"].inputs) == ["input", "a/state"]
    del arrays["inputs.a/state"]
    with pytest.raises(DataError) as refused:
        read_own_data(written(tmp_path, **arrays), [IMAGE, STATE])
    assert "no array 'inputs.a/state'" in str(refused.value)
    assert "int64 (N, 5)" in str(refused.value)


def test_a_fixed_batch_takes_whole_batches(tmp_path):
    spec = InputSpec("input", FLOAT, (4, 3, 4, 4))
    path = written(tmp_path, calibration=images(9), inputs=images(30))
    splits = read_own_data(path, [spec])
    sizes = {name: len(part) for name, part in splits.items()}
    assert sizes == {"calibration": 8, "holdout": 4, "test": 24}
    assert len(splits["test"].first(5)) == 8 and len(splits["test"].first(None)) == 24
    with pytest.raises(DataError, match="3 samples for a fixed batch of 4"):
        read_own_data(written(tmp_path, inputs=images(3)), [spec], quantized=True)


WRONG = [
    ({"inputs": images(9, np.float64)}, "float64 (9, 3, 4, 4)", "float32 (N, 3, 4, 4)"),
    ({"inputs": images(9, shape=(4, 4, 3))}, "float32 (9, 4, 4, 3)", "float32 (N, 3, 4, 4)"),
    ({"inputs": images(9)[0]}, "float32 (3, 4, 4)", "as input 'input' of the network"),
    ({"inputs": images(0)}, "no samples", "1 or more"),
    ({"inputs": images(1)}, "1 inputs", "2 or more"),
    ({"inputs": np.full((9, 3, 4, 4), np.nan, np.float32)}, "nan at (0, 0, 0, 0)", "finite"),
    ({"inputs": None}, "no array 'inputs' among calibration", "inputs: float32 (N, 3, 4, 4)"),
    ({"calibration": None}, "no array 'calibration'", "calibration: float32 (N, 3, 4, 4)"),
    ({"calibration": images(2, np.float16)}, "float16 (2, 3, 4, 4)", "float32"),
    ({"targets": np.zeros(9)}, "array 'targets'", "calibration, inputs, labels"),
    ({"labels": np.zeros(9)}, "float64 (9,)", "integers (9,)"),
    ({"labels": np.zeros((9, 1), int)}, "int64 (9, 1)", "integers (9,)"),
    ({"labels": np.zeros(8, int)}, "int64 (8,)", "integers (9,)"),
    ({"labels": np.full(9, -1)}, "label -1", "0 to 2147483647"),
    ({"labels": np.full(9, 1 << 63, np.uint64)}, "label 9223372036854775808", "0 to 2147483647"),
]


@pytest.mark.parametrize(("change", "what", "allowed"), WRONG)
def test_what_does_not_fit_is_refused_with_both_sides(change, what, allowed, tmp_path):
    arrays = {"calibration": images(4), "inputs": images(9)} | change
    path = written(tmp_path, **{key: value for key, value in arrays.items() if value is not None})
    with pytest.raises(DataError) as refused:
        read_own_data(path, [IMAGE])
    message = str(refused.value)
    assert what in message and allowed in message and "data.npz" in message
    assert "\n" not in message


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return print, ("BOOM",)


def test_python_objects_are_never_unpickled(tmp_path, capsys):
    path = tmp_path / "data.npz"
    np.savez(path, inputs=np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="not a readable NPZ file"):
        read_own_data(path, [IMAGE])
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="not a readable NPZ file"):
        read_own_data(path, [IMAGE])
    assert "BOOM" not in capsys.readouterr().out


def test_files_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "data.npz"
    whole = written(tmp_path, inputs=images(9)).read_bytes()
    with path.open("wb") as file:
        npy.write_array(file, images(9))
    single = path.read_bytes()
    for content in (b"", b"text", whole[:200], single):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a readable NPZ file"):
            read_own_data(path, [IMAGE])


def claimed(shape):
    """An array file whose header promises a shape and whose data never come."""
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(stream, header)
    return stream.getvalue()


UNREADABLE = {
    "no array file": b"hello",
    "a header that ends early": b"\x93NUMPY\x01\x00"
    + b"\x10\x00"
    + b"{'descr': (".ljust(15)
    + b"\n",
    "more than there is memory": claimed((10**12, 3, 4, 4)),
    "fewer bytes than promised": claimed((9, 3, 4, 4)),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_an_archive_of_other_things_is_refused(content, tmp_path):
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inputs.npy", content)
    with pytest.raises(DataError, match="not a readable NPZ file"):
        read_own_data(path, [IMAGE])


@pytest.mark.parametrize("field", [6, 8], ids=["encrypted", "unknown compression"])
def test_an_archive_that_zip_cannot_open_is_refused(field, tmp_path):
    """The flags and the method of the first entry, in its own header and in the directory."""
    path = written(tmp_path, inputs=images(9))
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    for place in (field, directory + field + 2):
        content[place] = 1 if field == 6 else 99
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a readable NPZ file"):
        read_own_data(path, [IMAGE])


def test_bytes_that_changed_on_the_way_are_noticed(tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, inputs=images(9))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x5A
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a readable NPZ file"):
        read_own_data(path, [IMAGE])


def test_labels_need_scores_that_can_answer_them(tmp_path):
    samples = Samples("own", {"input": images(3)}, np.array([0, 1, 9]))
    check_labels(samples, (10,), "data.npz")
    check_labels(samples, (10, 1, 1), "data.npz")
    with pytest.raises(DataError, match=r"label 9 @ data\.npz: labels; allowed: 0 to 8"):
        check_labels(samples, (9,), "data.npz")
    for shape in ((), (1,), (10, 4)):
        with pytest.raises(DataError, match=r"only where it is \(N, classes\)"):
            check_labels(samples, shape, "data.npz")


def test_random_inputs_are_seeded_and_say_so():
    byte = InputSpec("byte", np.dtype(np.uint8), (None, 300))
    token = InputSpec("token", np.dtype(np.int64), (None, 7))
    first, again, other = (random_data([IMAGE, byte, token], seed) for seed in (1, 1, 2))
    assert first["test"].is_random and first["test"].labels is None
    for name in ("input", "byte", "token"):
        np.testing.assert_array_equal(first["test"].inputs[name], again["test"].inputs[name])
        assert (first["test"].inputs[name] != other["test"].inputs[name]).any()
    assert first["test"].inputs["byte"].max() == 255
    assert set(np.unique(first["test"].inputs["token"])) == {0, 1}
    assert not np.array_equal(first["test"].inputs["input"], first["calibration"].inputs["input"])


def test_inputs_that_disagree_on_the_batch_are_refused():
    with pytest.raises(DataError, match="input 4, a/state any"):
        batch_of([InputSpec("input", FLOAT, (4, 3)), STATE])


def test_what_is_saved_is_read_again(tmp_path):
    path = written(tmp_path, calibration=images(4), inputs=images(9), labels=np.arange(9))
    splits = read_own_data(path, [IMAGE])
    save_own_data(tmp_path / "arrays.npz", tmp_path / "provenance.json", "net", splits, str(path))
    for split, samples in splits.items():
        read = load_samples(tmp_path / "arrays.npz", split)
        np.testing.assert_array_equal(read.inputs["input"], samples.inputs["input"])
        assert read.source == "own" and read.batch is None
        assert (read.labels is None) == (samples.labels is None)


def test_a_dataset_is_read_as_samples_too(tmp_path):
    request = Request(tmp_path, 0, train_samples=50, test_samples=20)
    dataset = make_dataset("synthetic_signals", request)
    save_dataset(dataset, tmp_path / "arrays.npz", tmp_path / "provenance.json")
    for split, part in (
        ("calibration", dataset.train()),
        ("holdout", dataset.held_out()),
        ("test", dataset.test()),
    ):
        read = load_samples(tmp_path / "arrays.npz", split)
        np.testing.assert_array_equal(read.inputs["input"], part.inputs)
        np.testing.assert_array_equal(read.labels, part.labels)
    with pytest.raises(DataError, match="not a data file"):
        load_samples(tmp_path / "missing.npz", "test")
