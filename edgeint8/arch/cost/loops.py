"""One run of a layer as the loops around the array, with the sizes of its real tensors."""

from dataclasses import dataclass

from edgeint8.arch.network.layers import LARGEST_EXTENT, Layer, LayerShape
from edgeint8.arch.network.repeated import is_matrix_product
from edgeint8.errors import ModelError


@dataclass(frozen=True)
class Loops:
    """One run of a layer as loops, with its real (unpadded) tensors in elements.

    `ifmap_elements`, `filter_elements`, `ofmap_elements` are those of all `images`
    that share the weights of the run. Extents and pads are one image's.
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
    ifmap_elements: int
    filter_elements: int
    ofmap_elements: int
    images: int = 1
    dilation_h: int = 1
    dilation_w: int = 1

    @property
    def reach_h(self) -> int:
        """Input rows from the first tap of a window to the last."""
        return (self.filter_h - 1) * self.dilation_h + 1

    @property
    def reach_w(self) -> int:
        """Input columns from the first tap of a window to the last."""
        return (self.filter_w - 1) * self.dilation_w + 1

    @property
    def pixels(self) -> int:
        """Outputs of one filter, all images together."""
        return self.images * self.output_h * self.output_w


def layer_loops(layer: Layer) -> Loops:
    """The loops of one of the layer's `runs`; tensor sizes are rounded up per run."""
    if layer.shape is None:
        raise ModelError("the layer is not on the array", where=layer.name)
    shape, extent = _as_product(layer)
    ifmap, ofmap = (-(-size // layer.runs) for size in (layer.ifmap_bytes, layer.ofmap_bytes))
    return Loops(
        shape.output_h,
        shape.output_w,
        shape.channels,
        shape.filters,
        shape.filter_h,
        shape.filter_w,
        shape.stride_h,
        shape.stride_w,
        *extent,
        *layer.pads[:2],
        ifmap,
        -(-layer.filter_bytes // layer.repeats),
        ofmap,
        layer.images,
        *layer.dilation,
    )


def _as_product(layer: Layer) -> tuple[LayerShape, tuple[int, int]]:
    """The shape that is cut into tiles, with its input's height and width.

    The rows of a matrix product can be cut anywhere, whatever height and width they are written
    in. A window as wide as the input is a longer channel axis: a product can be tiled in K.
    """
    shape = layer.shape
    assert shape is not None
    extent = layer.input_hw or (shape.ifmap_h, shape.ifmap_w)
    whole = extent == (shape.ifmap_h, shape.ifmap_w) and not any(layer.pads)
    if is_matrix_product(layer):
        rows = extent[0] * extent[1]
        if rows <= LARGEST_EXTENT:
            return LayerShape.from_gemm(rows, shape.filters, shape.channels), (rows, 1)
    elif whole and shape.filter_w == shape.ifmap_w and layer.dilation[1] == 1:
        channels = shape.filter_w * shape.channels
        steps = (shape.filter_h, 1, channels, shape.filters, shape.stride_h, 1)
        return LayerShape(shape.ifmap_h, 1, *steps), (shape.ifmap_h, 1)
    return shape, extent
