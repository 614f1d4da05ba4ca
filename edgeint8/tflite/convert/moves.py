"""Operators that only move elements, as nodes of the graph."""

import numpy as np

from edgeint8.errors import ModelError
from edgeint8.tflite.convert.builder import TO_NCHW, Builder, axis_in_graph
from edgeint8.tflite.convert.layers import same_codes
from edgeint8.tflite.file.model import Operator
from edgeint8.tflite.file.schema import ACTIVATIONS


def reshape(build: Builder, operator: Operator) -> None:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: the output's declared shape."""
    source, out = operator.inputs[0], operator.outputs[0]
    before, after = build.tensor(source).shape, build.tensor(out).shape
    if np.prod(before) != np.prod(after):
        raise ModelError(f"{before} to {after}", allowed="as many elements")
    build.reshaped(out, build.plain(source))


def transpose(build: Builder, operator: Operator) -> None:
    """TRANSPOSE; of four axes also in the graph's layout."""
    source, out = operator.inputs[0], operator.outputs[0]
    order = [int(axis) for axis in build.integers(operator, 1).reshape(-1)]
    rank = len(build.tensor(source).shape)
    if sorted(order) != list(range(rank)):
        raise ModelError(f"order {order}", allowed=f"the {rank} axes")
    if rank == 4:
        order = [axis_in_graph(order[axis], rank) for axis in TO_NCHW]
    build.emit("Transpose", [build.inside(source)], build.inside(out), perm=order)


def concatenate(build: Builder, operator: Operator) -> None:
    """CONCATENATION of tensors on one scale."""
    out = operator.outputs[0]
    if ACTIVATIONS[operator.options["activation"]] != "NONE":
        raise ModelError("an activation", allowed="NONE")
    same_codes(build, out, *operator.inputs)
    axis = axis_in_graph(operator.options["axis"], len(build.tensor(out).shape))
    parts = [build.inside(index) for index in operator.inputs]
    build.emit("Concat", parts, build.inside(out), axis=axis)


def pad(build: Builder, operator: Operator) -> None:
    """PAD with the code that means 0."""
    source, out = operator.inputs[0], operator.outputs[0]
    same_codes(build, source, out)
    rank = len(build.tensor(source).shape)
    border = build.integers(operator, 1)
    if border.shape != (rank, 2) or border.min(initial=0) < 0:
        raise ModelError(f"border {border.tolist()}", allowed=f"({rank}, 2) numbers from 0")
    grown = tuple(int(s) for s in np.add(build.tensor(source).shape, border.sum(axis=1)))
    if grown != build.tensor(out).shape:
        raise ModelError(f"output {build.tensor(out).shape}", allowed=str(grown))
    border = border[list(TO_NCHW)] if rank == 4 else border
    name = build.names[out]
    widths = build.constant(f"{name}:pads", border.T.reshape(-1))
    zero = build.parameters(out)[1]
    build.emit("Pad", [build.inside(source), widths, zero], build.inside(out))
