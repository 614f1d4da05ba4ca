"""Inputs as a study needs them: settings become constants, and samples lie on the first axis.

A network may count its samples on another axis, such as (time, samples, channels), or on none. A
Transpose, or a Squeeze of one sample, behind such an input turns what the study feeds into what
the network reads; its outputs are turned back. With one sample neither moves data.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from edgeint8.errors import ModelError
from edgeint8.quant.graph import opset_of, rename_tensor

Constants = Mapping[str, float | int | bool]
BatchAxis = int | None | Mapping[str, int | None]
AXES_ARE_INPUTS = 13  # opset from which Squeeze and Unsqueeze read their axes
INSIDE = "_as_made"  # behind the name of a tensor in the layout of the file


def axis_of(batch_axis: BatchAxis, name: str) -> int | None:
    """The axis on which a tensor counts samples; None: it has no such axis."""
    return batch_axis.get(name, 0) if isinstance(batch_axis, Mapping) else batch_axis


def bind_constants(graph: onnx.GraphProto, constants: Constants, where: str) -> None:
    """Inputs that are settings, such as a sampling rate, become initializers, in place."""
    inputs = {value.name: value for value in graph.input}
    _refuse_unknown(constants, inputs, f"{where}: constants")
    for name, number in constants.items():
        kind = inputs[name].type.tensor_type
        dims = [size.dim_value if size.dim_value > 0 else 1 for size in kind.shape.dim]
        array = np.full(dims, number, helper.tensor_dtype_to_np_dtype(kind.elem_type))
        graph.initializer.append(numpy_helper.from_array(array, name))
        graph.input.remove(inputs[name])


def put_samples_first(model: onnx.ModelProto, batch_axis: BatchAxis, where: str) -> None:
    """Give every input and output its samples on axis 0, in place.

    Sizes of inputs other than the batch must be fixed. An axis for all is that of every tensor
    which has so many. Where an input has no axis of samples, a run is one sample.
    """
    graph, opset = model.graph, opset_of(model)
    if isinstance(batch_axis, Mapping):
        known = {value.name: value for value in (*graph.input, *graph.output)}
        _refuse_unknown(batch_axis, known, f"{where}: batch_axis")
    sized = {value.name: value for value in shape_inference.infer_shapes(model).graph.output}
    inputs = [(value, axis_of(batch_axis, value.name)) for value in graph.input]
    outputs = [(value, axis_of(batch_axis, value.name)) for value in graph.output]
    for value, axis in inputs:
        if any(one is None for _, one in inputs) and axis is not None:
            value.type.tensor_type.shape.dim[axis].dim_value = 1
    for value, axis in inputs:
        _turn_input(graph, value, axis, opset)
    for value, axis in outputs:
        shape = sized[value.name].type.tensor_type
        rank = len(shape.shape.dim) if shape.HasField("shape") else None
        if axis is not None and (axis == 0 or (rank is not None and rank <= axis)):
            continue
        if axis is not None and rank is None:
            raise ModelError(
                f"output {value.name} has no known number of dimensions",
                where=f"{where}: batch_axis",
                allowed=f"{value.name}: 0, or a file that states its shape",
            )
        _turn_output(graph, value, axis, rank or 0, opset)


def _turn_input(
    graph: onnx.GraphProto, value: onnx.ValueInfoProto, axis: int | None, opset: int
) -> None:
    sizes = value.type.tensor_type.shape.dim
    if axis == 0 or (axis is not None and axis >= len(sizes)):
        return
    name, inside = value.name, f"{value.name}{INSIDE}"
    rename_tensor(graph, name, inside)
    old = [onnx.TensorShapeProto.Dimension.FromString(d.SerializeToString()) for d in sizes]
    del sizes[:]
    if axis is None:
        sizes.extend([onnx.TensorShapeProto.Dimension(dim_value=1), *old])
        node = _one_sample(graph, "Squeeze", name, inside, opset)
        node.name = inside
    else:
        order = [axis, *(place for place in range(len(old)) if place != axis)]
        sizes.extend(old[place] for place in order)
        back = [int(place) for place in np.argsort(order)]
        node = helper.make_node("Transpose", [name], [inside], inside, perm=back)
    graph.node.insert(0, node)


def _turn_output(
    graph: onnx.GraphProto, value: onnx.ValueInfoProto, axis: int | None, rank: int, opset: int
) -> None:
    name, inside = value.name, f"{value.name}{INSIDE}"
    rename_tensor(graph, name, inside)
    value.type.tensor_type.ClearField("shape")
    if axis is None:
        node = _one_sample(graph, "Unsqueeze", inside, name, opset)
        node.name = inside
    else:
        order = [axis, *(place for place in range(rank) if place != axis)]
        node = helper.make_node("Transpose", [inside], [name], inside, perm=order)
    graph.node.append(node)


def _one_sample(
    graph: onnx.GraphProto, kind: str, source: str, made: str, opset: int
) -> onnx.NodeProto:
    """Squeeze or Unsqueeze of axis 0, as the opset writes it."""
    if opset < AXES_ARE_INPUTS:
        return helper.make_node(kind, [source], [made], axes=[0])
    axes = f"{made}_axes"
    graph.initializer.append(numpy_helper.from_array(np.array([0]), axes))
    return helper.make_node(kind, [source, axes], [made])


def _refuse_unknown(given: Mapping[str, object], known: Mapping[str, object], where: str) -> None:
    if unknown := sorted(set(given) - set(known)):
        raise ModelError(f"no tensor {unknown[0]!r}", where=where, allowed=", ".join(known))
