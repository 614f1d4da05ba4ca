"""Fast forms of operators that treat every element alone; each may decline, as in `fast_steps`."""

from collections.abc import Callable

import numpy as np

from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.fixed_point.arithmetic.requantize import code_range
from edgeint8.fixed_point.fast import fast_kernels
from edgeint8.fixed_point.fast.fast_plan import Plan, Values
from edgeint8.fixed_point.fast.slab import Halo, Slab, image_size

F32 = np.float32

UNARY = frozenset(
    {"Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Identity"}
)
"""Float operators that treat every element alone."""


def add(plan: Plan, node: Node) -> bool:
    """QLinearAdd of two tensors of one shape."""
    a, b = (plan.samples[node.inputs[k]] for k in (0, 3))
    constants = [plan.constant(node, k) for k in (1, 2, 4, 5, 6, 7)]
    if any(c is None for c in constants) or a.shape != b.shape or a.ndim not in (3, 4):
        return False
    a_scale, a_zero, b_scale, b_zero, c_scale, c_zero = (
        c.reshape(()) for c in constants if c is not None
    )
    if a.size == 1:
        return False
    left, right = plan.read(node.inputs[0], int(a_zero)), plan.read(node.inputs[3], int(b_zero))
    out = plan.write(node.outputs[0], int(c_zero))
    ratios = np.array([F32(a_scale / c_scale), F32(b_scale / c_scale)], np.float64)
    zeros = np.array([a_zero, b_zero, c_zero], np.float64)
    other = F32(F32(ratios[1]) * F32(zeros[1]))
    fixed = np.float64(F32(zeros[2] - np.float64(F32(ratios[0] * zeros[0] + np.float64(other)))))
    low, high = (F32(limit) for limit in code_range(out.dtype))
    places = left.corner, right.corner, out.corner
    size = np.array(image_size(out.shape))

    def step(values: Values) -> None:
        fast_kernels.add(
            left.data, places[0], right.data, places[1], ratios, zeros, fixed,
            low, high, out.data, places[2], size,
        )  # fmt: skip

    plan.steps.append(step)
    return True


def quantize(plan: Plan, node: Node) -> bool:
    """QuantizeLinear of a float tensor, one scale for all."""
    name, scale, zero = node.inputs[0], plan.constant(node, 1), plan.constant(node, 2)
    sample = plan.samples[name]
    if scale is None or zero is None or scale.size != 1 or sample.ndim not in (2, 3, 4):
        return False
    if zero.dtype not in (np.int8, np.uint8) or sample.dtype != F32:
        return False
    out = plan.write(node.outputs[0], int(zero.reshape(())))
    (low, high), corner = out.limits, out.corner
    divisor, shape = F32(scale.reshape(())), (*sample.shape[:2], *image_size(sample.shape))

    def step(values: Values) -> None:
        image = np.ascontiguousarray(plan.codes(name, values)).reshape(shape)
        fast_kernels.quantize(image, divisor, low, high, out.data, corner)

    plan.steps.append(step)
    return True


def dequantize(plan: Plan, node: Node) -> bool:
    """DequantizeLinear of a slab: centred codes times the scale."""
    slab, scale, zero = (
        plan.slabs.get(node.inputs[0]), plan.constant(node, 1), plan.constant(node, 2),
    )  # fmt: skip
    if slab is None or scale is None or scale.size != 1:
        return False
    if slab.zero_point != (0 if zero is None else int(zero.reshape(-1)[0])):
        return False
    image, factor, name = np.moveaxis(slab.view(Halo()), -1, 1), F32(scale.item()), node.outputs[0]

    def step(values: Values) -> None:
        values[name] = (image * factor + F32(0)).reshape(slab.shape)  # -0 + 0 is +0

    plan.steps.append(step)
    return True


