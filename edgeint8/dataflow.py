"""The dataflows, as one table: which dimension of a product lies where on a systolic array.

A layer is the product of P windows of K inputs with M filters. A dataflow puts two of the three
dimensions on the array's rows and columns; the third streams through in time. All else follows:
an operand that lacks the streaming dimension is held in the array, the others enter by the rows or
the columns that they lie along. A new dataflow is a new entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from edgeint8.errors import HardwareError

Dataflow = Literal["ws", "os", "is"]
Dimension = Literal["p", "k", "m"]
"""Windows (output pixels), inputs of a window, filters."""
Operand = Literal["ifmap", "filter", "ofmap"]
Role = Literal["rows", "columns", "held"]
"""How an operand meets the array: it streams along the rows or the columns, or is held in it."""

DIMENSIONS: Mapping[Operand, frozenset[Dimension]] = {
    "ifmap": frozenset(("p", "k")),
    "filter": frozenset(("k", "m")),
    "ofmap": frozenset(("p", "m")),
}
"""The two dimensions that each operand has."""


@dataclass(frozen=True)
class Layout:
    """Which dimension lies on the array's rows, which on its columns, and which streams."""

    rows: Dimension
    columns: Dimension
    streams: Dimension

    def role(self, operand: Operand) -> Role:
        """How this operand meets the array."""
        has = DIMENSIONS[operand]
        if self.streams not in has:
            return "held"
        return "rows" if self.rows in has else "columns"

    @property
    def read_roles(self) -> tuple[Role, Role]:
        """Roles of (ifmap, filter)."""
        return self.role("ifmap"), self.role("filter")

    def across(self, operand: Operand) -> Dimension:
        """Which dimension of this operand lies side by side in a word of its SRAM's port.

        What streams along the rows enters by them; what is held is loaded, and sums leave, by the
        columns.
        """
        return self.rows if self.role(operand) == "rows" else self.columns

    @property
    def held(self) -> Operand:
        """The stationary operand, which gives the dataflow its name."""
        return next(operand for operand in DIMENSIONS if self.role(operand) == "held")


LAYOUTS: Mapping[Dataflow, Layout] = {
    "ws": Layout(rows="k", columns="m", streams="p"),
    "os": Layout(rows="p", columns="m", streams="k"),
    "is": Layout(rows="k", columns="p", streams="m"),
}
"""Weight, output and input stationary (docs/cost_model.md, equation 1)."""
DATAFLOWS = tuple(LAYOUTS)


def layout_of(dataflow: str, where: str = "") -> Layout:
    """The layout of a dataflow; `HardwareError` for a name that is none.

    >>> layout_of("ws").held, layout_of("ws").read_roles
    ('filter', ('rows', 'held'))
    """
    if dataflow not in LAYOUTS:
        raise HardwareError(
            f"unknown dataflow {dataflow!r}", where=where, allowed=", ".join(DATAFLOWS)
        )
    return LAYOUTS[cast(Dataflow, dataflow)]
