"""What stays on the chip between layers."""

from dataclasses import replace

from tiling_layers import chain, conv, named

from edgeint8.arch.cost.physical import (
    Options,
    layer_cost,
    network_cost,
    total_dram_bytes,
)
from edgeint8.arch.network.fusion import fuse
from edgeint8.arch.network.layers import Layer, Tensor


def test_fusing_saves_the_tensor_between() -> None:
    hardware = named("ws_16x16_64kB_16Bpc", shared_bus=True)
    apart = network_cost(chain(), hardware)
    together = network_cost(chain(), hardware, Options(fused=True))
    assert [cost.layer.name for cost in together] == ["conv1+pool", "conv2"]
    saved = 2 * chain()[0].ofmap_bytes  # written and read again
    assert total_dram_bytes(apart) - total_dram_bytes(together) == saved


def test_fusing_needs_a_tensor_that_nobody_else_reads() -> None:
    first, pool, second = chain()
    assert len(fuse([first, pool, second])) == 2
    also = replace(second, reads=(*second.reads, first.writes[0]))
    assert len(fuse([first, pool, also])) == 3
    wanted = replace(first, writes=(replace(first.writes[0], role="output"),))
    asked = replace(pool, reads=wanted.writes)
    assert len(fuse([wanted, asked, second])) == 3


def test_an_addition_reads_its_second_operand_once() -> None:
    first, pool, _ = chain()
    shortcut = Tensor("shortcut", first.ofmap_bytes, "input")
    add = replace(
        pool, operator="elementwise", ifmap_bytes=2 * first.ofmap_bytes,
        ofmap_bytes=first.ofmap_bytes, reads=(shortcut, first.writes[0]),
        writes=(Tensor("sum", first.ofmap_bytes),),
    )  # fmt: skip
    (together,) = fuse([first, add])
    assert together.added_bytes == first.ofmap_bytes and together.ofmap_bytes == add.ofmap_bytes
    hardware = named("ws_16x16_64kB_16Bpc")
    moved = layer_cost(together, hardware).dram_bytes
    assert moved == layer_cost(first, hardware).dram_bytes + first.ofmap_bytes


def test_on_chip_moves_only_the_ends_and_the_weights() -> None:
    layers = chain()
    hardware = named("ws_16x16_64kB_16Bpc", shared_bus=True)
    costs = network_cost(layers, hardware, Options(on_chip=True))
    weights = sum(layer.filter_bytes for layer in layers)
    assert total_dram_bytes(costs) == layers[0].ifmap_bytes + weights + layers[-1].ofmap_bytes
    small = replace(hardware, ifmap_sram_kb=1)
    assert total_dram_bytes(network_cost(layers, small, Options(on_chip=True))) == (
        total_dram_bytes(network_cost(layers, small))
    )


def test_branches_are_written_even_when_they_stay() -> None:
    """The addition needs the first tensor again: only its first reading is saved, and its own."""
    first, _, _ = chain()
    second = conv(16, 3, 16, 16, pad=1, name="second")
    size = first.ofmap_bytes
    again = Tensor("again", size)
    second = replace(second, reads=first.writes, writes=(again,))
    add = Layer(
        "add", "elementwise", None, 1, 2 * size, 0, size, "t", "element-wise",
        reads=(again, first.writes[0]), writes=(Tensor("sum", size, "output"),),
    )  # fmt: skip
    hardware = named("ws_16x16_64kB_16Bpc", shared_bus=True)
    apart = total_dram_bytes(network_cost([first, second, add], hardware))
    kept = total_dram_bytes(network_cost([first, second, add], hardware, Options(on_chip=True)))
    assert apart - kept == 3 * size  # first read by second; again neither written nor read
