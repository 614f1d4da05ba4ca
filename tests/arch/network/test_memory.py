"""Arena and flash: lifetimes worked out by hand, layouts checked for overlaps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from onnx import GraphProto, TensorProto, helper, numpy_helper
from product_networks import network, node, value, weights

from edgeint8.arch.network.labels import labels
from edgeint8.arch.network.memory import Lifetime, arena_bytes, live_bytes, memory
from edgeint8.arch.network.onnx_layers import layers_from_onnx

lives = st.lists(
    st.builds(
        lambda place, size, first, length: Lifetime(str(place), size, first, first + length),
        st.integers(),
        st.integers(0, 40).map(lambda size: 16 * size),
        st.integers(0, 9),
        st.integers(0, 5),
    ),
    max_size=12,
)


@given(lives)
def test_no_layout_beats_what_is_alive(found) -> None:
    """Brute force over time; at least the largest time, at most everything side by side."""
    alive = [sum(x.bytes for x in found if x.first <= t <= x.last) for t in range(16)]
    assert live_bytes(found) == max(alive)
    assert max(alive) <= arena_bytes(found) <= sum(x.bytes for x in found)


def test_buffers_that_take_turns_share_an_address() -> None:
    chain = [Lifetime(str(i), 160, i, i + 1) for i in range(6)]
    assert arena_bytes(chain) == 320
    assert arena_bytes([*chain, Lifetime("kept", 20, 0, 5)]) == 320 + 32


def test_a_residual_network_by_hand() -> None:
    """x (128) feeds two convolutions; both results (128 each) live when they are added.

    Both read the same weights, 64 bytes; each has biases at scales of its own, four bytes each.
    """
    nodes = [
        node("Conv", ["x", "w", "b"], ["p"], name="p"),
        node("Conv", ["p", "w", "b"], ["q"], name="q"),
        node("Add", ["q", "x"], ["y"], name="add"),
    ]
    stored = weights(w=(8, 8, 1, 1), b=(8,))
    found = memory(layers_from_onnx(network(nodes, [value("x", [1, 8, 4, 4])], stored)))
    assert found.live_bytes == found.arena_bytes == 3 * 128
    assert found.flash_bytes == 64 + 2 * 4 * 8


def test_codes_that_every_reader_expands_are_stored_once() -> None:
    """As tools write them: a DequantizeLinear for each reader of the same 6 x 6 codes."""
    nodes = [
        node("DequantizeLinear", ["w", "s"], ["a"]),
        node("MatMul", ["x", "a"], ["p"], name="p"),
        node("DequantizeLinear", ["w", "s"], ["b"]),
        node("MatMul", ["p", "b"], ["y"], name="y"),
    ]
    stored = {"w": np.ones((6, 6), np.int8), "s": np.float32(0.1)}
    graph = network(nodes, [value("x", [1, 6])], stored)
    assert memory(layers_from_onnx(graph)).flash_bytes == 36


def test_flash_holds_both_branches() -> None:
    """24 and 48 bytes of weights; data decide which branch runs, and the larger one is counted."""

    def branch(name: str, depth: int) -> GraphProto:
        inner = [
            node("MatMul", ["x", f"{name}1"], [f"{name}p"], name=name),
            node("MatMul", [f"{name}p", f"{name}2"], [f"{name}y"], name=f"{name}_2"),
        ]
        made = weights(**{f"{name}1": (4, depth), f"{name}2": (depth, 4)})
        stored = [numpy_helper.from_array(array, key) for key, array in made.items()]
        return helper.make_graph(inner, name, [], [value(f"{name}y", [2, 4])], stored)

    nodes = [
        node("ReduceMax", ["x"], ["top"], keepdims=0),
        node("Cast", ["top"], ["runs"], to=TensorProto.BOOL),
        node("If", ["runs"], ["y"], then_branch=branch("a", 3), else_branch=branch("b", 6)),
    ]
    layers = layers_from_onnx(network(nodes, [value("x", [2, 4])], {}))
    assert memory(layers).flash_bytes == 24 + 48


def test_labels_tell_layers_apart() -> None:
    names = [f"/model.{k}/cv{j}/conv/Conv" for k in range(3) for j in range(2)]
    assert labels(names)[0] == "model.0/cv1/conv/Conv".replace("cv1", "cv0")
    for some in (names, ["conv"] * 3, ["a/" + "x" * 90 + str(k) for k in range(3)], ["/", "//"]):
        found = labels(some)
        assert len(set(found)) == len(some) and all(len(label) <= 45 for label in found)
