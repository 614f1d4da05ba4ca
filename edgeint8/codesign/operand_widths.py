"""Energy and area of integer arithmetic by operand width, from published operators.

An array multiplier of a x b bits adds a * b partial products, so its cost is a power of a * b
through Horowitz's two integer multipliers, 8 x 8 and 32 x 32 bits (exponents 0.989 for energy and
0.908 for area). A ripple adder has a cell a bit, so its cost is his 32-bit adder's share; his 8-bit
adder is 20 % above that line, his 16-bit adder on it. A shifter's is Aladdin's 32-bit shifter's
share. Areas stand at the middle of the INT8 MAC's band, energies in proportion to it.
docs/physical_model.md, equations 39 and 40.
"""

import math

from edgeint8.arch.machine.constants import (
    ALADDIN_AREA_TO_45_NM,
    ALADDIN_TO_45_NM,
    INT8_MAC,
    INT8_MAC_AREA,
    Level,
)
from edgeint8.errors import HardwareError

SOURCE = "Horowitz, ISSCC 2014, 45 nm"
MULTIPLIERS = {8: (200.0, 282.0), 32: (3100.0, 3495.0)}
"""Bits of both operands -> (fJ, um2)."""
ADDERS = {8: (30.0, 36.0), 16: (50.0, 67.0), 32: (100.0, 137.0)}
"""Bits -> (fJ, um2)."""
SHIFTER = (417.3 * ALADDIN_TO_45_NM, 249.6 * ALADDIN_AREA_TO_45_NM)
"""(fJ, um2) of 32 bits: Aladdin's table, 40 nm at 1 ns, scaled."""
FLOAT32_MANTISSA_BITS = 24
WIDEST = 96


def multiplier_fj(a_bits: int, b_bits: int) -> float:
    """Femtojoules of one product at mid constants. Equation 56."""
    return _multiplier(a_bits, b_bits, 0)


def multiplier_um2(a_bits: int, b_bits: int) -> float:
    """Area of one multiplier. Equation 56."""
    return _multiplier(a_bits, b_bits, 1) * _area_mid()


def adder_fj(bits: int) -> float:
    """Femtojoules of one addition at mid constants. Equation 57."""
    return ADDERS[32][0] * _width(bits) / 32


def adder_um2(bits: int) -> float:
    """Area of one adder. Equation 57."""
    return ADDERS[32][1] * _width(bits) / 32 * _area_mid()


def shifter_fj(bits: int) -> float:
    """Femtojoules of shifting `bits` by any number of places."""
    return SHIFTER[0] * _width(bits) / 32


def shifter_um2(bits: int) -> float:
    """Area of a shifter of `bits`."""
    return SHIFTER[1] * _width(bits) / 32


def at_level(femtojoules: float, level: Level) -> int:
    """Whole femtojoules at a level of the band: arithmetic keeps the INT8 MAC's proportions."""
    return round(femtojoules * INT8_MAC.at(level) / INT8_MAC.mid)


def _area_mid() -> float:
    """Horowitz's areas are the low end of the band; what is reported is its middle."""
    return INT8_MAC_AREA.at("mid") / INT8_MAC_AREA.low


def _multiplier(a_bits: int, b_bits: int, quantity: int) -> float:
    small, large = MULTIPLIERS[8][quantity], MULTIPLIERS[32][quantity]
    exponent = math.log(large / small) / math.log(32 * 32 / (8 * 8))
    return small * (_width(a_bits) * _width(b_bits) / 64) ** exponent


def _width(bits: int) -> int:
    if not 1 <= bits <= WIDEST:
        raise HardwareError(f"an operand of {bits} bits", allowed=f"1 to {WIDEST}")
    return bits
