"""What is known of all layers together: multiply-accumulates, and whether that is everything."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeint8.arch.network.layers import Layer

COMPLETE = 0.95
"""Share of the counted multiply-accumulates that must run on the array."""

OF_A_RUN = frozenset(
    {"scalesim_cycles", "scalesim_stall_cycles", "bound_cycles", "machine_cycles"}
    | {"schedule_cycles", "bound_stall_cycles", "bound_pipelined_cycles", "dram_bytes"}
    | {"energy_pj_low", "energy_pj", "energy_pj_high", "model_ms"}
)
"""Columns that count a whole run of the network, and so do those that end with ``_pj``."""


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


def per_image(total: int | float, batch: int) -> int | float:
    """A run's total over its images: whole where it is."""
    return total // batch if total % batch == 0 else total / batch


def of_one_inference(row: Mapping[str, Any], layers: Sequence[Layer]) -> dict[str, Any]:
    """A row of a run as that of one inference: one image of its batch.

    `images_a_run` and `incomplete` say over how many images, and what the totals lack.
    """
    batch = batch_of_layers(layers)
    found = dict(row) | {"images_a_run": batch, "incomplete": mac_count(layers).warning}
    if batch > 1:
        for name in row:
            if name in OF_A_RUN or name.endswith("_pj"):
                found[name] = per_image(row[name], batch)
        if "fps" in row:
            found["fps"] = row["fps"] * batch
    return found
