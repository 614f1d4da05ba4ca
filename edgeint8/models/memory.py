"""Memory that an inference of one sample needs, from the graph alone."""

import onnx
from onnx import numpy_helper, shape_inference


def peak_memory_bytes(model: onnx.ModelProto) -> int | None:
    """Weights plus the largest sum of activations that live at once, batch 1, graph order.

    None where the size of a tensor cannot be inferred.

    A tensor lives from the node that writes it (a graph input from the start) to its last reader
    (a graph output to the end). No operator works in place; views (Flatten, Reshape) count as
    copies. Measured resident memory changes from run to run, this number does not.
    """
    graph = shape_inference.infer_shapes(model).graph
    weights = {tensor.name: numpy_helper.to_array(tensor).nbytes for tensor in graph.initializer}
    known = (*graph.input, *graph.value_info, *graph.output)
    sizes = {v.name: _bytes(v) for v in known if v.type.tensor_type.HasField("shape")}
    if any(name not in sizes for node in graph.node for name in node.output if name):
        return None
    last_use = {name: index for index, node in enumerate(graph.node) for name in node.input}
    last_use |= {value.name: len(graph.node) for value in graph.output}
    live = {value.name for value in graph.input if value.name not in weights}
    peak = 0
    for index, node in enumerate(graph.node):
        live |= {name for name in node.output if name}
        peak = max(peak, sum(sizes[name] for name in live))
        live = {name for name in live if last_use.get(name, -1) > index}
    return sum(weights.values()) + peak


def _bytes(value: onnx.ValueInfoProto) -> int:
    """Bytes of one tensor; a dimension without a number is the batch and counts as 1."""
    tensor = value.type.tensor_type
    size = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).itemsize
    for dimension in tensor.shape.dim:
        size *= dimension.dim_value or 1
    return int(size)
