"""The smallest study that runs jobs: two layers of a topology, simulated and checked."""

TOPOLOGY = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
stem, 10, 10, 3, 3, 3, 8, 1,
down, 8, 8, 3, 3, 8, 16, 2,
"""
SMALL_STUDY = {
    "run": {"workloads": ["net"], "strategies": [], "detail_strategies": []},
    "workloads": {"net": {"topology": "net.csv"}},
    "hardware": {"arrays": ["4x4"], "dataflows": ["ws", "os"], "sram_kb": [1], "points": []},
}
