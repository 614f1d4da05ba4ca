"""What is known of all layers together: multiply-accumulates, and whether that is everything."""

from collections.abc import Iterable
from dataclasses import dataclass

from edgeint8.arch.network.layers import Layer

COMPLETE = 0.95
"""Share of the counted multiply-accumulates that must run on the array."""


@dataclass(frozen=True)
class MacCount:
    """Multiply-accumulates of one run, and the layers that multiply nobody knows how much."""

    mapped: int
    unmapped: int
    unknown: tuple[str, ...]

    @property
    def counted(self) -> int:
        """All that are known, on the array or not."""
        return self.mapped + self.unmapped

    @property
    def complete(self) -> bool:
        """Whether totals, rates and utilisation speak of the whole network."""
        return not self.unknown and self.mapped >= COMPLETE * self.counted

    @property
    def warning(self) -> str:
        """Why the totals are incomplete, in one line; empty when they are complete."""
        if self.complete:
            return ""
        parts = []
        if self.unknown:
            parts.append(f"unknown work in {', '.join(self.unknown)}")
        if self.unmapped:
            parts.append(f"{self.unmapped:,} of {self.counted:,} MACs have no mapping")
        return f"incomplete: {'; '.join(parts)}"


def mac_count(layers: Iterable[Layer]) -> MacCount:
    """Mapped, counted without a mapping, unknown."""
    layers = tuple(layers)
    return MacCount(
        sum(layer.mapped_macs for layer in layers),
        sum(layer.unmapped_macs for layer in layers),
        tuple(layer.name for layer in layers if layer.unknown),
    )


def batch_of_layers(layers: Iterable[Layer]) -> int:
    """Inferences that one run of the network serves."""
    return max((layer.batch for layer in layers), default=1)
