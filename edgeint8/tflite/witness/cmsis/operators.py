"""Operators of a .tflite file as calls of CMSIS-NN, prepared as tflite-micro prepares them.

Each function takes the library, the file, an operator and the tensors by index, and gives the
output's codes. Source: tflite-micro, ``kernels/cmsis_nn/*.cc``.
"""

from collections.abc import Callable, Mapping

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.requantize import exact_scale, quantize_multiplier
from edgeint8.fixed_point.runtimes import gemmlowp
from edgeint8.fixed_point.runtimes.functions import SOFTMAX_BITS
from edgeint8.fixed_point.runtimes.sums import LEFT_SHIFT
from edgeint8.tflite.convert.layers import activation_range, fused_activation, sliding_window
from edgeint8.tflite.file.model import Operator, Tensor, TFLiteModel
from edgeint8.tflite.witness.cmsis import library as c
from edgeint8.tflite.witness.cmsis.library import Library

Values = Mapping[int, Array]
Call = Callable[[Library, TFLiteModel, Operator, Values], Array]


def per_channel(multiplied: Array, channels: int) -> tuple[Array, Array]:
    """Mantissas and left shifts of scales, int32 (channels)."""
    found = quantize_multiplier(np.broadcast_to(multiplied, (channels,)))
    return found.mantissa.astype(np.int32), (31 - found.shift).astype(np.int32)


def one(real: float) -> tuple[int, int]:
    """Mantissa and left shift of one scale."""
    mantissa, shift = per_channel(np.asarray(real), 1)
    return int(mantissa[0]), int(shift[0])


def _scale(tensor: Tensor) -> float:
    return float(tensor.codes()[0][0])


def _zero(tensor: Tensor) -> int:
    return int(tensor.codes()[1][0])


def _limits(operator: Operator, out: Tensor) -> c.Activation:
    return c.Activation(*activation_range(fused_activation(operator), out))


def _bias(operator: Operator, values: Values, channels: int) -> Array:
    index = operator.inputs[2] if len(operator.inputs) > 2 else -1
    return np.zeros(channels, np.int32) if index < 0 else values[index].reshape(-1)


def _layer_scale(source: TFLiteModel, operator: Operator) -> Array:
    """``x * w / y`` of every channel in float64."""
    x, w, y = (source.tensors[k].codes()[0] for k in (*operator.inputs[:2], operator.outputs[0]))
    return exact_scale(x, w, y)


