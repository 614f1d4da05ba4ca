"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR as nodes of the graph."""

import numpy as np

from edgeint8.conventions import OWN_DOMAIN, Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.operators.detours import BILINEAR_BITS
from edgeint8.fixed_point.runtimes.gemmlowp import round_away
from edgeint8.tflite.convert.builder import Builder
from edgeint8.tflite.convert.layers import same_codes
from edgeint8.tflite.file.model import Operator

F32 = np.float32


def nearest(build: Builder, operator: Operator) -> None:
    """Rows and columns by their index: every runtime takes the same ones."""
    source, out = operator.inputs[0], operator.outputs[0]
    _check(build, operator)
    before, after = build.tensor(source).shape, build.tensor(out).shape
    name = build.inside(source)
    for axis, word in ((1, "rows"), (2, "columns")):
        index = nearest_elements(before[axis], after[axis], **_coordinates(operator))
        made = build.inside(out) if axis == 2 else f"{build.names[out]}:{word}"
        place = build.constant(f"{build.names[out]}:{word}_index", index)
        build.emit("Gather", [name, place], made, axis=axis + 1)
        name = made


def nearest_elements(
    size: int, length: int, align_corners: bool, half_pixel_centers: bool
) -> Array:
    """Which of `size` elements stand at `length` places, in float32.

    Source: TFLite ``reference/resize_nearest_neighbor.h``, ``GetNearestNeighbor``.
    """
    aligned = align_corners and length > 1
    scale = F32(size - 1) / F32(length - 1) if aligned else F32(size) / F32(length)
    place = (np.arange(length, dtype=F32) + F32(0.5 if half_pixel_centers else 0)) * scale
    index = round_away(place) if align_corners else np.floor(place)
    return np.clip(index.astype(np.int64), 0, size - 1)


def bilinear(build: Builder, operator: Operator) -> None:
    """A sum of four corners in integers; the coordinates also by ONNX's names, for XNNPACK."""
    source, out = operator.inputs[0], operator.outputs[0]
    _check(build, operator)
    given, name = _coordinates(operator), build.names[out]
    mode = "half_pixel" if given["half_pixel_centers"] else "asymmetric"
    mode = "align_corners" if given["align_corners"] else mode
    inputs = [build.inside(source)]
    for axis, word in ((1, "rows"), (2, "columns")):
        size, length = build.tensor(source).shape[axis], build.tensor(out).shape[axis]
        below, above, far = bilinear_places(size, length, **given)
        far = far[:, None] if word == "rows" else far
        found = {"below": below, "above": above, "far": far}
        inputs += [build.constant(f"{name}:{word}_{k}", v) for k, v in found.items()]
    attributes = {"coordinate_transformation_mode": mode}
    build.emit("QLinearResizeBilinear", inputs, build.inside(out), OWN_DOMAIN, **attributes)


def bilinear_places(
    size: int, length: int, align_corners: bool, half_pixel_centers: bool
) -> tuple[Array, Array, Array]:
    """The element below and above each of `length` places, and how far it is, in 1/1024.

    Source: TFLite ``reference/resize_bilinear.h``, ``ComputeInterpolationValuesInteger``.
    """
    one = 1 << BILINEAR_BITS
    scale = (one * size + length // 2) // length
    if align_corners and length > 1:
        scale = (one * (size - 1) + (length - 1) // 2) // (length - 1)
    place = np.arange(length, dtype=np.int64) * scale
    if half_pixel_centers:
        place += scale // 2 - one // 2
    below = np.maximum(place, 0) // one
    above = np.minimum(np.maximum(place + one - 1, 0) // one, size - 1)
    return below, above, place - below * one


def _coordinates(operator: Operator) -> dict[str, bool]:
    return {name: bool(operator.options[name]) for name in ("align_corners", "half_pixel_centers")}


def _check(build: Builder, operator: Operator) -> None:
    """Four axes on one scale, sizes as declared, one kind of coordinates."""
    source, out = operator.inputs[0], operator.outputs[0]
    same_codes(build, source, out)
    before, after = build.tensor(source).shape, build.tensor(out).shape
    wanted = tuple(build.integers(operator, 1).reshape(-1).tolist())
    if len(before) != 4 or after != (before[0], *wanted, before[3]) or 0 in (*before, *after):
        raise ModelError(f"{before} to {after}, size {wanted}", allowed="images of that size")
    if all(_coordinates(operator).values()):
        raise ModelError("align_corners with half_pixel_centers", allowed="one of them")
