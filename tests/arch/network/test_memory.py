"""Arena and flash: lifetimes worked out by hand, layouts checked for overlaps."""

from hypothesis import given
from hypothesis import strategies as st
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
    """x (128) feeds two convolutions; both results (128 each) live when they are added."""
    nodes = [
        node("Conv", ["x", "w", "b"], ["p"], name="p"),
        node("Conv", ["p", "w", "b"], ["q"], name="q"),
        node("Add", ["q", "x"], ["y"], name="add"),
    ]
    stored = weights(w=(8, 8, 1, 1), b=(8,))
    found = memory(layers_from_onnx(network(nodes, [value("x", [1, 8, 4, 4])], stored)))
    assert found.live_bytes == found.arena_bytes == 3 * 128
    assert found.flash_bytes == 2 * (64 + 4 * 8)


def test_labels_tell_layers_apart() -> None:
    names = [f"/model.{k}/cv{j}/conv/Conv" for k in range(3) for j in range(2)]
    assert labels(names)[0] == "model.0/cv1/conv/Conv".replace("cv1", "cv0")
    for some in (names, ["conv"] * 3, ["a/" + "x" * 90 + str(k) for k in range(3)], ["/", "//"]):
        found = labels(some)
        assert len(set(found)) == len(some) and all(len(label) <= 45 for label in found)
