"""Questions about quantised graphs: which nodes stay float, and why."""

import onnx

INTEGER_SOURCES = frozenset({"QuantizeLinear", "DynamicQuantizeLinear"})
INTEGER_OPERATORS = frozenset(
    {"QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger"}
    | {f"QLinear{name}" for name in ("Add", "Mul", "Concat", "GlobalAveragePool", "AveragePool")}
    | {f"QLinear{name}" for name in ("LeakyRelu", "Sigmoid", "Softmax", "Where", "ReduceMean")}
)
# Where integers become real numbers again: the border itself is not a float operator.
FLOAT_BORDERS = frozenset({"DequantizeLinear", "Cast"})
INTEGER_TYPES = frozenset(
    {onnx.TensorProto.INT8, onnx.TensorProto.UINT8, onnx.TensorProto.INT32, onnx.TensorProto.INT64}
)


def float_nodes(model: onnx.ModelProto) -> tuple[str, ...]:
    """Names of the nodes that compute in floating point, in graph order.

    Integers come from quantised operators and flow through any node whose data input is integer
    (MaxPool, Reshape, Flatten); a Cast of an accumulator and a DequantizeLinear are borders; what
    depends on initializers only is folded before the first image.
    """
    integer = {t.name for t in model.graph.initializer if t.data_type in INTEGER_TYPES}
    integer |= {v.name for v in model.graph.input if v.type.tensor_type.elem_type in INTEGER_TYPES}
    constant = {tensor.name for tensor in model.graph.initializer}
    names = []
    for node in model.graph.node:
        if node.op_type not in INTEGER_SOURCES and constant.issuperset(node.input):
            constant.update(node.output)
        elif node.op_type in INTEGER_SOURCES | INTEGER_OPERATORS:
            integer.update(node.output)
        elif node.op_type in FLOAT_BORDERS:
            continue
        elif node.input and node.input[0] in integer:
            integer.update(node.output)
        else:
            names.append(node.name or f"{node.op_type}:{node.output[0]}")
    return tuple(names)
