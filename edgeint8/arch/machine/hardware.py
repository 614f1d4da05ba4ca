"""One systolic accelerator: array, buffers, DRAM, clock; its id; presets of real machines.

An id such as ``ws_16x16_64kB_unlimited`` or ``os_32x32_128kB_16Bpc`` says everything that the
cycle model needs, so any id that parses is a machine. A preset (``<name>.yaml`` in
``edgeint8/data/hardware``) also fixes clock and technology, and its id is its file name.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, cast

from edgeint8.dataflow import Dataflow, layout_of
from edgeint8.errors import HardwareError, yaml_problem
from edgeint8.files import UNREADABLE_YAML, read_yaml
from edgeint8.hardware_id import FORM, HardwareId, read_design_name, read_hardware_id

PORTS = 3
"""Operand ports to DRAM: ifmap, filter, ofmap."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
SRAM_FIELDS = ("ifmap_sram_kb", "filter_sram_kb", "ofmap_sram_kb")

ALLOWED_RANGE: dict[str, tuple[float, float]] = {
    "rows": (1, 4096),
    "cols": (1, 4096),
    "ifmap_sram_kb": (1, 1 << 20),
    "filter_sram_kb": (1, 1 << 20),
    "ofmap_sram_kb": (1, 1 << 20),
    "bandwidth_bpc": (1, 1 << 20),
    "clock_hz": (1e5, 1e11),
    "technology_nm": (1, 1000),
}


@dataclass(frozen=True)
class Hardware:
    """An array of `rows` x `cols` processing elements, one INT8 MAC each per cycle.

    Parameters
    ----------
    dataflow
        Which operand stays in the array: weights, outputs or inputs.
    ifmap_sram_kb, filter_sram_kb, ofmap_sram_kb
        Buffer of each operand in KiB (both halves of the double buffer together).
    bandwidth_bpc
        DRAM bytes per cycle and operand port; None is unlimited.
    dram_bytes_per_cycle
        Exact DRAM bytes per cycle of all ports together, where a machine states its bytes a
        second. SCALE-Sim takes whole bytes per port (`bandwidth_bpc`), all else takes this.
    clock_hz, technology_nm
        For seconds, energy and area only; cycles do not depend on them.
    shared_bus
        DRAM is one bus of the ports' summed bandwidth, as real chips have it; False is a DRAM
        channel for each operand, as SCALE-Sim has it. Only the physical model looks at it.
    pipelined_folds
        The next stationary tile is loaded while the present one computes.
    name
        A preset's file name; empty for a machine that its id describes fully.
    """

    dataflow: Dataflow
    rows: int
    cols: int
    ifmap_sram_kb: int
    filter_sram_kb: int
    ofmap_sram_kb: int
    bandwidth_bpc: int | None = None
    clock_hz: float = 1e9
    technology_nm: float = 45.0
    shared_bus: bool = True
    pipelined_folds: bool = False
    name: str = ""
    dram_bytes_per_cycle: Fraction | None = None

    def __post_init__(self) -> None:
        layout_of(self.dataflow, where=self.name)
        for field, bounds in ALLOWED_RANGE.items():
            value = getattr(self, field)
            if field == "bandwidth_bpc" and value is None:
                continue
            _check_range(field, value, bounds, self.name)
        exact = self.dram_bytes_per_cycle
        if exact is not None and (self.bandwidth_bpc is None or exact <= 0):
            raise HardwareError(
                f"dram_bytes_per_cycle is {exact}", where=self.name, allowed="above 0, or none"
            )
        if self.name and (not _NAME.fullmatch(self.name) or read_hardware_id(self.name)):
            raise HardwareError(f"bad hardware name {self.name!r}", allowed=_NAME.pattern)
        if not self.name and len(set(self.sram_kb)) > 1:
            raise HardwareError(
                f"SRAM sizes differ ({self.sram_kb} kB) and the machine has no name",
                allowed="one size for all operands, or a preset with a name",
            )

    @property
    def sram_kb(self) -> tuple[int, int, int]:
        """KiB of the (ifmap, filter, ofmap) buffers."""
        return self.ifmap_sram_kb, self.filter_sram_kb, self.ofmap_sram_kb

    @property
    def processing_elements(self) -> int:
        """MACs per cycle at full utilisation."""
        return self.rows * self.cols

    @property
    def mode(self) -> Literal["calc", "user"]:
        """SCALE-Sim's mode: `calc` assumes the bandwidth it needs, `user` has what is given."""
        return "calc" if self.bandwidth_bpc is None else "user"

    @property
    def id(self) -> str:
        """``<dataflow>_<rows>x<cols>_<kB>kB_(unlimited|<n>Bpc)``, or the preset's name."""
        if self.name:
            return self.name
        return str(
            HardwareId(self.dataflow, self.rows, self.cols, self.ifmap_sram_kb, self.bandwidth_bpc)
        )


