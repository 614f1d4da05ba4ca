"""Operators that only move elements, as nodes of the graph."""

from collections.abc import Mapping

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
    """PAD with the code that means 0, PADV2 with a code of the file."""
    source, out = operator.inputs[0], operator.outputs[0]
    same_codes(build, source, out)
    rank = len(build.tensor(source).shape)
    border = build.integers(operator, 1)
    if border.shape != (rank, 2) or border.min(initial=0) < 0:
        raise ModelError(f"border {border.tolist()}", allowed=f"({rank}, 2) numbers from 0")
    grown = tuple(int(s) for s in np.add(build.tensor(source).shape, border.sum(axis=1)))
    _declared(build, out, grown)
    border = border[list(TO_NCHW)] if rank == 4 else border
    name = build.names[out]
    widths = build.constant(f"{name}:pads", border.T.reshape(-1))
    filling = build.parameters(out)[1]
    if operator.kind == "PADV2":
        same_codes(build, out, operator.inputs[2])
        code = build.integers(operator, 2).reshape(())
        filling = build.constant(f"{name}:filling", code.astype(np.int8))
    build.emit("Pad", [build.inside(source), widths, filling], build.inside(out))


def split(build: Builder, operator: Operator) -> None:
    """SPLIT into equal parts."""
    source, outs = operator.inputs[1], operator.outputs
    same_codes(build, source, *outs)
    shape = list(build.tensor(source).shape)
    axis = int(build.integers(operator, 0).reshape(())) % len(shape)
    if len(outs) != operator.options["num_splits"] or shape[axis] % len(outs):
        raise ModelError(f"{shape} into {len(outs)} parts", allowed="equal parts")
    shape[axis] //= len(outs)
    for out in outs:
        _declared(build, out, tuple(shape))
    names = [build.inside(out) for out in outs]
    build.emit("Split", [build.inside(source)], names, axis=axis_in_graph(axis, len(shape)))


UNUSED_SLICES = ("ellipsis_mask", "new_axis_mask", "offset")


def strided_slice(build: Builder, operator: Operator) -> None:
    """STRIDED_SLICE; an axis of the shrink mask is left out."""
    source, out = operator.inputs[0], operator.outputs[0]
    same_codes(build, source, out)
    shape, shrinks = build.tensor(source).shape, operator.options["shrink_axis_mask"]
    cuts = _cuts(build, operator, shape)
    left = tuple(len(cut) for k, cut in enumerate(cuts) if not shrinks >> k & 1)
    _declared(build, out, left)
    parts = {k: cut for k, cut in enumerate(cuts) if cut != range(shape[k])}
    if len(left) < len(shape):
        name = f"{build.names[out]}:sliced"
        _slice(build, build.plain(source), name, parts)
        build.reshaped(out, name)
    else:
        inside = {axis_in_graph(k, len(shape)): cut for k, cut in parts.items()}
        _slice(build, build.inside(source), build.inside(out), inside)


def _cuts(build: Builder, operator: Operator, shape: tuple[int, ...]) -> list[range]:
    """Which elements of each axis stay, in their order."""
    options = operator.options
    begin, end, step = (build.integers(operator, k).reshape(-1).tolist() for k in (1, 2, 3))
    for mask in UNUSED_SLICES:
        if options[mask]:
            raise ModelError(f"{mask} {options[mask]}", allowed="0")
    cuts = []
    for k, (size, first, last, pace) in enumerate(zip(shape, begin, end, step, strict=True)):
        if options["shrink_axis_mask"] >> k & 1:
            place = range(size)[first]
            cuts.append(range(place, place + 1))
            continue
        low = None if options["begin_mask"] >> k & 1 else first
        high = None if options["end_mask"] >> k & 1 else last
        cuts.append(range(size)[low:high:pace])
    if not all(map(len, cuts)):
        raise ModelError(f"begin {begin}, end {end}, strides {step}", allowed="elements that stay")
    return cuts


def _slice(build: Builder, source: str, made: str, parts: Mapping[int, range]) -> None:
    """The elements of `parts` by axis; a Slice that walks back to the first ends before it."""
    if not parts:
        build.emit("Identity", [source], made)
        return
    stops = [cut.stop if cut.stop >= 0 else np.iinfo(np.int64).min for cut in parts.values()]
    bounds = {
        "starts": [cut.start for cut in parts.values()],
        "ends": stops,
        "axes": list(parts),
        "steps": [cut.step for cut in parts.values()],
    }
    names = [build.constant(f"{made}:{k}", np.array(v, np.int64)) for k, v in bounds.items()]
    build.emit("Slice", [source, *names], made)


def pack(build: Builder, operator: Operator) -> None:
    """PACK: tensors side by side along a new axis."""
    out = operator.outputs[0]
    same_codes(build, out, *operator.inputs)
    shape = list(build.tensor(operator.inputs[0]).shape)
    axis = operator.options["axis"] % (len(shape) + 1)
    _declared(build, out, (*shape[:axis], len(operator.inputs), *shape[axis:]))
    place = build.constant(f"{build.names[out]}:axis", np.array([axis], np.int64))
    parts = []
    for k, index in enumerate(operator.inputs):
        parts.append(f"{build.names[out]}:part{k}")
        build.emit("Unsqueeze", [build.plain(index), place], parts[-1])
    build.emit_plain("Concat", parts, out, axis=axis)


def _declared(build: Builder, index: int, shape: tuple[int, ...]) -> None:
    """Refuse a tensor of another shape than the operator makes."""
    if build.tensor(index).shape != shape:
        raise ModelError(f"output {build.tensor(index).shape}", allowed=str(shape))
