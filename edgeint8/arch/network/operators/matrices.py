"""Matrix products: Gemm, MatMul in all its forms, Einsum.

The operand that is constant is the filter. A dimension that only one operand has joins its rows
or columns, because the other operand is shared; a dimension of both repeats the product.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeint8.arch.network.operators.parts import Node, Part, product
from edgeint8.arch.network.run_dims import Dims

_GEMMS = {"Gemm": (0, 1), "FusedGemm": (0, 1), "QGemm": (0, 3), "GemmFastGelu": (0, 1)}
_MATMULS = {
    "MatMul": (0, 1),
    "FusedMatMul": (0, 1),
    "FusedMatMulActivation": (0, 1),
    "MatMulInteger": (0, 1),
    "MatMulInteger16": (0, 1),
    "MatMulIntegerToFloat": (0, 1),
    "DynamicQuantizeMatMul": (0, 1),
    "QLinearMatMul": (0, 3),
}
_PACKED = frozenset({"MatMulNBits", "MatMulBnb4", "MatMulFpQ4"})
MATRICES = frozenset({*_GEMMS, *_MATMULS, *_PACKED, "Einsum"})


@dataclass(frozen=True)
class _Operand:
    """One side of a product: its axes by letter, the input's name, whether it is constant."""

    axes: str
    name: str
    constant: bool


def matrix_product(node: Node) -> list[Part]:
    """The products of one node; only an Einsum of several operands has more than one."""
    if node.kind == "Einsum":
        return _einsum(node)
    if node.kind in _PACKED:
        return [_packed(node)]
    at_left, at_right = _GEMMS.get(node.kind) or _MATMULS[node.kind]
    left, right = node.dims(at_left), node.dims(at_right)
    k, m, n = "k", "m", "n"
    left_axes = k if len(left) == 1 else k + m if node.integer("transA") else m + k
    right_axes = k if len(right) == 1 else n + k if node.integer("transB") else k + n
    outer = "abcdefgh"[: max(len(left), len(right), 2) - 2]
    left_axes = outer[len(outer) - len(left) + len(left_axes) :] + left_axes
    right_axes = outer[len(outer) - len(right) + len(right_axes) :] + right_axes
    if node.integer("transBatchA"):
        left_axes = left_axes[1:-1] + left_axes[0] + left_axes[-1]
    if node.integer("transBatchB"):
        right_axes = right_axes[1:-1] + right_axes[0] + right_axes[-1]
    sides = [
        _Operand(axes, node.name(at), node.constant(at))
        for axes, at in ((left_axes, at_left), (right_axes, at_right))
    ]
    part = _contract(sides[0], left, sides[1], right, set(left_axes + right_axes) - {"k"})
    return [replace(part, operator="gemm" if node.kind in _GEMMS else "matmul")]


def _contract(
    left: _Operand, left_dims: Dims, right: _Operand, right_dims: Dims, kept: set[str]
) -> Part:
    """Two operands over the axes that are not `kept`; axes of length 1 are broadcast."""
    sizes: dict[str, int] = {}
    for operand, dims in ((left, left_dims), (right, right_dims)):
        for axis, extent in zip(operand.axes, dims, strict=True):
            sizes[axis] = max(sizes.get(axis, 1), extent) if extent else 0
    first, second = (
        {axis for axis, extent in zip(side.axes, dims, strict=True) if extent == sizes[axis]}
        for side, dims in ((left, left_dims), (right, right_dims))
    )
    if left.constant and not right.constant:
        first, second, left, right = second, first, right, left
        left_dims, right_dims = right_dims, left_dims

    def length(axes: set[str]) -> int:
        return math.prod(sizes[axis] for axis in axes)

    both = first & second
    reads = tuple(side.name for side in (left, right) if not side.constant)
    part = product(
        "matmul",
        length((first - second) & kept),
        length((second - first) & kept),
        length(set(sizes) - kept),
        reads,
        length(both & kept),
    )
    output = length(set(sizes) & kept)
    real = (math.prod(left_dims), math.prod(right_dims), output)
    return replace(part, ifmap_bytes=real[0], filter_bytes=real[1], ofmap_bytes=real[2])


def _packed(node: Node) -> Part:
    """Weights of a few bits; here, as everywhere, each takes a byte of the INT8 machine."""
    depth, filters = node.integer("K"), node.integer("N")
    rows = math.prod(node.dims(0)) // max(depth, 1)
    part = product("matmul", rows, filters, depth, node.moving(0))
    return replace(part, note=f"weights of {node.integer('bits', 4)} bits count as bytes")


def _einsum(node: Node) -> list[Part]:
    """Operands are contracted from left to right, as ONNX Runtime does."""
    dims = [node.dims(i) for i in range(len(node.proto.input))]
    terms, result = einsum_axes(node.text("equation"), dims)
    if any(len(set(axes)) < len(axes) for axes in terms):
        return [_diagonal(node, terms, dims)]
    operands = [
        _Operand(axes, name, node.constant(i))
        for i, (axes, name) in enumerate(zip(terms, node.proto.input, strict=True))
    ]
    sizes: dict[str, int] = {}
    for axes, shape in zip(terms, dims, strict=True):
        for axis, extent in zip(axes, shape, strict=True):
            sizes[axis] = max(sizes.get(axis, 1), extent)
    parts: list[Part] = []
    left, left_dims = operands[0], dims[0]
    for place in range(1, len(operands)):
        later = set(result).union(*(operand.axes for operand in operands[place + 1 :]))
        kept = (set(left.axes) | set(operands[place].axes)) & later
        part = _contract(left, left_dims, operands[place], dims[place], kept)
        last = place == len(operands) - 1
        suffix = "" if len(operands) == 2 else f":{place}"
        parts.append(replace(part, suffix=suffix, scratch=0 if last else part.ofmap_bytes))
        left = _Operand("".join(sorted(kept)), f"{node.proto.output[0]}:{place}", constant=False)
        left_dims = tuple(sizes[axis] for axis in left.axes)
    return parts


def _diagonal(node: Node, terms: Sequence[str], dims: Sequence[Dims]) -> Part:
    """An axis twice in one operand is counted; it has no mapping."""
    sizes = {
        a: e
        for axes, shape in zip(terms, dims, strict=True)
        for a, e in zip(axes, shape, strict=False)
    }
    reads = node.moving(*range(len(terms)))
    moved = (math.prod(dims[0]), sum(map(math.prod, dims[1:])), math.prod(node.output()))
    macs = math.prod(sizes.values()) * (len(terms) > 1)
    reason = "an einsum along a diagonal has no mapping"
    return Part("matmul", None, *moved, reads, unmapped_macs=macs, reason=reason)


def einsum_axes(equation: str, dims: Sequence[Dims]) -> tuple[list[str], str]:
    """One letter an axis for every operand and the result; an ellipsis becomes capitals.

    >>> einsum_axes("...tc,cd", [(2, 3, 4), (4, 5)])
    (['Ztc', 'cd'], 'Zdt')
    """
    left, arrow, result = equation.replace(" ", "").partition("->")
    spare = [c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in equation]
    terms = []
    longest = ""
    for term, shape in zip(left.split(","), dims, strict=True):
        named = term.replace("...", "")
        hidden = "".join(reversed(spare[: len(shape) - len(named)])) if "..." in term else ""
        longest = max(longest, hidden, key=len)
        terms.append(term.replace("...", hidden))
    if arrow:
        return terms, result.replace("...", longest)
    joined = left.replace(",", "").replace("...", "")
    return terms, longest + "".join(sorted(c for c in set(joined) if joined.count(c) == 1))
