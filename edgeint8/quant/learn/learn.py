"""Layer by layer: statistics from ONNX Runtime's integers, then scale, codes and bias.

A layer is learned from the integers that reach it when all layers before it already have their
learned codes, and from what the float network puts out there. docs/learned_codes.md derives it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from edgeint8.errors import DataError, ModelError
from edgeint8.quant.affine import signed_width, sum_reach, tile_width, with_bias
from edgeint8.quant.graph import WeightLayer, attribute, weight_layers
from edgeint8.quant.learn.additions import Addition, addition_of
from edgeint8.quant.learn.codes import LearnedCodes, LearnedLayer
from edgeint8.quant.learn.integer_nodes import IntegerNode, activation_levels, integer_nodes
from edgeint8.quant.learn.moments import (
    LeastSquares,
    Moments,
    least_squares,
    moments_of,
    with_ridge,
)
from edgeint8.quant.learn.search import Layer, Limits, Solution, smallest_scales, solve
from edgeint8.quant.learn.taps import paired
from edgeint8.quant.learn.windows import (
    convolution_rows,
    weight_matrix,
    weight_tensor,
    window_of,
)
from edgeint8.quant.ort.scales import natural_scale
from edgeint8.quant.strategy import Strategy

WINDOWS = 40_000  # rows that a layer is learned from, however many images they come from
DAMPING = 0.01  # ridge towards the float weights, in mean squares of an input
WIDEST_BIAS = 30  # bits: beyond it ONNX Runtime would raise the scales of dead channels itself
DEFAULT_TILE_ROWS = 16  # reported where none is asked for


@dataclass(frozen=True)
class Steps:
    """What is learned; all of it, but for the ablation."""

    scale: bool = True
    codes: bool = True


def learn_codes(
    model: onnx.ModelProto,
    executable: onnx.ModelProto,
    strategy: Strategy,
    feeds: Mapping[str, NDArray[Any]],
    levels: int,
    steps: Steps = Steps(),
) -> LearnedCodes:
    """Codes of every layer of a prepared float `model` that `executable` runs in integers.

    executable: the same network quantised to the nearest codes; levels: the largest weight level
    of its container. `feeds` are the images (N, ...) to learn from; neither graph is changed.
    """
    if not len(next(iter(feeds.values()))):
        raise DataError("no images to learn from", allowed="1 or more")
    work = onnx.ModelProto()
    work.CopyFrom(executable)
    targets, left = targets_of(model, work)
    learned = []
    for target in targets:
        found = learned_layer(target, strategy, gather(target, feeds), levels, steps)
        write_layer(work, target.integer, found)
        learned.append(found)
    return LearnedCodes(tuple(learned), left)


@dataclass(frozen=True)
class Target:
    """One layer in both graphs: `work` is the integer graph with the layers before it learned."""

    model: onnx.ModelProto
    work: onnx.ModelProto
    node: onnx.NodeProto
    integer: IntegerNode
    layer: WeightLayer

    @property
    def groups(self) -> int:
        """Groups of a convolution; 1 for a product."""
        return int(attribute(self.node, "group", 1)) if self.node.op_type == "Conv" else 1

    @property
    def addition(self) -> Addition | None:
        """What the layer is added to, if it can aim at the sum."""
        return addition_of(self.model, self.node, self.work, self.integer.weights)

    def constant(self, name: str) -> NDArray[Any]:
        """A constant of the integer graph."""
        tensor = next(t for t in self.work.graph.initializer if t.name == name)
        return numpy_helper.to_array(tensor)


def targets_of(
    model: onnx.ModelProto, work: onnx.ModelProto
) -> tuple[list[Target], dict[str, str]]:
    """What can be learned in graph order, and why other integer layers cannot."""
    nodes = integer_nodes(work)
    float_nodes = {node.name: node for node in model.graph.node}
    readers = [name for node in model.graph.node for name in node.input]
    targets, left = [], {}
    for layer in weight_layers(model):
        if layer.weight_name not in nodes:
            continue  # stays float: the strategy's note lists it
        node = float_nodes[layer.name]
        if reason := _unlearnable(node, layer, readers):
            left[layer.name] = reason
        else:
            targets.append(Target(model, work, node, nodes[layer.weight_name], layer))
    return targets, left


def _unlearnable(node: onnx.NodeProto, layer: WeightLayer, readers: list[str]) -> str:
    """Why a layer keeps its nearest codes; empty if it need not."""
    if readers.count(layer.weight_name) > 1:
        return "its weights are read by another node too"
    if node.op_type not in ("Conv", "Gemm", "MatMul"):
        return f"{node.op_type} is not learned"
    if node.op_type == "MatMul" and layer.weights.ndim != 2:
        return f"weights of {layer.weights.ndim} dimensions"
    if node.op_type == "Gemm" and (
        attribute(node, "alpha", 1.0) != 1.0
        or attribute(node, "beta", 1.0) != 1.0
        or attribute(node, "transA", 0)
    ):
        return "a Gemm with alpha, beta or transA"
    if node.op_type == "Conv":
        try:
            window_of(node, layer.weights)
        except ModelError as error:
            return str(error)
    return ""


def gather(target: Target, feeds: Mapping[str, NDArray[Any]]) -> Moments:
    """Sums over the layer's windows, piece by piece."""
    images = len(next(iter(feeds.values())))
    most = max(1, WINDOWS // images)
    generator = np.random.default_rng(0)
    zero = int(target.constant(target.integer.input_zero).item())
    total: Moments | None = None
    added, entry = target.addition, target.integer.input
    tensors = [entry, added.other] if added else [entry]
    aim = added.sum if added else target.node.output[0]
    for integers, reals in paired((target.work, tensors), (target.model, [aim]), feeds):
        codes, outputs = integers[entry], reals[aim]
        if added:
            outputs = added.aim(outputs, integers[added.other])
        centred = codes.astype(np.int16) - zero
        if target.node.op_type == "Conv":
            window = window_of(target.node, target.layer.weights)
            part = moments_of(*convolution_rows(centred, outputs, window, most, generator))
        else:
            rows = centred.reshape(-1, 1, centred.shape[-1])
            found = outputs.reshape(len(rows), 1, -1)
            allowed = most * len(codes)
            if len(rows) > allowed:
                chosen = np.sort(generator.permutation(len(rows))[:allowed])
                rows, found = rows[chosen], found[chosen]
            part = moments_of(rows, found)
        total = part if total is None else total + part
    assert total is not None  # there is at least one image
    return total


def learned_layer(
    target: Target, strategy: Strategy, moments: Moments, levels: int, steps: Steps = Steps()
) -> LearnedLayer:
    """One layer from its sums: what `solve` finds, and the facts of it."""
    squares = least_squares(moments, with_bias=bool(target.integer.bias))
    problem = _problem(target, strategy, squares, levels)
    solution = solve(problem, scale=steps.scale, codes=steps.codes)
    facts = _facts(target, strategy, problem, solution)
    variance = max(float(squares.constant.sum()), float(np.finfo(np.float64).tiny))
    return replace(
        facts,
        error_before=facts.error_before / variance,
        error_after=facts.error_after / variance,
        windows=moments.rows,
    )


def _problem(target: Target, strategy: Strategy, squares: LeastSquares, levels: int) -> Layer:
    """The layer's least squares, in the form that `solve` takes."""
    layer, integer = target.layer, target.integer
    weights = weight_matrix(layer.weights.astype(np.float64), layer.axis, target.groups)
    input_scale = float(target.constant(integer.input_scale).item())
    per_channel = target.constant(integer.weight_scale).size > 1
    limit = min(levels, strategy.largest_code(layer.weight_name))
    natural = natural_scale(layer, per_channel=per_channel, levels=limit)
    low, high = activation_levels(target.constant(integer.input_zero))
    limits = Limits(low, high, strategy.accumulator_bits, strategy.tile_rows, strategy.tile_bits)
    bias_bits = min(strategy.bias_bits or WIDEST_BIAS, strategy.accumulator_bits or WIDEST_BIAS)
    shape = weights.shape[:2]
    return Layer(
        problem=with_ridge(squares, weights * input_scale, DAMPING),
        weights=weights,
        input_scale=input_scale,
        natural=np.broadcast_to(natural.reshape(shape if natural.ndim else ()), shape).copy(),
        floor=smallest_scales(squares.mean_output / input_scale, bias_bits),
        limit=limit,
        limits=limits,
        settle=lambda scale: settled(scale, levels),
        per_channel=per_channel,
        shift_only=strategy.power_of_two,
    )


def settled(scale: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """The scales that ONNX Runtime derives from the ranges [-scale levels, scale levels].

    Imposed as a range in float32, a scale may come back one unit in the last place away; deriving
    again changes nothing more.
    """
    for _ in range(4):
        end = (scale * levels).astype(np.float32).astype(np.float64)
        derived = (2 * end / (2 * levels)).astype(np.float32).astype(np.float64)
        if (derived == scale).all():
            break
        scale = derived
    return scale


def _facts(target: Target, strategy: Strategy, problem: Layer, solution: Solution) -> LearnedLayer:
    """What is stored of a solved layer; errors still in squared units of its output."""
    nearest = problem.nearest(problem.natural)
    codes = solution.codes
    scale = solution.scale.reshape(-1) if problem.per_channel else solution.scale.flat[0]
    bias = _bias_codes(problem, solution, strategy) if target.integer.bias else None
    tile_rows = strategy.tile_rows or DEFAULT_TILE_ROWS
    levels = problem.limits.low, problem.limits.high
    matrix = codes.swapaxes(1, 2)  # (G, K, M / G)
    reach = with_bias(sum_reach(matrix, levels), bias)
    return LearnedLayer(
        name=target.layer.name,
        weight_name=target.layer.weight_name,
        axis=target.layer.axis,
        codes=weight_tensor(codes, target.layer.weights.shape, target.layer.axis).astype(np.int8),
        scale=np.asarray(scale, np.float32),
        bias=bias,
        input_scale=problem.input_scale,
        k=codes.shape[-1],
        channels=codes.shape[0] * codes.shape[1],
        error_before=float(problem.objective(nearest, problem.natural).sum()),
        error_after=float(solution.objective.sum()),
        codes_changed=int((codes != nearest).sum()),
        bits_guaranteed=reach.width,
        bits_tile=tile_width(matrix, levels, tile_rows),
        tile_rows=tile_rows,
        weight_bits=signed_width(-problem.limit, problem.limit),
        windows=0,
    )


def _bias_codes(problem: Layer, solution: Solution, strategy: Strategy) -> NDArray[np.int32]:
    """Equation (4): the mean output less what the mean inputs give, in steps; (G M / G,)."""
    squares = problem.problem
    step = (np.float32(problem.input_scale) * solution.scale.astype(np.float32)).astype(np.float64)
    given = np.einsum("gmk,gk->gm", solution.codes.astype(np.float64), squares.mean_input)
    bias = squares.mean_output / step - given
    most = 2.0 ** ((strategy.bias_bits or 32) - 1) - 1
    codes = np.rint(np.clip(bias, -most, most)).reshape(-1)
    return _returned(codes, step.reshape(-1))


def _returned(codes: NDArray[np.float64], step: NDArray[np.float64]) -> NDArray[np.int32]:
    """The codes that ONNX Runtime makes of ``code * step`` held in float32: ours, below 2^23."""
    back = np.rint((codes * step).astype(np.float32).astype(np.float64) / step)
    return np.clip(back, -(2.0**31), 2.0**31 - 1).astype(np.int64).astype(np.int32)


def write_layer(work: onnx.ModelProto, integer: IntegerNode, found: LearnedLayer) -> None:
    """Give the integer graph the layer's codes, scale and bias, in place."""
    new = {integer.weights: found.codes, integer.weight_scale: found.scale}
    if found.bias is not None:
        new[integer.bias] = found.bias
    for tensor in work.graph.initializer:
        if tensor.name in new:
            value = np.ascontiguousarray(new[tensor.name])
            shape = tuple(tensor.dims)
            tensor.CopyFrom(numpy_helper.from_array(value.reshape(shape), tensor.name))
