"""The price of a DRAM byte by the type of DRAM; one of them stands in for `DRAM_PER_BYTE`."""

from edgeint8.arch.machine.constants import DRAM_PER_BYTE, Band, geometric

_ACCELERGY_DRAM = "Accelergy's DRAM table as Timeloop uses it"
_COLLECTED = "as collected in github.com/Dongyunkam/DRAM_info"


def _dram(name: str, low: float, mid: float, high: float, source: str) -> Band:
    """Picojoules a bit as femtojoules a byte."""
    low, mid, high = (round(8000 * value) for value in (low, mid, high))
    return Band(DRAM_PER_BYTE.key, f"DRAM access, {name}", "fJ per byte", low, mid, high, source)


DRAM_TYPES: dict[str, Band] = {
    "mixed": DRAM_PER_BYTE,
    "none": _dram("none", 0, 0, 0, "a machine whose tensors never leave it pays for no interface"),
    "lpddr4": _dram(
        "LPDDR4",
        8,
        13,
        14,
        f"low: {_ACCELERGY_DRAM} (8 pJ/bit); mid and high: thesis of H. Ha, Stanford, DramDSE, "
        f"four 8 Gb dies (13 pJ/bit) and one of 32 Gb (14 pJ/bit), {_COLLECTED}",
    ),
    "ddr3": _dram(
        "DDR3",
        9,
        geometric(9, 70),
        70,
        f"low: Vogelsang, MICRO 2010, 2 Gb, the device alone (9 pJ/bit), {_COLLECTED}; "
        f"high: {_ACCELERGY_DRAM} (70 pJ/bit); mid: their geometric mean",
    ),
    "hbm2": _dram(
        "HBM2",
        6.25,
        geometric(6.25, 7),
        7,
        f"low: {_ACCELERGY_DRAM} (6.25 pJ/bit); high: HyGCN, HPCA 2020, first HBM (7 pJ/bit), "
        f"{_COLLECTED}; mid: their geometric mean",
    ),
}
"""By the names of ``hardware.dram``. DDR4, LPDDR5, PSRAM, flash and MRAM have no second source at
hand."""
