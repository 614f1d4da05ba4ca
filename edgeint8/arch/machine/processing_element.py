"""What one processing element is made of: a multiplier, an adder, and the registers around them.

A weight- or input-stationary element holds one operand, passes the other on and adds to a sum that
moves through it. An output-stationary one passes both operands on and keeps its sum. With pipelined
folds the next stationary operand arrives, or the last sum leaves, while the element computes, so it
has a second register for that. docs/physical_model.md, equations 28 and 29.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.machine.constants import (
    IDLE_CLOCK,
    REGISTER_BIT_AREA,
    REGISTER_BIT_CLOCK,
    REGISTER_BIT_DATA,
    Level,
    NumberFormat,
    mac_area_um2,
)
from edgeint8.dataflow import Dataflow, Operand, layout_of

Count = TypeVar("Count", int, NDArray[np.int64])


@dataclass(frozen=True)
class Widths:
    """Bits of an element's operands and of its sum."""

    activation: int = 8
    weight: int = 8
    accumulator: int = 32

    def of(self, operand: Operand) -> int:
        """Bits of one value of this operand; outputs are sums inside the array."""
        return {"ifmap": self.activation, "filter": self.weight, "ofmap": self.accumulator}[operand]


INT8_WIDTHS = Widths()
FP32_WIDTHS = Widths(32, 32, 32)
WIDTHS_OF: dict[NumberFormat, Widths] = {"int8": INT8_WIDTHS, "fp32": FP32_WIDTHS}


def register_bits(dataflow: Dataflow, pipelined: bool, widths: Widths = INT8_WIDTHS) -> int:
    """Register bits of one element, which the clock reaches in every cycle."""
    bits = widths.activation + widths.weight + widths.accumulator
    if not pipelined:
        return bits
    return bits + widths.of(layout_of(dataflow).held)


def shifted_bits(dataflow: Dataflow, widths: Widths = INT8_WIDTHS) -> int:
    """Register bits that take a new value with each MAC: what moves, and the sum."""
    reads = {"ifmap": widths.activation, "filter": widths.weight}
    held = layout_of(dataflow).held
    return sum(bits for operand, bits in reads.items() if operand != held) + widths.accumulator


def data_fj(dataflow: Dataflow, level: Level, widths: Widths = INT8_WIDTHS) -> int:
    """Whole femtojoules that the registers' new values take, a MAC."""
    return round(REGISTER_BIT_DATA.at(level) * shifted_bits(dataflow, widths))


def clock_fj(
    dataflow: Dataflow, pipelined: bool, level: Level, widths: Widths = INT8_WIDTHS
) -> tuple[int, int]:
    """Whole femtojoules of the clock of one element in one cycle: (busy, idle)."""
    busy = REGISTER_BIT_CLOCK.at(level) * register_bits(dataflow, pipelined, widths)
    return round(busy), round(busy * IDLE_CLOCK.at(level))


def network_clock_fj(macs: int, cycles: Count, elements: Count, prices: tuple[int, int]) -> Count:
    """The clock of all elements over `cycles`, in which they do `macs`: busy cycles, then idle."""
    busy, idle = prices
    return macs * busy + (cycles * elements - macs) * idle


def area_um2(
    dataflow: Dataflow, pipelined: bool, level: Level, number_format: NumberFormat = "int8"
) -> float:
    """Area of one element at 45 nm: multiplier, adder, registers."""
    bits = register_bits(dataflow, pipelined, WIDTHS_OF[number_format])
    return mac_area_um2(level, number_format) + bits * REGISTER_BIT_AREA.at(level)
