"""Vectors of the nodes that have no accumulator, and which node feeds which."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.graph import Graph, Node
from edgeint8.fixed_point.vectors.folder import Entry, Folder, folder_name

INPUT = "input"
"""Who makes a tensor that comes from outside."""


def edges(graph: Graph) -> Entry:
    """The graph's nodes in their order, with the tensors they read and who makes each."""
    makers = dict.fromkeys(graph.inputs, INPUT)
    makers |= {name: node.name for node in graph.nodes for name in node.outputs if name}
    nodes = [
        {
            "name": node.name,
            "op_type": node.op_type,
            "reads": [{"tensor": n, "made_by": makers[n]} for n in node.inputs if n in makers],
            "writes": [name for name in node.outputs if name],
        }
        for node in graph.nodes
    ]
    return {"inputs": list(graph.inputs), "outputs": list(graph.outputs), "nodes": nodes}


def write_node(
    writer: Folder, index: int, node: Node, graph: Graph, tensors: Mapping[str, Array]
) -> Entry:
    """Constants, inputs and outputs of a node, by place: ``input_0``, ``output_0``."""
    base = f"other/{folder_name(index, node.name)}"
    places = {f"input_{k}": name for k, name in enumerate(node.inputs) if name}
    results = {f"output_{k}": name for k, name in enumerate(node.outputs) if name}
    constants = {k: graph.constants[name] for k, name in places.items() if name in graph.constants}
    arrays = {k: tensors[name] for k, name in (places | results).items() if name in tensors}
    return {
        "name": node.name,
        "op_type": node.op_type,
        "folder": base,
        "attributes": {k: plain(v) for k, v in node.attributes.items() if plain(v) is not None},
        "constants": _written(writer, base, constants),
        "arrays": _written(writer, base, arrays),
    }


def _written(writer: Folder, base: str, arrays: Mapping[str, Array]) -> Entry:
    numeric = {k: np.asarray(v) for k, v in arrays.items() if np.asarray(v).dtype.kind not in "OUS"}
    return {k: writer.write(f"{base}/{k}", values) for k, values in numeric.items()}


def plain(value: Any) -> Any:
    """An attribute as JSON has it; None for a tensor or a subgraph."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (int, float, str)):
        return value
    if isinstance(value, (list, tuple)) and all(plain(part) is not None for part in value):
        return [plain(part) for part in value]
    return None
