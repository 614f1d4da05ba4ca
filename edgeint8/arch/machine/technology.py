"""Constants of one's own: a technology file replaces any of those in `constants.py`.

An architect has numbers that no paper prints. They are read, used, and never written: tables say
that constants were replaced and by which file, not what they are.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edgeint8.arch.machine.constants import (
    CONSTANTS,
    IN_USE,
    Band,
    Curve,
    Replacements,
)
from edgeint8.arch.machine.dram import DRAM_TYPES
from edgeint8.errors import HardwareError, yaml_problem
from edgeint8.files import read_yaml

SRAM_CURVE = "sram_fj_per_byte"
"""Femtojoules a byte by KiB, as they are: with it the factor on the published curve is one and the
exponent of the port's width zero."""
MAY_BE_ZERO = ("sram_port_exponent", "sram_leakage_pw_per_bit")
KNOWN: Mapping[str, Band] = {band.key: band for band in CONSTANTS}
LEVELS_ALLOWED = "a number above 0, or low, mid and high in that order"


@dataclass(frozen=True)
class Technology:
    """A file's constants: bands by key, and energy of SRAM over its size if it gives that."""

    name: str
    bands: Mapping[str, Band] = field(repr=False)
    sram: Curve = field(default=(), repr=False)

    @property
    def replaced(self) -> int:
        """How many constants the file replaces."""
        return len(self.bands) + bool(self.sram)


def load_technology(path: str | Path) -> Technology:
    """Read a technology file. Raises `HardwareError` in one line for unknown names or bad values.

    Keys are those of `CONSTANTS`, values a number or ``{low: , mid: , high: }``;
    ``sram_fj_per_byte`` maps KiB to femtojoules a byte.
    """
    where, names = str(path), (*KNOWN, SRAM_CURVE)
    allowed = f"a YAML map of {', '.join(names)}"
    try:
        given = read_yaml(path)
    except yaml.YAMLError as error:
        raise HardwareError(
            f"not YAML ({yaml_problem(error)})", where=where, allowed=allowed
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise HardwareError(f"cannot be read ({reason})", where=where, allowed=allowed) from None
    if not isinstance(given, dict) or not given:
        raise HardwareError("no constants", where=where, allowed=allowed)
    for name in given:
        if name not in names:
            raise HardwareError(f"no constant {name!r}", where=where, allowed=", ".join(names))
    sram = _curve(given.pop(SRAM_CURVE), where) if SRAM_CURVE in given else ()
    if sram:
        given = {"sram_factor": 1, "sram_port_exponent": 0, **given}
    bands = {name: _band(name, value, where) for name, value in given.items()}
    return Technology(Path(path).name, bands, sram)


def of_files(paths: Sequence[str]) -> Technology | None:
    """The technology of the one file of a study, or None where it names none."""
    return load_technology(paths[0]) if paths else None


def in_use() -> str:
    """Where the constants come from, in words and without their values: ``published``, ..."""
    return IN_USE.get().name


@contextmanager
def using(technology: Technology | None = None, dram: str = "mixed") -> Iterator[None]:
    """Within it every energy and area is that of `technology` and of this type of DRAM.

    A file that prices DRAM itself goes before `dram`.
    """
    if dram not in DRAM_TYPES:
        raise HardwareError(f"dram is {dram!r}", allowed=", ".join(DRAM_TYPES))
    price = DRAM_TYPES[dram]
    bands = {price.key: price} | dict(technology.bands if technology else {})
    token = IN_USE.set(
        Replacements(bands, technology.sram if technology else (), _words(technology, dram))
    )
    try:
        yield
    finally:
        IN_USE.reset(token)


def _words(technology: Technology | None, dram: str) -> str:
    source = "published" if technology is None else f"{technology.name} ({technology.replaced})"
    own_dram = technology is not None and DRAM_TYPES[dram].key in technology.bands
    return source if own_dram or dram == "mixed" else f"{source}, {dram}"


def _band(name: str, value: Any, where: str) -> Band:
    levels = value if isinstance(value, dict) else {"low": value, "mid": value, "high": value}
    good = _zero_or_more if name in MAY_BE_ZERO else _positive
    if set(levels) != {"low", "mid", "high"} or not all(map(good, levels.values())):
        zero = ", zero as well" if name in MAY_BE_ZERO else ""
        raise HardwareError(f"{name} is {value!r}", where=where, allowed=LEVELS_ALLOWED + zero)
    low, mid, high = (levels[level] for level in ("low", "mid", "high"))
    if not low <= mid <= high:
        raise HardwareError(f"{name} is {value!r}", where=where, allowed=LEVELS_ALLOWED)
    if name == "idle_clock_share" and high > 1:
        raise HardwareError(f"{name} is {value!r}", where=where, allowed="above 0, at most 1")
    return Band(name, KNOWN[name].name, KNOWN[name].unit, low, mid, high, where)


def _curve(value: Any, where: str) -> Curve:
    good = isinstance(value, dict) and len(value) >= 2
    if not good or not all(_positive(number) for pair in value.items() for number in pair):
        raise HardwareError(
            f"{SRAM_CURVE} is {value!r}", where=where, allowed="KiB: fJ a byte, two sizes or more"
        )
    return tuple(sorted((float(kb), float(fj)) for kb, fj in value.items()))


def _zero_or_more(number: Any) -> bool:
    return _positive(number) or (number == 0 and not isinstance(number, bool))


def _positive(number: Any) -> bool:
    numeric = isinstance(number, int | float) and not isinstance(number, bool)
    return numeric and 0 < number < math.inf
