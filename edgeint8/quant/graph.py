"""Questions about graphs: which layers hold weights, which nodes stay float, how wide is a bias."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgeint8.errors import ModelError

INTEGER_SOURCES = frozenset({"QuantizeLinear", "DynamicQuantizeLinear", "Shape"})
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
QUANTIZED_SUFFIX = "_quantized"  # ONNX Runtime's name for the integer copy of a tensor


@dataclass(frozen=True)
class WeightLayer:
    """A Conv, ConvTranspose, Gemm or MatMul of a float graph with constant weights.

    weights: float32 with the output channels on `axis`; bias: (channels,) or None.
    """

    name: str
    op_type: str
    weight_name: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    axis: int
    groups: int = 1

    @property
    def one_scale(self) -> bool:
        """Whether ONNX Runtime can give these weights no scale per channel.

        Its axis of MatMul is 1 whatever the rank, and the channels of a grouped ConvTranspose,
        weights (C, M / groups, ...), lie on two axes.
        """
        matrix = self.op_type != "MatMul" or self.weights.ndim == 2
        return not matrix or (self.op_type == "ConvTranspose" and self.groups > 1)

    @property
    def channels_first(self) -> NDArray[np.float32]:
        """Weights as (output channels, everything else)."""
        channels = self.weights.shape[self.axis]
        return np.moveaxis(self.weights, self.axis, 0).reshape(channels, -1)


@dataclass(frozen=True)
class IntegerLayer:
    """A QLinearConv or QGemm of a quantised graph.

    input_scale: float; weight_scale: (), or (C,) per channel; bias: int32 (C,) or None.
    """

    name: str
    weight_name: str
    input_scale: float
    weight_scale: NDArray[np.float32]
    output_scale: float
    bias: NDArray[np.int32] | None


def opset_of(model: onnx.ModelProto) -> int:
    """Version of the default operator set."""
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if len(versions) != 1:
        raise ModelError(f"{len(versions)} default operator sets", allowed="one")
    return int(versions[0])


def initializer_values(model: onnx.ModelProto) -> dict[str, NDArray]:
    """Every initializer of the graph as an array, by name."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def reads_of(node: onnx.NodeProto) -> set[str]:
    """Names of the tensors that a node reads, its subgraphs included."""
    inner = [graph for a in node.attribute for graph in ([a.g] if a.HasField("g") else a.graphs)]
    return {name for name in node.input if name} | {
        name for graph in inner for name in _read_around(graph)
    }


def _read_around(graph: onnx.GraphProto) -> set[str]:
    """Names that a subgraph reads of the graph around it."""
    made = {name for node in graph.node for name in node.output}
    made |= {entry.name for entry in (*graph.initializer, *graph.input)}
    read = {name for node in graph.node for name in reads_of(node)}
    return (read | {output.name for output in graph.output}) - made


