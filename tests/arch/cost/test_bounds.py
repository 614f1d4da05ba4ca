"""Laws of the bound: pipelining, more SRAM and more bandwidth never cost."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiling_layers import conv, machines

from edgeint8.arch.cost.bounds import lower_bound, upper_bound
from edgeint8.arch.cost.folds import array_cycles
from edgeint8.arch.cost.physical import (
    BOUNDS,
    Options,
    layer_cost,
    network_cost,
    total_dram_bytes,
)
from edgeint8.arch.cost.systolic import map_layer
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.fusion import chained
from edgeint8.arch.network.layers import Layer, Tensor

layer_strategy = st.builds(
    conv,
    st.integers(1, 12),
    st.sampled_from([1, 2, 3, 5]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 2),
    repeats=st.integers(1, 3),
)


hardware_strategy = machines(40)


@given(layer_strategy, hardware_strategy)
def test_pipelining_never_costs_cycles(layer: Layer, hardware: Hardware) -> None:
    assert layer.shape is not None
    mapping = map_layer(layer.shape, hardware)
    serial = array_cycles(mapping, layer.repeats, pipelined=False)
    pipelined = array_cycles(mapping, layer.repeats, pipelined=True)
    assert layer.macs / hardware.processing_elements <= pipelined <= serial


# ---------------------------------------------------------------- laws


@settings(max_examples=150, deadline=None)
@given(layer_strategy, hardware_strategy, st.booleans())
def test_bounds_hold(layer: Layer, hardware: Hardware, double_buffered: bool) -> None:
    options = Options(double_buffered=double_buffered)
    cost = layer_cost(layer, hardware, options)
    low_cycles, low_bytes = lower_bound(layer, hardware, options)
    high_cycles, high_bytes = upper_bound(layer, hardware, options)
    assert low_cycles <= cost.cycles <= high_cycles
    assert low_bytes <= cost.dram_bytes <= high_bytes
    assert sum(cost.parts.values()) == pytest.approx(cost.cycles, rel=1e-12)
    assert cost.bound in BOUNDS and min(cost.parts.values()) >= 0


def _scarce_bytes(costs, hardware: Hardware) -> int:
    """What the schedule economises: all bytes on a bus, the busiest port's on separate ports."""
    if hardware.shared_bus or hardware.bandwidth_bpc is None:
        return total_dram_bytes(costs)
    return sum(
        max(cost.ifmap_bytes, cost.filter_bytes, cost.ofmap_bytes + cost.psum_bytes)
        for cost in costs
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(layer_strategy, min_size=1, max_size=3),
    hardware_strategy,
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)),
    st.booleans(),
    st.booleans(),
)
def test_more_sram_is_never_slower_nor_costlier(layers, hardware, extra, on_chip, double) -> None:
    options = Options(double_buffered=double, on_chip=on_chip)
    more = replace(
        hardware,
        ifmap_sram_kb=hardware.ifmap_sram_kb + extra[0],
        filter_sram_kb=hardware.filter_sram_kb + extra[1],
        ofmap_sram_kb=hardware.ofmap_sram_kb + extra[2],
    )
    before, after = network_cost(layers, hardware, options), network_cost(layers, more, options)
    for old, new in zip(before, after, strict=True):
        assert new.cycles <= old.cycles
    assert _scarce_bytes(after, more) <= _scarce_bytes(before, hardware)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 12),
    st.lists(st.integers(1, 60), min_size=2, max_size=5),
    hardware_strategy,
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)),
    st.booleans(),
)
def test_tensors_on_chip_obey_the_same_law(side, channels, hardware, extra, branches) -> None:
    """A chain whose tensors stay when they fit: each layer alone is never worse with more."""
    layers = [
        conv(side, 1, first, second, name=f"l{place}")
        for place, (first, second) in enumerate(pairwise(channels))
    ]
    layers = list(chained(layers))
    size = layers[-1].ofmap_bytes
    if branches:
        two = (layers[-1].writes[0], Tensor("other", size, "input"))
        add = Layer("add", "elementwise", None, 1, 2 * size, 0, size, "t", "an addition", reads=two)
        layers.append(add)
    more = replace(
        hardware,
        ifmap_sram_kb=hardware.ifmap_sram_kb + extra[0],
        filter_sram_kb=hardware.filter_sram_kb + extra[1],
        ofmap_sram_kb=hardware.ofmap_sram_kb + extra[2],
    )
    options = Options(on_chip=True)
    apart = network_cost(layers, hardware)
    before, after = network_cost(layers, hardware, options), network_cost(layers, more, options)
    for alone, old, new in zip(apart, before, after, strict=True):
        assert new.cycles <= old.cycles <= alone.cycles
    assert _scarce_bytes(after, more) <= _scarce_bytes(before, hardware)
    assert _scarce_bytes(before, hardware) <= _scarce_bytes(apart, hardware)


@settings(max_examples=150, deadline=None)
@given(layer_strategy, hardware_strategy, st.integers(1, 64), st.booleans())
def test_more_bandwidth_is_never_slower_nor_costlier(layer, hardware, extra, double) -> None:
    slow = replace(hardware, bandwidth_bpc=hardware.bandwidth_bpc or 1)
    fast = replace(slow, bandwidth_bpc=(slow.bandwidth_bpc or 0) + extra)
    options = Options(double_buffered=double)
    before, after = layer_cost(layer, slow, options), layer_cost(layer, fast, options)
    unlimited = layer_cost(layer, replace(slow, bandwidth_bpc=None), options)
    assert unlimited.cycles <= after.cycles <= before.cycles
    assert unlimited.dram_bytes <= after.dram_bytes == before.dram_bytes


@settings(max_examples=60, deadline=None)
@given(layer_strategy, hardware_strategy)
def test_double_buffering_hides_what_it_costs_in_space(layer, hardware) -> None:
    alone = layer_cost(layer, hardware, Options(double_buffered=False))
    assert alone.dram_bytes <= layer_cost(layer, hardware).dram_bytes or (
        hardware.bandwidth_bpc is not None and not hardware.shared_bus
    )
    assert alone.cycles >= alone.compute.total


# ---------------------------------------------------------------- networks
