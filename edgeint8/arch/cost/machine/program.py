"""A layer's tile program on a machine, and what became of it in time: docs/machine.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgeint8.arch.cost.machine.walk import (
    AVERAGE,
    CHUNK_BYTES,
    CHUNKS,
    IS,
    KIND,
    OFMAP,
    OS,
    POOL,
    RELOAD,
    SPILL,
    WS,
    Counts,
    Engine,
    Nest,
    drain_cycles,
    folds_of,
    lay_out,
    run_program,
)
from edgeint8.arch.cost.physical import bus_rate
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.dataflow import LAYOUTS, Dataflow, Layout
from edgeint8.errors import HardwareError

FLOWS: dict[Dataflow, int] = {"ws": WS, "os": OS, "is": IS}
_LAYOUTS = {FLOWS[dataflow]: layout for dataflow, layout in LAYOUTS.items()}
CONSTANT_BYTES = 8
"""Of a filter: a bias of four bytes and a float32 scale."""
TERMS = ("compute", "tiling", "first_tile", "waits", "array_drain_pipeline", "last_store")


@dataclass(frozen=True)
class Dram:
    """What DRAM adds to its bandwidth.

    Parameters
    ----------
    latency_cycles
        From the start of each transfer to its first byte.
    burst_bytes
        A contiguous piece takes whole bursts of the bus.
    """

    latency_cycles: int = 0
    burst_bytes: int = 1

    def __post_init__(self) -> None:
        for name, least in (("latency_cycles", 0), ("burst_bytes", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise HardwareError(f"{name} is {value!r}", allowed=f"a whole number from {least}")


IDEAL_DRAM = Dram()


@dataclass(frozen=True)
class Tile:
    """How a layer is cut: sizes, places of the loops (m, c, p), levels and slots by operand."""

    height: int
    width: int
    channels: int
    filters: int
    order: tuple[int, int, int]
    levels: tuple[int, int, int]
    slots: tuple[int, int, int]


@dataclass(frozen=True)
class Program:
    """Transfers and tiles in their order; columns as `walk` names them."""

    transfers: Counts
    tiles: Counts

    def moved_bytes(self, *kinds: int) -> int:
        """Bytes of all transfers of these kinds."""
        rows = self.transfers[np.isin(self.transfers[:, KIND], kinds)]
        return int((rows[:, CHUNKS] * rows[:, CHUNK_BYTES]).sum())

    @property
    def dram_bytes(self) -> int:
        """Bytes over the DRAM interface, constants and spilled sums included."""
        return int((self.transfers[:, CHUNKS] * self.transfers[:, CHUNK_BYTES]).sum())

    @property
    def spilled_bytes(self) -> int:
        """Partial sums written and read again."""
        return self.moved_bytes(SPILL, RELOAD)

    @property
    def output_bytes(self) -> int:
        """Outputs written."""
        return self.moved_bytes(OFMAP)


@dataclass(frozen=True)
class Run:
    """A program on an engine, event by event.

    `transfer_end` has the cycle in which each transfer is over, `events` of each tile: first fold
    starts, could have started, last fold starts, done.
    """

    program: Program
    engine: Engine
    transfer_end: Counts
    events: Counts

    @property
    def cycles(self) -> int:
        """Until the last transfer and the last tile are over."""
        return int(max(self.transfer_end[-1], self.events[-1, 3]))

    @cached_property
    def account(self) -> dict[str, int]:
        """`TERMS` without the split of compute and tiling, counted from the events. Equation 9.

        `compute` holds the cycles that the tiles stream and shift one after another without
        waiting: those of the whole layer and what cutting it adds.
        """
        start, free, last = (self.events[:, column] for column in range(3))
        engine = self.engine
        pools = engine.dataflow in (POOL, AVERAGE)
        load = 0 if pools or engine.dataflow == OS else engine.rows
        shifts = 0 if pools else 2 * engine.rows + engine.cols - 2
        stages = load + drain_cycles(engine) - shifts
        last_stream = folds_of(self.program.tiles[-1], engine)[1]
        busy = int((last - start).sum() + (free[1:] - last[:-1]).sum()) + last_stream
        folds = sum(folds_of(tile, engine)[0] for tile in self.program.tiles)
        bubbles = stages * (1 if engine.pipelined else folds)
        return {
            "compute": busy + shifts - (bubbles - stages),
            "first_tile": int(start[0]) - load,
            "waits": int((start - free)[1:].sum()),
            "array_drain_pipeline": bubbles,
            "last_store": self.cycles - int(self.events[-1, 3]),
        }


def engine_of(hardware: Hardware, dram: Dram = IDEAL_DRAM) -> Engine:
    """The machine as the recurrence sees it: one bus of all ports' bytes."""
    if not hardware.shared_bus:
        raise HardwareError(
            "the machine that waits for tiles has one DRAM bus",
            where=hardware.id,
            allowed="shared_bus: true",
        )
    rate = bus_rate(hardware) or 0
    return Engine(
        FLOWS[hardware.dataflow],
        hardware.rows,
        hardware.cols,
        hardware.pipelined_folds,
        rate.numerator,
        dram.burst_bytes,
        dram.latency_cycles,
        rate.denominator,
    )


def layout_of_engine(engine: Engine) -> Layout:
    """What lies where on the engine's array."""
    return _LAYOUTS[engine.dataflow]


def program_of(nest: Nest) -> Program:
    """Lay the nest out. Equations 1 and 2."""
    return Program(*lay_out(nest))


def run(program: Program, engine: Engine) -> Run:
    """Run a program. Equations 3 to 8."""
    transfer_end = np.zeros(len(program.transfers), np.int64)
    events = np.zeros((len(program.tiles), 4), np.int64)
    run_program(program.transfers, program.tiles, engine, transfer_end, events)
    return Run(program, engine, transfer_end, events)


def account(found: Run, compute_cycles: int) -> dict[str, int]:
    """The terms of `TERMS`, which add up to the run's cycles; `compute_cycles` is equation 3 of
    docs/physical_model.md for the layer uncut (equation 2 with serial folds)."""
    counted: dict[str, int] = dict(found.account)
    counted["tiling"] = counted["compute"] - compute_cycles
    counted["compute"] = compute_cycles
    return {term: counted[term] for term in TERMS}


def total(terms: Sequence[dict[str, int]]) -> dict[str, int]:
    """Accounts of several layers added up, term by term."""
    return {term: sum(entry[term] for entry in terms) for term in TERMS}