def rename_tensor(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Call a tensor by another name in every node that makes or reads it, subgraphs included."""
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
        for entry in node.attribute:
            for inner in [entry.g] if entry.HasField("g") else entry.graphs:
                rename_tensor(inner, old, new)
                for output in inner.output:
                    output.name = new if output.name == old else output.name


def replace_nodes(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    """Give a graph these nodes, which may be its own, in place."""
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)


def attribute(node: onnx.NodeProto, name: str, default: int | float) -> int | float:
    """A numeric attribute of a node, or its default."""
    for entry in node.attribute:
        if entry.name == name:
            value: int | float = helper.get_attribute_value(entry)
            return value
    return default


def weight_layers(model: onnx.ModelProto) -> tuple[WeightLayer, ...]:
    """The layers of a float graph whose second input is constant, in graph order."""
    values = initializer_values(model)
    layers = []
    for node in model.graph.node:
        axis = _output_axis(node)
        if axis is None or node.input[1] not in values:
            continue
        weights = values[node.input[1]]
        bias = values.get(node.input[2]) if len(node.input) > 2 else None
        axis %= max(weights.ndim, 1)
        groups = int(attribute(node, "group", 1))
        layers.append(
            WeightLayer(node.name, node.op_type, node.input[1], weights, bias, axis, groups)
        )
    return tuple(layers)


def integer_layers(model: onnx.ModelProto) -> tuple[IntegerLayer, ...]:
    """The weight layers that became integer operators, in graph order."""
    values = initializer_values(model)
    layers = []
    for node in model.graph.node:
        if node.op_type == "QLinearConv":
            output_scale, bias = node.input[6], node.input[8] if len(node.input) > 8 else ""
        elif node.op_type == "QGemm" and len(node.input) > 7:
            output_scale, bias = node.input[7], node.input[6]
        elif node.op_type == "QLinearMatMul":
            output_scale, bias = node.input[6], ""
        else:
            continue
        if node.input[3] not in values:
            continue
        layers.append(
            IntegerLayer(
                name=node.name,
                weight_name=node.input[3].removesuffix(QUANTIZED_SUFFIX),
                input_scale=float(values[node.input[1]].item()),
                weight_scale=values[node.input[4]],
                output_scale=float(values[output_scale].item()),
                bias=values.get(bias),
            )
        )
    return tuple(layers)


def widest_bias_bits(model: onnx.ModelProto) -> int:
    """Two's complement width of the largest quantised bias; 0 without biases."""
    widths = [
        int(max(int(layer.bias.max()), -int(layer.bias.min()) - 1, 0)).bit_length() + 1
        for layer in integer_layers(model)
        if layer.bias is not None and layer.bias.size
    ]
    return max(widths, default=0)


def shift_only_multipliers(model: onnx.ModelProto) -> tuple[int, int]:
    """How many requantisation multipliers s_x s_w / s_y are powers of two, and how many there are.

    One multiplier a layer and channel. Global averages, whose multiplier has the pooled size in it,
    and element-wise operators are not counted.
    """
    exact = total = 0
    for layer in integer_layers(model):
        scales = np.atleast_1d(layer.weight_scale).astype(np.float64)
        multipliers = layer.input_scale * scales / layer.output_scale
        exact += int(np.sum(np.frexp(multipliers)[0] == 0.5))
        total += multipliers.size
    return exact, total


def float_nodes(model: onnx.ModelProto) -> tuple[str, ...]:
    """Names of the nodes that compute in floating point, in graph order.

    Integers come from quantised operators and flow through any node whose data input is integer
    (MaxPool, Reshape, Flatten); a Cast of an accumulator and a DequantizeLinear are borders; what
    depends on initializers only is folded before the first image.
    """
    return tuple(_float_names(model.graph, set(), set()))


def _float_names(graph: onnx.GraphProto, integer: set[str], constant: set[str]) -> list[str]:
    """Of a graph, or of a body with what it sees outside; a node is as its bodies are."""
    integer |= {t.name for t in graph.initializer if t.data_type in INTEGER_TYPES}
    integer |= {v.name for v in graph.input if v.type.tensor_type.elem_type in INTEGER_TYPES}
    constant |= {tensor.name for tensor in graph.initializer}
    names = []
    for node in graph.node:
        bodies = [a.g for a in node.attribute if a.HasField("g")]
        if bodies:
            inner = [_float_names(body, set(integer), set(constant)) for body in bodies]
            calculates = any(inner)
        elif node.op_type not in INTEGER_SOURCES and constant.issuperset(node.input):
            constant.update(node.output)
            continue
        elif node.op_type in FLOAT_BORDERS:
            continue
        else:
            ready = node.op_type in INTEGER_SOURCES | INTEGER_OPERATORS
            calculates = not (ready or (node.input and node.input[0] in integer))
        if calculates:
            names.append(node.name or f"{node.op_type}:{node.output[0]}")
        else:
            integer.update(node.output)
    return names


def _output_axis(node: onnx.NodeProto) -> int | None:
    """The axis of the weights along which output channels lie; None for nodes without weights."""
    if node.op_type == "Gemm":
        return 0 if attribute(node, "transB", 0) else 1
    return {"Conv": 0, "ConvTranspose": 1, "MatMul": -1}.get(node.op_type)
