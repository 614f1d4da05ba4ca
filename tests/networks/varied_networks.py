"""Float networks with every kind of layer whose codes can be learned."""

import numpy as np
import onnx
from float_networks import NetworkBuilder


def varied() -> onnx.ModelProto:
    """Strided, dilated, grouped and depthwise convolutions, one dead channel, one without bias,
    a residual addition, a MatMul, and a Gemm that is not transposed."""
    net = NetworkBuilder(3, (3, 12, 12))
    net.conv(3, 8, name="stem")
    net.add("Relu")
    kept = net.tensor
    depthwise = net.rng.standard_normal((8, 1, 3, 3)) / 3
    depthwise[5] *= 1e-30  # dead, and its bias is not
    tensors = [net.constant(depthwise.astype(np.float32), "depthwise_w")]
    tensors += [net.constant(np.linspace(-1, 1, 8, dtype=np.float32), "depthwise_b")]
    net.add("Conv", *tensors, name="depthwise", group=8, pads=[1, 1, 1, 1])
    net.add("Relu")
    grouped = net.rng.standard_normal((8, 4, 1, 3)).astype(np.float32) / 3
    name = net.constant(grouped, "grouped_w")
    net.add("Conv", name, name="grouped", group=2, pads=[0, 1, 0, 1])
    net.add("Add", kept, name="residual")
    net.add("Relu")
    strided = net.rng.standard_normal((10, 8, 3, 2)).astype(np.float32) / 5
    tensors = [net.constant(strided, "strided_w"), net.constant(np.ones(10, np.float32), "s_b")]
    net.add("Conv", *tensors, name="strided", strides=[2, 1], dilations=[1, 2], pads=[1, 0, 0, 2])
    net.add("Relu")
    net.add("GlobalAveragePool")
    net.add("Flatten")
    product = net.rng.standard_normal((10, 12)).astype(np.float32) / 3
    net.add("MatMul", net.constant(product, "product_w"), name="product")
    dense = net.rng.standard_normal((12, 12)).astype(np.float32) / 3
    tensors = [net.constant(dense, "dense_w"), net.constant(np.ones(12, np.float32), "dense_b")]
    net.add("Gemm", *tensors, name="dense")
    return net.model()


def one_dimensional() -> onnx.ModelProto:
    """Two convolutions over 40 samples of two channels, and a Gemm over what they leave."""
    net = NetworkBuilder(4, (2, 40))
    for name, inputs, outputs, stride in (("first", 2, 6, 2), ("second", 6, 5, 3)):
        weights = net.rng.standard_normal((outputs, inputs, 5)).astype(np.float32) / 3
        bias = net.rng.standard_normal(outputs).astype(np.float32)
        tensors = [net.constant(weights, f"{name}_w"), net.constant(bias, f"{name}_b")]
        net.add("Conv", *tensors, name=name, strides=[stride], pads=[2, 1])
        net.add("Relu")
    net.add("Flatten")
    net.dense(5 * 7, 4)
    return net.model()


def bottleneck(activation: str = "Relu") -> onnx.ModelProto:
    """Expansion, depthwise and projection, whose ranges lie orders of magnitude apart; a Gemm."""
    net = NetworkBuilder(5, (4, 8, 8))
    spread = 2.0 ** net.rng.uniform(-6, 6, 12)
    expand = net.rng.standard_normal((12, 4, 1, 1)) * spread.reshape(-1, 1, 1, 1)
    tensors = [net.constant(expand.astype(np.float32), "expand_w")]
    tensors += [net.constant((net.rng.standard_normal(12) * spread).astype(np.float32), "expand_b")]
    net.add("Conv", *tensors, name="expand")
    limits = (
        [net.constant(np.float32(v), f"limit{v}") for v in (0, 6)] if activation == "Clip" else []
    )
    net.add(activation, *limits, name="activation")
    depthwise = (net.rng.standard_normal((12, 1, 3, 3)) / 3).astype(np.float32)
    net.add("Conv", net.constant(depthwise, "depthwise_w"), name="depthwise", group=12)
    net.add("LeakyRelu", name="leaky", alpha=0.125)
    project = net.rng.standard_normal((6, 12, 1, 1)) / spread.reshape(1, -1, 1, 1)
    net.add("Conv", net.constant(project.astype(np.float32), "project_w"), name="project")
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.add("Flatten")
    net.dense(6 * 9, 5)
    return net.model()
