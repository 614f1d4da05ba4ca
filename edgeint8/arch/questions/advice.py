"""What would make a network faster on a machine: every change is tried, none is assumed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeint8.arch.cost.physical import Options, network_cost, total_cycles, total_dram_bytes
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.questions.scaling import RESOURCES, doubled
from edgeint8.arch.questions.switching import switching

WORTH_SAYING = 0.02
"""Savings below this share of cycles, or of bytes, are not advice."""

_DOUBLING = {
    "rows": "twice the rows",
    "cols": "twice the columns",
    "sram": "twice the SRAM",
    "bandwidth": "twice the DRAM bandwidth",
}


@dataclass(frozen=True)
class Change:
    """One change and what it leaves of the cycles and DRAM bytes."""

    what: str
    cycles_now: int
    cycles_then: int
    bytes_now: int
    bytes_then: int

    @property
    def cycles_saved(self) -> float:
        """Share of the cycles that the change saves; negative if it costs some."""
        return 1 - self.cycles_then / self.cycles_now if self.cycles_now else 0.0

    @property
    def bytes_saved(self) -> float:
        """Share of the DRAM bytes that the change saves; negative if it costs some."""
        return 1 - self.bytes_then / self.bytes_now if self.bytes_now else 0.0

    @property
    def sentence(self) -> str:
        """The change, and cycles and DRAM bytes before and after, in one line."""
        cycles = f"{self.cycles_now:,} -> {self.cycles_then:,} cycles"
        traffic = f"{self.bytes_now:,} -> {self.bytes_then:,} DRAM bytes"
        return (
            f"{self.what}: {cycles} ({_change(-self.cycles_saved)}), "
            f"{traffic} ({_change(-self.bytes_saved)})"
        )


def _change(share: float) -> str:
    return "unchanged" if abs(share) < 0.0005 else f"{share:+.1%}"


def changes(layers: Sequence[Layer], hardware: Hardware, options: Options) -> tuple[Change, ...]:
    """Every single change that saves cycles or bytes, the most cycles first."""
    now = network_cost(layers, hardware, options)
    cycles, moved = total_cycles(now), total_dram_bytes(now)
    tried = []

    def attempt(what: str, machine: Hardware, use: Options) -> None:
        then = network_cost(layers, machine, use)
        tried.append(Change(what, cycles, total_cycles(then), moved, total_dram_bytes(then)))

    for resource in RESOURCES:
        more = doubled(hardware, resource)
        if more is not None:
            attempt(_DOUBLING[resource], _named(more), options)
    if not hardware.pipelined_folds:
        attempt("pipelined folds", replace(_named(hardware), pipelined_folds=True), options)
    if not options.fused:
        attempt("fusing pools and element-wise layers", hardware, replace(options, fused=True))
    if not options.on_chip:
        attempt("keeping tensors on chip", hardware, replace(options, on_chip=True))
    flows = switching(layers, hardware, options)
    if flows.best_fixed != hardware.dataflow:
        attempt(
            f"dataflow {flows.best_fixed}",
            replace(_named(hardware), dataflow=flows.best_fixed),
            options,
        )
    tried.append(
        Change("the best dataflow for each layer", cycles, flows.switched_cycles, moved, moved)
    )
    useful = [c for c in tried if max(c.cycles_saved, c.bytes_saved) >= WORTH_SAYING]
    return tuple(sorted(useful, key=lambda c: (-c.cycles_saved, -c.bytes_saved, c.what)))


def _named(hardware: Hardware) -> Hardware:
    """A changed machine may no longer have an id of its own."""
    return replace(hardware, name=hardware.name or "changed")
