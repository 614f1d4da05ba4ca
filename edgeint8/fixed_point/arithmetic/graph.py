"""An ONNX graph as plain frozen values."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from edgeint8.conventions import OWN_DOMAIN, Array
from edgeint8.errors import ModelError
from edgeint8.extensions import OPERATORS

DOMAINS = ("", "ai.onnx", "com.microsoft", "com.ms.internal.nhwc", OWN_DOMAIN)


@dataclass(frozen=True)
class Node:
    """One operation: its type, name, tensor names ('' is an absent input) and attributes.

    captured: the last of its inputs, which only its subgraphs read.
    """

    op_type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    captured: tuple[str, ...] = ()

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


def with_subgraphs(nodes: Iterable[Node]) -> Iterator[Node]:
    """Every node, and those of the subgraphs of each behind it."""
    for node in nodes:
        yield node
        for value in node.attributes.values():
            if isinstance(value, Graph):
                yield from with_subgraphs(value.nodes)


def _attribute_value(attribute: onnx.AttributeProto, opset: int) -> Any:
    """Python value: text for bytes, tuples for lists, arrays for tensors, `Graph` for graphs."""
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, onnx.GraphProto):
        return _graph(value, opset, _free_names(value))
    return tuple(value) if isinstance(value, list) else value


def _captured(proto: onnx.NodeProto) -> list[str]:
    """Names that the subgraphs of a node read from the graph around it."""
    graphs = [a.g for a in proto.attribute if a.type == onnx.AttributeProto.GRAPH]
    return sorted({name for graph in graphs for name in _free_names(graph)})


def _free_names(graph: onnx.GraphProto) -> set[str]:
    """Names that a graph reads and does not make."""
    made = _given(graph) | {name for node in graph.node for name in node.output}
    read = {name for node in graph.node for name in (*node.input, *_captured(node))}
    return (read | {o.name for o in graph.output}) - made


def _given(graph: onnx.GraphProto) -> set[str]:
    """Names that are there before the first node; '' is an absent input."""
    return {"", *(t.name for t in graph.initializer), *(i.name for i in graph.input)}


def read_node(proto: onnx.NodeProto, position: int = 0, opset: int = 0) -> Node:
    """A node; one without a name is called after its type and position."""
    own = f"{proto.domain}::{proto.op_type}"
    kind = own if own in OPERATORS else proto.op_type
    if kind != own and proto.domain not in DOMAINS:
        raise ModelError(
            f"operator {proto.domain}::{proto.op_type}",
            where=f"node {proto.name or position}",
            allowed=f"domains {DOMAINS}, or an operator of your own: docs/extending.md",
        )
    attributes = {a.name: _attribute_value(a, opset) for a in proto.attribute}
    name, captured = proto.name or f"{proto.op_type}_{position}", tuple(_captured(proto))
    inputs = (*proto.input, *captured)
    return Node(kind, name, inputs, tuple(proto.output), attributes, captured)


def execution_order(graph: onnx.GraphProto, around: Iterable[str] = ()) -> list[onnx.NodeProto]:
    """The nodes, each behind those it reads from; ORT's QDQ quantiser writes them in any order.

    around: names that a subgraph reads from the graph around it.
    """
    known = _given(graph) | {*around}
    waiting: list[onnx.NodeProto] = list(graph.node)
    ordered: list[onnx.NodeProto] = []
    while waiting:
        later = []
        for node in waiting:
            if known.issuperset((*node.input, *_captured(node))):
                known.update(node.output)
                ordered.append(node)
            else:
                later.append(node)
        if len(later) == len(waiting):
            missing = sorted({*later[0].input, *_captured(later[0])} - known)
            raise ModelError(f"nobody computes {missing}", where=f"node {later[0].name}")
        waiting = later
    return ordered


def _constant(node: Node) -> Array:
    """What a Constant node holds, in the type that its attribute's name promises."""
    ((name, value),) = node.attributes.items()
    kind = {"value_float": np.float32, "value_int": np.int64}.get(name.removesuffix("s"))
    return np.asarray(value, kind)


def read_graph(model: onnx.ModelProto) -> Graph:
    """The graph of a model. Constant nodes become constants."""
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    return _graph(model.graph, opset)


def _graph(proto: onnx.GraphProto, opset: int, around: Iterable[str] = ()) -> Graph:
    constants = {t.name: numpy_helper.to_array(t) for t in proto.initializer}
    nodes = []
    for position, entry in enumerate(execution_order(proto, around)):
        node = read_node(entry, position, opset)
        if node.op_type == "Constant":
            constants[node.outputs[0]] = _constant(node)
        else:
            nodes.append(node)
    inputs = tuple(i.name for i in proto.input if i.name not in constants)
    outputs = tuple(o.name for o in proto.output)
    return Graph(tuple(nodes), constants, inputs, outputs, opset)
