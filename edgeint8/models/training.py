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
    """How to train; `precision` is ``bfloat16``, ``float32`` or ``auto`` (what the CPU has).

    augment: mirror half of the images. crop: until the last `whole_epochs` epochs each image is a
    random window of `crop` x `crop` pixels, without padding: less work, and another view each time.
    """

    epochs: int
    learning_rate: float
    batch_size: int = 256
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    augment: bool = False
    crop: int | None = None
    whole_epochs: int = 3
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ConfigError(f"{self.epochs} epochs", allowed="at least 1")
        if not self.learning_rate > 0:
            raise ConfigError(f"a learning rate of {self.learning_rate}", allowed="above 0")
        if self.crop is not None and self.crop < 1:
            raise ConfigError(f"windows of {self.crop} pixels", allowed="at least 1, or null")
        if self.whole_epochs < 0:
            raise ConfigError(f"{self.whole_epochs} epochs on whole images", allowed="0 or more")
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
    _refuse_what_is_no_image(options, inputs)
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
        whole = number > options.epochs - options.whole_epochs
        batches = shuffled_batches(inputs, labels, options, generator, whole)
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
    inputs: Tensor,
    labels: Tensor,
    options: TrainingOptions,
    generator: torch.Generator,
    whole: bool = True,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches in a random order, mirrored and cropped as `options` say; `whole`: not cropped."""
    order = torch.randperm(len(labels), generator=generator)
    for chosen in order.split(options.batch_size):
        batch = inputs[chosen]
        if options.augment:
            batch = mirror_half(batch, generator)
        if options.crop and not whole:
            batch = random_windows(batch, options.crop, generator)
        if batch.ndim == 4:
            batch = batch.contiguous(memory_format=torch.channels_last)
        yield batch, labels[chosen]


def mirror_half(images: Tensor, generator: torch.Generator) -> Tensor:
    """(N, C, H, W) with each image mirrored left to right with a chance of one half."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def random_windows(images: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """(N, C, H, W) -> (N, C, size, size): a window of each image, at a place of its own."""
    count, _, height, width = images.shape
    rows = torch.randint(0, height - size + 1, (count,), generator=generator)
    columns = torch.randint(0, width - size + 1, (count,), generator=generator)
    windows = images.unfold(2, size, 1).unfold(3, size, 1)  # (N, C, places, places, size, size)
    return windows[torch.arange(count), :, rows, columns]


def _refuse_what_is_no_image(options: TrainingOptions, inputs: Tensor) -> None:
    if inputs.ndim != 4 and (options.augment or options.crop):
        raise ConfigError(
            f"augment or crop for samples of shape {tuple(inputs.shape[1:])}",
            allowed="for images (channels, height, width)",
        )
    if options.crop and options.crop > min(inputs.shape[2:]):
        raise ConfigError(
            f"windows of {options.crop} pixels in images of {tuple(inputs.shape[2:])}",
            allowed=f"at most {min(inputs.shape[2:])}",
        )


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
