"""Tensor by tensor: what the executor computes against what a reference computed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from edgeint8.conventions import Array
from edgeint8.errors import DataError, ModelError
from edgeint8.fixed_point.arithmetic.graph import Node, with_subgraphs
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.executor import ALL_TENSORS, Executor, float_nodes, floating_types
from edgeint8.fixed_point.operators.context import Accumulate
from edgeint8.fixed_point.operators.floating import BITWISE
from edgeint8.fixed_point.operators.resizing import approximates

Tensors = Mapping[str, Array]


@dataclass(frozen=True)
class TensorDifference:
    """One tensor over all images: how many elements differ and by how much.

    Integer tensors, and float tensors of bitwise operators, are compared exactly. Other float
    tensors are listed with `exact` False; a mismatch there is more than 1e-5 of the largest finite
    value. An infinity equals itself and nothing else.
    """

    name: str
    op_type: str
    exact: bool
    elements: int
    mismatches: int
    max_abs_diff: float

    def __add__(self, other: "TensorDifference") -> "TensorDifference":
        if (self.name, self.op_type) != (other.name, other.op_type):
            raise DataError(f"tensors {self.name} and {other.name} cannot be added")
        return TensorDifference(
            self.name,
            self.op_type,
            self.exact,
            self.elements + other.elements,
            self.mismatches + other.mismatches,
            max(self.max_abs_diff, other.max_abs_diff),
        )


@dataclass(frozen=True)
class Comparison:
    """All tensors of a model over all images: one row of ``golden.csv``."""

    images: int
    tensors: tuple[TensorDifference, ...]
    float_nodes: tuple[str, ...]

    @property
    def elements(self) -> int:
        """Elements compared."""
        return sum(t.elements for t in self.tensors)

    @property
    def mismatches(self) -> int:
        """Elements that differ."""
        return sum(t.mismatches for t in self.tensors)

    @property
    def max_abs_diff(self) -> float:
        """Largest difference in a tensor that is compared exactly."""
        return max((t.max_abs_diff for t in self.tensors if t.exact), default=0.0)

    def row(self) -> dict[str, int | float | str]:
        """The columns of ``golden.csv`` after workload and strategy."""
        return {
            "images": self.images,
            "tensors": len(self.tensors),
            "elements": self.elements,
            "mismatches": self.mismatches,
            "max_abs_diff": self.max_abs_diff,
            "float_nodes": len(self.float_nodes),
            "first_mismatch": next((t.name for t in self.tensors if t.mismatches), ""),
        }


def difference(
    name: str, got: Array, want: Array, op_type: str = "", exact: bool = True
) -> TensorDifference:
    """Compare one tensor; shapes and types must agree."""
    if got.shape != want.shape or got.dtype != want.dtype:
        raise ModelError(
            f"{got.dtype} {got.shape}",
            where=f"tensor {name}",
            allowed=f"{want.dtype} {want.shape}, as the reference has it",
        )
    if np.array_equal(got, want):
        return TensorDifference(name, op_type, exact, got.size, 0, 0.0)
    left, right = got.astype(np.float64), want.astype(np.float64)
    with np.errstate(invalid="ignore"):  # of two infinities, which are equal
        distance = np.where(left == right, 0.0, np.abs(left - right))
    largest = np.abs(right[np.isfinite(right)]).max(initial=0)
    tolerance = 0.0 if exact else 1e-5 * float(largest)
    wrong = int(np.count_nonzero(~(distance <= tolerance)))
    return TensorDifference(name, op_type, exact, got.size, wrong, float(distance.max()))


def _exact_tensors(executor: Executor) -> dict[str, tuple[str, bool]]:
    """Operator type of every tensor, and whether its float result must equal in every bit."""
    inexact = floating_types() - BITWISE

    def exact(node: Node) -> bool:
        return node.op_type not in inexact and not approximates(node)

    return {
        name: (node.op_type, all(exact(n) for n in with_subgraphs([node])))
        for node in executor.graph.nodes
        for name in node.outputs
    }


def compare_batch(
    executor: Executor, feeds: Tensors, reference: Tensors, feed_reference: bool = False
) -> list[TensorDifference]:
    """Differences in every tensor that the reference holds, in graph order.

    Consumers of float tensors that may differ in the last place read the reference's version, so
    that a rounding there is not counted again in every tensor behind. With `feed_reference` every
    layer reads the reference's tensors.
    """
    kinds = _exact_tensors(executor)
    fed = {
        name: value
        for name, value in reference.items()
        if feed_reference or not kinds.get(name, ("", True))[1]
    }
    got = executor.run(feeds, keep=ALL_TENSORS, substitute=fed)
    return [
        difference(name, got[name], reference[name], *kinds[name])
        for name in kinds
        if name in reference
    ]


def compare_model(
    model: onnx.ModelProto,
    batches: Iterable[tuple[Tensors, Tensors]],
    scheme: Scheme = Scheme.ORT_FLOAT32,
    accumulate: Accumulate | None = None,
) -> Comparison:
    """Compare a model on batches of (feeds, reference tensors); memory holds one batch.

    `accumulate` replaces the sum of products, as in `Executor`.
    """
    executor = Executor(model, scheme, accumulate=accumulate)
    totals: dict[str, TensorDifference] = {}
    images = 0
    for feeds, reference in batches:
        images += len(next(iter(feeds.values())))
        for tensor in compare_batch(executor, feeds, reference):
            known = totals.get(tensor.name)
            totals[tensor.name] = tensor if known is None else known + tensor
    if not totals:
        raise DataError("nothing was compared", allowed="at least one batch with tensors")
    return Comparison(images, tuple(totals.values()), tuple(float_nodes(model)))
