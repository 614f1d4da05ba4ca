"""How much memory a network takes where its operators run one after another.

A tensor lives from the layer that writes it (an input: from the start) to the last that reads it
(an output: to the end). The arena is laid out as tflite-micro's greedy planner does: tensors in
order of size, each at the lowest address where nothing that lives at the same time stands.
docs/layers.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeint8.arch.network.layers import Layer, Tensor

ALIGNMENT = 16
"""Bytes to which tflite-micro aligns every buffer."""


@dataclass(frozen=True)
class Lifetime:
    """A tensor and the first and last layer, by place, at which it is needed."""

    name: str
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Memory:
    """Bytes of a network on a microcontroller.

    `live_bytes` is the most that lives at one time: no layout takes less than that.
    """

    arena_bytes: int
    live_bytes: int
    flash_bytes: int


def memory(layers: Sequence[Layer]) -> Memory:
    """Arena and flash of a network whose layers run one after another."""
    lives = lifetimes(layers)
    flash = sum(layer.stored_bytes for layer in layers)
    return Memory(arena_bytes(lives), live_bytes(lives), flash)


def lifetimes(layers: Sequence[Layer]) -> tuple[Lifetime, ...]:
    """Every tensor that some layer reads or writes, in order of first use."""
    tensors: dict[str, Tensor] = {}
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for place, layer in enumerate(layers):
        for tensor in (*layer.reads, *layer.writes):
            tensors[tensor.name] = tensor
            first.setdefault(tensor.name, 0 if tensor.role == "input" else place)
            last[tensor.name] = len(layers) - 1 if tensor.role == "output" else place
    return tuple(
        Lifetime(name, tensor.bytes, first[name], last[name]) for name, tensor in tensors.items()
    )


def live_bytes(lives: Sequence[Lifetime]) -> int:
    """The most bytes that are needed at the same time."""
    change: dict[int, int] = {}
    for life in lives:
        change[life.first] = change.get(life.first, 0) + life.bytes
        change[life.last + 1] = change.get(life.last + 1, 0) - life.bytes
    most = now = 0
    for place in sorted(change):
        now += change[place]
        most = max(most, now)
    return most


def arena_bytes(lives: Sequence[Lifetime]) -> int:
    """Where the highest buffer ends. Of equal sizes the one that is needed first goes first."""
    placed: list[tuple[int, int, Lifetime]] = []  # (start, end, whose)
    for life in sorted(lives, key=lambda life: (-life.bytes, life.first)):
        size = -(-life.bytes // ALIGNMENT) * ALIGNMENT
        start = 0
        for begin, end, other in sorted(placed, key=lambda entry: entry[:2]):
            together = life.first <= other.last and other.first <= life.last
            if together and begin < start + size and start < end:
                start = end
        placed.append((start, start + size, life))
    return max((end for _, end, _ in placed), default=0)
