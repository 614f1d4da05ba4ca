"""Runs a quantised ONNX graph in integers, without ONNX Runtime.

Executor(model).run({"input": images})                       # the outputs
Executor(model).run({"input": images}, keep=ALL_TENSORS)     # every tensor of the graph
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import zip_longest

import numpy as np
import onnx

from edgeint8 import extensions
from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.graph import Graph, Node, read_graph, with_subgraphs
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.arithmetic.operands import Operands, with_raw_codes
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.operators import (
    OPERATORS,
    activations,
    floating,
    fused,
    normalising,
    recurrent,
    resizing,
)
from edgeint8.fixed_point.operators.context import Accumulate, Context
from edgeint8.fixed_point.runtimes.known import ORT
from edgeint8.fixed_point.runtimes.runtime import Runtime

ALL_TENSORS = "all"
Images = Array | Mapping[str, Array]
"""One array for a network with one input, or arrays by input name; the first axis counts images."""


class DataPath(Enum):
    """What the multiplier's activation operand is."""

    ZERO_POINT_FIRST = "zero_point_first"
    """``x - zp``: nine bits wide for asymmetric codes; the border is 0."""
    RAW_CODES = "raw_codes"
    """``x`` itself: eight bits; ``-zp * sum(w)`` sits in the bias; the border is zp."""


def exact_accumulate(node: Node, operands: Operands) -> Array:
    """The default accumulator: zero-point first, never overflows."""
    return accumulate(operands)


def raw_accumulate(node: Node, operands: Operands) -> Array:
    """The same numbers by way of raw codes."""
    if operands.geometry is None and operands.w.ndim > 2:
        return accumulate(operands)
    return accumulate(with_raw_codes(operands))


class Executor:
    """One model, ready to run.

    Parameters
    ----------
    model
        A QOperator model, or the graph that ORT's optimiser saved of a QDQ model.
    scheme
        How accumulators are rounded, in place of the runtime's own way.
    data_path
        Centred or raw activation codes; the results are the same.
    accumulate
        Replaces the sum of products, for overflow studies and for looking at accumulators.
    runtime
        Whose arithmetic it repeats; ORT's by default.

    Raises `ModelError` that names node and operator where the graph holds an unknown operator, or
    one that the runtime refuses.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        scheme: Scheme | None = None,
        data_path: DataPath = DataPath.ZERO_POINT_FIRST,
        accumulate: Accumulate | None = None,
        runtime: Runtime = ORT,
    ) -> None:
        self.graph: Graph = read_graph(model)
        self.scheme = scheme or runtime.scheme
        self.operators = {**OPERATORS, **runtime.operators, **extensions.OPERATORS}
        raw = data_path is DataPath.RAW_CODES
        self.accumulate = accumulate or (raw_accumulate if raw else exact_accumulate)
        for node in with_subgraphs(self.graph.nodes):
            if node.op_type in runtime.refuses:
                raise ModelError(
                    f"{runtime.name} does not take {node.op_type}",
                    where=f"node {node.name}",
                    allowed=runtime.refuses[node.op_type],
                )
            if node.op_type not in self.operators:
                raise ModelError(
                    f"operator {node.op_type} is not supported",
                    where=f"node {node.name}",
                    allowed=f"the {len(OPERATORS)} in edgeint8/fixed_point/operators",
                )
        self._last_use = {name: k for k, n in enumerate(self.graph.nodes) for name in n.inputs}

    def run(
        self,
        feeds: Mapping[str, Array],
        keep: Iterable[str] = (),
        substitute: Mapping[str, Array] | None = None,
    ) -> dict[str, Array]:
        """Tensors by name: the outputs, and those in `keep` (`ALL_TENSORS` for every one).

        A tensor in `substitute` is kept as computed, but its consumers read the substitute: so a
        layer can be fed a reference's tensors instead of its own.
        """
        missing = set(self.graph.inputs) - set(feeds)
        if missing:
            raise ModelError(f"no input {sorted(missing)}", allowed=str(self.graph.inputs))
        wanted = None if keep == ALL_TENSORS else {*keep, *self.graph.outputs}
        values: dict[str, Array] = {**self.graph.constants, **feeds}
        kept: dict[str, Array] = {}
        for position, node in enumerate(self.graph.nodes):
            outputs = self.execute(node, [values[n] if n else None for n in node.inputs])
            for name, value in zip(node.outputs, outputs, strict=False):
                if wanted is None or name in wanted:
                    kept[name] = value
                values[name] = substitute.get(name, value) if substitute else value
            for name in set(node.inputs):
                if self._last_use[name] == position and name not in self.graph.constants:
                    values.pop(name, None)
        for name in self.graph.outputs:
            if name not in kept and name in values:
                kept[name] = values[name]
        return kept

    def execute(self, node: Node, inputs: list[Array | None]) -> tuple[Array, ...]:
        """One node; an error names it and the shapes it met."""
        context = Context(node, self.graph.opset, self.scheme, self.accumulate, self._run_branch)
        try:
            result = self.operators[node.op_type](context, *inputs)
        except (ModelError, ValueError, TypeError, IndexError, KeyError) as error:
            shapes = [None if x is None else (str(x.dtype), x.shape) for x in inputs]
            raise ModelError(
                f"{node.op_type} failed on {shapes}: {error}", where=f"node {node.name}"
            ) from error
        outputs = result if isinstance(result, tuple) else (result,)
        found = [value is not None for value in outputs]
        for name, there in zip_longest(node.outputs, found, fillvalue=False):
            if name and not there:
                raise ModelError(
                    f"{node.op_type} with output {name}",
                    where=f"node {node.name}",
                    allowed="its first output",
                )
        return outputs

    def _run_branch(self, branch: Graph, captured: Mapping[str, Array]) -> tuple[Array, ...]:
        """The outputs of a subgraph."""
        values: dict[str, Array] = {**captured, **branch.constants}
        for node in branch.nodes:
            outputs = self.execute(node, [values[n] if n else None for n in node.inputs])
            values.update(zip(node.outputs, outputs, strict=False))
        return tuple(values[name] for name in branch.outputs)


def float_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that compute in floating point: what the quantiser left behind.

    Quantize, dequantize, operators that only move elements, and arithmetic of integers (shapes, or
    a Relu of codes) are not listed.
    """
    graph = read_graph(model)
    integers = {name for name, value in graph.constants.items() if value.dtype.kind in "iu"}
    computing = floating_types() | extensions.OPERATORS.keys()
    found = []
    for node in with_subgraphs(graph.nodes):
        if _makes_integers(node, integers):
            integers.update(node.outputs)
        elif node.op_type in computing and not resizing.only_moves(node):
            found.append(node.name)
    return found


