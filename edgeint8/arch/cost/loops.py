"""One run of a layer as the loops around the array, with the sizes of its real tensors."""

from dataclasses import dataclass
from functools import lru_cache

from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.errors import ModelError


@dataclass(frozen=True)
class Loops:
    """One run of a layer as loops, with its real (unpadded) tensors in elements.

    `ifmap_bytes`, `filter_bytes`, `ofmap_bytes` count elements of one byte.
    """

    output_h: int
    output_w: int
    channels: int
    filters: int
    filter_h: int
    filter_w: int
    stride_h: int
    stride_w: int
    input_h: int
    input_w: int
    pad_top: int
    pad_left: int
    ifmap_bytes: int
    filter_bytes: int
    ofmap_bytes: int


def layer_loops(layer: Layer) -> Loops:
    """The loops of one of the layer's `repeats` runs; tensor sizes are rounded up per run."""
    if layer.shape is None:
        raise ModelError("the layer is not on the array", where=layer.name)
    shape = layer.shape
    ifmap, filter_, ofmap = (
        -(-size // layer.repeats)
        for size in (layer.ifmap_bytes, layer.filter_bytes, layer.ofmap_bytes)
    )
    if shape.output_w == 1 and ifmap == shape.ifmap_h * shape.ifmap_w * shape.channels:
        shape = _fold_columns(shape)
    input_h, input_w = real_extent(shape, ifmap)
    return Loops(
        shape.output_h,
        shape.output_w,
        shape.channels,
        shape.filters,
        shape.filter_h,
        shape.filter_w,
        shape.stride_h,
        shape.stride_w,
        input_h,
        input_w,
        max(shape.ifmap_h - input_h, 0) // 2,
        max(shape.ifmap_w - input_w, 0) // 2,
        ifmap,
        filter_,
        ofmap,
    )


def _fold_columns(shape: LayerShape) -> LayerShape:
    """A window as wide as the input is a longer channel axis: a product can be tiled in K."""
    return LayerShape(
        shape.ifmap_h,
        1,
        shape.filter_h,
        1,
        shape.filter_w * shape.channels,
        shape.filters,
        shape.stride_h,
        1,
    )


@lru_cache(maxsize=4096)
def real_extent(shape: LayerShape, ifmap_elements: int) -> tuple[int, int]:
    """Height and width of the unpadded input, recovered from its size.

    A shape carries the padded, trimmed input and the layer the real number of elements. Of the
    factorisations that leave at most a window of padding, the one that pads both axes most
    evenly is taken; without any, the padded input counts as real.
    """
    plane, rest = divmod(ifmap_elements, shape.channels)
    candidates = [
        (abs((shape.ifmap_h - h) - (shape.ifmap_w - plane // h)), h, plane // h)
        for h in range(1, plane + 1)
        if not rest
        and plane % h == 0
        and _plausible(shape.ifmap_h - h, shape.filter_h, shape.stride_h)
        and _plausible(shape.ifmap_w - plane // h, shape.filter_w, shape.stride_w)
    ]
    if not candidates:
        return shape.ifmap_h, shape.ifmap_w
    _, height, width = min(candidates)
    return height, width


def _plausible(padding: int, window: int, stride: int) -> bool:
    """Padding up to a window on both sides, or fewer than a stride of rows never touched."""
    return -max(stride, window) < padding <= 2 * (window - 1)
