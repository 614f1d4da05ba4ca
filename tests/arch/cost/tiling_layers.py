"""Layers and machines that the tests of tiling share."""

from dataclasses import replace

from hypothesis import strategies as st

from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.network.fusion import chained
from edgeint8.arch.network.layers import Layer, LayerShape


def conv(
    output: int, window: int, channels: int, filters: int, stride: int = 1, pad: int = 0, **more
) -> Layer:
    shape = LayerShape.from_output(
        (output, output), (window, window), channels, filters, (stride, stride)
    )
    real = shape.ifmap_h - 2 * pad
    return Layer(
        more.get("name", "layer"),
        more.get("operator", "conv"),
        shape,
        more.get("repeats", 1),
        real * real * channels * more.get("repeats", 1),
        window * window * channels * filters * more.get("repeats", 1),
        output * output * filters * more.get("repeats", 1),
        "test",
        input_hw=(real, real),
        pads=(pad,) * 4,
    )


def named(identifier: str, **changes) -> Hardware:
    return replace(parse_hardware_id(identifier), name="machine", **changes)


def machines(most: int) -> st.SearchStrategy[Hardware]:
    """Machines of up to `most` rows and columns, whose small buffers make layers wait."""
    return st.builds(
        Hardware,
        st.sampled_from(["ws", "os", "is"]),
        st.integers(1, most),
        st.integers(1, most),
        st.integers(1, 8),
        st.integers(1, 8),
        st.integers(1, 8),
        st.one_of(st.none(), st.integers(1, 32)),
        shared_bus=st.booleans(),
        pipelined_folds=st.booleans(),
        name=st.just("machine"),
    )


def chain() -> list[Layer]:
    first = conv(16, 3, 8, 16, pad=1, name="conv1")
    pool = Layer("pool", "pool", None, 1, first.ofmap_bytes, 0, first.ofmap_bytes // 4, "t", "pool")
    second = conv(8, 3, 16, 16, pad=1, name="conv2")
    return list(chained([first, pool, second]))
