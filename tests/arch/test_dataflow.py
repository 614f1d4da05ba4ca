"""The table of dataflows against textbooks' pictures of them, and against names that are none."""

from typing import Any

import numpy as np
import pytest

from edgeint8.arch.cost.machine.program import FLOWS
from edgeint8.arch.cost.systolic import Mapping
from edgeint8.arch.explore.design_space import DesignSpace, holds_array_tile
from edgeint8.arch.machine.hardware import uniform_hardware
from edgeint8.arch.machine.processing_element import register_bits, shifted_bits
from edgeint8.dataflow import DATAFLOWS, layout_of
from edgeint8.errors import HardwareError

ONE = np.ones(1, np.int64)


@pytest.mark.parametrize(
    ("dataflow", "roles"),
    [
        ("ws", {"ifmap": "rows", "filter": "held", "ofmap": "columns"}),
        ("os", {"ifmap": "rows", "filter": "columns", "ofmap": "held"}),
        ("is", {"ifmap": "held", "filter": "rows", "ofmap": "columns"}),
    ],
)
def test_roles_follow_from_where_the_dimensions_lie(dataflow: str, roles: dict[str, str]) -> None:
    """SCALE-Sim's three dataflows (Samajdar et al., ISPASS 2020, figure 2)."""
    layout = layout_of(dataflow)
    assert {operand: layout.role(operand) for operand in roles} == roles  # type: ignore[arg-type]
    assert roles[layout.held] == "held"
    assert {layout.rows, layout.columns, layout.streams} == {"p", "k", "m"}


def test_every_engine_knows_every_dataflow() -> None:
    assert tuple(FLOWS) == DATAFLOWS


@pytest.mark.parametrize(
    "ask",
    [
        layout_of,
        lambda name: uniform_hardware(name, 8, 8, 32),
        lambda name: Mapping(name, 8, 8, 8, 8, 8),
        lambda name: register_bits(name, pipelined=True),
        lambda name: shifted_bits(name),
        lambda name: holds_array_tile(name, ONE, ONE, (32, 32, 32)),
        lambda name: DesignSpace((1,), (1,), ((1, 1, 1),), (None,), (name, "ws")),
    ],
)
def test_an_unknown_dataflow_is_never_taken_for_another(ask: Any) -> None:
    for name in ("rs", "WS", ""):
        with pytest.raises(HardwareError, match="allowed: ws, os, is"):
            ask(name)
