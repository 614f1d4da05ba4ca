"""Energy and area constants at 45 nm, each as a band with its sources. Nothing here is fitted.

Those of another technology, or another type of DRAM, can stand in for them: `technology.using`.
Energies are whole femtojoules, so that sums are exact and do not depend on their order.
docs/physical_model.md, equations 23 to 25.
"""

import math
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal, get_args

from edgeint8.conventions import KIB

Level = Literal["low", "mid", "high"]
LEVELS: tuple[Level, ...] = get_args(Level)
NumberFormat = Literal["int8", "fp32"]


@dataclass(frozen=True)
class Band:
    """One constant: what the most and the least favourable source says, and the one in use.

    `key` is its name in a technology file. Zero is what a machine does not have.
    """

    key: str
    name: str
    unit: str
    low: float
    mid: float
    high: float
    source: str

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.mid <= self.high:
            raise ValueError(f"{self.name}: {self.low}, {self.mid}, {self.high} is not a band")

    def at(self, level: Level) -> float:
        """The value at `level`: low, mid or high; a replacement's where one is in use."""
        band = IN_USE.get().bands.get(self.key, self)
        return {"low": band.low, "mid": band.mid, "high": band.high}[level]


Curve = tuple[tuple[float, float], ...]
"""(KiB, fJ per byte), ascending."""


@dataclass(frozen=True)
class Replacements:
    """What stands in for constants of this module: bands by key, and the SRAM's curve over size."""

    bands: Mapping[str, Band] = field(default_factory=dict)
    sram: Curve = ()
    name: str = "published"


PUBLISHED = Replacements()
IN_USE: ContextVar[Replacements] = ContextVar("constants in use", default=PUBLISHED)
"""Set by `technology.using` alone, for as long as a table is made."""


HOROWITZ = "Horowitz, ISSCC 2014, 45 nm"
ZIGZAG = "ZigZag, inputs/hardware/tpu_like.yaml"

# Equation 23: dynamic energy goes with C * V^2 and C with the feature size. Supply voltages are
# CACTI 7's high-performance ones (tech_params/45nm.dat 1.0 V, 32nm.dat 0.9 V). ZigZag's file
# names no node; 28 nm is assumed, at the voltage of the nearest node in CACTI.
ZIGZAG_TO_45_NM = (45 / 28) * (1.0 / 0.9) ** 2
_SCALED = f"{ZIGZAG}, taken as 28 nm and scaled by {ZIGZAG_TO_45_NM:.2f} to 45 nm"

# Aladdin's header (Shao et al., ISCA 2014) at 1 ns, "a commercial 40g"; an earlier one of it says
# "TSMC 40g". Its 8-bit multiplier is its 32-bit one over 16. 40 and 45 nm run at one voltage, and
# area goes with the square of the feature size.
ALADDIN = "Aladdin, gem5-aladdin/src/aladdin/common/power_func.h, 40 nm at 1 ns"
ALADDIN_TO_45_NM = 45 / 40
ALADDIN_AREA_TO_45_NM = (45 / 40) ** 2


def geometric(low: float, high: float) -> float:
    """The mean whose ratio to both ends is the same: mid of a band over orders of magnitude."""
    return math.sqrt(low * high)


INT8_MAC = Band(
    "int8_mac_fj",
    "INT8 multiply and INT32 add",
    "fJ",
    round(40 * ZIGZAG_TO_45_NM),
    200 + 100,
    round((12_683 / 16 + 210.4) * ALADDIN_TO_45_NM),
    f"low: {_SCALED} (0.04 pJ); mid: {HOROWITZ} (0.2 + 0.1 pJ); "
    f"high: {ALADDIN}, scaled by 1.13 (12.68 / 16 + 0.21 pJ)",
)
FP32_MAC = Band(
    "fp32_mac_fj",
    "FP32 multiply and add",
    "fJ",
    round(4600 * INT8_MAC.low / INT8_MAC.mid),
    3700 + 900,
    round(4600 * INT8_MAC.high / INT8_MAC.mid),
    f"mid: {HOROWITZ} (3.7 + 0.9 pJ); low and high: the INT8 band's proportions, because "
    "no second source gives both formats",
)
REGISTER_BIT_CLOCK = Band(
    "register_bit_clock_fj",
    "clock of a register bit, every cycle",
    "fJ",
    round(21 / 16 * ZIGZAG_TO_45_NM, 2),
    round(7.937 * ALADDIN_TO_45_NM, 2),
    round(2 * 8.999 * ALADDIN_TO_45_NM, 2),
    f"low: {_SCALED} (0.021 pJ an access of a 16-bit register); mid: {ALADDIN}, scaled by 1.13 "
    "(7.94 fJ inside the flip-flop); high: the same as Accelergy uses it, 9 fJ for the read and "
    "9 fJ for the write of each cycle (hwcomponents-library 1.0.58)",
)
REGISTER_BIT_DATA = Band(
    "register_bit_data_fj",
    "new value in a register bit",
    "fJ",
    round(0.7658 * ALADDIN_TO_45_NM, 2),
    round(1.063 * ALADDIN_TO_45_NM, 2),
    round(1.063 * ALADDIN_TO_45_NM, 2),
    f"{ALADDIN}, scaled by 1.13 (switching: 0.77 fJ in the earlier header, 1.06 fJ in the later); "
    "the clock's high end has the rest of what Accelergy counts",
)
IDLE_CLOCK = Band(
    "idle_clock_share",
    "clock of an idle PE, of a busy one's",
    "1",
    0.1,
    1.0,
    1.0,
    "mid and high: no clock gate, as a PE comes out of synthesis without the order to insert them; "
    "low: a statement, not a source: gates that stop nine tenths",
)
DRAM_PER_BYTE = Band(
    "dram_fj_per_byte",
    "DRAM access",
    "fJ per byte",
    7_000 * 8,
    12_500 * 8,
    40_000 * 8,
    "low: AccelForge (7.0 pJ/bit); mid: Timeloop (12.5 pJ/bit), the median of five sources; "
    f"high: {HOROWITZ} (2.6 nJ per 64 bits, 40 pJ/bit)",
)
_HOROWITZ_SRAM = ((8, 10_000 / 8), (32, 20_000 / 8), (1024, 100_000 / 8))
"""(KiB, fJ per byte) of a 64-bit access."""
_HOROWITZ_PORT_BYTES = 8

