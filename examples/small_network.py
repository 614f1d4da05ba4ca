"""What the other examples take in place of your own files: a small network and data for it."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_network(path: str = "net.onnx", seed: int = 0) -> str:
    """Conv, Relu, Conv, Relu, GlobalAveragePool, Gemm; input x (N, 3, 16, 16), ten outputs."""
    rng = np.random.default_rng(seed)
    shapes = {"w1": (8, 3, 3, 3), "w2": (16, 8, 3, 3), "w3": (16, 10)}
    weights = [
        numpy_helper.from_array(rng.normal(0, 0.2, shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu1"),
        helper.make_node("Conv", ["b", "w2"], ["c"], name="second", strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["d"], name="relu2"),
        helper.make_node("GlobalAveragePool", ["d"], ["e"], name="average"),
        helper.make_node("Flatten", ["e"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "w3"], ["y"], name="classes"),
    ]
    images = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 16, 16])
    scores = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 10])
    graph = helper.make_graph(nodes, "small", [images], [scores], weights)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def some_images(count: int, seed: int = 1) -> np.ndarray:
    """Standard normal images, (count, 3, 16, 16) float32."""
    return np.random.default_rng(seed).normal(size=(count, 3, 16, 16)).astype(np.float32)
