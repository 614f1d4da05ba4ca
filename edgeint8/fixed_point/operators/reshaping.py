"""Operators that move elements and compute nothing; they serve codes and floats alike."""

import numpy as np
import onnx

from edgeint8.conventions import Array
from edgeint8.fixed_point.operators.context import Context


def _axes(context: Context, axes: Array | None) -> tuple[int, ...] | None:
    """Axes from the input (opset 13 and later) or the attribute (before)."""
    given = context.attribute("axes", None) if axes is None else axes.tolist()
    return None if given is None else tuple(int(axis) for axis in given)


def identity(context: Context, x: Array) -> Array:
    """The same tensor."""
    return x


def dropout(context: Context, x: Array, *rest: Array) -> tuple[Array, Array]:
    """The same tensor: inference. The mask keeps all; before opset 12 ORT leaves it empty."""
    kind = bool if context.opset >= 10 else x.dtype
    return x, np.full(x.shape, context.opset >= 12, kind)


def flatten(context: Context, x: Array) -> Array:
    """Two axes: everything before `axis`, everything from it."""
    axis = context.attribute("axis", 1)
    return x.reshape(int(np.prod(x.shape[:axis], dtype=int)), -1)


def reshape(context: Context, x: Array, shape: Array) -> Array:
    """New shape; 0 keeps an axis unless allowzero, -1 is inferred."""
    keep_zero = context.attribute("allowzero", 0)
    sizes = [
        x.shape[k] if size == 0 and not keep_zero else int(size) for k, size in enumerate(shape)
    ]
    return x.reshape(sizes)


def transpose(context: Context, x: Array) -> Array:
    """Axes in the order of `perm`; reversed without it."""
    return np.transpose(x, context.attribute("perm", None))


def squeeze(context: Context, x: Array, axes: Array | None = None) -> Array:
    """Without the axes of size 1."""
    return np.squeeze(x, _axes(context, axes))


def unsqueeze(context: Context, x: Array, axes: Array | None = None) -> Array:
    """With new axes of size 1."""
    return np.expand_dims(x, _axes(context, axes) or ())


def concat(context: Context, *parts: Array) -> Array:
    """Tensors side by side."""
    return np.concatenate(parts, axis=context.attribute("axis", 0))