def _makes_integers(node: Node, integers: set[str]) -> bool:
    """Whether a node's outputs are integers, given the names of integer tensors so far."""
    if node.op_type in ("DequantizeLinear", "Cast", "DynamicQuantizeLinear"):
        return False
    if node.op_type == "QGemm":
        return len(node.inputs) > 7
    if node.op_type == "Resize":  # its scales are float, whatever it resizes
        return node.inputs[0] in integers
    makers = ("QuantizeLinear", "ConvInteger", "MatMulInteger", "Shape")
    if node.op_type in makers or node.op_type.startswith("QLinear"):
        return True
    return all(name in integers for name in node.inputs if name)


def floating_types() -> frozenset[str]:
    """Operator types that do float arithmetic."""
    families = (floating, activations, normalising, fused, resizing, recurrent)
    names = {name for family in families for name in family.OPERATORS}
    return frozenset(names | {"AveragePool", "GlobalAveragePool"})


def as_feeds(model: onnx.ModelProto, images: Images) -> dict[str, Array]:
    """Feeds for a model: arrays by input name, or the array of its only input."""
    names = read_graph(model).inputs
    if isinstance(images, Mapping):
        return {name: np.ascontiguousarray(images[name]) for name in names}
    if len(names) != 1:
        raise ModelError(f"the model has inputs {names}", allowed="one input, or arrays by name")
    return {names[0]: np.ascontiguousarray(images)}


def pieces(feeds: Mapping[str, Array], batch: int) -> Iterator[dict[str, Array]]:
    """`feeds` cut along their first axis, `batch` images at a time."""
    for start in range(0, len(next(iter(feeds.values()))), batch):
        yield {name: array[start : start + batch] for name, array in feeds.items()}
