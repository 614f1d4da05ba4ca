"""One short function a node of the ONNX graph: which operators of TFLite it becomes.

Between DequantizeLinear and QuantizeLinear a float tensor is written as the codes that it came
from: Relu, Clip and MaxPool choose among them, so nothing is rounded before QUANTIZE.
"""

from collections.abc import Callable, Mapping

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.tflite.export.exporter import Exporter, as_int8
from edgeint8.tflite.file.model import Quantization
from edgeint8.tflite.file.schema import SAME, VALID

UNIT = Quantization(np.array([1 / 256], np.float32), np.array([-128]))


def quantize(export: Exporter, node: Node) -> None:
    """An input of the network, or codes on another scale."""
    wanted = export.parameters(node, 1)
    source, name = node.inputs[0], node.outputs[0]
    if source in export.graph.inputs:
        export.enters(name, wanted)
        return
    place = export.place(source)
    if _equal(export.tensor(place).quantization, wanted):
        export.alias(name, place)
        return
    export.emit("QUANTIZE", [place], export.made(name, wanted))


def same_tensor(export: Exporter, node: Node) -> None:
    """DequantizeLinear, Identity: the codes stay."""
    export.alias(node.outputs[0], export.place(node.inputs[0]))


def relu(export: Exporter, node: Node) -> None:
    """RELU or RELU6 of codes, on the scale that they have."""
    kind = "RELU"
    if node.op_type == "Clip":
        limits = [export.constant(node, position) for position in (1, 2)]
        if [float(limit.item()) for limit in limits] != [0.0, 6.0] or limits[0].dtype.kind != "f":
            raise ModelError("a Clip of other limits", allowed="0 and 6")
        kind = "RELU6"
    place = export.place(node.inputs[0])
    export.emit(kind, [place], export.made(node.outputs[0], _parameters(export, place)))


def conv(export: Exporter, node: Node) -> None:
    """CONV_2D or DEPTHWISE_CONV_2D; a border that TFLite cannot say is a PAD in front."""
    weights, name = as_int8(export.constant(node, 3)), node.outputs[0]
    spatial = export.values[node.inputs[0]].shape[2:]
    geometry = ConvGeometry.from_attributes(node.attributes, weights.shape[2:], spatial)
    codes = weights if weights.ndim == 4 else weights[:, :, None, :]
    depthwise = geometry.groups > 1 and codes.shape[1] == 1
    axis, order = (3, (1, 2, 3, 0)) if depthwise else (0, (0, 2, 3, 1))
    stored = np.ascontiguousarray(codes.transpose(order))
    place, padding = _padded(export, node, geometry, spatial)
    kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    scales = _weight_scales(export, node, 4, axis)
    inputs = [place, export.weights(node.inputs[3], kind, stored, scales)]
    if len(node.inputs) > 8 and node.inputs[8]:
        bias, bias_name = export.constant(node, 8).reshape(-1), node.inputs[8]
    else:  # LiteRT refuses a convolution without one (conv.cc: has_bias was not true)
        bias, bias_name = np.zeros(len(codes), np.int32), f"{name}_bias"
    inputs.append(_bias(export, bias_name, bias, place, inputs[1]))
    options = _window(geometry, padding)
    options |= {f"dilation_{k}": d for k, d in zip("hw", _two(geometry.dilations), strict=True)}
    if depthwise:
        options["depth_multiplier"] = len(codes) // geometry.groups
    export.emit(kind, inputs, export.made(name, export.parameters(node, 6)), **options)


def gemm(export: Exporter, node: Node) -> None:
    """FULLY_CONNECTED with weights (M, K)."""
    if node.attribute("alpha", 1.0) != 1.0 or node.attribute("transA", 0):
        raise ModelError("a product with alpha or a transposed input", allowed="neither")
    weights = as_int8(export.constant(node, 3))
    stored = np.ascontiguousarray(weights if node.attribute("transB", 0) else weights.T)
    bias, out = (6, 7) if node.op_type == "QGemm" else (None, 6)
    place = export.place(node.inputs[0])
    scales = _weight_scales(export, node, 4, 0)
    inputs = [place, export.weights(node.inputs[3], "FULLY_CONNECTED", stored, scales)]
    if bias is not None and node.inputs[bias]:
        codes = export.constant(node, bias).reshape(-1)
        inputs.append(_bias(export, node.inputs[bias], codes, place, inputs[1]))
    made = export.made(node.outputs[0], export.parameters(node, out))
    export.emit("FULLY_CONNECTED", inputs, made)


def pair(export: Exporter, node: Node) -> None:
    """ADD and MUL of two computed tensors."""
    places = [export.place(node.inputs[position]) for position in (0, 3)]
    made = export.made(node.outputs[0], export.parameters(node, 6))
    kind = "ADD" if node.op_type == "QLinearAdd" else "MUL"
    export.emit(kind, places, made)