def pad(
    context: Context,
    x: Array,
    pads: Array | None = None,
    value: Array | None = None,
    axes: Array | None = None,
) -> Array:
    """A border, constant, reflected or repeated; negative pads cut."""
    chosen = range(x.ndim) if axes is None else [int(a) % x.ndim for a in axes]
    given = context.attribute("pads", ()) if pads is None else pads.tolist()
    widths = [(0, 0)] * x.ndim
    for k, axis in enumerate(chosen):
        widths[axis] = (int(given[k]), int(given[k + len(given) // 2]))
    cut = tuple(
        slice(max(-begin, 0), size - max(-end, 0))
        for (begin, end), size in zip(widths, x.shape, strict=True)
    )
    grow = [(max(begin, 0), max(end, 0)) for begin, end in widths]
    mode = context.attribute("mode", "constant")
    if mode != "constant":
        return np.pad(x[cut], grow, mode=mode)
    fill = context.attribute("value", 0) if value is None else value.reshape(-1)[0]
    return np.pad(x[cut], grow, constant_values=fill)


def slice_(
    context: Context,
    x: Array,
    starts: Array | None = None,
    ends: Array | None = None,
    axes: Array | None = None,
    steps: Array | None = None,
) -> Array:
    """Part of a tensor, NumPy's own rules for bounds."""
    first = context.attribute("starts", ()) if starts is None else starts.tolist()
    last = context.attribute("ends", ()) if ends is None else ends.tolist()
    chosen = _axes(context, axes) or tuple(range(len(first)))
    stride = [1] * len(first) if steps is None else steps.tolist()
    cut = [slice(None)] * x.ndim
    for axis, begin, end, step in zip(chosen, first, last, stride, strict=True):
        stop = None if step < 0 and end < -x.shape[axis] else end
        cut[axis] = slice(begin, stop, step)
    return x[tuple(cut)]


def depth_to_space(context: Context, x: Array) -> Array:
    """Channels (N, C, H, W) into blocks of `blocksize` squared pixels: (N, C/b^2, H*b, W*b).

    Mode DCR counts the block before the channel, CRD the channel before the block.
    """
    block = context.node.attributes["blocksize"]
    batch, channels, height, width = x.shape
    depth = channels // block**2
    if context.attribute("mode", "DCR") == "DCR":
        parts = x.reshape(batch, block, block, depth, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        parts = x.reshape(batch, depth, block, block, height, width).transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(batch, depth, height * block, width * block)


def space_to_depth(context: Context, x: Array) -> Array:
    """Blocks of pixels (N, C, H, W) into channels (N, C*b^2, H/b, W/b): undoes depth_to_space."""
    block = context.node.attributes["blocksize"]
    batch, channels, height, width = x.shape
    rows, columns = height // block, width // block
    parts = x.reshape(batch, channels, rows, block, columns, block)
    order = (0, 3, 5, 1, 2, 4) if context.attribute("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    return parts.transpose(order).reshape(batch, channels * block**2, rows, columns)


def split(context: Context, x: Array, sizes: Array | None = None) -> tuple[Array, ...]:
    """Parts along an axis: of the given sizes, or as many equal ones as there are outputs."""
    axis, given = context.attribute("axis", 0), context.attribute("split", None)
    count = len(context.node.outputs)
    if sizes is None and given is None:
        size = -(-x.shape[axis] // count)
        return tuple(np.split(x, range(size, x.shape[axis], size), axis=axis))
    lengths = given if sizes is None else sizes.tolist()
    return tuple(np.split(x, np.cumsum(lengths)[:-1], axis=axis))


def expand(context: Context, x: Array, shape: Array) -> Array:
    """Broadcast to a shape, where 1 keeps the tensor's own size."""
    return x * np.ones([int(size) for size in shape], x.dtype)


def tile(context: Context, x: Array, repeats: Array) -> Array:
    """The tensor so many times along each axis."""
    return np.tile(x, repeats.tolist())


def where(context: Context, condition: Array, x: Array, y: Array) -> Array:
    """Elements of `x` where the condition holds, of `y` elsewhere."""
    return np.where(condition, x, y)


def shape(context: Context, x: Array) -> Array:
    """The shape as int64."""
    begin, end = context.attribute("start", 0), context.attribute("end", None)
    return np.array(x.shape[begin:end], np.int64)


def size(context: Context, x: Array) -> Array:
    """How many elements, as int64."""
    return np.array(x.size, np.int64)


def modulo(context: Context, a: Array, b: Array) -> Array:
    """Remainder with the divisor's sign, or with fmod the dividend's."""
    return np.fmod(a, b) if context.attribute("fmod", 0) else np.mod(a, b)


def constant_of_shape(context: Context, shape: Array) -> Array:
    """A tensor of one value, float32 zeros without it."""
    value = context.attribute("value", np.zeros(1, np.float32))
    return np.full([int(length) for length in shape], value.reshape(-1)[0], value.dtype)


def range_(context: Context, start: Array, limit: Array, step: Array) -> Array:
    """Numbers from `start` to below `limit`."""
    return np.arange(start.item(), limit.item(), step.item(), dtype=start.dtype)


def cast(context: Context, x: Array) -> Array:
    """Another element type; only those that NumPy and ONNX share."""
    return x.astype(onnx.helper.tensor_dtype_to_np_dtype(context.node.attributes["to"]))


OPERATORS = {
    "Identity": identity,
    "Dropout": dropout,
    "Flatten": flatten,
    "Reshape": reshape,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Concat": concat,
    "Pad": pad,
    "Slice": slice_,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Expand": expand,
    "Tile": tile,
    "Where": where,
    "Shape": shape,
    "Size": size,
    "Mod": modulo,
    "ConstantOfShape": constant_of_shape,
    "Range": range_,
    "Cast": cast,
}
