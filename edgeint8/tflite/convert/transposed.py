"""TRANSPOSE_CONV as nodes of the graph."""

import numpy as np

from edgeint8.errors import ModelError
from edgeint8.tflite.convert.builder import Builder
from edgeint8.tflite.convert.layers import bias, clip, fused_activation, unclipped, weights
from edgeint8.tflite.file.model import LARGEST_TENSOR, Operator
from edgeint8.tflite.file.schema import SAME, VALID


def transpose_conv(build: Builder, operator: Operator) -> None:
    """A convolution of the image with codes of 0 between its pixels, weights turned by 180 degrees.

    ``y[o] = sum over i s + k - p = o of x[i] w[k]``: with x spread to every s-th place it is
    ``sum over j of spread[o + j - (K - 1 - p)] w[K - 1 - j]``. What is added is what TFLite adds,
    so each runtime rounds it as its convolutions.
    """
    stored, source, out = operator.inputs[1], operator.inputs[2], operator.outputs[0]
    image, made, shape = (build.tensor(k).shape for k in (source, out, stored))
    if len(shape) != 4 or len(image) != 4 or len(made) != 4 or image[3] != shape[3]:
        raise ModelError(f"transposed convolution of {image} with {shape} to {made}")
    codes, parameters = weights(build, stored, 0, shape[0])
    if made[-1] != shape[0] or build.integers(operator, 0).reshape(-1).tolist() != list(made):
        raise ModelError(f"output {made}", allowed=f"as declared, of {shape[0]} channels")
    strides = [operator.options["stride_h"], operator.options["stride_w"]]
    begin, end = _borders(operator, image, made, shape)
    turned = np.ascontiguousarray(codes[:, ::-1, ::-1].transpose(0, 3, 1, 2))
    kind = fused_activation(operator)
    raw = unclipped(build, kind, out)
    inputs = [
        _trimmed(build, out, _spread(build, source, out, strides), end),
        *build.parameters(source),
        build.constant(f"{build.names[stored]}:turned", turned), *parameters,
        *build.parameters(out), *bias(build, operator, shape[0], 3),
    ]  # fmt: skip
    pads = [*begin, *(max(e, 0) for e in end)]
    build.emit("QLinearConv", inputs, raw, kernel_shape=list(shape[1:3]), strides=[1, 1], pads=pads)
    clip(build, kind, out, raw)


def _borders(
    operator: Operator, image: tuple[int, ...], made: tuple[int, ...], weights: tuple[int, ...]
) -> tuple[list[int], list[int]]:
    """Borders of the spread image before and behind it; negative where its end is cut off."""
    options, begin, end = operator.options, [], []
    for k, name in ((1, "stride_h"), (2, "stride_w")):
        size, out, kernel, stride = image[k], made[k], weights[k], options[name]
        if stride < 1 or options["padding"] not in (SAME, VALID) or size * stride > LARGEST_TENSOR:
            raise ModelError(f"stride {stride}, padding {options['padding']}")
        same = options["padding"] == SAME
        expected = -(-(out if same else out - kernel + 1) // stride)
        if expected != size or kernel < 1:
            raise ModelError(f"{image} to {made} with kernel {kernel}, stride {stride}")
        total = (size - 1) * stride + kernel - out if same else 0
        if total < 0:  # XNNPACK leaves it to a kernel of LiteRT that nobody has repeated
            raise ModelError(f"kernel {kernel} under SAME", allowed=f"at least stride {stride}")
        pad = total // 2
        begin.append(kernel - 1 - pad)
        end.append(out - size * stride + pad)
    return begin, end


def _spread(build: Builder, source: int, out: int, strides: list[int]) -> str:
    """The image (N, C, H, W) with each pixel at every s-th place: (N, C, H s, W s)."""
    if strides == [1, 1]:
        return build.inside(source)
    _, height, width, channels = build.tensor(source).shape
    name = f"{build.names[out]}:spread"
    apart = build.constant(f"{name}_apart", np.array([-1, channels, height, 1, width, 1]))
    borders = build.constant(
        f"{name}_pads", np.array([0] * 9 + [strides[0] - 1, 0, strides[1] - 1])
    )
    whole = np.array([-1, channels, height * strides[0], width * strides[1]])
    build.emit("Reshape", [build.inside(source), apart], f"{name}_pixels")
    build.emit("Pad", [f"{name}_pixels", borders, build.parameters(source)[1]], f"{name}_zeros")
    build.emit("Reshape", [f"{name}_zeros", build.constant(f"{name}_shape", whole)], name)
    return name


def _trimmed(build: Builder, out: int, spread: str, end: list[int]) -> str:
    """The spread image without the rows and columns that no kernel reaches."""
    if min(end) >= 0:
        return spread
    name = f"{build.names[out]}:trimmed"
    stops = [e if e < 0 else np.iinfo(np.int64).max for e in end]
    bounds = (("starts", [0, 0]), ("ends", stops), ("axes", [2, 3]))
    limits = [build.constant(f"{name}_{word}", np.array(v, np.int64)) for word, v in bounds]
    build.emit("Slice", [spread, *limits], name)
    return name
