"""The same layers more than once: the trips of a loop, the images of a batch."""

from dataclasses import replace

from edgeint8.arch.network.layers import Layer, LayerShape, Tensor
from edgeint8.errors import ModelError


def in_loop(layer: Layer, trips: int) -> Layer:
    """A layer of a body that runs `trips` times, one after another.

    Constant weights stay; an operand that is data comes anew with every trip.
    """
    if trips == 0:
        reason = layer.reason or "its loop makes no trip"
        return replace(
            layer, shape=None, ifmap_bytes=0, filter_bytes=0, ofmap_bytes=0, added_bytes=0,
            unmapped_macs=0, reason=reason,
        )  # fmt: skip
    return replace(
        layer,
        ifmap_bytes=layer.ifmap_bytes * trips,
        filter_bytes=layer.filter_bytes * (1 if _constant_filter(layer) else trips),
        ofmap_bytes=layer.ofmap_bytes * trips,
        added_bytes=layer.added_bytes * trips,
        unmapped_macs=layer.unmapped_macs * trips,
        steps=layer.steps * trips if _constant_filter(layer) else layer.steps,
        repeats=layer.repeats if _constant_filter(layer) else layer.repeats * trips,
        writes=tuple(replace(tensor, role="output") for tensor in layer.writes),
    )


def in_batch(layer: Layer, images: int) -> Layer:
    """A layer for `images` inputs at once: they share its weights.

    A product has more rows, any other convolution more images; where both operands are data every
    image has operands of its own.
    """
    if images == 1:
        return layer
    own = not _constant_filter(layer)
    changed = replace(
        layer,
        ifmap_bytes=layer.ifmap_bytes * images,
        filter_bytes=layer.filter_bytes * (images if own else 1),
        ofmap_bytes=layer.ofmap_bytes * images,
        added_bytes=layer.added_bytes * images,
        unmapped_macs=layer.unmapped_macs * images,
        batch=layer.batch * images,
        reads=_times(layer.reads, images),
        writes=_times(layer.writes, images),
    )
    if layer.shape is None:
        return changed
    if own:
        return replace(changed, repeats=layer.repeats * images)
    rows = _more_rows(layer, images)
    if rows is None:
        return replace(changed, images=layer.images * images)
    height, width = layer.input_hw or (layer.shape.ifmap_h, layer.shape.ifmap_w)
    return replace(changed, shape=rows, input_hw=(height * images, width))


def _more_rows(layer: Layer, images: int) -> LayerShape | None:
    """A matrix product's shape with the rows of all images; None for windows."""
    shape = layer.shape
    if shape is None or not is_matrix_product(layer):
        return None
    try:
        return replace(shape, ifmap_h=shape.ifmap_h * images)
    except ModelError:  # more rows than a shape holds
        return None


def one_by_one(layer: Layer) -> Layer:
    """A layer whose images run one after another and share nothing, as SCALE-Sim has them."""
    return replace(layer, images=1, steps=1, repeats=layer.separate_runs)


def is_matrix_product(layer: Layer) -> bool:
    """Whether a layer's pixels are single inputs, so that rows can be cut and joined anywhere."""
    shape = layer.shape
    if shape is None or any(layer.pads) or layer.images > 1:
        return False
    window = (shape.filter_h, shape.filter_w, shape.stride_h, shape.stride_w)
    extent = layer.input_hw or (shape.ifmap_h, shape.ifmap_w)
    return window == (1, 1, 1, 1) and extent == (shape.ifmap_h, shape.ifmap_w)


def _constant_filter(layer: Layer) -> bool:
    """Whether the filter is stored: no second tensor that a layer reads is its size."""
    if layer.shape is None or not layer.reads:
        return True
    fused = 1 if layer.added_bytes else 0
    return len(layer.reads) - fused < 2


def _times(tensors: tuple[Tensor, ...], images: int) -> tuple[Tensor, ...]:
    return tuple(replace(tensor, bytes=tensor.bytes * images) for tensor in tensors)
