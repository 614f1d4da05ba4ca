"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED and pools as nodes of the graph."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgeint8.conventions import OWN_DOMAIN, Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import code_range
from edgeint8.fixed_point.runtimes.rescaling import limit_code
from edgeint8.tflite.convert.builder import MICROSOFT, Builder
from edgeint8.tflite.file.model import LARGEST_TENSOR, Operator, Tensor
from edgeint8.tflite.file.schema import ACTIVATIONS, SAME, VALID

LIMITS = {"RELU": (0, None), "RELU_N1_TO_1": (-1, 1), "RELU6": (0, 6)}


def activation_range(kind: str, tensor: Tensor, ties_even: bool = False) -> tuple[int, int]:
    """Lowest and highest code that an activation leaves of a tensor."""
    scale, zero = tensor.codes()
    if kind not in ("NONE", *LIMITS):
        raise ModelError(f"activation {kind}", allowed=f"NONE, {', '.join(LIMITS)}")
    ends = LIMITS.get(kind, (None, None))
    low, high = (
        free if value is None else limit_code(value, scale, int(zero[0]), ties_even, tensor.dtype)
        for value, free in zip(ends, code_range(tensor.dtype), strict=True)
    )
    return low, high


def fused_activation(operator: Operator) -> str:
    """Name of the activation that an operator ends with."""
    code = operator.options["activation"]
    if not 0 <= code < len(ACTIVATIONS):
        raise ModelError(f"activation {code}", allowed=", ".join(ACTIVATIONS))
    return ACTIVATIONS[code]


def unclipped(build: Builder, kind: str, index: int) -> str:
    """Name for what a node makes before activation `kind`, which becomes a Clip behind it."""
    tensor = build.tensor(index)
    if activation_range(kind, tensor) == code_range(tensor.dtype):
        return build.inside(index)
    return f"{build.names[index]}:unclipped"


def clip(build: Builder, kind: str, index: int, raw: str, delegated: bool = True) -> None:
    """The Clip behind `raw`, where there is one.

    delegated : whether XNNPACK takes the operator and so rounds the limits in its own way
    """
    if raw == build.inside(index):
        return
    tensor = build.tensor(index)
    away, even = (activation_range(kind, tensor, ties) for ties in (False, True))
    delegated = delegated and not build.wide(index)
    limits = away if away == even or not delegated else (*away, *even)
    names = [
        build.constant(f"{build.names[index]}:{end}", np.asarray(value, tensor.dtype))
        for end, value in zip(
            ("lowest", "highest", "lowest_even", "highest_even"), limits, strict=False
        )
    ]
    if len(names) == 2:
        build.emit("Clip", [raw, *names], build.inside(index))
    else:
        build.emit("QLinearClip", [raw, *names], build.inside(index), OWN_DOMAIN)


