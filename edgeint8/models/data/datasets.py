"""Datasets as arrays: what training, calibration and evaluation read.

A dataset is one ``arrays.npz`` of raw samples and labels plus the constants that normalise them,
and a ``provenance.json`` that says where they came from. The last `holdout` training samples are
never trained on: they choose the best weights and the recommended strategy. Calibration samples
come from the rest of the training split. The test split only reports.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from edgeint8.errors import DataError
from edgeint8.files import atomic_path, write_json

ARRAYS = ("train_inputs", "train_labels", "test_inputs", "test_labels", "mean", "std")


@dataclass(frozen=True)
class Split:
    """Normalised inputs (N, C, ...) float32 and labels (N,) int64."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels):
            raise DataError(f"{len(self.inputs)} inputs but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """Raw samples (N, C, ...) uint8 or float32, labels (N,), and how to normalise them."""

    name: str
    source: str
    train_inputs: NDArray[Any]
    train_labels: NDArray[np.int64]
    test_inputs: NDArray[Any]
    test_labels: NDArray[np.int64]
    mean: NDArray[np.float32]  # (C,), in units of the raw samples
    std: NDArray[np.float32]  # (C,)
    holdout: int
    details: dict[str, Any] = field(default_factory=dict)  # for provenance.json

    def __post_init__(self) -> None:
        if not 0 < self.holdout < len(self.train_labels):
            raise DataError(
                f"a hold-out of {self.holdout} of {len(self.train_labels)} training samples",
                where=self.name,
                allowed="at least one sample on either side",
            )

    @property
    def is_stand_in(self) -> bool:
        """True where a procedural stand-in takes the place of the dataset that was asked for."""
        return self.source == "stand_in"

    def train(self) -> Split:
        """The training samples without the hold-out."""
        return self._split(self.train_inputs[: -self.holdout], self.train_labels[: -self.holdout])

    def held_out(self) -> Split:
        """The last `holdout` training samples: for choices, never for training."""
        return self._split(self.train_inputs[-self.holdout :], self.train_labels[-self.holdout :])

    def test(self) -> Split:
        """The test samples: for reporting only."""
        return self._split(self.test_inputs, self.test_labels)

    def _split(self, inputs: NDArray[Any], labels: NDArray[np.int64]) -> Split:
        return Split(self._normalise(inputs), labels.astype(np.int64))

    def _normalise(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        shape = (1, -1) + (1,) * (inputs.ndim - 2)
        centred = inputs.astype(np.float32) - self.mean.reshape(shape)
        return np.divide(centred, self.std.reshape(shape), out=centred)


@dataclass(frozen=True)
class Request:
    """What a study asks of a dataset; None samples means all.

    data_dir: where downloads are kept; sources: tried in this order, if the dataset has several.
    """

    data_dir: Path
    seed: int
    sources: tuple[str, ...] = ()
    train_samples: int | None = None
    test_samples: int | None = None


def limited(dataset: Dataset, train_samples: int | None, test_samples: int | None) -> Dataset:
    """The first samples of each split, for short studies; the hold-out shrinks in proportion."""
    train = min(train_samples or len(dataset.train_labels), len(dataset.train_labels))
    test = min(test_samples or len(dataset.test_labels), len(dataset.test_labels))
    holdout = max(1, dataset.holdout * train // len(dataset.train_labels))
    return replace(
        dataset,
        train_inputs=dataset.train_inputs[:train],
        train_labels=dataset.train_labels[:train],
        test_inputs=dataset.test_inputs[:test],
        test_labels=dataset.test_labels[:test],
        holdout=holdout,
    )


def save_dataset(dataset: Dataset, arrays: Path, provenance: Path) -> None:
    """Write ``arrays.npz`` and ``provenance.json``, each whole or not at all."""
    with atomic_path(arrays) as temporary:
        np.savez(
            temporary,
            allow_pickle=False,
            name=np.array(dataset.name),
            source=np.array(dataset.source),
            holdout=np.array(dataset.holdout),
            **{key: getattr(dataset, key) for key in ARRAYS},
        )
    write_json(
        provenance,
        {
            "dataset": dataset.name,
            "source": dataset.source,
            "stand_in": dataset.is_stand_in,
            "train_samples": len(dataset.train_labels) - dataset.holdout,
            "holdout_samples": dataset.holdout,
            "test_samples": len(dataset.test_labels),
            "sample_shape": list(dataset.train_inputs.shape[1:]),
            "sample_dtype": str(dataset.train_inputs.dtype),
            "mean": [float(value) for value in dataset.mean],
            "std": [float(value) for value in dataset.std],
            **dataset.details,
        },
    )


def load_dataset(path: str | Path) -> Dataset:
    """Read what `save_dataset` wrote; a missing, broken or foreign file is a `DataError`."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Dataset(
                name=str(file["name"]),
                source=str(file["source"]),
                holdout=int(file["holdout"]),
                **{key: file[key] for key in ARRAYS},
            )
    except FileNotFoundError:
        raise DataError("file does not exist", where=str(path)) from None
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        raise DataError(f"not a dataset file ({error})", where=str(path)) from None
