"""Energy and area constants at 45 nm, each as a band with its sources. Nothing here is fitted.

Energies are whole femtojoules, so that sums are exact and do not depend on their order.
docs/physical_model.md, equations 23 to 25.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

Level = Literal["low", "mid", "high"]
LEVELS: tuple[Level, ...] = get_args(Level)
NumberFormat = Literal["int8", "fp32"]


@dataclass(frozen=True)
class Band:
    """One constant: what the most and the least favourable source says, and the one in use."""

    name: str
    unit: str
    low: float
    mid: float
    high: float
    source: str

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.mid <= self.high:
            raise ValueError(f"{self.name}: {self.low}, {self.mid}, {self.high} is not a band")

    def at(self, level: Level) -> float:
        """The value at `level`: low, mid or high."""
        return {"low": self.low, "mid": self.mid, "high": self.high}[level]


HOROWITZ = "Horowitz, ISSCC 2014, 45 nm"
ZIGZAG = "ZigZag, inputs/hardware/tpu_like.yaml"

# Equation 23: dynamic energy goes with C * V^2 and C with the feature size. Supply voltages are
# CACTI 7's high-performance ones (tech_params/45nm.dat 1.0 V, 32nm.dat 0.9 V). ZigZag's file
# names no node; 28 nm is assumed, at the voltage of the nearest node in CACTI.
ZIGZAG_TO_45_NM = (45 / 28) * (1.0 / 0.9) ** 2
_SCALED = f"{ZIGZAG}, taken as 28 nm and scaled by {ZIGZAG_TO_45_NM:.2f} to 45 nm"

INT8_MAC = Band(
    "INT8 multiply and INT32 add",
    "fJ",
    round(40 * ZIGZAG_TO_45_NM),
    200 + 100,
    840,
    f"low: {_SCALED} (0.04 pJ); mid: {HOROWITZ} (0.2 + 0.1 pJ); "
    "high: Aladdin's tables, scaled (0.84 pJ)",
)
FP32_MAC = Band(
    "FP32 multiply and add",
    "fJ",
    round(4600 * INT8_MAC.low / INT8_MAC.mid),
    3700 + 900,
    round(4600 * INT8_MAC.high / INT8_MAC.mid),
    f"mid: {HOROWITZ} (3.7 + 0.9 pJ); low and high: the INT8 band's proportions, because "
    "no second source gives both formats",
)
REGISTERS_PER_BYTE = Band(
    "pipeline registers of a PE",
    "fJ per byte",
    round(21 * ZIGZAG_TO_45_NM),
    300 / 5,
    840 / 5,
    f"low: {_SCALED} (0.021 pJ a 16-bit access, one read and one write); mid and high: Eyeriss "
    "(JSSC 2017), register file = 1 MAC, spread over the 5 bytes of an INT8 MAC",
)
DRAM_PER_BYTE = Band(
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

SRAM_FACTOR = Band(
    "SRAM, relative to Horowitz's curve over size",
    "1",
    # 416.16 pJ for 256 bytes of a 2 MiB memory, where the curve says 17.2 pJ a byte.
    round(416_160 / 256 * ZIGZAG_TO_45_NM / (100_000 / 8 * 2 ** (math.log(5) / math.log(32))), 3),
    1.0,
    1.0,
    f"low: {_SCALED} (2 MiB, 2,048-bit port); mid and high: {HOROWITZ} (cache, 64-bit access: "
    "8 KB 10 pJ, 32 KB 20 pJ, 1 MB 100 pJ)",
)
INT8_MAC_AREA = Band(
    "INT8 multiplier and INT32 adder", "um2", 419, 419, 419, f"{HOROWITZ} (282 + 137 um2)"
)
FP32_MAC_AREA = Band(
    "FP32 multiplier and adder", "um2", 11_884, 11_884, 11_884, f"{HOROWITZ} (7,700 + 4,184 um2)"
)
_CELL_UM2 = 146 * 0.045**2
_RULE_OF_THUMB_UM2 = 600 * 0.045**2
SRAM_AREA_PER_BIT = Band(
    "SRAM, per bit",
    "um2",
    round(_CELL_UM2, 4),
    round(math.sqrt(_CELL_UM2 * _RULE_OF_THUMB_UM2), 4),
    round(_RULE_OF_THUMB_UM2, 4),
    "low: CACTI 7, tech_params/45nm.dat, the bare cell (146 F2); high: D. Greaves, System on "
    "Chip, Cambridge 2011 (about 600 F2 with periphery); mid: their geometric mean",
)
CONSTANTS = (
    INT8_MAC,
    FP32_MAC,
    REGISTERS_PER_BYTE,
    SRAM_FACTOR,
    DRAM_PER_BYTE,
    INT8_MAC_AREA,
    FP32_MAC_AREA,
    SRAM_AREA_PER_BIT,
)


def sram_fj_per_byte(kb: float, level: Level) -> int:
    """Equation 24: Horowitz's three sizes joined by straight lines in log-log, and extended."""
    sizes = [math.log(size) for size, _ in _HOROWITZ_SRAM]
    costs = [math.log(cost) for _, cost in _HOROWITZ_SRAM]
    x = math.log(kb)
    i = 0 if x <= sizes[1] else 1
    slope = (costs[i + 1] - costs[i]) / (sizes[i + 1] - sizes[i])
    return round(math.exp(costs[i] + slope * (x - sizes[i])) * SRAM_FACTOR.at(level))


def mac_fj(level: Level, number_format: NumberFormat) -> int:
    """Energy of one multiply and add in fJ at 45 nm, rounded to whole femtojoules."""
    return round((INT8_MAC if number_format == "int8" else FP32_MAC).at(level))


def register_fj_per_mac(level: Level, number_format: NumberFormat) -> int:
    """A MAC shifts its moving operand and its partial sum: 1 + 4 bytes, or 4 + 4 in FP32."""
    shifted = 5 if number_format == "int8" else 8
    return round(REGISTERS_PER_BYTE.at(level) * shifted)


def mac_area_um2(number_format: NumberFormat) -> float:
    """Area of a multiplier and its adder in um2 at 45 nm; no band, one source."""
    return (INT8_MAC_AREA if number_format == "int8" else FP32_MAC_AREA).mid


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