def max_pool(export: Exporter, node: Node) -> None:
    """MAX_POOL_2D on the scale of its input."""
    geometry, spatial = _pool_window(export, node)
    place = export.place(node.inputs[0])
    given = _parameters(export, place)
    padded, padding = _padded(export, node, geometry, spatial)
    if padded != place and given.zero_point[0] != -128:
        raise ModelError("a border of this MaxPool", allowed="none, or codes without negatives")
    options = _window(geometry, padding) | _filter(geometry)
    export.emit("MAX_POOL_2D", [padded], export.made(node.outputs[0], given), **options)


def average_pool(export: Exporter, node: Node) -> None:
    """MEAN over the whole image, else AVERAGE_POOL_2D, which keeps its scale, and QUANTIZE."""
    wanted, name = export.parameters(node, 3), node.outputs[0]
    place, spatial = export.place(node.inputs[0]), export.values[node.inputs[0]].shape[2:]
    kernel = tuple(node.attribute("kernel_shape", spatial))
    if kernel == tuple(spatial) and not any(node.attribute("pads", (0,))):
        _mean(export, name, place, wanted)
        return
    geometry, spatial = _pool_window(export, node)
    padded, padding = _padded(export, node, geometry, spatial)
    if padded != place or (padding == SAME and node.attribute("count_include_pad", 0)):
        raise ModelError("a border of this pool", allowed="none, or TFLite's own")
    given = _parameters(export, place)
    options = _window(geometry, padding) | _filter(geometry)
    if _equal(given, wanted):
        export.emit("AVERAGE_POOL_2D", [place], export.made(name, wanted), **options)
        return
    pooled = export.add(f"{name}:pooled", export.shape(name), given)
    export.emit("AVERAGE_POOL_2D", [place], pooled, **options)
    _rescale(export, name, pooled, wanted, "AVERAGE_POOL_2D keeps its input's scale")


def float_average(export: Exporter, node: Node) -> None:
    """A float GlobalAveragePool: MEAN to the scale of the QuantizeLinear behind it."""
    name = node.outputs[0]
    readers = [reader for reader in export.graph.nodes if name in reader.inputs]
    while len(readers) == 1 and readers[0].op_type in ("Flatten", "Reshape"):
        after = readers[0].outputs[0]
        readers = [reader for reader in export.graph.nodes if after in reader.inputs]
    if len(readers) != 1 or readers[0].op_type != "QuantizeLinear":
        raise ModelError("a float average that nothing quantises", allowed="QuantizeLinear behind")
    _mean(export, name, export.place(node.inputs[0]), export.parameters(readers[0], 1))


def flatten(export: Exporter, node: Node) -> None:
    """RESHAPE; an image is transposed first, because ONNX counts its channels before its pixels."""
    source, name = node.inputs[0], node.outputs[0]
    place, shape = export.place(source), export.values[source].shape
    given, after = _parameters(export, place), export.values[name].shape
    if len(after) > 2:
        raise ModelError(f"a reshape to {after}", allowed="two axes")
    if len(shape) > 2 and shape[1] > 1 and int(np.prod(shape[2:])) > 1:
        stored = export.tensor(place).shape
        order = (0, 3, 1, 2)
        moved = export.add(f"{name}:nchw", tuple(stored[axis] for axis in order), given)
        export.emit("TRANSPOSE", [place, export.integers(f"{name}:order", order)], moved)
        place = moved
    inputs = [place, export.integers(f"{name}:shape", after)]
    export.emit("RESHAPE", inputs, export.made(name, given), new_shape=tuple(map(int, after)))


def concat(export: Exporter, node: Node) -> None:
    """CONCATENATION; parts on another scale get a QUANTIZE in front."""
    wanted, name = export.parameters(node, 0), node.outputs[0]
    rank = export.values[name].ndim
    axis = int(node.attribute("axis", 1)) % rank
    if rank > 2 and axis != 1:
        raise ModelError(f"axis {axis}", allowed="channels")
    parts = []
    for position, source in enumerate(node.inputs[2::3]):
        place = export.place(source)
        if not _equal(export.tensor(place).quantization, wanted):
            given = export.add(f"{name}:part{position}", export.shape(source), wanted)
            export.emit("QUANTIZE", [place], given)
            export.notes.append(f"{name}: CONCATENATION has one scale, {source} is requantised")
            place = given
        parts.append(place)
    last = len(export.shape(name)) - 1
    export.emit("CONCATENATION", parts, export.made(name, wanted), axis=last)


def unit_function(export: Exporter, node: Node) -> None:
    """SOFTMAX and LOGISTIC, whose results TFLite gives in steps of 1/256; QUANTIZE behind them."""
    wanted, name = export.parameters(node, 3), node.outputs[0]
    place = export.place(node.inputs[0])
    softmax = node.op_type == "QLinearSoftmax"
    rank = export.values[name].ndim
    if softmax and (rank > 2 or int(node.attribute("axis", -1)) % rank != rank - 1):
        raise ModelError("a softmax over this axis", allowed="the last of two")
    kind, options = ("SOFTMAX", {"beta": 1.0}) if softmax else ("LOGISTIC", {})
    if _equal(UNIT, wanted):
        export.emit(kind, [place], export.made(name, wanted), **options)
        return
    made = export.add(f"{name}:unit", export.shape(name), UNIT)
    export.emit(kind, [place], made, **options)
    _rescale(export, name, made, wanted, f"{kind} gives steps of 1/256")


