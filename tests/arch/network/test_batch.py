"""A batch is a loop over images that share weights: what one layer costs in two ways of writing."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from product_networks import network, node, value, weights

from edgeint8.arch.cost.physical import Options, layer_cost, network_cost
from edgeint8.arch.cost.schedule import scheduled_cycles
from edgeint8.arch.cost.systolic import map_layer
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.network.inputs import with_batch
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.onnx_layers import layers_from_onnx
from edgeint8.arch.questions.summary import network_totals
from edgeint8.errors import HardwareError, ModelError


def written_as(kind: str, images: int, side: int, channels: int, filters: int) -> Layer:
    """One product, as a 1x1 convolution or as a matrix product."""
    if kind == "Conv":
        stored, dims = weights(w=(filters, channels, 1, 1)), [images, channels, side, side]
    else:
        stored, dims = weights(w=(channels, filters)), [images, side * side, channels]
    (layer,) = layers_from_onnx(
        network([node(kind, ["x", "w"], ["y"])], [value("x", dims)], stored)
    )
    return layer


def test_one_product_has_one_cost() -> None:
    """A 1x1 convolution of 2,048 channels on 16 images of 7 x 7, weights 1 MiB.

    49 * 16 pixels stream through 128 * 32 folds; 7.8 MB is what its tensors would take on a chip
    that holds them all, and this one does not.
    """
    machine = parse_hardware_id("ws_16x16_32kB_5Bpc")
    for kind in ("Conv", "MatMul"):
        cost = layer_cost(written_as(kind, 16, 7, 2048, 512), machine)
        assert cost.compute.total == 128 * 32 * (784 + 46)
        assert (cost.cycles, cost.dram_bytes) == (3_399_682, 26_877_952)


machines = st.builds(
    lambda flow, rows, cols, kb, bandwidth, pipelined: Hardware(
        flow, rows, cols, kb, kb, kb, bandwidth, pipelined_folds=pipelined, name="m"
    ),
    st.sampled_from(["ws", "os", "is"]),
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(1, 16),
    st.one_of(st.none(), st.integers(1, 9)),
    st.booleans(),
)
size = st.integers(1, 40)


@settings(max_examples=120, deadline=None)
@given(st.integers(1, 9), st.integers(1, 7), size, size, machines)
def test_a_pointwise_convolution_is_a_matrix_product(images, side, channels, filters, machine):
    conv, product = (
        written_as(kind, images, side, channels, filters) for kind in ("Conv", "MatMul")
    )
    one, other = (layer_cost(layer, machine) for layer in (conv, product))
    assert (one.cycles, one.dram_bytes, one.compute) == (
        other.cycles,
        other.dram_bytes,
        other.compute,
    )
    assert scheduled_cycles([conv], machine) == scheduled_cycles([product], machine)


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 9), st.integers(1, 9), st.integers(1, 3), size, size, machines)
def test_images_share_weights(images, side, window, channels, filters, machine) -> None:
    """No fewer bytes than all tensors once, no more bytes or cycles than images one by one."""
    side = max(side, window)
    model = network(
        [node("Conv", ["x", "w"], ["y"], pads=[window // 2] * 4)],
        [value("x", ["N", channels, side, side])],
        weights(w=(filters, channels, window, window)),
    )
    alone = layers_from_onnx(model)
    many = with_batch(alone, images)
    written = layers_from_onnx(model, {"x": (images, channels, side, side)})
    plain = [replace(layer, reads=(), writes=()) for layer in many]
    assert plain == [replace(layer, reads=(), writes=()) for layer in written]
    single, together = layer_cost(alone[0], machine), layer_cost(many[0], machine)
    assert many[0].macs == images * alone[0].macs
    mapping = map_layer(many[0].shape, machine, many[0].images)
    assert mapping.macs * many[0].runs == many[0].macs
    assert many[0].dram_bytes_minimum <= together.dram_bytes
    # One tile needs no second buffer: an image that just fits so is loaded once, two are not.
    tensors = (alone[0].ifmap_bytes, alone[0].filter_bytes, alone[0].ofmap_bytes)
    halves = all(2 * n <= 1024 * kb for n, kb in zip(tensors, machine.sram_kb, strict=True))
    if halves and (machine.bandwidth_bpc is None or machine.shared_bus):
        assert together.dram_bytes <= images * single.dram_bytes
    if halves:
        assert together.cycles <= images * single.cycles
    assert together.cycles <= scheduled_cycles(many, machine)[0]


@pytest.mark.parametrize(
    ("left", "right", "pixels", "window", "filters", "repeats"),
    [
        ((4, 1, 7, 3), (4, 2, 3, 5), 7, 3, 10, 4),
        ((7, 3), (6, 3, 5), 7, 3, 30, 1),
        ((6, 2, 7, 3), (2, 3, 5), 42, 3, 5, 2),
    ],
)
def test_a_broadcast_operand_is_shared(left, right, pixels, window, filters, repeats) -> None:
    """An axis that only one operand has joins its rows or columns."""
    inputs = [value("x", left), value("v", right)]
    (layer,) = layers_from_onnx(network([node("MatMul", ["x", "v"], ["y"])], inputs, {}))
    assert layer.shape is not None
    found = (layer.shape.output_pixels, layer.shape.window, layer.shape.filters, layer.repeats)
    assert found == (pixels, window, filters, repeats)
    assert layer.macs == np.prod(np.broadcast_shapes(left[:-2], right[:-2])) * 7 * 15
    assert (layer.ifmap_bytes, layer.filter_bytes) == (np.prod(left), np.prod(right))


def attention_block(batch: int | str) -> onnx.ModelProto:
    nodes = [
        node("MatMul", ["x", "w"], ["q"]),
        node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        node("MatMul", ["q", "t"], ["s"]),
        node("Softmax", ["s"], ["p"]),
        node("MatMul", ["p", "x"], ["y"]),
    ]
    return network(nodes, [value("x", [batch, 6, 8])], weights(w=(8, 8)))


def test_an_inference_is_one_image() -> None:
    """A file with batch 8 says so: rates and totals are of one of its images."""
    machine = parse_hardware_id("ws_8x8_64kB_unlimited")
    eight = layers_from_onnx(attention_block(8))
    assert {layer.batch for layer in eight} == {8}
    scaled = with_batch(layers_from_onnx(attention_block("N")), 8)
    assert [layer.shape for layer in scaled] == [layer.shape for layer in eight]
    totals = network_totals(network_cost(eight, machine), machine)
    assert totals == network_totals(network_cost(scaled, machine), machine)
    assert (totals.batch, totals.macs) == (8, 6 * 64 + 2 * 36 * 8)
    run = sum(cost.cycles for cost in network_cost(eight, machine, Options()))
    assert totals.frames_per_second == pytest.approx(8e9 / run)
    assert with_batch(eight, 16)[0].batch == 16
    with pytest.raises(ModelError, match="multiples of the file's 8"):
        with_batch(eight, 4)


def test_recurrent_weights_come_once_if_they_fit() -> None:
    model = network(
        [node("RNN", ["x", "w", "r"], ["y"], hidden_size=32)],
        [value("x", [10, 1, 8])],
        weights(w=(1, 32, 8), r=(1, 32, 32)),
    )
    steps = layers_from_onnx(model)[1]
    large, small = (parse_hardware_id(f"ws_8x8_{kb}kB_unlimited") for kb in (1, 2))
    assert layer_cost(steps, large).filter_bytes == 32 * 32
    assert layer_cost(steps, small).compute.total == 10 * 16 * (8 + 1 + 14)
    tiny = replace(steps, filter_bytes=4 * 32 * 32, shape=None, reason="-")
    assert layer_cost(tiny, large).filter_bytes == 4 * 32 * 32


def test_a_machine_too_small_names_layer_and_size() -> None:
    wide = network(
        [node("Conv", ["x", "w"], ["y"], name="wide")],
        [value("x", [1, 1, 1, 4000])],
        weights(w=(4, 1, 1, 1024)),
    )
    machine = parse_hardware_id("ws_4x4_1kB_2Bpc")
    with pytest.raises(HardwareError, match=r"ws_4x4_1kB_2Bpc cannot hold layer wide.*1024, 1024"):
        network_cost(layers_from_onnx(wide), machine)