# CACTI 7 (hwcomponents-cacti 1.0.40, 45 nm), 64 KiB, fJ a byte (read, write) by the port's bits.
CACTI = "CACTI 7 (hwcomponents-cacti 1.0.40, 45 nm, 64 KiB)"
_CACTI_64_BITS, _CACTI_512_BITS = (3_234, 2_456), (1_199, 1_979)


def _fall(narrow: float, wide: float) -> float:
    """The exponent with which a byte's energy falls from a 64-bit to a 512-bit port."""
    return math.log(narrow / wide) / math.log(512 / 64)


SRAM_FACTOR = Band(
    "sram_factor",
    "SRAM, relative to Horowitz's curve over size",
    "1",
    # Halfway between reads and writes; the curve says 20 pJ at 32 KB and 100 pJ at 1 MB.
    round(sum(_CACTI_64_BITS) / 2 / (20_000 / 8 * 2 ** (math.log(5) / math.log(32))), 3),
    1.0,
    1.0,
    f"low: {CACTI}, 64-bit port, mean of read and write; mid and high: {HOROWITZ} (cache, 64-bit "
    "access: 8 KB 10 pJ, 32 KB 20 pJ, 1 MB 100 pJ)",
)
SRAM_PORT = Band(
    "sram_port_exponent",
    "SRAM, how a byte's energy falls with the port's width",
    "1",
    round(_fall(_CACTI_64_BITS[1], _CACTI_512_BITS[1]), 3),
    round(_fall(sum(_CACTI_64_BITS), sum(_CACTI_512_BITS)), 3),
    round(_fall(_CACTI_64_BITS[0], _CACTI_512_BITS[0]), 3),
    f"{CACTI}, 64-bit against 512-bit port; low: writes; mid: reads and writes; high: reads",
)
# docs/physical_model.md, equation 55: V (I_off (W_access + W_p + W_n) + I_gate W_n) of one cell.
_CELL_WIDTHS_UM = (1.31 * 0.045, 1.23 * 0.045, 2.08 * 0.045)


def _cell_pw(volt: float, off_a_per_um: float, gate_a_per_um: float) -> float:
    """Picowatts of a cell of which one transistor of each kind is off and one nMOS is on."""
    off = off_a_per_um * sum(_CELL_WIDTHS_UM)
    return volt * (off + gate_a_per_um * _CELL_WIDTHS_UM[2]) * 1e12