def _check_range(field: str, value: Any, bounds: tuple[float, float], where: str) -> None:
    low, high = bounds
    whole = field not in ("clock_hz", "technology_nm")
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        number = "a whole number" if whole else "a number"
        raise HardwareError(
            f"{field} is {value!r}", where=where, allowed=f"{number} from {low:,.0f} to {high:,.0f}"
        )


def uniform_hardware(
    dataflow: Dataflow, rows: int, cols: int, sram_kb: int, bandwidth_bpc: int | None = None
) -> Hardware:
    """A machine whose three buffers have `sram_kb` KiB each."""
    return Hardware(dataflow, rows, cols, sram_kb, sram_kb, sram_kb, bandwidth_bpc)


def parse_hardware_id(text: str) -> Hardware:
    """The machine that an id describes; raises `HardwareError` when it does not parse.

    >>> found = parse_hardware_id("ws_16x16_64kB_16Bpc")
    >>> found.dataflow, found.processing_elements, found.bandwidth_bpc
    ('ws', 256, 16)
    """
    parts = read_hardware_id(text)
    if parts is None:
        raise HardwareError(f"hardware id {text!r} does not parse", allowed=FORM)
    return uniform_hardware(cast(Dataflow, parts.dataflow), *parts[1:])


def parse_design_name(text: str) -> Hardware | None:
    """The machine of a design's name, at 1 GHz with one DRAM bus; None for what is no such name.

    >>> parse_design_name("ws_8x8_1_2_3kb_unlimited_pipelined").sram_kb
    (1, 2, 3)
    """
    parts = read_design_name(text)
    if parts is None:
        return None
    return Hardware(
        cast(Dataflow, parts.dataflow),
        parts.rows,
        parts.cols,
        *parts.sram_kb,
        bandwidth_bpc=parts.bandwidth_bpc,
        pipelined_folds=parts.pipelined,
        name=text,
    )


_PRESET_REQUIRED = frozenset({"dataflow", "rows", "cols", "clock_mhz", "dram_gb_per_s"})
_PRESET_OPTIONAL = frozenset(
    {"sram_kb", *SRAM_FIELDS, "technology_nm", "shared_bus", "pipelined_folds"}
)
_PRESET_PROSE = frozenset({"description", "source", "note"})


