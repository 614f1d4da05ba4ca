"""Scales with an imposed form: powers of two, large enough for narrow biases, or for few levels.

Both are imposed through ranges, so that ONNX Runtime's quantiser, which derives every scale from a
range, arrives at exactly the scale that is wanted.

Power of two. s' = 2^ceil(log2 s) is the smallest power of two that still covers the range; with all
three scales of a layer of that form the requantisation multiplier s_x s_w / s_y is one too, and
requantisation is a shift. A global average over L values has the multiplier s_x / (s_y L): a power
of two only where L is.

Bias floor. A bias is stored as rint(b / (s_x s_w)) in 32 bits. A dead channel, whose weights are
next to nothing, has next to no scale s_w and therefore an enormous bias, and the accumulator must
be as wide. Its weights contribute nothing, so a larger scale costs nothing:

    s_w >= |b| / (s_x (2^(bits-1) - 1)).

Narrow weights. With s_w = max |w| / (2^(bits-1) - 1) the levels of b bits suffice, although int8
holds them and an INT8 machine multiplies them: ONNX Runtime remains the witness of every bit.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgeint8.quant.affine import SMALLEST_SCALE, IntegerGrid, parameters_from_range
from edgeint8.quant.graph import (
    WeightLayer,
    initializer_values,
    integer_layers,
    weight_layers,
)

CONSTANT_OPERANDS = (
    "Add",
    "Mul",
    "Concat",
    "Where",
)  # operators that read constants as activations


def power_of_two(scale: NDArray[Any] | float) -> NDArray[np.float64]:
    """The smallest power of two that is not below `scale` (> 0), elementwise."""
    mantissa, exponent = np.frexp(np.asarray(scale, np.float64))
    return np.ldexp(1.0, np.where(mantissa == 0.5, exponent - 1, exponent))


def power_of_two_range(
    low: float, high: float, grid: IntegerGrid, *, symmetric: bool
) -> tuple[float, float]:
    """A range over 0 and, up to half a step, [low, high] whose scale is a power of two.

    Both ends are an integer times the scale, so they are exact in float32 and equation (4) or (5)
    of ``quant.affine`` returns scale and zero-point without rounding.
    """
    parameters = parameters_from_range(low, high, grid, symmetric=symmetric)
    step = float(power_of_two(parameters.scale))
    while step * (grid.qmax - grid.qmin) > np.finfo(np.float32).max:  # rather clip than overflow
        step /= 2
    if symmetric:
        return -step * grid.qmax, step * grid.qmax
    zero = int(np.clip(np.rint(grid.qmin - min(low, 0.0) / step), grid.qmin, grid.qmax))
    return step * (grid.qmin - zero), step * (grid.qmax - zero)


def weight_overrides(
    model: onnx.ModelProto,
    *,
    per_channel: bool,
    levels: int,
    largest_level: Callable[[str], int],
    shift_only: bool,
    floors: Mapping[str, NDArray[np.float64]],
    constants: IntegerGrid,
    learned: Mapping[str, NDArray[np.float64]],
) -> dict[str, list[dict[str, Any]]]:
    """ONNX Runtime's ``TensorQuantOverrides`` that impose the weight scales; empty when none are.

    levels: of the container, what ONNX Runtime divides a range by; largest_level: the largest that
    the weights of a name take, at most `levels`; shift_only: all scales powers of two; floors:
    smallest allowed scale by weight name, () or (C,); constants: grid of constant operands of Add,
    Mul and so on; learned: scales by weight name that stand as they are.
    """
    overrides: dict[str, list[dict[str, Any]]] = {}
    for layer in weight_layers(model):
        fine = per_channel and not layer.one_scale
        scale = natural_scale(layer, per_channel=fine, levels=levels)
        most = min(levels, largest_level(layer.weight_name))
        narrow = natural_scale(layer, per_channel=fine, levels=most)
        wanted = np.maximum(narrow, floors.get(layer.weight_name, 0.0))
        wanted = power_of_two(wanted) if shift_only else wanted
        wanted = learned.get(layer.weight_name, wanted)
        if fine != per_channel or not (wanted == scale).all():
            overrides[layer.weight_name] = _scale_override(layer, wanted, levels)
    if per_channel:
        overrides.update(_left_overrides(model))
    if shift_only:
        overrides.update(_constant_overrides(model, constants))
    return overrides


def natural_scale(layer: WeightLayer, *, per_channel: bool, levels: int) -> NDArray[np.float64]:
    """Equation (5) for the weights, rounded to float32: () per tensor, (C,) per channel."""
    rows = np.abs(layer.channels_first.astype(np.float64))
    largest = rows.max(axis=1) if per_channel else rows.max()
    scale = largest / levels
    return np.where(scale < SMALLEST_SCALE, 1.0, scale).astype(np.float32).astype(np.float64)


def bias_floors(
    model: onnx.ModelProto, executable: onnx.ModelProto, bits: int
) -> dict[str, NDArray[np.float64]]:
    """Smallest weight scales, by weight name, at which every bias of `executable` fits `bits` bits.

    `executable` is the network once quantised without floors: its input scales do not depend on
    weight scales. Per tensor the floor is that of the channel that needs most.
    """
    largest = (2.0 ** (bits - 1) - 1) * (1 - 1e-6)  # margin for rounding the scales to float32
    biases = {layer.weight_name: layer.bias for layer in weight_layers(model)}
    floors: dict[str, NDArray[np.float64]] = {}
    for layer in integer_layers(executable):
        bias = biases.get(layer.weight_name)
        if bias is not None:
            needed = np.abs(bias.astype(np.float64)) / (layer.input_scale * largest)
            needed = needed if layer.weight_scale.size > 1 else needed.max()
            floors[layer.weight_name] = np.maximum(needed, floors.get(layer.weight_name, 0.0))
    return floors


def _scale_override(
    layer: WeightLayer, scale: NDArray[np.float64], levels: int
) -> list[dict[str, Any]]:
    ends = [float(np.float32(value * levels)) for value in np.atleast_1d(scale)]
    entries: list[dict[str, Any]] = [{"rmin": -end, "rmax": end} for end in ends]
    if scale.ndim:
        entries[0]["axis"] = layer.axis
    return entries


def _left_overrides(model: onnx.ModelProto) -> dict[str, list[dict[str, Any]]]:
    """One range for every constant on the left of a product, whose rows are no channels.

    ONNX Runtime's QDQ quantiser would take scales along axis 1, which no kernel can run.
    """
    values = initializer_values(model)
    left = [node.input[0] for node in model.graph.node if node.op_type == "MatMul"]
    return {
        name: [{"rmin": float(values[name].min()), "rmax": float(values[name].max())}]
        for name in left
        if name in values and values[name].size
    }


def _constant_overrides(
    model: onnx.ModelProto, grid: IntegerGrid
) -> dict[str, list[dict[str, Any]]]:
    """Power-of-two ranges for the float constants that Add, Mul and the like read as operands."""
    values = initializer_values(model)
    overrides = {}
    for node in model.graph.node:
        for name in node.input if node.op_type in CONSTANT_OPERANDS else ():
            constant = values.get(name)
            if constant is None or constant.dtype != np.float32 or not constant.size:
                continue
            low, high = float(constant.min()), float(constant.max())
            low, high = power_of_two_range(low, high, grid, symmetric=grid.signed)
            overrides[name] = [{"rmin": low, "rmax": high}]
    return overrides
