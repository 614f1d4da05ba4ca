"""The file of a network's outputs: one array a split for the first, others beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from edgeint8.errors import DataError
from edgeint8.files import atomic_path

Logits = NDArray[np.float32]


def save_outputs(path: str | Path, outputs: Mapping[str, Mapping[str, Logits]]) -> None:
    """Write one array per split, that of the first output, and further outputs beside it."""
    arrays: dict[str, NDArray[Any]] = {}
    for split, found in outputs.items():
        arrays[f"{split}_names"] = np.array(list(found))
        first, *others = found.values()
        arrays |= {split: first} | {f"{split}_{k}": array for k, array in enumerate(others, 1)}
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def load_logits(path: str | Path, split: str) -> Logits:
    """Read the scores of one split; a missing or broken file is a `DataError`."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file[split])
    except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
        raise DataError(f"no logits of split {split!r} ({error})", where=str(path)) from None


def load_outputs(path: str | Path, split: str) -> dict[str, Logits]:
    """Read every output of one split by name, the first one first."""
    names = [str(name) for name in load_logits(path, f"{split}_names")]
    keys = [split, *(f"{split}_{k}" for k in range(1, len(names)))]
    return {name: load_logits(path, key) for name, key in zip(names, keys, strict=True)}