def sliding_window(
    options: Mapping[str, Any], kernel: tuple[int, ...], image: Tensor, out: Tensor
) -> dict[str, Any]:
    """Attributes of a sliding window; refuses what does not give the declared output."""
    if len(image.shape) != 4 or len(out.shape) != 4:
        raise ModelError(f"shapes {image.shape} and {out.shape}", allowed="four axes")
    strides = [options["stride_h"], options["stride_w"]]
    dilations = [options.get("dilation_h", 1), options.get("dilation_w", 1)]
    if min(*strides, *dilations, *kernel) < 1 or options["padding"] not in (SAME, VALID):
        raise ModelError(f"window {kernel}, strides {strides}, padding {options['padding']}")
    begin, end = [], []
    for size, k, stride, dilation, made in zip(
        image.shape[1:3], kernel, strides, dilations, out.shape[1:3], strict=True
    ):
        extent = (k - 1) * dilation + 1
        same = options["padding"] == SAME
        expected = -(-size // stride) if same else (size - extent) // stride + 1
        total = max((made - 1) * stride + extent - size, 0) if same else 0
        if expected != made or made < 1 or total + size > LARGEST_TENSOR:
            raise ModelError(
                f"output {out.shape} of {image.shape} with kernel {kernel}",
                allowed="what kernel, stride and padding give",
            )
        begin.append(total // 2)
        end.append(total - total // 2)
    return {
        "kernel_shape": list(kernel),
        "strides": strides,
        "dilations": dilations,
        "pads": [*begin, *end],
    }


def weights(build: Builder, index: int, axis: int, channels: int) -> tuple[Array, list[str]]:
    """Codes of constant weights, and names of their scales and zero-points (all 0)."""
    tensor = build.tensor(index)
    if tensor.data is None:
        raise ModelError("weights are computed", where=tensor.place, allowed="constant weights")
    if tensor.dtype != np.int8:
        raise ModelError(f"weights of type {tensor.type_name}", where=tensor.place, allowed="INT8")
    scale, zero = tensor.codes()
    if zero.any():
        raise ModelError("weights with a zero-point", where=tensor.place, allowed="0")
    quantization = tensor.quantization
    assert quantization is not None
    if scale.size not in (1, channels) or (scale.size > 1 and quantization.axis != axis):
        raise ModelError(
            f"{scale.size} scales along axis {quantization.axis}",
            where=tensor.place,
            allowed=f"1, or {channels} along axis {axis}",
        )
    shaped = scale if scale.size > 1 else scale.reshape(())
    name = build.names[index]
    return tensor.data, [
        build.constant(f"{name}:scale", shaped),
        build.constant(f"{name}:zero_point", np.zeros(shaped.shape, np.int8)),
    ]


def bias(build: Builder, operator: Operator, channels: int, place: int = 2) -> list[str]:
    """Name of the bias, if there is one at `place` among the inputs."""
    index = operator.inputs[place] if len(operator.inputs) > place else -1
    if index < 0:
        return []
    tensor, wide = build.tensor(index), build.wide(operator.outputs[0])
    kind = np.int64 if wide else np.int32
    if tensor.data is None or tensor.dtype != kind or tensor.data.size != channels:
        raise ModelError(
            f"bias {tensor.type_name} {tensor.shape}",
            where=tensor.place,
            allowed=f"{channels} constants of {np.dtype(kind).name.upper()}",
        )
    return [build.constant(build.names[index], tensor.data.reshape(-1))]


def conv(build: Builder, operator: Operator) -> None:
    """CONV_2D with (M, kh, kw, C/groups) weights, DEPTHWISE_CONV_2D with (1, kh, kw, M)."""
    source, stored, out = operator.inputs[0], operator.inputs[1], operator.outputs[0]
    image, made, shape = build.tensor(source), build.tensor(out), build.tensor(stored).shape
    if len(shape) != 4 or len(image.shape) != 4:
        raise ModelError(f"convolution of {image.shape} with {shape}", allowed="four axes")
    depthwise = operator.kind == "DEPTHWISE_CONV_2D"
    axis, order = (3, (3, 0, 1, 2)) if depthwise else (0, TO_OIHW)
    channels = shape[axis]
    codes, parameters = weights(build, stored, axis, channels)
    per_group = 1 if depthwise else shape[3]
    if (depthwise and shape[0] != 1) or per_group < 1 or image.shape[3] % per_group:
        raise ModelError(f"convolution of {image.shape} with {shape}")
    group = image.shape[3] // per_group
    if group < 1 or channels % group or made.shape[-1] != channels:
        raise ModelError(
            f"{channels} channels of {image.shape}", allowed="a multiple of the groups"
        )
    kind = fused_activation(operator)
    raw = unclipped(build, kind, out)
    wide = _same_width(build, source, out)
    inputs = [
        build.inside(source), *build.parameters(source, wide),
        build.constant(build.names[stored], codes.transpose(order)), *parameters,
        *build.parameters(out, wide), *bias(build, operator, channels),
    ]  # fmt: skip
    window = sliding_window(operator.options, shape[1:3], image, made)
    name, domain = ("QLinearConv16x8", OWN_DOMAIN) if wide else ("QLinearConv", "")
    build.emit(name, inputs, raw, domain, group=group, **window)
    clip(build, kind, out, raw)


def _same_width(build: Builder, source: int, out: int) -> bool:
    """Whether a layer has codes of 16 bits in front and behind; refuses a change of width."""
    if build.wide(source) != build.wide(out):
        names = [build.tensor(index).type_name for index in (source, out)]
        raise ModelError(f"codes of {' to '.join(names)}", allowed="one type")
    return build.wide(out)


TO_OIHW = (0, 3, 1, 2)


def fully_connected(build: Builder, operator: Operator) -> None:
    """FULLY_CONNECTED with (M, K) weights, as a product of rows of K codes."""
    source, stored, out = operator.inputs[0], operator.inputs[1], operator.outputs[0]
    shape, made = build.tensor(stored).shape, build.tensor(out)
    if len(shape) != 2 or operator.options["weights_format"] != 0:
        raise ModelError(f"weights {shape}", allowed="(outputs, inputs) in the default format")
    channels, depth = shape
    codes, parameters = weights(build, stored, 0, channels)
    elements = int(np.prod(build.tensor(source).shape))
    if depth < 1 or elements % depth or int(np.prod(made.shape)) != elements // depth * channels:
        raise ModelError(f"{build.tensor(source).shape} times {shape} to {made.shape}")
    rows = build.plain(source)
    if build.tensor(source).shape[1:] != (depth,):
        flat = f"{build.names[out]}:rows"
        size = build.constant(f"{flat}_shape", np.array([-1, depth], np.int64))
        build.emit("Reshape", [rows, size], flat)
        rows = flat
    wide = _same_width(build, source, out)
    nothing = np.zeros(channels, np.int64 if wide else np.int32)
    zero = build.constant(f"{build.names[out]}:no_bias", nothing)
    added = bias(build, operator, channels) or [zero]
    inputs = [
        rows, *build.parameters(source, wide),
        build.constant(build.names[stored], np.ascontiguousarray(codes.T)), *parameters,
        *added, *build.parameters(out, wide),
    ]  # fmt: skip
    kind = fused_activation(operator)
    raw = unclipped(build, kind, out)
    name, domain = ("QGemm16x8", OWN_DOMAIN) if wide else ("QGemm", MICROSOFT)
    if made.shape[1:] == (channels,):
        build.emit(name, inputs, raw, domain)
    else:
        product = f"{build.names[out]}:product"
        build.emit(name, inputs, product, domain)
        _shaped(build, out, product, raw)
    clip(build, kind, out, raw)


def _shaped(build: Builder, out: int, product: str, raw: str) -> None:
    """`product` (rows, M) in the shape of tensor `out`, under the name `raw`."""
    if raw == build.inside(out):
        build.reshaped(out, product)
        return
    shape = build.constant(f"{raw}_shape", build.shape(build.tensor(out).shape))
    four = len(build.tensor(out).shape) == 4
    build.emit("Reshape", [product, shape], f"{raw}_made" if four else raw)
    if four:
        build.emit("Transpose", [f"{raw}_made"], raw, perm=TO_OIHW)


def pool(build: Builder, operator: Operator) -> None:
    """AVERAGE_POOL_2D and MAX_POOL_2D; codes keep their meaning."""
    source, out = operator.inputs[0], operator.outputs[0]
    options = operator.options
    kernel = (options["filter_h"], options["filter_w"])
    window = sliding_window(options, kernel, build.tensor(source), build.tensor(out))
    same_codes(build, source, out)
    kind = fused_activation(operator)
    raw = unclipped(build, kind, out)
    parameters = build.parameters(source)
    if operator.kind == "MAX_POOL_2D":
        build.emit("MaxPool", [build.inside(source)], raw, **window)
    else:
        del window["dilations"]
        inputs = [build.inside(source), *parameters, *build.parameters(out)]
        build.emit("QLinearAveragePool", inputs, raw, MICROSOFT, **window)
    clip(build, kind, out, raw, _xnnpack_takes(operator))


def _xnnpack_takes(operator: Operator) -> bool:
    """Whether XNNPACK computes a pool: a maximum whose windows leave no gaps.

    Source: LiteRT ``xnnpack_delegate.cc``, ``CheckPoolingParams``.
    """
    options = operator.options
    gaps = options["stride_h"] > options["filter_h"] or options["stride_w"] > options["filter_w"]
    return operator.kind == "MAX_POOL_2D" and not gaps


def same_codes(build: Builder, *indices: int) -> None:
    """Refuse tensors whose codes mean different numbers."""
    first = build.tensor(indices[0])
    for index in indices:
        build.parameters(index)
        if not build.tensor(index).same_parameters(first):
            raise ModelError(
                f"other scale or zero-point than {first.place}",
                where=build.tensor(index).place,
                allowed="equal parameters",
            )
