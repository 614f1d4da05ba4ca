"""Training and evaluation: seeded, on one thread, best weights kept.

One thread, because two give different weights and collapse when anything shares the cores.
bfloat16 autocast where the CPU multiplies it natively, float32 elsewhere; the log records which.
"""

import os
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from edgeint8.errors import ConfigError
from edgeint8.models.data.datasets import Dataset, Split

EVALUATION_BATCH = 500


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; `precision` is ``bfloat16``, ``float32`` or ``auto`` (what the CPU has)."""

    epochs: int
    learning_rate: float
    batch_size: int = 256
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    augment: bool = False
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ConfigError(f"{self.epochs} epochs", allowed="at least 1")
        if not self.learning_rate > 0:
            raise ConfigError(f"a learning rate of {self.learning_rate}", allowed="above 0")
        if self.precision not in ("auto", "bfloat16", "float32"):
            raise ConfigError(f"precision {self.precision!r}", allowed="auto, bfloat16 or float32")


@dataclass(frozen=True)
class Epoch:
    """One line of the training log; losses are means over samples."""

    epoch: int
    learning_rate: float
    train_loss: float
    holdout_loss: float
    holdout_accuracy: float
    precision: str


def train_model(model: nn.Module, dataset: Dataset, options: TrainingOptions) -> list[Epoch]:
    """Train `model` in place, leave the weights of the best hold-out epoch in it, return the log.

    The schedule is one cycle of the learning rate, `options.learning_rate` being its peak.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(options.seed)
    train, holdout = dataset.train(), dataset.held_out()
    inputs, labels = torch.from_numpy(train.inputs), torch.from_numpy(train.labels)
    dtype = training_dtype(options.precision)
    if inputs.ndim == 4:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = -(-len(train) // options.batch_size)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=options.learning_rate,
        momentum=0.9,
        nesterov=True,
        weight_decay=options.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=options.learning_rate, epochs=options.epochs, steps_per_epoch=steps
    )
    log: list[Epoch] = []
    best: dict[str, Any] = {}
    for number in range(1, options.epochs + 1):
        batches = shuffled_batches(inputs, labels, options, generator)
        progress = tqdm(
            batches,
            total=steps,
            desc=f"epoch {number}/{options.epochs}",
            file=sys.__stderr__,
            disable="EDGEINT8_NO_BARS" in os.environ or None,  # None: off where nobody watches
            leave=False,
        )
        rate = optimizer.param_groups[0]["lr"]
        train_loss = train_one_epoch(model, progress, optimizer, schedule, dtype, options)
        holdout_loss, accuracy = evaluate(model, holdout)
        if accuracy > max((epoch.holdout_accuracy for epoch in log), default=-1.0):
            best = deepcopy(model.state_dict())
        log.append(Epoch(number, rate, train_loss, holdout_loss, accuracy, _name(dtype)))
        print(log[-1])
    model.load_state_dict(best)
    return log


def train_one_epoch(
    model: nn.Module,
    batches: Iterator[tuple[Tensor, Tensor]] | tqdm,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    dtype: torch.dtype,
    options: TrainingOptions,
) -> float:
    """One pass over `batches`; returns the mean loss a sample."""
    model.train()
    total, count = 0.0, 0
    for inputs, labels in batches:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is torch.bfloat16):
            scores = model(inputs)
        loss = functional.cross_entropy(
            scores.float(), labels, label_smoothing=options.label_smoothing
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        total += float(loss.detach()) * len(labels)
        count += len(labels)
    return total / count


def evaluate(model: nn.Module, split: Split) -> tuple[float, float]:
    """(mean cross-entropy, accuracy) of `model` in float32 on a split."""
    model.eval()
    loss, correct = 0.0, 0
    with torch.inference_mode():
        for start in range(0, len(split), EVALUATION_BATCH):
            inputs = torch.from_numpy(split.inputs[start : start + EVALUATION_BATCH])
            labels = torch.from_numpy(split.labels[start : start + EVALUATION_BATCH])
            scores = model(inputs)
            loss += float(functional.cross_entropy(scores, labels, reduction="sum"))
            correct += int((scores.argmax(1) == labels).sum())
    return loss / len(split), correct / len(split)


def shuffled_batches(
    inputs: Tensor, labels: Tensor, options: TrainingOptions, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches in a random order; images are flipped and shifted if `options.augment`."""
    order = torch.randperm(len(labels), generator=generator)
    for chosen in order.split(options.batch_size):
        batch = inputs[chosen]
        if options.augment:
            batch = flip_and_shift(batch, generator)
        if batch.ndim == 4:
            batch = batch.contiguous(memory_format=torch.channels_last)
        yield batch, labels[chosen]


def flip_and_shift(images: Tensor, generator: torch.Generator, reach: int = 2) -> Tensor:
    """Mirror half of the images; shift the batch by up to `reach` pixels, zeros coming in."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    row, column = torch.randint(0, 2 * reach + 1, (2,), generator=generator).tolist()
    height, width = images.shape[2:]
    padded = functional.pad(images, (reach,) * 4)
    return padded[:, :, row : row + height, column : column + width]


def training_dtype(precision: str) -> torch.dtype:
    """bfloat16 if asked for, or if ``auto`` and the CPU has instructions for it."""
    if precision == "auto":
        precision = "bfloat16" if cpu_has_bfloat16() else "float32"
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def cpu_has_bfloat16() -> bool:
    """True where the CPU lists native bfloat16 arithmetic (x86 AVX512/AMX, Arm BF16)."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return any(flag in flags for flag in ("avx512_bf16", "amx_bf16", "bf16"))


def log_rows(log: list[Epoch]) -> list[dict[str, Any]]:
    """The log as rows of a table."""
    return [asdict(epoch) for epoch in log]


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