_STANDBY_PW = _cell_pw(1.1, 1.01e-11, 9.47e-12)
_OPERATING_PW = _cell_pw(0.7, 4.03e-9, 3.24e-8)
SRAM_LEAKAGE = Band(
    "sram_leakage_pw_per_bit",
    "SRAM leakage, all the time",
    "pW per bit",
    round(_STANDBY_PW, 2),
    round(geometric(_STANDBY_PW, _OPERATING_PW), 1),
    round(_OPERATING_PW, 0),
    "CACTI 7, tech_params/45nm.dat, the bare cell at 300 K; low: transistors for low standby power "
    "(lstp, 1.1 V); high: for low operating power (lop, 0.7 V); mid: their geometric mean",
)
_ALADDIN_MAC_UM2 = (6_351 / 16 + 278.0) * ALADDIN_AREA_TO_45_NM
INT8_MAC_AREA = Band(
    "int8_mac_um2",
    "INT8 multiplier and INT32 adder",
    "um2",
    282 + 137,
    round(geometric(282 + 137, _ALADDIN_MAC_UM2)),
    round(_ALADDIN_MAC_UM2),
    f"low: {HOROWITZ} (282 + 137 um2); high: {ALADDIN}, scaled by 1.27 (6,351 / 16 + 278 um2); "
    "mid: their geometric mean",
)
REGISTER_BIT_AREA = Band(
    "register_bit_um2",
    "register bit",
    "um2",
    4.522,
    round(geometric(4.522, 5.981 * ALADDIN_AREA_TO_45_NM), 3),
    round(5.981 * ALADDIN_AREA_TO_45_NM, 3),
    f"low: Nangate Open Cell Library 45 nm, DFF_X1 (4.522 um2); high: {ALADDIN}, scaled by 1.27 "
    "(5.98 um2); mid: their geometric mean",
)
FP32_MAC_AREA = Band(
    "fp32_mac_um2",
    "FP32 multiplier and adder",
    "um2",
    7_700 + 4_184,
    round(11_884 * INT8_MAC_AREA.mid / INT8_MAC_AREA.low),
    round(11_884 * INT8_MAC_AREA.high / INT8_MAC_AREA.low),
    f"low: {HOROWITZ} (7,700 + 4,184 um2); mid and high: the INT8 band's proportions, because no "
    "second source gives both formats",
)
_CELL_UM2 = 146 * 0.045**2
_RULE_OF_THUMB_UM2 = 600 * 0.045**2
SRAM_AREA_PER_BIT = Band(
    "sram_um2_per_bit",
    "SRAM, per bit",
    "um2",
    round(_CELL_UM2, 4),
    round(geometric(_CELL_UM2, _RULE_OF_THUMB_UM2), 4),
    round(_RULE_OF_THUMB_UM2, 4),
    "low: CACTI 7, tech_params/45nm.dat, the bare cell (146 F2); high: D. Greaves, System on "
    "Chip, Cambridge 2011 (about 600 F2 with periphery); mid: their geometric mean",
)
CONSTANTS = (
    INT8_MAC,
    FP32_MAC,
    REGISTER_BIT_CLOCK,
    REGISTER_BIT_DATA,
    IDLE_CLOCK,
    SRAM_FACTOR,
    SRAM_PORT,
    SRAM_LEAKAGE,
    DRAM_PER_BYTE,
    INT8_MAC_AREA,
    FP32_MAC_AREA,
    REGISTER_BIT_AREA,
    SRAM_AREA_PER_BIT,
)


def sram_fj_per_byte(kb: float, port_bytes: float, level: Level) -> int:
    """Equation 24: Horowitz's three sizes joined by straight lines in log-log, and extended.

    His port has eight bytes; a byte through another one costs (8 / `port_bytes`) to the exponent of
    `SRAM_PORT`. Low takes the exponent that makes it cheap, high the one that makes it dear.
    """
    curve = IN_USE.get().sram or _HOROWITZ_SRAM
    sizes = [math.log(size) for size, _ in curve]
    costs = [math.log(cost) for _, cost in curve]
    x = math.log(kb)
    i = sum(x > size for size in sizes[1:-1])
    slope = (costs[i + 1] - costs[i]) / (sizes[i + 1] - sizes[i])
    size = math.exp(costs[i] + slope * (x - sizes[i])) * SRAM_FACTOR.at(level)
    narrower = _HOROWITZ_PORT_BYTES / port_bytes
    widths = sorted(narrower ** SRAM_PORT.at(end) for end in LEVELS)
    return round(size * widths[LEVELS.index(level)])


def leakage_fj_per_cycle(kb: float, clock_hz: float, level: Level) -> int:
    """Equation 55: whole femtojoules that so much SRAM leaks in a cycle; 1 pW is 1,000 fJ/s."""
    return round(kb * KIB * 8 * SRAM_LEAKAGE.at(level) * 1000 / clock_hz)


def mac_fj(level: Level, number_format: NumberFormat) -> int:
    """Energy of one multiply and add in fJ at 45 nm, rounded to whole femtojoules."""
    return round((INT8_MAC if number_format == "int8" else FP32_MAC).at(level))


def mac_area_um2(level: Level, number_format: NumberFormat) -> float:
    """Area of a multiplier and its adder in um2 at 45 nm."""
    return (INT8_MAC_AREA if number_format == "int8" else FP32_MAC_AREA).at(level)


def constant_rows() -> list[dict[str, str | float]]:
    """The table of constants for the report and the docs."""
    return [
        {
            "constant": band.name,
            "unit": band.unit,
            "low": band.low,
            "mid": band.mid,
            "high": band.high,
            "source": band.source,
        }
        for band in CONSTANTS
    ]
