"""One's own arrays: an NPZ file checked against the network that will read it.

The file holds ``inputs``, which judge; ``calibration``, which chooses activation ranges (not needed
by a network that came quantised); and, where they are known, ``labels`` of the inputs. With several
inputs there is one array each: ``inputs.<name>`` and ``calibration.<name>``.

The last fifth of the inputs is set aside as the hold-out: it chooses the recommended strategy, and
nothing is reported on it. The other four fifths report.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from edgeint8.errors import DataError
from edgeint8.files import write_json
from edgeint8.models.data.samples import RANDOM, Samples, SplitName, Splits, save_samples

HOLDOUT_SHARE = 5  # one sample in this many
SMALL_BYTES = 1 << 28  # an archive of fewer fits any machine; if not, a header lies
LARGEST_LABEL = 1 << 31  # no network has as many classes
RANDOM_SAMPLES = {"calibration": 64, "holdout": 16, "test": 64}


@dataclass(frozen=True)
class InputSpec:
    """An input of a network; its first dimension is the batch, and None there means any."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]

    @property
    def described(self) -> str:
        """As it stands in messages: ``float32 (N, 3, 32, 32)``."""
        sizes = ["N", *map(str, self.shape[1:])]
        return f"{self.dtype} ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def read_own_data(
    path: str | Path,
    specs: Sequence[InputSpec],
    *,
    quantized: bool = False,
    classes: bool = True,
) -> Splits:
    """The splits of an NPZ file; every refusal names the array, what it is and what fits.

    quantized
        The network came quantised: nothing is calibrated and nothing chosen, so all inputs report.
    classes
        Labels are a class a sample; else they are whatever a metric compares with.
    """
    arrays = read_arrays(path)
    keys = {role: _keys(role, specs, arrays) for role in ("inputs", "calibration")}
    known = {*keys["inputs"], *keys["calibration"], "labels"}
    if unknown := sorted(set(arrays) - known):
        raise DataError(f"array {unknown[0]!r}", where=str(path), allowed=", ".join(sorted(known)))
    batch = batch_of(specs)
    test = _samples(path, keys["inputs"], specs, arrays, batch)
    if "labels" in arrays and classes:
        test = replace(test, labels=_labels(path, arrays["labels"], test))
    elif "labels" in arrays:
        test = replace(test, targets=_targets(path, arrays["labels"], test))
    test = _whole_batches(path, test)
    if quantized:
        return {"test": test}
    aside = max(1, len(test) // (batch or 1) // HOLDOUT_SHARE) * (batch or 1)
    if aside == len(test):
        raise DataError(
            f"{len(test)} inputs", where=str(path), allowed=f"{2 * aside} or more: some choose"
        )
    calibration = _samples(path, keys["calibration"], specs, arrays, batch)
    return {
        "calibration": _whole_batches(path, calibration),
        "holdout": test.rows(slice(len(test) - aside, None)),
        "test": test.rows(slice(len(test) - aside)),
    }


def own_or_random(
    path: str | Path | None,
    specs: Sequence[InputSpec],
    seed: int,
    *,
    quantized: bool,
    classes: bool,
) -> Splits:
    """The user's data, or random inputs where there is no file."""
    if path is None:
        return random_data(specs, seed)
    return read_own_data(path, specs, quantized=quantized, classes=classes)


def random_data(specs: Sequence[InputSpec], seed: int) -> Splits:
    """Inputs that nobody gave: standard normal floats, any bytes, other integers 0 or 1."""
    generator, batch = np.random.default_rng(seed), batch_of(specs)
    splits: Splits = {}
    for split in ("calibration", "holdout", "test"):
        rows = -(-RANDOM_SAMPLES[split] // (batch or 1)) * (batch or 1)
        inputs = {spec.name: _random(spec, rows, generator) for spec in specs}
        splits[split] = Samples(RANDOM, inputs, None, batch)
    return splits


def batch_of(specs: Sequence[InputSpec]) -> int | None:
    """The fixed batch size of a network's inputs, or None where it is free."""
    sizes = {spec.shape[0] for spec in specs}
    if len(sizes) > 1:
        listed = ", ".join(f"{spec.name} {spec.shape[0] or 'any'}" for spec in specs)
        raise DataError(
            f"batch sizes {listed}",
            where="inputs of the network",
            allowed="the same first dimension in every input",
        )
    return sizes.pop()


def check_labels(samples: Samples, output_shape: Sequence[int], where: str) -> None:
    """Refuse labels that the first output of the network, of this shape a sample, cannot answer."""
    if samples.labels is None:
        return
    classes = math.prod(output_shape)
    if not output_shape or classes < 2 or classes != output_shape[0]:
        raise DataError(
            f"labels for a first output of shape (N, {', '.join(map(str, output_shape))})",
            where=where,
            allowed="labels only where it is (N, classes)",
        )
    if int(samples.labels.max()) >= classes:
        raise DataError(
            f"label {int(samples.labels.max())}",
            where=f"{where}: labels",
            allowed=f"0 to {classes - 1}: the network has {classes} scores a sample",
        )


def save_own_data(
    arrays: str | Path,
    provenance: str | Path,
    name: str,
    splits: Mapping[SplitName, Samples],
    path: str | None,
) -> None:
    """Write what `load_samples` reads, and where it came from: `path`, or nowhere."""
    save_samples(arrays, splits)
    write_json(provenance, data_provenance(name, splits, path))


def data_provenance(
    name: str, splits: Mapping[SplitName, Samples], path: str | None
) -> dict[str, Any]:
    """``provenance.json`` of one's own data, with the keys that the report reads."""
    test = splits["test"]
    counts = {f"{split}_samples": len(part) for split, part in splits.items()}
    return {
        "dataset": name,
        "source": test.source,
        "stand_in": False,
        "file": path,
        "train_samples": counts.get("calibration_samples", 0),
        "holdout_samples": counts.get("holdout_samples", 0),
        "test_samples": len(test),
        "labels": test.labels is not None,
        "batch": test.batch,
        "inputs": {
            name: f"{array.dtype} {list(array.shape[1:])}" for name, array in test.inputs.items()
        },
    }


def read_arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """All arrays of an NPZ file."""
    try:
        if not is_zipfile(path):
            raise ValueError("no archive of arrays")
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        if odd := [key for key, array in arrays.items() if not isinstance(array, np.ndarray)]:
            raise ValueError(f"{odd[0]!r} is no array")
        return arrays
    except Exception as error:  # each decompressor and NumPy's parser raise types of their own
        if isinstance(error, MemoryError) and _holds_bytes(path) > SMALL_BYTES:
            raise
        raise DataError(
            f"not a readable NPZ file ({error})",
            where=str(path),
            allowed="arrays written by numpy.savez, without Python objects",
        ) from None


def _holds_bytes(path: str | Path) -> int:
    """Bytes of all arrays of an archive, as its directory says."""
    with ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def _keys(role: str, specs: Sequence[InputSpec], arrays: Mapping[str, Any]) -> list[str]:
    """Names of the arrays of a role, one for each input."""
    if len(specs) == 1 and f"{role}.{specs[0].name}" not in arrays:
        return [role]
    return [f"{role}.{spec.name}" for spec in specs]


def _samples(
    path: str | Path,
    keys: Sequence[str],
    specs: Sequence[InputSpec],
    arrays: Mapping[str, NDArray[Any]],
    batch: int | None,
) -> Samples:
    for key, spec in zip(keys, specs, strict=True):
        if key not in arrays:
            raise DataError(
                f"no array {key!r} among {', '.join(sorted(arrays)) or 'none'}",
                where=str(path),
                allowed=f"{key}: {spec.described}",
            )
        check_array(f"{path}: {key}", arrays[key], spec)
    inputs = {spec.name: arrays[key] for key, spec in zip(keys, specs, strict=True)}
    counts = {key: len(arrays[key]) for key in keys}
    if len(set(counts.values())) > 1:
        raise DataError(f"rows {counts}", where=str(path), allowed="as many for every input")
    return Samples("own", inputs, None, batch)


def check_array(where: str, array: NDArray[Any], spec: InputSpec) -> None:
    """Refuse an array that the input cannot read, that is empty, or that holds NaN or infinity."""
    expected = spec.shape[1:]
    if array.dtype != spec.dtype or array.ndim != len(spec.shape) or array.shape[1:] != expected:
        raise DataError(
            f"{array.dtype} {array.shape}",
            where=where,
            allowed=f"{spec.described}, as input {spec.name!r} of the network has it",
        )
    if not len(array):
        raise DataError("no samples", where=where, allowed="1 or more")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise DataError(f"{array[bad]} at {bad}", where=where, allowed="finite numbers")


def _labels(path: str | Path, labels: NDArray[Any], test: Samples) -> NDArray[np.int64]:
    where = f"{path}: labels"
    if labels.dtype.kind not in "iu" or labels.shape != (len(test),):
        raise DataError(
            f"{labels.dtype} {labels.shape}",
            where=where,
            allowed=f"integers ({len(test)},): one class for each of the inputs",
        )
    for label in (int(labels.min()), int(labels.max())):
        if not 0 <= label < LARGEST_LABEL:
            raise DataError(f"label {label}", where=where, allowed=f"0 to {LARGEST_LABEL - 1}")
    return labels.astype(np.int64)


def _targets(path: str | Path, labels: NDArray[Any], test: Samples) -> NDArray[Any]:
    if labels.shape[:1] != (len(test),) or labels.dtype.kind not in "fiub":
        raise DataError(
            f"{labels.dtype} {labels.shape}",
            where=f"{path}: labels",
            allowed=f"numbers ({len(test)}, ...): one row for each of the inputs",
        )
    return labels


def _whole_batches(path: str | Path, samples: Samples) -> Samples:
    """Without the last rows that would not fill a batch of the network's fixed size."""
    batch = samples.batch or 1
    whole = len(samples) // batch * batch
    if not whole:
        raise DataError(
            f"{len(samples)} samples for a fixed batch of {batch}",
            where=str(path),
            allowed=f"{batch} or more",
        )
    return samples.rows(slice(whole))


def _random(spec: InputSpec, rows: int, generator: np.random.Generator) -> NDArray[Any]:
    shape = (rows, *(size or 1 for size in spec.shape[1:]))
    if spec.dtype.kind == "f":
        return generator.standard_normal(shape, dtype=np.float32).astype(spec.dtype)
    if spec.dtype.itemsize == 1 and spec.dtype.kind in "iu":
        info = np.iinfo(spec.dtype)
        return generator.integers(info.min, info.max, shape, spec.dtype, endpoint=True)
    return generator.integers(0, 2, shape).astype(spec.dtype)
