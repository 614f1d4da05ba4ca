"""What calibrates, chooses and reports: one kind of object for datasets and one's own arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from edgeint8.errors import DataError
from edgeint8.files import atomic_path
from edgeint8.models.data.datasets import load_dataset

SplitName = Literal["calibration", "holdout", "test"]
RANDOM = "random"  # the source of inputs that nobody gave
TRAINED_INPUT = "input"  # what the exporter calls the input of the built-in networks


@dataclass(frozen=True)
class Samples:
    """Inputs by name, each (N, ...), and labels (N,), or None where they are not known.

    targets: what a metric compares with, (N, ...), where that is not a class a sample.
    batch: the number of rows that every run of the network takes; None where any number will do.
    """

    source: str
    inputs: Mapping[str, NDArray[Any]]
    labels: NDArray[np.int64] | None
    batch: int | None = None
    targets: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        counts = {name: len(array) for name, array in self.inputs.items()}
        counts |= {} if self.labels is None else {"labels": len(self.labels)}
        counts |= {} if self.targets is None else {"targets": len(self.targets)}
        if len(set(counts.values())) != 1:
            raise DataError(f"rows {counts}", allowed="as many of each")

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def is_random(self) -> bool:
        """Whether nobody gave these inputs, so that nothing can be said of accuracy."""
        return self.source == RANDOM

    def rows(self, chosen: slice | NDArray[np.int64]) -> "Samples":
        """Some of the samples."""
        labels = None if self.labels is None else self.labels[chosen]
        inputs = {name: array[chosen] for name, array in self.inputs.items()}
        targets = None if self.targets is None else self.targets[chosen]
        return Samples(self.source, inputs, labels, self.batch, targets)

    @property
    def truth(self) -> NDArray[Any] | None:
        """What a metric compares with: targets, else labels."""
        return self.labels if self.targets is None else self.targets

    def whole(self, count: int) -> int:
        """`count` rounded up to whole batches, and at most as many as there are."""
        batch = self.batch or 1
        return min(-(-count // batch) * batch, len(self))

    def first(self, count: int | None) -> "Samples":
        """The first `count` samples, rounded up to whole batches; None for all."""
        return self if count is None else self.rows(slice(self.whole(count)))


Splits = dict[SplitName, Samples]


def load_samples(path: str | Path, split: SplitName) -> Samples:
    """Read one split of a dataset file, or of what `save_samples` wrote."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if "input_names" in file:
                return _own(file, split)
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
        raise DataError(f"not a data file ({error})", where=str(path)) from None
    dataset = load_dataset(path)
    parts = {"calibration": dataset.train, "holdout": dataset.held_out, "test": dataset.test}
    found = parts[split]()
    return Samples(dataset.source, {TRAINED_INPUT: found.inputs}, found.labels)


def save_samples(path: str | Path, splits: Mapping[SplitName, Samples]) -> None:
    """Write samples so that `load_samples` finds them; all splits have the same inputs."""
    test = splits["test"]
    arrays: dict[str, NDArray[Any]] = {
        "source": np.array(test.source),
        "batch": np.array(test.batch or 0),
        "input_names": np.array(list(test.inputs)),
    }
    for split, samples in splits.items():
        for index, array in enumerate(samples.inputs.values()):
            arrays[f"{split}_{index}"] = array
        if samples.labels is not None:
            arrays[f"{split}_labels"] = samples.labels
        if samples.targets is not None:
            arrays[f"{split}_targets"] = samples.targets
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def _own(file: Mapping[str, NDArray[Any]], split: SplitName) -> Samples:
    names = [str(name) for name in file["input_names"]]
    return Samples(
        source=str(file["source"]),
        inputs={name: file[f"{split}_{index}"] for index, name in enumerate(names)},
        labels=file.get(f"{split}_labels"),
        batch=int(file["batch"]) or None,
        targets=file.get(f"{split}_targets"),
    )
