"""A network's graph with the size of every tensor, loop bodies and branches included.

Dimensions come from ONNX's own shape inference. Where that loses the thread (sizes computed in
the graph, operators of ONNX Runtime, layouts that it saved), one run on zeros finds them; the
body of a loop or branch is run by itself on what the graph around it gives it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, inliner, numpy_helper, shape_inference

from edgeint8.arch.network.run_dims import Dims, Values, run_on
from edgeint8.conventions import OWN_DOMAIN
from edgeint8.errors import ModelError

_RUNTIME_DOMAINS = frozenset({"com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"})


@dataclass(frozen=True)
class Known:
    """What is known of the tensors that a graph sees: dimensions, constants and their values."""

    dims: Mapping[str, Dims]
    constants: frozenset[str] = frozenset()
    values: Values = field(default_factory=dict)

    def value(self, name: str) -> Any:
        """The value of a constant of one element; None when it is not known."""
        found = self.values.get(name) if name in self.constants else None
        return None if found is None or found.size != 1 else found.reshape(()).item()


@dataclass(frozen=True)
class NetworkInputs:
    """How a file's inputs are fixed.

    Parameters
    ----------
    shapes
        Shapes by input name; None keeps what the file says, a free batch is 1.
    constants
        Values of inputs that are settings, such as a sampling rate; they become constants.
    batch_axis
        The axis that is free to be 1 in every input, or by input name; None: no axis.
    """

    shapes: Mapping[str, Sequence[int | None]] = field(default_factory=dict)
    constants: Mapping[str, float | int | bool] = field(default_factory=dict)
    batch_axis: int | Mapping[str, int | None] | None = 0

    def axis(self, name: str) -> int | None:
        """The batch axis of an input."""
        if isinstance(self.batch_axis, Mapping):
            return self.batch_axis.get(name, 0)
        return self.batch_axis


WHOLE = [(OWN_DOMAIN, "QLinearResizeBilinear")]
"""Functions that are one operator on a machine, whatever their bodies hold."""


def load(model: onnx.ModelProto | str | Path) -> onnx.ModelProto:
    """A model with its local functions written out."""
    if not isinstance(model, onnx.ModelProto):
        try:
            model = onnx.load(Path(model))
        except Exception as error:  # protobuf raises its own types
            raise ModelError(f"not a readable ONNX model ({error})", where=str(model)) from None
    if not model.functions:
        return model
    try:
        return inliner.inline_selected_functions(model, WHOLE, exclude=True)
    except Exception as error:
        raise ModelError(f"functions cannot be written out ({error})") from None


def fixed(model: onnx.ModelProto, inputs: NetworkInputs) -> onnx.ModelProto:
    """A copy whose inputs have these constants, and dimensions of which none is free."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph = found.graph
    del graph.value_info[:]
    for output in graph.output:  # a free batch left here would contradict the fixed input
        output.type.tensor_type.ClearField("shape")
    stored = {tensor.name for tensor in graph.initializer}
    values = {value.name: value for value in graph.input if value.name not in stored}
    for kind, names in (("shapes", inputs.shapes), ("constants", inputs.constants)):
        if unknown := sorted(set(names) - set(values)):
            allowed = ", ".join(values)
            raise ModelError(f"no input named {', '.join(unknown)}", where=kind, allowed=allowed)
    for name, value in values.items():
        if name in inputs.constants:
            graph.initializer.append(_constant(value, inputs.constants[name]))
        else:
            _fix_dims(value, inputs.shapes.get(name), inputs.axis(name))
    kept = [value for value in graph.input if value.name not in inputs.constants]
    del graph.input[:]
    graph.input.extend(kept)
    return found


