"""Roofline and scaling rows against figures worked by hand."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeint8.arch.cost.physical import BOUNDS, network_cost
from edgeint8.arch.cost.roofline import bound_shares, network_bound, roofline_rows
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.arch.questions.scaling import scaling_rows

DESIGN_COLUMNS = [
    "workload",
    "layer",
    "hardware",
    "macs",
    "bytes",
    "intensity",
    "ridge",
    "attainable",
    "achieved",
    "bound_by",
]


def product(pixels: int, k: int, filters: int, repeats: int = 1) -> Layer:
    shape = LayerShape.from_output((pixels, 1), (1, 1), k, filters)
    sizes = (pixels * k * repeats, k * filters * repeats, pixels * filters * repeats)
    return Layer(f"p{pixels}k{k}m{filters}", "gemm", shape, repeats, *sizes, "test")


POOL = Layer("pool", "pool", None, 1, 4096, 0, 1024, "test", "a pool has no MACs")


def test_row_by_hand() -> None:
    """1,024 x 64 x 16 on 16x16, 3 x 16 B/cycle: 4 serial folds of 1,024 + 46 lines."""
    [row] = roofline_rows("net", [product(1024, 64, 16)], parse_hardware_id("ws_16x16_256kB_16Bpc"))
    assert list(row)[:10] == DESIGN_COLUMNS
    moved = 1024 * 64 + 64 * 16 + 1024 * 16
    assert (row["macs"], row["bytes"]) == (1 << 20, moved)
    assert row["intensity"] == (1 << 20) / moved
    assert row["ridge"] == 256 / 48
    assert row["attainable"] == 256.0
    # Two operands over the bus first (1 cycle), an output at the end (1).
    assert row["bound_cycles"] == 4 * (1024 + 46) + 2
    assert row["achieved"] == (1 << 20) / (4 * (1024 + 46) + 2)
    assert row["bound_by"] == "compute"
    assert row["fill_drain_cycles"] == 4 * 46 and row["fold_edges_cycles"] == 0


@pytest.mark.parametrize(
    ("layer", "identifier", "bound"),
    [
        (product(1024, 64, 16), "ws_16x16_64kB_unlimited", "compute"),
        (product(1, 512, 512), "ws_16x16_64kB_1Bpc", "dram_bandwidth"),
        (product(4, 64, 64), "ws_16x16_64kB_unlimited", "fill_drain"),
        (product(1024, 3, 3), "ws_16x16_64kB_unlimited", "fold_edges"),
        (product(1, 1, 1), "ws_1x1_64kB_1Bpc", "stalls"),
        (product(8, 64, 8), "ws_8x64_256kB_4Bpc", "fill_drain"),
        # By a little: 1,088 bytes over 12 a cycle are 91 cycles, computing and its ends 88.
        (product(8, 64, 8), "os_8x8_256kB_4Bpc", "dram_bandwidth"),
        (POOL, "ws_16x16_64kB_1Bpc", "dram_bandwidth"),
    ],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_every_bound_is_named(layer: Layer, identifier: str, bound: str) -> None:
    [row] = roofline_rows("net", [layer], parse_hardware_id(identifier))
    assert row["bound_by"] == bound
    assert sum(float(row[f"{name}_cycles"]) for name in BOUNDS) == pytest.approx(
        row["bound_cycles"]
    )


def test_unlimited_bandwidth_has_no_ridge() -> None:
    [row] = roofline_rows("net", [product(4, 4, 4)], parse_hardware_id("os_4x4_8kB_unlimited"))
    assert row["ridge"] == 0.0 and row["attainable"] == 16.0


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.builds(product, st.integers(1, 200), st.integers(1, 200), st.integers(1, 200)),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["ws", "os", "is"]),
    st.integers(1, 64),
    st.integers(1, 64),
    st.integers(1, 64),
)
def test_shares_and_scaling(layers, dataflow, rows, cols, bandwidth) -> None:
    hardware = parse_hardware_id(f"{dataflow}_{rows}x{cols}_8kB_{bandwidth}Bpc")
    costs = network_cost(layers, hardware)
    shares = bound_shares(costs)
    assert sum(shares.values()) == pytest.approx(1.0) and min(shares.values()) >= 0
    assert network_bound(costs) in {cost.bound for cost in costs}
    for row in roofline_rows("net", layers, hardware):
        assert row["achieved"] <= row["attainable"] * (1 + 1e-12)
        assert row["lower_bound_cycles"] <= row["bound_cycles"] <= row["upper_bound_cycles"]
    bought = {row["resource"]: row for row in scaling_rows("net", layers, hardware)}
    assert list(bought) == ["rows", "cols", "sram", "bandwidth"]
    for resource in ("sram", "bandwidth"):
        assert bought[resource]["bound_cycles_doubled"] <= bought[resource]["bound_cycles_now"]


def test_scaling_by_hand() -> None:
    """A memory-bound product: twice the bandwidth halves the time, twice the columns nothing."""
    layer = product(1, 256, 256)
    rows = {
        row["resource"]: row
        for row in scaling_rows("net", [layer], parse_hardware_id("os_1x64_256kB_1Bpc"))
    }
    assert rows["bandwidth"]["bound_cycles_now"] == (256 + 65_536 + 256) // 3
    assert rows["bandwidth"]["bound_cycles_doubled"] == (256 + 65_536 + 256) // 6
    assert rows["cols"]["bound_cycles_doubled"] == (256 + 65_536 + 256) // 3
    assert (rows["rows"]["bound_by_now"], rows["rows"]["speedup"]) == ("dram_bandwidth", 1.0)


def test_unlimited_bandwidth_cannot_be_doubled() -> None:
    rows = scaling_rows("net", [product(8, 8, 8)], parse_hardware_id("ws_4x4_8kB_unlimited"))
    assert [row["resource"] for row in rows] == ["rows", "cols", "sram"]


def test_more_columns_can_hurt_serial_folds() -> None:
    """One filter: a wider array only drains longer. Pipelining keeps that loss to one skew."""
    layer = product(16, 64, 1, repeats=10)
    serial = parse_hardware_id("ws_8x8_64kB_unlimited")
    pipelined = replace(serial, pipelined_folds=True, name="pipelined")
    loss = [
        row["bound_cycles_doubled"] - row["bound_cycles_now"]
        for hardware in (serial, pipelined)
        for row in scaling_rows("net", [layer], hardware)
        if row["resource"] == "cols"
    ]
    assert loss == [10 * 8 * 8, 8]
