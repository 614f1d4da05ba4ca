"""The id of a machine, and the name of a design: the one place that writes them and reads them.

``ws_16x16_64kB_unlimited`` or ``os_32x32_128kB_16Bpc``: dataflow, array, KiB of each operand's
buffer, DRAM bytes per cycle and operand port. A design of an exploration also says the buffers of
ifmap, filter and ofmap apart, and whether folds overlap: ``os_4x8_16_32_16kb_4bpc_pipelined``.
Whether the numbers make a machine is `Hardware`'s to say.
"""

import re
from typing import NamedTuple

from edgeint8.dataflow import DATAFLOWS

_FLOWS = "|".join(DATAFLOWS)
_NUMBER = "[1-9][0-9]*"  # no leading zero: a machine has one id
FORM = f"({_FLOWS})_<rows>x<cols>_<kB>kB_(unlimited|<n>Bpc)"
_PARTS = (
    f"(?P<dataflow>{_FLOWS})_(?P<rows>{_NUMBER})x(?P<cols>{_NUMBER})"
    f"_(?P<kb>{_NUMBER})kB_(?P<bandwidth>unlimited|{_NUMBER}Bpc)"
)
PATTERN = re.sub(r"\?P<\w+>", "?:", _PARTS)
"""The same without names of its groups, for whoever reads patterns: Snakemake, for instance."""
UNLIMITED = "unlimited"


class HardwareId(NamedTuple):
    """What an id says. `bandwidth_bpc` None is unlimited.

    >>> str(HardwareId("ws", rows=16, cols=8, sram_kb=64, bandwidth_bpc=16))
    'ws_16x8_64kB_16Bpc'
    """

    dataflow: str
    rows: int
    cols: int
    sram_kb: int
    bandwidth_bpc: int | None

    @property
    def array(self) -> str:
        """``<rows>x<cols>``."""
        return f"{self.rows}x{self.cols}"

    @property
    def bandwidth(self) -> str:
        """As cells of tables have it: ``unlimited``, or the number."""
        return UNLIMITED if self.bandwidth_bpc is None else str(self.bandwidth_bpc)

    def __str__(self) -> str:
        unit = "" if self.bandwidth_bpc is None else "Bpc"
        return f"{self.dataflow}_{self.array}_{self.sram_kb}kB_{self.bandwidth}{unit}"


def read_hardware_id(text: str) -> HardwareId | None:
    """The parts of an id; None for what is none, such as a preset's name.

    >>> read_hardware_id("os_8x8_32kB_unlimited")
    HardwareId(dataflow='os', rows=8, cols=8, sram_kb=32, bandwidth_bpc=None)
    """
    match = re.fullmatch(_PARTS, text)
    if match is None:
        return None
    bandwidth = match["bandwidth"]
    return HardwareId(
        match["dataflow"],
        int(match["rows"]),
        int(match["cols"]),
        int(match["kb"]),
        None if bandwidth == UNLIMITED else int(bandwidth.removesuffix("Bpc")),
    )


_DESIGN = (
    f"(?P<dataflow>{_FLOWS})_(?P<rows>{_NUMBER})x(?P<cols>{_NUMBER})"
    f"_(?P<kb>{_NUMBER}_{_NUMBER}_{_NUMBER})kb_(?P<bandwidth>unlimited|{_NUMBER}bpc)"
    "_(?P<folds>serial|pipelined)"
)


class DesignName(NamedTuple):
    """What the name of a design says. `bandwidth_bpc` None is unlimited.

    >>> str(DesignName("os", rows=4, cols=8, sram_kb=(16, 32, 16), bandwidth_bpc=4, pipelined=True))
    'os_4x8_16_32_16kb_4bpc_pipelined'
    """

    dataflow: str
    rows: int
    cols: int
    sram_kb: tuple[int, int, int]
    bandwidth_bpc: int | None
    pipelined: bool

    def __str__(self) -> str:
        sizes = "_".join(map(str, self.sram_kb))
        band = UNLIMITED if self.bandwidth_bpc is None else f"{self.bandwidth_bpc}bpc"
        folds = "pipelined" if self.pipelined else "serial"
        return f"{self.dataflow}_{self.rows}x{self.cols}_{sizes}kb_{band}_{folds}"


def read_design_name(text: str) -> DesignName | None:
    """The parts of a design's name; None for what is none.

    >>> read_design_name("ws_8x8_1_2_3kb_unlimited_serial").sram_kb
    (1, 2, 3)
    """
    match = re.fullmatch(_DESIGN, text)
    if match is None:
        return None
    ifmap, weights, ofmap = map(int, match["kb"].split("_"))
    bandwidth = match["bandwidth"]
    return DesignName(
        match["dataflow"],
        int(match["rows"]),
        int(match["cols"]),
        (ifmap, weights, ofmap),
        None if bandwidth == UNLIMITED else int(bandwidth.removesuffix("bpc")),
        match["folds"] == "pipelined",
    )
