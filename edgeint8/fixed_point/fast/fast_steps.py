"""Fast forms of layers and pools: each looks at a node and adds steps to a plan, or declines.

A builder returns False where its form does not apply (weights that are not constant, a sum that
float32 might round, an unusual shape); the plan then runs the ordinary operator.
"""

from collections.abc import Callable

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.fixed_point.arithmetic.kernels import FLOAT32_EXACT
from edgeint8.fixed_point.arithmetic.layers import OutputStage, has_output_stage, output_stage
from edgeint8.fixed_point.arithmetic.requantize import ort_scale
from edgeint8.fixed_point.fast import fast_kernels
from edgeint8.fixed_point.fast.fast_plan import Plan, Values, border
from edgeint8.fixed_point.fast.fast_products import Product, convolution_product, dense_product
from edgeint8.fixed_point.fast.slab import Halo, Slab, image_size

F32 = np.float32


def _stage(plan: Plan, node: Node) -> OutputStage | None:
    """Scales of a layer whose parameters are all constant."""
    constant = (1, 2, 3, 4, 5) if node.op_type == "QGemm" else (1, 2, 3, 4, 5, 6, 7)
    if not has_output_stage(node) or any(plan.constant(node, k) is None for k in constant):
        return None
    if any(name and name not in plan.graph.constants for name in node.inputs[1:]):
        return None
    return output_stage(plan.graph, node)


def _weights(plan: Plan, node: Node, channel_axis: int) -> Array:
    """Centred weights as float32."""
    w, zero = plan.graph.constants[node.inputs[3]], plan.graph.constants[node.inputs[5]]
    shape = [1] * w.ndim
    shape[channel_axis] = -1
    zeros = zero.reshape(shape if zero.size > 1 else ())
    return (w.astype(np.int32) - zeros.astype(np.int32)).astype(F32)


def _stays_exact(slab: Slab, magnitude: Array, bias: Array) -> bool:
    """Whether sums with per-channel ``sum|w|`` = `magnitude` and the bias are exact in float32."""
    largest = max(-float(slab.limits[0]), float(slab.limits[1]))
    return bool(np.all(magnitude * largest + np.abs(bias.astype(np.float64)) < FLOAT32_EXACT))


def _bias(plan: Plan, node: Node, position: int, channels: int) -> Array:
    """Bias (M,), zeros where absent."""
    bias = plan.constant(node, position)
    return np.zeros(channels, np.int64) if bias is None else bias.reshape(-1)


def _spread(scale: Array, channels: int) -> Array:
    """A scale per channel."""
    return np.ascontiguousarray(np.broadcast_to(scale.reshape(-1), channels), F32)


def convolution(plan: Plan, node: Node) -> bool:
    """QLinearConv, with the max-pool behind it if there is one."""
    stage = _stage(plan, node)
    ndim = plan.samples[node.inputs[0]].ndim
    if stage is None or ndim not in (3, 4) or node.attribute("channels_last", 0):
        return False
    slab = plan.read(node.inputs[0], int(plan.graph.constants[node.inputs[2]].reshape(())))
    weights, geometry = _weights(plan, node, 0), plan.geometry(node)
    channels, groups = len(weights), geometry.groups
    bias = _bias(plan, node, 8, channels)
    magnitude = np.abs(weights).reshape(channels, -1).sum(axis=1, dtype=np.float64)
    depthwise = groups == channels == slab.shape[1]
    if (groups > 1 and not depthwise) or not _stays_exact(slab, magnitude, bias):
        return False
    scale = _spread(ort_scale(stage.x_scale, stage.w_scale, stage.y_scale), channels)
    weights = weights.reshape(channels, -1, *geometry.kernel)
    if depthwise and groups > 1:
        _add_depthwise(plan, node, slab, weights, geometry, bias.astype(F32), scale, stage)
        return True
    size = image_size(plan.samples[node.outputs[0]].shape)
    product = convolution_product(plan, slab, weights, geometry, size)
    pool = _lone_pool(plan, node)
    if pool is None:
        _add_finish(plan, node, product, bias.astype(F32), scale, stage)
    else:
        _add_finish_pooled(plan, pool, product, bias.astype(F32), scale, stage)
    return True


def _lone_pool(plan: Plan, node: Node) -> Node | None:
    """A max-pool that is the only reader of a convolution."""
    name = node.outputs[0]
    readers = plan.consumers.get(name, [])
    if len(readers) != 1 or readers[0].op_type != "MaxPool" or name in plan.graph.outputs:
        return None
    return readers[0] if _plain_pool(readers[0]) else None


def _plain_pool(node: Node) -> bool:
    """A pool without dilation and with one output."""
    return max(node.attribute("dilations", (1,))) == 1 and len(node.outputs) == 1


def _pool_numbers(plan: Plan, node: Node) -> Array:
    """Kernel height, width, stride down, right, padding above, left."""
    geometry = plan.geometry(node)
    return np.array([*geometry.kernel, *geometry.strides, *geometry.pads_begin])


