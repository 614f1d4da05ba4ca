"""A study of a topology file alone, from which several tests read."""

from collections.abc import Mapping
from typing import Any

from small_study import TOPOLOGY as TWO_LAYERS

TOPOLOGY = TWO_LAYERS + "head, 1, 1, 1, 1, 144, 10, 1,\n"
POINTS = ["ws_4x4_1kB_unlimited", "os_4x8_1kB_2Bpc"]


def topology_study(machines: Mapping[str, list[str]]) -> dict[str, Any]:
    """The overlay of ``net.csv`` on these machines, and of a small space of designs."""
    return {
        "run": {"workloads": ["net"], "strategies": [], "detail_strategies": []},
        "workloads": {"net": {"topology": "net.csv"}},
        "hardware": {"arrays": [], **machines},
        "explore": {"rows": [2, 9], "cols": [2, 9], "sram_kb": [1, 4]},
    }
