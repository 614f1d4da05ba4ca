"""Small float models from nodes and stored tensors, one of them with a mask, and their inputs."""

import numpy as np
import onnx
from messy_networks import FLOAT, node
from onnx import TensorProto, helper, numpy_helper

LARGEST = float(np.finfo(np.float32).max)


def network(nodes, stored, inputs, output):
    """A float model; `inputs` are shapes by name, or (shape, type)."""
    graph = helper.make_graph(
        nodes,
        "roles",
        [
            helper.make_tensor_value_info(name, FLOAT, ["N", *shape])
            for name, shape in inputs.items()
        ],
        [onnx.ValueInfoProto(name=output)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def masked():
    """Scores under a mask of padded tokens: float32's smallest number, as transformers writes."""
    stored = {"w": normal(1, 8, 6), "one": np.float32(1), "lowest": np.float32(-LARGEST)}
    nodes = [
        node("MatMul", ["x", "w"], ["s"], "scores"),
        node("Cast", ["mask"], ["m"], "cast", to=TensorProto.FLOAT),
        node("Sub", ["one", "m"], ["inverse"], "inverse"),
        node("Mul", ["inverse", "lowest"], ["bias"], "bias"),
        node("Add", ["s", "bias"], ["t"], "masked"),
        node("Softmax", ["t"], ["y"], "softmax"),
    ]
    model = network(nodes, stored, {"x": (8,)}, "y")
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.INT64, ["N", 6]))
    lengths = np.random.default_rng(0).integers(2, 7, (40, 1))
    return model, {"x": normal(2, 40, 8), "mask": (np.arange(6) < lengths).astype(np.int64)}