def conv(library: Library, source: TFLiteModel, operator: Operator, values: Values) -> Array:
    """CONV_2D and DEPTHWISE_CONV_2D, an image at a time."""
    image, weights, out = (source.tensors[k] for k in (*operator.inputs[:2], operator.outputs[0]))
    depthwise = operator.kind == "DEPTHWISE_CONV_2D"
    name, channels = FUNCTIONS[operator.kind], out.shape[3]
    found = sliding_window(operator.options, weights.shape[1:3], image, out)
    shapes = (found["strides"], found["pads"][:2], found["dilations"])
    tiles = [c.Tile(w, h) for h, w in shapes]
    offsets = (-_zero(image), _zero(out))
    limits = _limits(operator, out)
    params = (
        c.Depthwise(*offsets, channels // image.shape[3], *tiles, limits)
        if depthwise
        else c.Convolution(*offsets, *tiles, limits)
    )
    multiplier, shift = per_channel(_layer_scale(source, operator), channels)
    quantization = c.PerChannel(multiplier.ctypes.data, shift.ctypes.data)
    dims = [c.Dims(1, *image.shape[1:]), c.Dims(*weights.shape), c.Dims(1, *out.shape[1:])]
    scratch, _memory = library.scratch(name, params, *dims)
    made = np.empty(out.shape, np.int8)
    bias = _bias(operator, values, channels)
    for codes, target in zip(values[image.index], made, strict=True):
        library.call(
            name, scratch, params, quantization, dims[0], codes, dims[1], values[weights.index],
            c.Dims(1, 1, 1, channels), bias, dims[2], target,
        )  # fmt: skip
    return made


def fully_connected(
    library: Library, source: TFLiteModel, operator: Operator, values: Values
) -> Array:
    """FULLY_CONNECTED; one weight scale is multiplied with the input's in float32, as there."""
    x, weights, out = (source.tensors[k] for k in (*operator.inputs[:2], operator.outputs[0]))
    channels, depth = weights.shape
    rows = values[x.index].size // depth
    name = function_of(source, operator)
    multiplier, shift = per_channel(_layer_scale(source, operator), channels)
    quantization: c.PerTensor | c.Either
    if name == FUNCTIONS["FULLY_CONNECTED"]:
        both = np.float32(_scale(x)) * np.float32(_scale(weights))
        quantization = c.PerTensor(*one(float(both) / _scale(out)))
    else:
        quantization = c.Either(multiplier.ctypes.data, shift.ctypes.data, 1)
    params = c.FullyConnected(-_zero(x), 0, _zero(out), _limits(operator, out))
    filter_dims = c.Dims(depth, 1, 1, channels)
    scratch, _memory = library.scratch(FUNCTIONS["FULLY_CONNECTED"], filter_dims)
    made = np.empty(out.shape, np.int8)
    library.call(
        name, scratch, params, quantization, c.Dims(rows, 1, 1, depth), values[x.index],
        filter_dims, values[weights.index], c.Dims(1, 1, 1, channels),
        _bias(operator, values, channels), c.Dims(rows, 1, 1, channels), made,
    )  # fmt: skip
    return made


def pool(library: Library, source: TFLiteModel, operator: Operator, values: Values) -> Array:
    """AVERAGE_POOL_2D and MAX_POOL_2D, an image at a time."""
    image, out = source.tensors[operator.inputs[0]], source.tensors[operator.outputs[0]]
    name = FUNCTIONS[operator.kind]
    kernel = (operator.options["filter_h"], operator.options["filter_w"])
    found = sliding_window(operator.options, kernel, image, out)
    tiles = [c.Tile(w, h) for h, w in (found["strides"], found["pads"][:2])]
    params = c.Pool(*tiles, _limits(operator, out))
    scratch, _memory = library.scratch(name, out.shape[2], image.shape[3])
    made = np.empty(out.shape, np.int8)
    for codes, target in zip(values[image.index], made, strict=True):
        library.call(
            name, scratch, params, c.Dims(1, *image.shape[1:]), codes, c.Dims(1, *kernel, 1),
            c.Dims(1, *out.shape[1:]), target,
        )  # fmt: skip
    return made


def _pair(source: TFLiteModel, operator: Operator, values: Values) -> list[Array]:
    """Both inputs in the output's shape: the functions of CMSIS-NN do not repeat elements."""
    shape = source.tensors[operator.outputs[0]].shape
    inputs = operator.inputs[:2]
    return [np.ascontiguousarray(np.broadcast_to(values[k], shape)) for k in inputs]


def add(library: Library, source: TFLiteModel, operator: Operator, values: Values) -> Array:
    """ADD with three multipliers, 20 bits to the left."""
    a, b, out = (source.tensors[k] for k in (*operator.inputs[:2], operator.outputs[0]))
    twice = 2 * max(_scale(a), _scale(b))
    first, second = _pair(source, operator, values)
    made, limits = np.empty(out.shape, np.int8), _limits(operator, out)
    library.call(
        FUNCTIONS["ADD"], first, second, -_zero(a), *one(_scale(a) / twice), -_zero(b),
        *one(_scale(b) / twice), LEFT_SHIFT, made, _zero(out),
        *one(twice / (2.0**LEFT_SHIFT * _scale(out))), limits.min, limits.max, made.size,
    )  # fmt: skip
    return made


def multiply(library: Library, source: TFLiteModel, operator: Operator, values: Values) -> Array:
    """MUL with one multiplier."""
    a, b, out = (source.tensors[k] for k in (*operator.inputs[:2], operator.outputs[0]))
    first, second = _pair(source, operator, values)
    made, limits = np.empty(out.shape, np.int8), _limits(operator, out)
    library.call(
        FUNCTIONS["MUL"], first, second, -_zero(a), -_zero(b), made, _zero(out),
        *one(_scale(a) * _scale(b) / _scale(out)), limits.min, limits.max, made.size,
    )  # fmt: skip
    return made


def extreme(library: Library, source: TFLiteModel, operator: Operator, values: Values) -> Array:
    """MAXIMUM and MINIMUM."""
    first, second = _pair(source, operator, values)
    made = np.empty(first.shape, np.int8)
    dims = c.Dims(1, 1, 1, made.size)
    library.call(
        FUNCTIONS[operator.kind], c.Scratch(None, 0), first, dims, second, dims, made, dims
    )
    return made


def softmax(library: Library, source: TFLiteModel, operator: Operator, values: Values) -> Array:
    """SOFTMAX over the last axis (TFLite ``PreprocessSoftmaxScaling``)."""
    x = source.tensors[operator.inputs[0]]
    real = min(_scale(x) * 2.0 ** (31 - SOFTMAX_BITS), 2.0**31 - 1)
    found = gemmlowp.multiplier_of(real)
    shift = 31 - int(found.shift)
    least = -gemmlowp.input_radius(SOFTMAX_BITS, shift)
    made, length = np.empty(x.shape, np.int8), x.shape[-1]
    library.call(
        FUNCTIONS["SOFTMAX"], values[x.index], made.size // length, length, int(found.mantissa),
        shift, least, made,
    )  # fmt: skip
    return made


def moved(library: Library, source: TFLiteModel, operator: Operator, values: Values) -> Array:
    """RESHAPE, SQUEEZE and EXPAND_DIMS: the codes as they are."""
    return values[operator.inputs[0]].reshape(source.tensors[operator.outputs[0]].shape)


FUNCTIONS = {
    "CONV_2D": "arm_convolve_wrapper_s8",
    "DEPTHWISE_CONV_2D": "arm_depthwise_conv_wrapper_s8",
    "FULLY_CONNECTED": "arm_fully_connected_s8",
    "ADD": "arm_elementwise_add_s8",
    "MUL": "arm_elementwise_mul_s8",
    "AVERAGE_POOL_2D": "arm_avgpool_s8",
    "MAX_POOL_2D": "arm_max_pool_s8",
    "MAXIMUM": "arm_maximum_s8",
    "MINIMUM": "arm_minimum_s8",
    "SOFTMAX": "arm_softmax_s8",
}
PER_CHANNEL = "arm_fully_connected_wrapper_s8"
CALLS: Mapping[str, Call] = {
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": conv,
    "FULLY_CONNECTED": fully_connected,
    "ADD": add,
    "MUL": multiply,
    "AVERAGE_POOL_2D": pool,
    "MAX_POOL_2D": pool,
    "MAXIMUM": extreme,
    "MINIMUM": extreme,
    "SOFTMAX": softmax,
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), moved),
}


def function_of(source: TFLiteModel, operator: Operator) -> str:
    """The function of CMSIS-NN that computes an operator; empty where it has none for INT8."""
    if operator.kind == "FULLY_CONNECTED":
        scale, _ = source.tensors[operator.inputs[1]].codes()
        return PER_CHANNEL if scale.size > 1 else FUNCTIONS[operator.kind]
    return FUNCTIONS.get(operator.kind, "")


def lacks(library: Library, source: TFLiteModel, operator: Operator) -> str:
    """Why the library cannot compute an operator; empty where it can."""
    codes = {source.tensors[k].dtype for k in (operator.inputs[0], operator.outputs[0])}
    if CALLS.get(operator.kind) is moved and len(codes) == 1:
        return ""
    name = function_of(source, operator)
    if not name or codes != {np.dtype(np.int8)}:
        return operator.kind
    if len(operator.inputs) > 1 and source.tensors[operator.inputs[1]].packed:
        return f"{operator.kind} of INT4"
    if operator.kind == "CONV_2D" and not library.groups:
        image, stored = (source.tensors[k].shape[3] for k in operator.inputs[:2])
        if image != stored:
            return f"{operator.kind} in groups"
    return "" if library.has(name) else f"{operator.kind} ({name} is not in the library)"