def load_preset(path: str | Path) -> Hardware:
    """Read ``edgeint8/data/hardware/<name>.yaml``; units stand in its keys and are converted here.

    Required: ``dataflow rows cols clock_mhz dram_gb_per_s`` (1 GB = 1e9 bytes; null is
    unlimited) and either ``sram_kb`` (each operand) or ``ifmap_sram_kb filter_sram_kb
    ofmap_sram_kb``. Optional: ``technology_nm shared_bus pipelined_folds`` and the prose keys
    ``description source note``.
    """
    path = Path(path)
    if not _NAME.fullmatch(path.stem) or read_design_name(path.stem):
        raise HardwareError(
            f"file name {path.name!r}, by which tables name the machine",
            where=str(path),
            allowed="small letters, digits and _, and not the name of a design",
        )
    try:
        entries = read_yaml(path)
    except UNREADABLE_YAML as error:
        reason = yaml_problem(error)
        raise HardwareError(
            f"preset cannot be read ({reason})", where=str(path), allowed="a YAML file"
        ) from None
    if not isinstance(entries, dict):
        raise HardwareError(
            "preset is not a map of keys", where=str(path), allowed="key: value on each line"
        )
    _check_preset_keys(entries, path)
    clock_hz = _number(entries, "clock_mhz", path) * 1e6
    ifmap, filter_, ofmap = _preset_sram_kb(entries)
    return Hardware(
        dataflow=entries["dataflow"],
        rows=entries["rows"],
        cols=entries["cols"],
        ifmap_sram_kb=ifmap,
        filter_sram_kb=filter_,
        ofmap_sram_kb=ofmap,
        bandwidth_bpc=_port_bandwidth_bpc(entries, clock_hz, path),
        clock_hz=clock_hz,
        technology_nm=float(_number(entries, "technology_nm", path, default=45.0)),
        shared_bus=_switch(entries, "shared_bus", path, default=True),
        pipelined_folds=_switch(entries, "pipelined_folds", path),
        name=path.stem,
        dram_bytes_per_cycle=_bytes_per_cycle(entries, path),
    )


def _check_preset_keys(entries: Mapping[str, Any], path: Path) -> None:
    keys = set(entries)
    if missing := sorted(_PRESET_REQUIRED - keys):
        required = ", ".join(sorted(_PRESET_REQUIRED))
        raise HardwareError(
            f"preset lacks {', '.join(missing)}", where=str(path), allowed=f"all of {required}"
        )
    known = _PRESET_REQUIRED | _PRESET_OPTIONAL | _PRESET_PROSE
    if unknown := sorted(map(str, keys - known)):
        raise HardwareError(
            f"preset has unknown keys {', '.join(unknown)}",
            where=str(path),
            allowed=", ".join(sorted(known)),
        )
    if ("sram_kb" in keys) == any(key in keys for key in SRAM_FIELDS):
        raise HardwareError(
            "preset needs one way to say its SRAM",
            where=str(path),
            allowed=f"sram_kb, or all of {', '.join(SRAM_FIELDS)}",
        )
    if "sram_kb" not in keys and (missing := [key for key in SRAM_FIELDS if key not in keys]):
        raise HardwareError(
            f"preset lacks {', '.join(missing)}",
            where=str(path),
            allowed=f"sram_kb, or all of {', '.join(SRAM_FIELDS)}",
        )


def _preset_sram_kb(entries: Mapping[str, Any]) -> tuple[int, int, int]:
    if "sram_kb" in entries:
        return entries["sram_kb"], entries["sram_kb"], entries["sram_kb"]
    ifmap, filter_, ofmap = (entries[key] for key in SRAM_FIELDS)
    return ifmap, filter_, ofmap


def _bytes_per_cycle(entries: Mapping[str, Any], path: Path) -> Fraction | None:
    """Bytes per second over cycles per second, as exact as the file states them."""
    if entries["dram_gb_per_s"] is None:
        return None
    _number(entries, "dram_gb_per_s", path)
    gigabytes, megahertz = (Fraction(str(entries[key])) for key in ("dram_gb_per_s", "clock_mhz"))
    return gigabytes * 1000 / megahertz


def _port_bandwidth_bpc(entries: Mapping[str, Any], clock_hz: float, path: Path) -> int | None:
    """floor(bytes per second / clock / ports), at least 1."""
    if entries["dram_gb_per_s"] is None:
        return None
    bytes_per_second = _number(entries, "dram_gb_per_s", path) * 1e9
    return max(1, math.floor(bytes_per_second / clock_hz / PORTS))


def _number(
    entries: Mapping[str, Any], key: str, path: Path, default: float | None = None
) -> float:
    value = entries.get(key, default)
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or value <= 0:
        raise HardwareError(f"{key} is {value!r}", where=str(path), allowed="a number above 0")
    return float(value)


def _switch(entries: Mapping[str, Any], key: str, path: Path, default: bool = False) -> bool:
    value = entries.get(key, default)
    if not isinstance(value, bool):
        raise HardwareError(f"{key} is {value!r}", where=str(path), allowed="true, false")
    return value
