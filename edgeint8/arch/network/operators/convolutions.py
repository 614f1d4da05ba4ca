"""Convolutions as the products that im2col makes of them.

    Conv, 1-D and 2-D      P = output pixels, K = R S Cin / groups, M = filters / groups; one repeat
                           a group; the images of a batch share the weights
    Conv, 3-D              an output plane is a 2-D convolution over Cin * depth channels; the
                           output planes are further images
    ConvTranspose          each input pixel times all taps: P = input pixels, K = Cin / groups,
                           M = R S filters / groups; the sums are scattered on the way out
    1x1, stride 1, no pad  a matrix product: the images join the pixels

nchwc tensors (ONNX Runtime's blocked layout) have their channels padded to whole blocks; the
padding is no work and is not counted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeint8.arch.network.layers import LARGEST_EXTENT, Operator
from edgeint8.arch.network.operators.parts import Node, Part, mapped
from edgeint8.arch.network.run_dims import Dims

# Where each operator has its (input, weight), and a further tensor that it adds.
_OPERANDS = {
    "Conv": (0, 1, 3),
    "FusedConv": (0, 1, 3),
    "NhwcFusedConv": (0, 1, 3),
    "NhwcConv": (0, 1, None),
    "ConvInteger": (0, 1, None),
    "QLinearConv": (0, 3, None),
    "DeformConv": (0, 1, None),
}
TRANSPOSED = frozenset({"ConvTranspose", "ConvTransposeWithDynamicPads", "QLinearConvTranspose"})
CONVOLUTIONS = frozenset(_OPERANDS)
_ALWAYS_LAST = frozenset({"NhwcFusedConv", "NhwcConv"})


@dataclass(frozen=True)
class _Image:
    """Sizes of a convolution's input or output, whatever its layout."""

    count: int
    channels: int
    extents: Dims


def _image(dims: Dims, last: bool, channels: int | None) -> _Image:
    """`channels` is the true number where the layout pads it."""
    if last:
        return _Image(dims[0], channels or dims[-1], dims[1:-1])
    return _Image(dims[0], channels or dims[1], dims[2:])


def convolution(node: Node, true_channels: dict[str, int]) -> list[Part]:
    """The part of a convolution; `true_channels` are those of blocked tensors, by name."""
    at_input, at_weight, at_sum = _OPERANDS[node.kind]
    last = bool(node.integer("channels_last")) or node.kind in _ALWAYS_LAST
    name, result = node.name(at_input), node.proto.output[0]
    image = _image(node.dims(at_input), last, true_channels.get(name))
    output = _image(node.output(), last, true_channels.get(result))
    kernel = node.integers("kernel_shape") or node.dims(at_weight)[2:]
    group = node.integer("group", 1)
    channels, filters = image.channels // group, output.channels // group
    reads = (name, *node.moving(at_weight))
    if at_sum is not None and node.has(at_sum):
        reads += (node.name(at_sum),)
    operator: Operator = "conv" if group == 1 else "depthwise" if channels == 1 else "grouped"
    sizes = (
        image.count * image.channels * math.prod(image.extents),
        output.channels * channels * math.prod(kernel),
        output.count * output.channels * math.prod(output.extents),
    )
    if not all(sizes):
        return [Part(operator, None, *sizes, reads, reason="an empty convolution")]
    if len(kernel) > 3 or node.kind == "DeformConv":
        macs = sizes[2] * channels * math.prod(kernel)
        reason = f"{node.kind} of {len(kernel)} dimensions has no mapping"
        return [Part(operator, None, *sizes, reads, unmapped_macs=macs, reason=reason)]
    part = _windows(node, operator, sizes, reads, image, output, kernel, (channels, filters))
    added = at_sum is not None and node.has(at_sum)
    return [replace(part, added_bytes=sizes[2] if added else 0)]


def _windows(
    node: Node,
    operator: Operator,
    sizes: tuple[int, int, int],
    reads: tuple[str, ...],
    image: _Image,
    output: _Image,
    kernel: Dims,
    per_group: tuple[int, int],
) -> Part:
    """A convolution of one to three dimensions; the planes of a third are images."""
    count, group = len(kernel), node.integer("group", 1)
    channels, filters = per_group
    strides = node.integers("strides", (1,) * count)
    dilations = node.integers("dilations", (1,) * count)
    pads = _pads(node, image.extents, output.extents, kernel, strides, dilations)
    images, note = image.count, ""
    if count == 3:
        channels, images = channels * kernel[0], images * output.extents[0]
        note = f"{kernel[0]} planes of the input are channels, output planes are images"
    input_hw, output_hw, window, steps, spread = (
        _pair(values[-2:]) for values in (image.extents, output.extents, kernel, strides, dilations)
    )
    before = pads[:count][-2:]
    after = pads[count:][-2:]
    (top, left), (bottom, right) = (_pair(side, 0) for side in (before, after))
    if spread != (1, 1):
        note = f"SCALE-Sim runs dilation {spread[0]}x{spread[1]} as the undilated window"
    edge = (top, left, bottom, right)
    plain = window == (1, 1) == steps and not any(edge) and input_hw == output_hw
    if plain and images * output_hw[0] <= LARGEST_EXTENT:
        input_hw, output_hw = ((images * h, w) for h, w in (input_hw, output_hw))
        images = 1
    part = Part(operator, None, *sizes, reads, group, images, 1, input_hw, edge, spread, note=note)
    return mapped(part, output_hw, window, channels, filters, steps)


def transposed(node: Node) -> list[Part]:
    """The part of a ConvTranspose: (C, filters / group, R, S) weights."""
    at_weight = 3 if node.kind == "QLinearConvTranspose" else 1
    dims, weight, output = node.dims(0), node.dims(at_weight), node.output()
    group = node.integer("group", 1)
    images, pixels = dims[0], dims[2:]
    sizes = (math.prod(dims), math.prod(weight), math.prod(output))
    reads = (node.name(0), *node.moving(at_weight))
    if not all(sizes):
        return [Part("transposed", None, *sizes, reads, reason="an empty convolution")]
    height, width = images * math.prod(pixels[:-1]), pixels[-1]
    part = Part("transposed", None, *sizes, reads, group, note="sums are scattered on the way out")
    taps = math.prod(weight[2:]) * weight[1]
    return [mapped(part, (height, width), (1, 1), dims[1] // group, taps)]


def _pads(
    node: Node,
    inputs: Sequence[int],
    outputs: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> Dims:
    """Zeros before every axis, then behind every axis."""
    way = node.text("auto_pad", "NOTSET")
    if way in ("NOTSET", ""):
        return node.integers("pads", (0,) * (2 * len(kernel)))
    if way == "VALID":
        return (0,) * (2 * len(kernel))
    totals = [
        max(0, (o - 1) * s + (k - 1) * d + 1 - i)
        for i, o, k, s, d in zip(inputs, outputs, kernel, strides, dilations, strict=True)
    ]
    small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return (*large, *small) if way == "SAME_LOWER" else (*small, *large)


def _pair(values: Sequence[int], height: int = 1) -> tuple[int, int]:
    """(height, width); one value is a width."""
    return (height, values[0]) if len(values) == 1 else (values[0], values[1])
