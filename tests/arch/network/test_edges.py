"""Fusion and tensors on chip follow edges: random graphs, walked through tensor by tensor."""

from collections.abc import Sequence

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from product_networks import network, node, value, weights

from edgeint8.arch.cost.chains import stays
from edgeint8.arch.cost.physical import Options, layer_cost, network_cost
from edgeint8.arch.cost.tile_space import INT8
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.fusion import fold, fuse
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.onnx_layers import layers_from_onnx

MACHINE = parse_hardware_id("ws_8x8_4kB_2Bpc")


@st.composite
def graphs(draw: st.DrawFn) -> onnx.ModelProto:
    """Convolutions, ReLUs, additions and pools on any tensors before them; some given out."""
    names, nodes, stored = ["x"], [], weights(w=(8, 8, 1, 1))
    for place in range(draw(st.integers(1, 9))):
        kind = draw(st.sampled_from(["Conv", "Conv", "Relu", "Add", "Sigmoid", "MaxPool"]))
        first = draw(st.sampled_from(names))
        reads = [first, "w"] if kind == "Conv" else [first]
        if kind == "Add":
            reads.append(draw(st.sampled_from(names)))
        more = {"kernel_shape": [1, 1]} if kind == "MaxPool" else {}
        nodes.append(node(kind, reads, [f"t{place}"], name=f"n{place}", **more))
        names.append(f"t{place}")
    read = {name for each in nodes for name in each.input}
    outputs = [n for n in names[1:] if n not in read or draw(st.integers(0, 5)) == 0]
    return network(nodes, [value("x", [1, 8, 4, 4])], stored, tuple(outputs))


def _check_sources(layers: Sequence[Layer], written: set[str]) -> set[str]:
    for layer in layers:
        assert {tensor.name for tensor in layer.reads} <= written, layer.name
        written |= {tensor.name for tensor in layer.writes}
    return written


@settings(max_examples=300, deadline=None)
@given(graphs())
def test_fused_layers_read_only_what_is_there(model: onnx.ModelProto) -> None:
    """In order, every tensor is read after it was written; outputs are written; MACs stay."""
    apart = layers_from_onnx(model)
    for changed in (fold(apart), fuse(apart)):
        written = _check_sources(changed, {"x"})
        assert {value.name for value in model.graph.output} <= written
        assert sum(layer.macs for layer in changed) == sum(layer.macs for layer in apart)
        moved, before = (
            sum(layer.dram_bytes_minimum for layer in some) for some in (changed, apart)
        )
        assert moved <= before
        for layer in changed:
            if layer.shape is not None:
                others = sum(t.bytes for t in layer.reads[1:])
                assert layer.added_bytes == others, layer.name


@settings(max_examples=300, deadline=None)
@given(graphs(), st.integers(0, 600), st.booleans())
def test_what_is_read_from_dram_was_written_there(model, capacity, fused) -> None:
    """Equation 17 walked tensor by tensor: DRAM and the ifmap SRAM hold what the plan says."""
    layers = layers_from_onnx(model)
    layers = fuse(layers) if fused else layers
    dram, chip = {"x"}, set[str]()
    for layer, stay in zip(layers, stays(layers, capacity, INT8), strict=True):
        reads = [tensor.name for tensor in layer.reads]
        if stay.resident:
            assert reads[0] in chip and reads.count(reads[0]) == 1
            reads = reads[1:]
        assert set(reads) <= dram, layer.name
        own = {layer.reads[0].name} if stay.held else set()
        chip = own | ({layer.writes[0].name} if stay.ofmap_kept else set())
        sizes = {t.name: t.bytes for t in (*layer.reads, *layer.writes)}
        assert sum(sizes[name] for name in chip) <= capacity
        if not stay.ofmap_unwritten:
            dram |= {tensor.name for tensor in layer.writes}
    assert {value.name for value in model.graph.output} <= dram


@settings(max_examples=100, deadline=None)
@given(graphs(), st.booleans(), st.booleans())
def test_bytes_are_never_below_compulsory(model, fused, on_chip) -> None:
    """Weights as stored, the input if it is read, and every output: each at least once."""
    costs = network_cost(layers_from_onnx(model), MACHINE, Options(fused=fused, on_chip=on_chip))
    stored = sum(cost.layer.filter_bytes for cost in costs)
    ends = {
        tensor.name: tensor.bytes
        for cost in costs
        for tensor in (*cost.layer.reads, *cost.layer.writes)
        if tensor.role != "inner"
    }
    assert sum(cost.dram_bytes for cost in costs) >= stored + sum(ends.values())


def test_three_products_of_one_input() -> None:
    """q, k and v: none feeds another; x is fetched once and everything else is given out."""
    nodes = [node("MatMul", ["x", f"w{k}"], [k], name=k) for k in "qkv"]
    stored = weights(wq=(64, 64), wk=(64, 64), wv=(64, 64))
    model = network(nodes, [value("x", [1, 64, 64])], stored, tuple("qkv"))
    costs = network_cost(layers_from_onnx(model), parse_hardware_id("ws_16x16_64kB_5Bpc"),
                         Options(on_chip=True))  # fmt: skip
    assert [cost.dram_bytes for cost in costs] == [3 * 4096, 2 * 4096, 2 * 4096]


def test_two_branches_of_one_input_are_written() -> None:
    nodes = [
        node("Conv", ["x", "w"], ["a"], pads=[1] * 4, name="a"),
        node("Conv", ["x", "w"], ["b"], pads=[1] * 4, name="b"),
        node("Concat", ["a", "b"], ["y"], axis=1, name="join"),
    ]
    model = network(nodes, [value("x", [1, 16, 16, 16])], weights(w=(16, 16, 3, 3)))
    costs = network_cost(layers_from_onnx(model), parse_hardware_id("ws_16x16_64kB_5Bpc"),
                         Options(on_chip=True))  # fmt: skip
    assert [c.dram_bytes for c in costs] == [2 * 4096 + 2304, 4096 + 2304, 4 * 4096]


def test_a_normalisation_is_folded_and_a_sigmoid_is_fused() -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"], name="conv"),
        node("BatchNormalization", ["c", "g", "g", "g", "g"], ["n"], name="norm"),
        node("Relu", ["n"], ["r"], name="relu"),
        node("Sigmoid", ["r"], ["y"], name="sigmoid"),
    ]
    model = network(nodes, [value("x", [1, 8, 4, 4])], weights(w=(8, 8, 1, 1), g=(8,)))
    layers = layers_from_onnx(model)
    assert [layer.name for layer in fold(layers)] == ["conv+norm+relu", "sigmoid"]
    assert [layer.name for layer in fuse(layers)] == ["conv+norm+relu+sigmoid"]


@pytest.mark.parametrize("shortcut_first", [True, False])
def test_a_residual_joins_the_later_branch(shortcut_first: bool) -> None:
    """The addition can only work where both its operands are there."""
    branch = [node("Conv", ["x", "w"], ["long"], name="long")]
    shortcut = [node("Conv", ["x", "w"], ["short"], name="short")]
    order = shortcut + branch if shortcut_first else branch + shortcut
    nodes = [*order, node("Add", ["long", "short"], ["y"], name="add")]
    model = network(nodes, [value("x", [1, 8, 4, 4])], weights(w=(8, 8, 1, 1)))
    last = "long" if shortcut_first else "short"
    first, second = fuse(layers_from_onnx(model))
    assert second.name == f"{last}+add" and second.added_bytes == 128
    assert layer_cost(second, MACHINE).dram_bytes >= layer_cost(first, MACHINE).dram_bytes + 128
