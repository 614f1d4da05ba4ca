"""Energy and area of integer arithmetic by operand width, from Horowitz's published operators.

An array multiplier of a x b bits adds a * b partial products, so its cost is a power of a * b
through his two integer multipliers, 8 x 8 and 32 x 32 bits (exponents 0.989 for energy and 0.908
for area). A ripple adder has a cell a bit, so its cost is his 32-bit adder's share; his 8-bit
adder is 20 % above that line, his 16-bit adder on it. The band is that of the INT8 MAC.
docs/physical_model.md, equations 39 and 40.
"""

import math

from edgeint8.arch.machine.constants import INT8_MAC, REGISTERS_PER_BYTE, Level
from edgeint8.errors import HardwareError

SOURCE = "Horowitz, ISSCC 2014, 45 nm"
MULTIPLIERS = {8: (200.0, 282.0), 32: (3100.0, 3495.0)}
"""Bits of both operands -> (fJ, um2)."""
ADDERS = {8: (30.0, 36.0), 16: (50.0, 67.0), 32: (100.0, 137.0)}
"""Bits -> (fJ, um2)."""
FLOAT32_MULTIPLIER = (3700.0, 7700.0)
WIDEST = 96


def multiplier_fj(a_bits: int, b_bits: int) -> float:
    """Femtojoules of one product at mid constants. Equation 39."""
    return _multiplier(a_bits, b_bits, 0)


def multiplier_um2(a_bits: int, b_bits: int) -> float:
    """Area of one multiplier. Equation 39."""
    return _multiplier(a_bits, b_bits, 1)


def adder_fj(bits: int) -> float:
    """Femtojoules of one addition at mid constants. Equation 40."""
    return ADDERS[32][0] * _width(bits) / 32


def adder_um2(bits: int) -> float:
    """Area of one adder. Equation 40."""
    return ADDERS[32][1] * _width(bits) / 32


def at_level(femtojoules: float, level: Level) -> int:
    """Whole femtojoules at a level of the band: arithmetic keeps the INT8 MAC's proportions."""
    return round(femtojoules * INT8_MAC.at(level) / INT8_MAC.mid)


def register_fj(bits: int, level: Level) -> int:
    """Whole femtojoules of shifting `bits` on to the next PE."""
    return round(REGISTERS_PER_BYTE.at(level) * bits / 8)


def _multiplier(a_bits: int, b_bits: int, quantity: int) -> float:
    small, large = MULTIPLIERS[8][quantity], MULTIPLIERS[32][quantity]
    exponent = math.log(large / small) / math.log(32 * 32 / (8 * 8))
    return small * (_width(a_bits) * _width(b_bits) / 64) ** exponent


def _width(bits: int) -> int:
    if not 1 <= bits <= WIDEST:
        raise HardwareError(f"an operand of {bits} bits", allowed=f"1 to {WIDEST}")
    return bits
