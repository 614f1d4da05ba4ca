"""An ONNX graph as plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from edgeint8.errors import ModelError
from edgeint8.fixed_point.requantize import Array

DOMAINS = ("", "ai.onnx", "com.microsoft", "com.ms.internal.nhwc")


@dataclass(frozen=True)
class Node:
    """One operation: its type, name, tensor names ('' is an absent input) and attributes."""

    op_type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def attribute(self, name: str, default: Any) -> Any:
        """Attribute `name`, or `default` where the graph does not set it."""
        return self.attributes.get(name, default)


@dataclass(frozen=True)
class Graph:
    """Nodes in execution order, constant tensors, and the names that enter and leave."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    opset: int


def _attribute_value(attribute: onnx.AttributeProto) -> Any:
    """Python value: text for bytes, tuples for lists, arrays for tensors."""
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return tuple(value) if isinstance(value, list) else value


def read_node(proto: onnx.NodeProto, position: int = 0) -> Node:
    """A node; one without a name is called after its type and position."""
    if proto.domain not in DOMAINS:
        raise ModelError(
            f"operator {proto.domain}::{proto.op_type}",
            where=f"node {proto.name or position}",
            allowed=f"domains {DOMAINS}",
        )
    attributes = {a.name: _attribute_value(a) for a in proto.attribute}
    name = proto.name or f"{proto.op_type}_{position}"
    return Node(proto.op_type, name, tuple(proto.input), tuple(proto.output), attributes)


def execution_order(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes, each behind those it reads from; ORT's QDQ quantiser writes them in any order."""
    known = {"", *(t.name for t in model.graph.initializer), *(i.name for i in model.graph.input)}
    waiting: list[onnx.NodeProto] = list(model.graph.node)
    ordered: list[onnx.NodeProto] = []
    while waiting:
        later = []
        for node in waiting:
            if known.issuperset(node.input):
                known.update(node.output)
                ordered.append(node)
            else:
                later.append(node)
        if len(later) == len(waiting):
            missing = sorted(set(later[0].input) - known)
            raise ModelError(f"nobody computes {missing}", where=f"node {later[0].name}")
        waiting = later
    return ordered


def read_graph(model: onnx.ModelProto) -> Graph:
    """The graph of a model. Constant nodes become constants."""
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    nodes = []
    for position, proto in enumerate(execution_order(model)):
        node = read_node(proto, position)
        if node.op_type == "Constant":
            constants[node.outputs[0]] = np.asarray(next(iter(node.attributes.values())))
        else:
            nodes.append(node)
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    inputs = tuple(i.name for i in model.graph.input if i.name not in constants)
    outputs = tuple(o.name for o in model.graph.output)
    return Graph(tuple(nodes), constants, inputs, outputs, opset)
