"""Small float networks for the quantisation tests, each built to show one thing."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgeint8.quant.strategy import Strategy

IMAGE = (3, 8, 8)
FLAVOURS = [
    Strategy(f"{'sym' if s else 'asym'}_{'channel' if c else 'tensor'}_{f}", s, c, format=f)
    for s in (True, False)
    for c in (True, False)
    for f in ("qoperator", "qdq")
]


class NetworkBuilder:
    """A chain of ONNX nodes with random weights from one seeded generator."""

    def __init__(self, seed: int = 0, shape: tuple[int, ...] = IMAGE) -> None:
        self.rng = np.random.default_rng(seed)
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.tensor = "input"

    def add(self, op_type: str, *inputs: str, name: str | None = None, **attributes: object) -> str:
        """Append a node that reads the current tensor, then `inputs`; returns its output."""
        name = name if name is not None else f"{op_type.lower()}{len(self.nodes)}"
        output = f"{name or len(self.nodes)}_out"
        operands = [self.tensor, *inputs]
        self.nodes.append(helper.make_node(op_type, operands, [output], name=name, **attributes))
        self.tensor = output
        return output

    def constant(self, array: NDArray, name: str) -> str:
        """Store an initializer."""
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def conv(
        self,
        inputs: int,
        outputs: int,
        *,
        weights: NDArray | None = None,
        bias: NDArray | None = None,
        name: str | None = None,
    ) -> str:
        """A padded 3x3 convolution."""
        name = name or f"conv{len(self.nodes)}"
        if weights is None:
            weights = self.rng.standard_normal((outputs, inputs, 3, 3)) / np.sqrt(9 * inputs)
        if bias is None:
            bias = self.rng.standard_normal(outputs) / 10
        stored = [
            self.constant(np.asarray(weights, np.float32), f"{name}_w"),
            self.constant(np.asarray(bias, np.float32), f"{name}_b"),
        ]
        return self.add("Conv", *stored, name=name, pads=[1, 1, 1, 1])

    def dense(self, inputs: int, outputs: int, name: str = "dense") -> str:
        """A Gemm with transposed weights, as torch exports it."""
        weights = self.rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)
        stored = [
            self.constant(weights.astype(np.float32), f"{name}_w"),
            self.constant(self.rng.standard_normal(outputs).astype(np.float32) / 10, f"{name}_b"),
        ]
        return self.add("Gemm", *stored, name=name, transB=1)

    def model(self, rank: int = 2, opset: int = 17) -> onnx.ModelProto:
        """The graph from ``input`` to the current tensor, which has `rank` dimensions."""
        output = ["N"] + [None] * (rank - 1)
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", *self.shape])],
            [helper.make_tensor_value_info(self.tensor, TensorProto.FLOAT, output)],
            self.initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 8
        return model


def classifier(seed: int = 0, *, channels: tuple[int, int] = (8, 12)) -> onnx.ModelProto:
    """Conv, Relu, MaxPool, Conv, Relu, GlobalAveragePool, Flatten, Gemm: ten classes."""
    first, second = channels
    net = NetworkBuilder(seed)
    net.conv(3, first, name="conv_a")
    net.add("Relu", name="relu_a")
    net.add("MaxPool", name="pool", kernel_shape=[2, 2], strides=[2, 2])
    net.conv(first, second, name="conv_b")
    net.add("Relu", name="relu_b")
    net.add("GlobalAveragePool", name="average")
    net.add("Flatten", name="flatten")
    net.dense(second, 10)
    return net.model()


def images(
    count: int, seed: int = 1, shape: tuple[int, ...] = IMAGE
) -> dict[str, NDArray[np.float32]]:
    """Standard normal inputs (count, *shape)."""
    rng = np.random.default_rng(seed)
    return {"input": rng.standard_normal((count, *shape), dtype=np.float32)}


def reference_outputs(
    model: onnx.ModelProto, inputs: dict[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """The first output by onnx's own reference evaluator: independent of ONNX Runtime."""
    return onnx.reference.ReferenceEvaluator(model).run(None, inputs)[0]