def _mean(export: Exporter, name: str, place: int, wanted: Quantization) -> None:
    axes = export.integers(f"{name}:axes", [1, 2])
    export.emit("MEAN", [place, axes], export.made(name, wanted), keep_dims=True)


def _rescale(export: Exporter, name: str, place: int, wanted: Quantization, why: str) -> None:
    export.emit("QUANTIZE", [place], export.made(name, wanted))
    export.notes.append(f"{name}: {why}; QUANTIZE follows")


def _equal(first: Quantization | None, second: Quantization) -> bool:
    return (
        first is not None
        and np.array_equal(first.scale, second.scale)
        and np.array_equal(first.zero_point, second.zero_point)
    )


def _parameters(export: Exporter, place: int) -> Quantization:
    found = export.tensor(place).quantization
    assert found is not None
    return found


def _weight_scales(export: Exporter, node: Node, position: int, axis: int) -> Quantization:
    """Scales of weights; zero-points have to be 0."""
    scale, zero = export.constant(node, position), export.constant(node, position + 1)
    if as_int8(zero.reshape(-1)).any():
        raise ModelError("weights with a zero-point", allowed="symmetric weights")
    flat = scale.reshape(-1).astype(np.float32)
    return Quantization(flat, np.zeros(flat.size, np.int64), axis if flat.size > 1 else 0)


def _bias(export: Exporter, name: str, codes: Array, source: int, weights: int) -> int:
    """The bias codes (M,), on the product of both scales."""
    product = _parameters(export, source).scale * _parameters(export, weights).scale
    scales = Quantization(product, np.zeros(product.size, np.int64))
    return export.add(name, codes.shape, scales, codes.astype(np.int32))


def _two(values: tuple[int, ...], missing: int = 1) -> tuple[int, int]:
    """Height and width; a signal has height 1."""
    return (missing, values[0]) if len(values) == 1 else (values[0], values[1])


def _window(geometry: ConvGeometry, padding: int) -> dict[str, int]:
    height, width = _two(geometry.strides)
    return {"padding": padding, "stride_h": height, "stride_w": width}


def _filter(geometry: ConvGeometry) -> dict[str, int]:
    height, width = _two(geometry.kernel)
    return {"filter_h": height, "filter_w": width}


def _pool_window(export: Exporter, node: Node) -> tuple[ConvGeometry, tuple[int, ...]]:
    if node.attribute("ceil_mode", 0) or max(node.attribute("dilations", (1,))) > 1:
        raise ModelError("a pool with ceil_mode or dilations", allowed="neither")
    spatial = export.values[node.inputs[0]].shape[2:]
    kernel = node.attributes["kernel_shape"]
    return ConvGeometry.from_attributes(node.attributes, kernel, spatial), spatial


def _padded(
    export: Exporter, node: Node, geometry: ConvGeometry, spatial: tuple[int, ...]
) -> tuple[int, int]:
    """The tensor that the window slides over, and TFLite's word for its border."""
    place = export.place(node.inputs[0])
    begin, end = _two(geometry.pads_begin, 0), _two(geometry.pads_end, 0)
    if not any((*begin, *end)):
        return place, VALID
    total = [
        max((-(-size // stride) - 1) * stride + extent - size, 0)
        for size, stride, extent in zip(spatial, geometry.strides, geometry.extent, strict=True)
    ]
    small = _two(tuple(t // 2 for t in total), 0)
    large = _two(tuple(t - t // 2 for t in total), 0)
    if (begin, end) == (small, large):
        return place, SAME
    image, given = export.tensor(place).shape, _parameters(export, place)
    border = np.array([[0, 0], [begin[0], end[0]], [begin[1], end[1]], [0, 0]])
    shape = tuple(int(size) for size in np.add(image, border.sum(axis=1)))
    name = node.outputs[0]
    padded = export.add(f"{name}:padded", shape, given)
    export.emit("PAD", [place, export.integers(f"{name}:border", border)], padded)
    return padded, VALID


EXPORTERS: Mapping[str, Callable[[Exporter, Node], None]] = {
    "QuantizeLinear": quantize,
    "DequantizeLinear": same_tensor,
    "Identity": same_tensor,
    "Relu": relu,
    "Clip": relu,
    "QLinearConv": conv,
    "QGemm": gemm,
    "QLinearMatMul": gemm,
    "QLinearAdd": pair,
    "QLinearMul": pair,
    "MaxPool": max_pool,
    "QLinearAveragePool": average_pool,
    "QLinearGlobalAveragePool": average_pool,
    "GlobalAveragePool": float_average,
    "Flatten": flatten,
    "Reshape": flatten,
    "QLinearConcat": concat,
    "QLinearSigmoid": unit_function,
    "QLinearSoftmax": unit_function,
}