def _add_finish(
    plan: Plan, node: Node, product: Product, bias: Array, scale: Array, stage: OutputStage
) -> None:
    """Requantise a product into the node's slab."""
    out = plan.write(node.outputs[0], stage.zero_point)
    (low, high), corner = out.limits, out.corner

    def step(values: Values) -> None:
        product.run()
        fast_kernels.finish(product.partial, bias, scale, low, high, out.data, corner)

    plan.steps.append(step)


def _add_finish_pooled(
    plan: Plan, pool: Node, product: Product, bias: Array, scale: Array, stage: OutputStage
) -> None:
    """Pool a product's accumulators and requantise what is left into the pool's slab."""
    out = plan.write(pool.outputs[0], stage.zero_point)
    plan.done.add(pool.outputs[0])
    (low, high), corner, numbers = out.limits, out.corner, _pool_numbers(plan, pool)
    size = np.array(image_size(out.shape))

    def step(values: Values) -> None:
        product.run()
        fast_kernels.finish_pooled(
            product.partial, bias, scale, low, high, out.data, corner, numbers, size
        )

    plan.steps.append(step)


def _add_depthwise(
    plan: Plan,
    node: Node,
    slab: Slab,
    weights: Array,
    geometry: ConvGeometry,
    bias: Array,
    scale: Array,
    stage: OutputStage,
) -> None:
    """A depthwise convolution in one compiled loop; weights (C, 1, kh, kw)."""
    out = plan.write(node.outputs[0], stage.zero_point)
    taps = np.ascontiguousarray(weights[:, 0].transpose(1, 2, 0))
    halo = border(geometry)
    first = (slab.halo.top - halo.top, slab.halo.left - halo.left)
    steps = np.array([*geometry.strides, *geometry.dilations, *first])
    (low, high), corner, size = out.limits, out.corner, np.array(image_size(out.shape))

    def step(values: Values) -> None:
        fast_kernels.depthwise(
            slab.data, taps, steps, bias, scale, low, high, out.data, corner, size
        )

    plan.steps.append(step)


def gemm(plan: Plan, node: Node) -> bool:
    """QGemm and QLinearMatMul of codes (N, K) with constant weights (K, M)."""
    stage = _stage(plan, node)
    if stage is None or plan.samples[node.inputs[0]].ndim != 2 or node.attribute("transA", 0):
        return False
    transposed = bool(node.attribute("transB", 0))
    weights = _weights(plan, node, channel_axis=0 if transposed else 1)
    weights = weights.T if transposed else weights
    channels = weights.shape[1]
    bias = _bias(plan, node, 6, channels) if node.op_type == "QGemm" else np.zeros(channels)
    slab = plan.read(node.inputs[0], int(plan.graph.constants[node.inputs[2]].reshape(())))
    magnitude = np.abs(weights).sum(axis=0, dtype=np.float64)
    if not _stays_exact(slab, magnitude, bias):
        return False
    scale = _spread(ort_scale(stage.x_scale, stage.w_scale, stage.y_scale), channels)
    _add_finish(plan, node, dense_product(plan, slab, weights), bias.astype(F32), scale, stage)
    return True


def global_average_pool(plan: Plan, node: Node) -> bool:
    """QLinearGlobalAveragePool: a sum per channel, requantised."""
    constants = [plan.constant(node, k) for k in (1, 2, 3, 4)]
    source = plan.samples[node.inputs[0]]
    if any(c is None for c in constants) or source.ndim not in (3, 4):
        return False
    x_scale, x_zero, y_scale, y_zero = (c.reshape(()) for c in constants if c is not None)
    count, length = source.shape[1], int(np.prod(source.shape[2:]))
    if node.attribute("channels_last", 0) or length * 255 >= FLOAT32_EXACT:
        return False
    slab = plan.read(node.inputs[0], int(x_zero))
    total = plan.scratch("partial", (1, len(slab.data), 1, 1, count))
    image = slab.view(Halo())
    product = Product(lambda: np.sum(image, axis=(1, 2), out=total[0, :, 0, 0]), total)
    scale = _spread(np.asarray(F32(x_scale / F32(y_scale * F32(length)))), count)
    stage = OutputStage(x_scale, x_scale, y_scale, int(y_zero), y_zero.dtype)
    _add_finish(plan, node, product, np.zeros(count, F32), scale, stage)
    return True


def max_pool(plan: Plan, node: Node) -> bool:
    """MaxPool of a slab."""
    slab = plan.slabs.get(node.inputs[0])
    if slab is None or not _plain_pool(node):
        return False
    out = plan.write(node.outputs[0], slab.zero_point)
    numbers, size = _pool_numbers(plan, node), np.array(image_size(out.shape))
    start, extent, corner = slab.corner, np.array(image_size(slab.shape)), out.corner

    def step(values: Values) -> None:
        fast_kernels.max_pool(slab.data, start, extent, out.data, corner, numbers, size)

    plan.steps.append(step)
    return True


FAST_STEPS: dict[str, Callable[[Plan, Node], bool]] = {
    "QLinearConv": convolution,
    "QGemm": gemm,
    "QLinearMatMul": gemm,
    "QLinearGlobalAveragePool": global_average_pool,
    "MaxPool": max_pool,
}