def flatten(plan: Plan, node: Node) -> bool:
    """Flatten and Reshape of (N, C, 1, 1) to (N, C): the same slab under another name."""
    slab, sample = plan.slabs.get(node.inputs[0]), plan.samples[node.outputs[0]]
    if slab is None or sample.shape != slab.data.shape[:1] + slab.data.shape[3:]:
        return False
    if slab.data.shape[1:3] != (1, 1) or node.inputs[0] in plan.graph.constants:
        return False
    plan.slabs[node.outputs[0]] = Slab(
        slab.data, slab.halo, sample.shape, slab.zero_point, slab.dtype
    )
    return True


def detour(plan: Plan, node: Node) -> bool:
    """DequantizeLinear, float operators, QuantizeLinear: codes to codes, so a table of 256.

    Without a QuantizeLinear at the end it is a plain `dequantize`.
    """
    slab, chain = plan.slabs.get(node.inputs[0]), [node]
    while slab is not None and chain[-1].op_type != "QuantizeLinear":
        follower = _only_follower(plan, chain[-1])
        if follower is None:
            return dequantize(plan, node)
        chain.append(follower)
    return slab is not None and _constant_scalars(plan, chain) and _add_table(plan, slab, chain)


def _only_follower(plan: Plan, node: Node) -> Node | None:
    """The one reader of a node's result, if it treats every element alone."""
    name = node.outputs[0]
    readers = plan.consumers.get(name, [])
    if len(readers) != 1 or name in plan.graph.outputs:
        return None
    alone = readers[0].op_type in UNARY or readers[0].op_type == "QuantizeLinear"
    return readers[0] if alone and _reads_constants(plan, readers[0]) else None


def code_function(plan: Plan, node: Node) -> bool:
    """QLinearSigmoid and QLinearLeakyRelu: codes to codes."""
    slab = plan.slabs.get(node.inputs[0])
    return slab is not None and _reads_constants(plan, node) and _add_table(plan, slab, [node])


def _reads_constants(plan: Plan, node: Node) -> bool:
    """Whether all inputs but the first are constants."""
    return all(name in plan.graph.constants for name in node.inputs[1:] if name)


def _constant_scalars(plan: Plan, chain: list[Node]) -> bool:
    """Whether both ends have one constant scale, and the codes behind are of eight bits."""
    scales = [plan.constant(chain[k], 1) for k in (0, -1)]
    eight_bits = plan.samples[chain[-1].outputs[0]].dtype in (np.int8, np.uint8)
    return eight_bits and all(scale is not None and scale.size == 1 for scale in scales)


def _add_table(plan: Plan, slab: Slab, chain: list[Node]) -> bool:
    """Run the chain once for all 256 codes; the step looks its answers up."""
    codes = np.arange(256, dtype=np.uint8).view(slab.dtype)
    low, _ = code_range(slab.dtype)
    values = np.sort(codes)
    for node in chain:
        constants = [plan.graph.constants[n] if n else None for n in node.inputs[1:]]
        (values,) = plan.execute(node, [values, *constants])
    out = plan.write(chain[-1].outputs[0], _zero_point(plan, chain[-1]))
    table = values.astype(F32) - F32(out.zero_point)
    plan.done.update(node.outputs[0] for node in chain)
    offset, size = slab.zero_point - low, np.array(image_size(out.shape))
    places = slab.corner, out.corner

    def step(_: Values) -> None:
        fast_kernels.lookup(slab.data, places[0], table, offset, out.data, places[1], size)

    plan.steps.append(step)
    return True


def _zero_point(plan: Plan, node: Node) -> int:
    """Zero-point of a node that makes codes: the last parameter; absent means 0."""
    position = 2 if node.op_type == "QuantizeLinear" else 4
    zero = plan.constant(node, position)
    return 0 if zero is None else int(zero.reshape(-1)[0])


FAST_STEPS: dict[str, Callable[[Plan, Node], bool]] = {
    "QLinearAdd": add,
    "QuantizeLinear": quantize,
    "DequantizeLinear": detour,
    "QLinearSigmoid": code_function,
    "QLinearLeakyRelu": code_function,
    "Flatten": flatten,
    "Reshape": flatten,
    "Squeeze": flatten,
}