def _constant(value: onnx.ValueInfoProto, number: float | int | bool) -> onnx.TensorProto:
    """An input as a constant; its free dimensions are 1."""
    kind = value.type.tensor_type
    dims = [extent.dim_value or 1 for extent in kind.shape.dim]
    array = np.full(dims, number, helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return numpy_helper.from_array(array, value.name)


def _fix_dims(
    value: onnx.ValueInfoProto, given: Sequence[int | None] | None, batch: int | None
) -> None:
    """Give an input the sizes that the file leaves open; None keeps what the file says."""
    extents = value.type.tensor_type.shape.dim
    said = ", ".join(str(e.dim_value) if e.dim_value > 0 else e.dim_param or "?" for e in extents)
    if given is not None and len(given) != len(extents):
        raise ModelError(f"input {value.name} has {len(extents)} dimensions, not {len(given)}")
    for axis, extent in enumerate(extents):
        size = None if given is None else given[axis]
        if size is not None and extent.dim_value > 0 and size != extent.dim_value:
            raise ModelError(
                f"shape {list(given or ())}", where=f"input {value.name}", allowed=f"({said})"
            )
        if size is not None:
            extent.dim_value = size
        elif extent.dim_value < 1 and axis == batch:
            extent.dim_value = 1
        elif extent.dim_value < 1:
            raise ModelError(
                f"input {value.name}: dimension {axis} is free",
                allowed="a shape for this input, or another batch axis",
            )


def known_tensors(model: onnx.ModelProto) -> Known:
    """Dimensions of every tensor of a `fixed` model's graph; a run where inference does not do."""
    graph = model.graph
    dims = _inferred(model)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    values: Values = dict(stored)
    nested = any(attribute.HasField("g") for node in graph.node for attribute in node.attribute)
    sized = all(name in dims for node in graph.node for name in node.output[:1] if name)
    if nested or not sized:
        feeds = {value.name: _zeros(value, dims) for value in graph.input if value.name in dims}
        feeds = {name: array for name, array in feeds.items() if name not in stored}
        seen = run_on(model, feeds)
        dims |= {name: tuple(array.shape) for name, array in seen.items()}
        values |= feeds | seen
    return Known(dims, frozenset(stored), values)


def body_tensors(model: onnx.ModelProto, body: onnx.GraphProto, feeds: Values) -> Known:
    """The tensors of a loop body or a branch, run once on `feeds` (its inputs by name).

    `feeds` also holds what the body takes from the graph around it.
    """
    single = onnx.ModelProto()
    single.CopyFrom(model)
    single.graph.CopyFrom(body)
    del single.graph.value_info[:]
    del single.graph.input[:]
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in body.initializer}
    for name, array in feeds.items():
        if name not in stored:
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            single.graph.input.append(helper.make_tensor_value_info(name, kind, array.shape))
    for output in single.graph.output:
        output.type.tensor_type.ClearField("shape")
    seen = run_on(single, {name: array for name, array in feeds.items() if name not in stored})
    values: Values = {**feeds, **stored, **seen}
    dims = {name: tuple(array.shape) for name, array in values.items()}
    return Known({**_inferred(single), **dims}, frozenset(stored), values)


def captured(body: onnx.GraphProto) -> set[str]:
    """Names that a body takes from the graphs around it."""
    own = {tensor.name for tensor in body.initializer} | {value.name for value in body.input}
    own |= {name for node in body.node for name in node.output}
    needed = {name for node in body.node for name in node.input if name}
    for node in body.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                needed |= captured(attribute.g)
    return (needed | {value.name for value in body.output}) - own


def _zeros(value: onnx.ValueInfoProto, dims: Mapping[str, Dims]) -> np.ndarray[Any, Any]:
    kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    return np.zeros(dims[value.name], kind)


def _inferred(model: onnx.ModelProto) -> dict[str, Dims]:
    """Dimensions that inference finds; it knows none of ONNX Runtime's own operators."""
    sized = onnx.ModelProto()
    sized.CopyFrom(model)
    for node in sized.graph.node:
        _standardise(node)
    try:
        graph = shape_inference.infer_shapes(sized, data_prop=True).graph
    except Exception as error:
        if any(node.domain in _RUNTIME_DOMAINS for node in model.graph.node):
            graph = model.graph
        else:
            raise ModelError(f"shape inference failed ({error})") from None
    dims = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            extents = value.type.tensor_type.shape.dim
            if all(extent.HasField("dim_value") for extent in extents):
                dims[value.name] = tuple(extent.dim_value for extent in extents)
    return dims


# ONNX Runtime's operators: the standard operator of the same shape and the inputs it keeps.
_SAME_SHAPE = {
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearMul": ("Mul", (0, 3)),
    "QGemm": ("Gemm", (0, 3)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "QLinearLeakyRelu": ("Identity", (0,)),
    "QLinearSigmoid": ("Identity", (0,)),
    "QLinearSoftmax": ("Identity", (0,)),
    "FusedConv": ("Conv", (0, 1)),
    "FusedGemm": ("Gemm", (0, 1)),
    "FusedMatMul": ("MatMul", (0, 1)),
    "MatMulIntegerToFloat": ("MatMul", (0, 1)),
    "DynamicQuantizeMatMul": ("MatMul", (0, 1)),
}
_FOREIGN_ATTRIBUTES = frozenset(
    {"activation", "activation_params", "alpha", "channels_last"}
    | {f"activation_{name}" for name in ("alpha", "beta", "gamma")}
)
_NUMBER_FORMAT = frozenset({"QuantizeLinear", "DequantizeLinear"})


def _standardise(node: onnx.NodeProto) -> None:
    """Replace an operator of ONNX Runtime by the standard one of the same shape, in place."""
    if any(a.name == "channels_last" and a.i for a in node.attribute):
        return
    if any(a.name.startswith("trans") and a.i for a in node.attribute) and "MatMul" in node.op_type:
        return
    if node.op_type == "QLinearConcat":
        kept, standard = list(node.input[2::3]), "Concat"
    elif node.domain == "com.microsoft" and node.op_type in _SAME_SHAPE:
        standard, positions = _SAME_SHAPE[node.op_type]
        kept = [node.input[position] for position in positions]
    elif node.domain == "com.microsoft" and node.op_type in _NUMBER_FORMAT:  # of 16 and of 4 bits
        standard, kept = "Identity", [node.input[0]]
    else:
        return
    attributes = [a for a in node.attribute if a.name not in _FOREIGN_ATTRIBUTES]
    replacement = helper.make_node(standard, kept, list(node.output)[:1])
    if standard != "Identity":
        replacement.attribute.extend(attributes)
    node.CopyFrom(replacement)
