"""Layers of any ONNX network: float, QOperator or QDQ.

Shapes come from ONNX's own shape inference. It knows nothing of ONNX Runtime's quantised
operators, so each of those is first replaced by the standard operator of the same shape.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
from onnx import helper, shape_inference

from edgeint8.arch.network.layers import Layer, LayerShape, Operator
from edgeint8.arch.network.run_dims import Dims, dims_of_a_run
from edgeint8.errors import ModelError

# Where each operator on the array has its (input, weight).
_CONV_OPERANDS = {
    "Conv": (0, 1),
    "FusedConv": (0, 1),
    "ConvInteger": (0, 1),
    "QLinearConv": (0, 3),
}
_GEMM_OPERANDS = {"Gemm": (0, 1), "FusedGemm": (0, 1), "QGemm": (0, 3)}
_MATMUL_OPERANDS = {
    "MatMul": (0, 1),
    "FusedMatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "MatMulIntegerToFloat": (0, 1),
    "DynamicQuantizeMatMul": (0, 1),
    "QLinearMatMul": (0, 3),
}
_POOLS = frozenset(
    {"MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean"}
    | {"QLinearAveragePool", "QLinearGlobalAveragePool", "QLinearReduceMean"}
)
# Operators that rename or regroup elements, or only change their number format.
_NO_DATA = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast"})
_NUMBER_FORMAT = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})
_ELEMENTWISE = frozenset(
    {"Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Sum", "Relu", "LeakyRelu", "PRelu"}
    | {"Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Clip", "Elu", "Erf", "Gelu", "Exp"}
    | {"Sqrt", "Softmax", "LogSoftmax", "BatchNormalization", "LayerNormalization", "Neg", "Abs"}
    | {"QLinearAdd", "QLinearMul", "QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax"}
)
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


def layers_from_onnx(
    model: onnx.ModelProto | str | Path, input_shapes: Mapping[str, Sequence[int]] | None = None
) -> tuple[Layer, ...]:
    """One `Layer` per node that runs on data, in graph order.

    A free batch dimension becomes 1; other free dimensions need `input_shapes`. Nodes whose
    inputs are all constants, or sizes of tensors, are folded before run time and are not layers.
    Biases are not counted as traffic. Raises `ModelError` when the model cannot be read or sized.
    """
    if not isinstance(model, onnx.ModelProto):
        model = _load(Path(model))
    dims = _all_dims(model, input_shapes or {})
    constants = {tensor.name for tensor in model.graph.initializer}
    layers: list[Layer] = []
    names: set[str] = set()
    for index, node in enumerate(model.graph.node):
        inputs = [name for name in node.input if name]
        if node.op_type in ("Shape", "Size") or all(name in constants for name in inputs):
            constants.update(node.output)
            continue
        name = _unique(node.name or f"{node.op_type.lower()}_{index}", names)
        layers.append(_layer(node, name, dims, constants))
    return tuple(layers)


def _all_dims(model: onnx.ModelProto, input_shapes: Mapping[str, Sequence[int]]) -> dict[str, Dims]:
    """Dimensions by inference, and those that it does not find by a run."""
    dims = tensor_dims(model, input_shapes)
    if all(name in dims for node in model.graph.node for name in node.output[:1]):
        return dims
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in stored]
    return dims_of_a_run(model, {name: dims[name] for name in inputs if name in dims}) | dims


def _load(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except Exception as error:  # protobuf raises its own types
        raise ModelError(f"not a readable ONNX model ({error})", where=str(path)) from None


def _unique(name: str, taken: set[str]) -> str:
    candidate, suffix = name, 2
    while candidate in taken:
        candidate, suffix = f"{name}_{suffix}", suffix + 1
    taken.add(candidate)
    return candidate


def tensor_dims(
    model: onnx.ModelProto, input_shapes: Mapping[str, Sequence[int]]
) -> dict[str, Dims]:
    """Dimensions of every tensor that shape inference can size, initialisers included."""
    sized = onnx.ModelProto()
    sized.CopyFrom(model)
    del sized.graph.value_info[:]
    for output in sized.graph.output:  # a free batch left here would contradict the fixed input
        output.type.tensor_type.ClearField("shape")
    _fix_inputs(sized.graph, input_shapes)
    for node in sized.graph.node:
        _standardise(node)
    try:
        inferred = shape_inference.infer_shapes(sized, data_prop=True)
    except Exception as error:
        raise ModelError(f"shape inference failed ({error})") from None
    graph = inferred.graph
    dims = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            extents = value.type.tensor_type.shape.dim
            if all(extent.HasField("dim_value") for extent in extents):
                dims[value.name] = tuple(extent.dim_value for extent in extents)
    return dims


def _fix_inputs(graph: onnx.GraphProto, input_shapes: Mapping[str, Sequence[int]]) -> None:
    initializers = {tensor.name for tensor in graph.initializer}
    inputs = {value.name: value for value in graph.input if value.name not in initializers}
    if unknown := sorted(set(input_shapes) - set(inputs)):
        raise ModelError(f"no input named {', '.join(unknown)}", allowed=", ".join(inputs))
    for name, value in inputs.items():
        extents = value.type.tensor_type.shape.dim
        given = input_shapes.get(name)
        if given is not None and len(given) != len(extents):
            raise ModelError(f"input {name} has {len(extents)} dimensions, not {len(given)}")
        for axis, extent in enumerate(extents):
            if given is not None:
                extent.dim_value = given[axis]
            elif extent.dim_value < 1 and axis == 0:
                extent.dim_value = 1
            elif extent.dim_value < 1:
                raise ModelError(
                    f"input {name}: dimension {axis} is free", allowed="a shape for this input"
                )


def _standardise(node: onnx.NodeProto) -> None:
    """Replace an operator of ONNX Runtime by the standard one of the same shape, in place."""
    if node.op_type == "QLinearConcat":
        kept = list(node.input[2::3])
        standard = "Concat"
    elif node.op_type in _SAME_SHAPE:
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


def _layer(node: onnx.NodeProto, name: str, dims: Mapping[str, Dims], constants: set[str]) -> Layer:
    kind = node.op_type
    source = f"{kind} node {name}"
    moving = [i for i in node.input if i and i not in constants]
    needed = [*moving, node.output[0]]
    if kind in _NO_DATA or kind in _NUMBER_FORMAT:
        reason = "moves no data" if kind in _NO_DATA else "fused into its neighbours"
        return Layer(name, "other", None, 1, 0, 0, 0, source, reason)
    if unsized := [tensor for tensor in needed if tensor not in dims]:
        reason = f"unknown shape of {', '.join(unsized)}"
        return Layer(name, "other", None, 1, 0, 0, 0, source, reason)
    if kind in _CONV_OPERANDS:
        return _conv_layer(node, name, source, dims)
    if kind in _GEMM_OPERANDS or kind in _MATMUL_OPERANDS:
        return _product_layer(node, name, source, dims, constants)
    operator: Operator = (
        "pool" if kind in _POOLS else "elementwise" if kind in _ELEMENTWISE else "other"
    )
    reads = sum(math.prod(dims[tensor]) for tensor in dict.fromkeys(moving))
    writes = sum(math.prod(dims[tensor]) for tensor in node.output if tensor in dims)
    return Layer(name, operator, None, 1, reads, 0, writes, source, f"{kind} is not a product")


def _conv_layer(node: onnx.NodeProto, name: str, source: str, dims: Mapping[str, Dims]) -> Layer:
    """Conv in 1-D (height 1) or 2-D; each group is one repeat, and so is each image."""
    input_at, weight_at = _CONV_OPERANDS[node.op_type]
    image, weight, output = (
        dims.get(tensor, ())
        for tensor in (node.input[input_at], node.input[weight_at], node.output[0])
    )
    sizes = (math.prod(image), math.prod(weight), math.prod(output))
    spatial = len(weight) - 2
    if spatial not in (1, 2) or len(image) != len(weight):
        reason = f"{spatial}-D convolution has no mapping here"
        return Layer(name, "other", None, 1, *sizes, source, reason)
    group = _integer(node, "group", 1)
    strides = _pair(_integers(node, "strides", spatial))
    dilations = _pair(_integers(node, "dilations", spatial))
    shape = LayerShape.from_output(
        _pair(output[2:]), _pair(weight[2:]), weight[1], weight[0] // group, strides
    )
    operator: Operator = "conv" if group == 1 else "depthwise" if weight[1] == 1 else "grouped"
    note = ""
    if dilations != (1, 1):
        note = f"dilation {dilations[0]}x{dilations[1]} is mapped as the undilated window"
    return Layer(name, operator, shape, group * image[0], *sizes, source, note=note)


def _product_layer(
    node: onnx.NodeProto, name: str, source: str, dims: Mapping[str, Dims], constants: set[str]
) -> Layer:
    """Gemm and MatMul: (M, K) x (K, N); a batch that the right side shares joins M."""
    gemm = node.op_type in _GEMM_OPERANDS
    at = _GEMM_OPERANDS[node.op_type] if gemm else _MATMUL_OPERANDS[node.op_type]
    left_name, right_name = (node.input[position] for position in at)
    left, right = dims[left_name], dims[right_name]
    sizes = (math.prod(left), math.prod(right), math.prod(dims[node.output[0]]))
    if _integer(node, "transA", 0):
        left = (*left[:-2], left[-1], left[-2])
    if _integer(node, "transB", 0):
        right = (*right[:-2], right[-1], right[-2])
    k = left[-1]
    n = right[-1] if len(right) > 1 else 1
    batch = math.prod(right[:-2])
    rows = math.prod(dims[node.output[0]]) // (batch * n)
    operator: Operator = "gemm" if gemm else "matmul"
    return Layer(name, operator, LayerShape.from_gemm(rows, n, k), batch, *sizes, source)


def _integer(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((a.i for a in node.attribute if a.name == name), default)


def _integers(node: onnx.NodeProto, name: str, count: int) -> Dims:
    return next((tuple(a.ints) for a in node.attribute if a.name == name), (1,) * count)


def _pair(values: Sequence[int]) -> tuple[int, int]:
    """(height, width); one value is a width, and the height is 1."""
    return (1, values[0]) if len(values) == 1 else (values[0], values[1])
