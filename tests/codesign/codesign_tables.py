"""What the tests of co-design share."""

from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.codesign.datapath import (
    REQUANTIZERS,
    Datapath,
)

SHAPE = LayerShape.from_output((8, 8), (3, 3), 4, 16)


NETWORK = (
    Layer("conv", "conv", SHAPE, 1, 256, 576, 1024, "test"),
    Layer(
        "depthwise",
        "depthwise",
        LayerShape.from_output((8, 8), (3, 3), 1, 1),
        *(16, 1024, 144, 1024, "test"),
    ),
    Layer("pool", "pool", None, 1, 1024, 0, 16, "test", "compares"),
    Layer("head", "gemm", LayerShape.from_gemm(1, 10, 16), 1, 16, 160, 10, "test"),
)


MACHINE = parse_hardware_id("ws_8x8_8kB_1Bpc")


FLOAT = REQUANTIZERS["ort_float32"]


PLAIN = Datapath()
