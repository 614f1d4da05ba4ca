"""The designs that are explored: every combination of a few lists, each design with a number."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.machine.hardware import Hardware
from edgeint8.conventions import KIB
from edgeint8.dataflow import DATAFLOWS, Dataflow, layout_of
from edgeint8.errors import ConfigError
from edgeint8.hardware_id import DesignName

Sram = tuple[int, int, int]

_LIMITS = ("area_mm2", "power_mw", "latency_ms", "fps")


@dataclass(frozen=True)
class DesignSpace:
    """All combinations of its fields.

    Parameters
    ----------
    rows, cols
        Array sizes, ascending.
    sram_kb
        (ifmap, filter, ofmap) KiB.
    bandwidths_bpc
        DRAM bytes per cycle and port, ascending; None (unlimited) last.
    pipelined
        Fold pipelining, off or on or both.
    balanced
        Only designs whose buffers hold the array's own tile twice (`holds_array_tile`). Without
        it a sweep favours large arrays on buffers that no schedule could feed them from.
    """

    rows: tuple[int, ...]
    cols: tuple[int, ...]
    sram_kb: tuple[Sram, ...]
    bandwidths_bpc: tuple[int | None, ...]
    dataflows: tuple[Dataflow, ...] = DATAFLOWS
    pipelined: tuple[bool, ...] = (False, True)
    shared_bus: bool = True
    clock_hz: float = 1e9
    balanced: bool = True

    def __post_init__(self) -> None:
        for name in ("rows", "cols", "sram_kb", "bandwidths_bpc", "dataflows", "pipelined"):
            if not getattr(self, name):
                raise ConfigError(f"{name} is empty", where="$.explore", allowed="at least one")
        for name in ("rows", "cols"):
            values = getattr(self, name)
            if list(values) != sorted(set(values)):
                raise ConfigError(f"{name} is {values}", where="$.explore", allowed="ascending")
        rank = [math.inf if value is None else value for value in self.bandwidths_bpc]
        if rank != sorted(set(rank)):
            raise ConfigError(
                f"bandwidths are {self.bandwidths_bpc}",
                where="$.explore",
                allowed="ascending, unlimited last",
            )
        for sram_kb in self.sram_kb:  # a Hardware refuses what is absurd
            for bandwidth in self.bandwidths_bpc:
                self.machine("ws", self.rows[0], self.cols[0], sram_kb, bandwidth, False)
        for dataflow in self.dataflows:
            layout_of(dataflow, where="$.explore.dataflows")
        self.hardware(self.size - 1)

    @property
    def shape(self) -> tuple[int, int, int, int, int, int]:
        """Lengths of (bandwidths, dataflows, sram, pipelined, rows, cols): slowest axis first."""
        return (
            len(self.bandwidths_bpc),
            len(self.dataflows),
            len(self.sram_kb),
            len(self.pipelined),
            len(self.rows),
            len(self.cols),
        )

    @property
    def size(self) -> int:
        """Number of designs, balanced or not."""
        return math.prod(self.shape)

    def hardware(self, number: int) -> Hardware:
        """The machine with this number."""
        if not 0 <= number < self.size:
            raise ConfigError(f"design {number}", where="$.explore", allowed=f"0..{self.size - 1}")
        places = []
        for length in reversed(self.shape):
            number, place = divmod(number, length)
            places.append(place)
        col, row, pipe, sram, flow, band = places
        return self.machine(
            self.dataflows[flow],
            self.rows[row],
            self.cols[col],
            self.sram_kb[sram],
            self.bandwidths_bpc[band],
            self.pipelined[pipe],
        )

    def machine(
        self,
        dataflow: Dataflow,
        rows: int,
        cols: int,
        sram_kb: Sram,
        bandwidth_bpc: int | None,
        pipelined: bool,
    ) -> Hardware:
        """A machine of this space, named by what distinguishes it."""
        name = DesignName(dataflow, rows, cols, sram_kb, bandwidth_bpc, pipelined)
        return Hardware(
            dataflow,
            rows,
            cols,
            *sram_kb,
            bandwidth_bpc=bandwidth_bpc,
            clock_hz=self.clock_hz,
            shared_bus=self.shared_bus,
            pipelined_folds=pipelined,
            name=str(name),
        )


def holds_array_tile(
    dataflow: Dataflow, rows: NDArray[np.int64], cols: NDArray[np.int64], sram_kb: Sram
) -> NDArray[np.bool_]:
    """Whether every buffer holds one tile of the array twice: one in use, one arriving. Eq. 38.

    A tile is what lies in the array (rows x cols) and as many steps of what streams as the next
    preload takes (rows): rows x rows on the rows' side, rows x cols on the columns' side, and
    rows x cols sums of four bytes.
    """
    on_rows, on_array = rows * rows, rows * cols
    ifmap, filter_ = (
        on_rows if role == "rows" else on_array for role in layout_of(dataflow).read_roles
    )
    ifmap_fits, filter_fits, sums_fit = (
        2 * size <= kb * KIB
        for size, kb in zip((ifmap, filter_, 4 * on_array), sram_kb, strict=True)
    )
    return ifmap_fits & filter_fits & sums_fit


@dataclass(frozen=True)
class Constraints:
    """Upper limits on a design; None is no limit. `fps` is a lower limit on frames per second."""

    area_mm2: float | None = None
    power_mw: float | None = None
    latency_ms: float | None = None
    fps: float | None = None

    def __post_init__(self) -> None:
        for name in _LIMITS:
            value = getattr(self, name)
            good = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (good and 0 < value < math.inf):
                raise ConfigError(
                    f"{name} is {value!r}",
                    where="$.explore.constraints",
                    allowed="a number above 0, or null",
                )

    @property
    def longest_ms(self) -> float:
        """The tighter of `latency_ms` and `fps`."""
        limits = [math.inf if self.latency_ms is None else self.latency_ms]
        if self.fps is not None:
            limits.append(1e3 / self.fps)
        return min(limits)


NO_LIMITS = Constraints()


def _between(options: Mapping[str, Any], name: str) -> tuple[int, ...]:
    low, high = options[name]
    if low > high:
        raise ConfigError(
            f"{name} are {low} to {high}", where="$.explore", allowed="the smallest first"
        )
    return tuple(range(low, high + 1))


def design_space(options: Mapping[str, Any]) -> DesignSpace:
    """The space of ``$.explore``: every array size in the ranges, every combination of SRAM sizes.

    With ``sram_splits`` each operand takes each size by itself, otherwise all three the same.
    """
    sizes = options["sram_kb"]
    sram = product(sizes, repeat=3) if options["sram_splits"] else ((kb, kb, kb) for kb in sizes)
    bandwidths = [None if b == "unlimited" else b for b in options["bandwidth"]]
    return DesignSpace(
        rows=_between(options, "rows"),
        cols=_between(options, "cols"),
        sram_kb=tuple(sram),
        bandwidths_bpc=tuple(bandwidths),
        dataflows=tuple(options["dataflows"]),
        pipelined=tuple(options["pipelined"]),
        shared_bus=options["shared_bus"],
        clock_hz=options["clock_mhz"] * 1e6,
        balanced=options["balanced"],
    )


def constraints(options: Mapping[str, Any]) -> Constraints:
    """The limits of ``$.explore.constraints``."""
    return Constraints(**options["constraints"])
