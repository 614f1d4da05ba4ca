"""What a network asks of the array: one `LayerShape` per systolic problem, one `Layer` per node.

All tensors are INT8, one byte an element.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, get_args

from edgeint8.errors import DataError, ModelError

Operator = Literal[
    "conv",
    "depthwise",
    "grouped",
    "transposed",
    "gemm",
    "matmul",
    "recurrent",
    "pool",
    "elementwise",
    "other",
]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
TensorRole = Literal["inner", "input", "output"]
TENSOR_ROLES: tuple[TensorRole, ...] = get_args(TensorRole)

_SHAPE_ID = re.compile(r"h(\d+)w(\d+)_r(\d+)s(\d+)_c(\d+)_m(\d+)_u(\d+)v(\d+)")
LARGEST_EXTENT = 1 << 30


@dataclass(frozen=True)
class LayerShape:
    """One convolution as the array sees it, batch 1.

    `ifmap_h` and `ifmap_w` include the padding. `from_output` trims them to what the windows touch:
    ``(output - 1) * stride + filter``. The row of a topology stands as it is: the number of outputs
    is rounded up, as SCALE-Sim does, and the last window may overhang. A 1-D convolution has height
    1; a fully connected layer is 1x1; a matrix product is `from_gemm`.
    """

    ifmap_h: int
    ifmap_w: int
    filter_h: int
    filter_w: int
    channels: int
    filters: int
    stride_h: int
    stride_w: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or not 1 <= value <= LARGEST_EXTENT:
                raise ModelError(
                    f"{field.name} is {value!r}", allowed=f"a whole number, 1 to {LARGEST_EXTENT}"
                )
        for axis, extent, window in (
            ("height", self.ifmap_h, self.filter_h),
            ("width", self.ifmap_w, self.filter_w),
        ):
            if extent < window:
                raise ModelError(
                    f"{axis} {extent} holds no window of {window}", allowed=f"{window} and more"
                )

    @classmethod
    def from_output(
        cls,
        output_hw: tuple[int, int],
        filter_hw: tuple[int, int],
        channels: int,
        filters: int,
        stride_hw: tuple[int, int] = (1, 1),
    ) -> Self:
        """The shape whose trimmed input yields `output_hw` = (height, width)."""
        ifmap_h, ifmap_w = (
            (output - 1) * stride + window
            for output, window, stride in zip(output_hw, filter_hw, stride_hw, strict=True)
        )
        return cls(ifmap_h, ifmap_w, *filter_hw, channels, filters, *stride_hw)

    @classmethod
    def from_gemm(cls, m: int, n: int, k: int) -> Self:
        """(m, k) x (k, n) as a 1x1 convolution of m pixels with k channels and n filters.

        SCALE-Sim maps a GEMM row to a 1 x k window on one channel: the same addresses in the
        same order, so every report is equal.
        """
        return cls(m, 1, 1, 1, k, n, 1, 1)

    @property
    def output_h(self) -> int:
        """Output rows: windows over the padded input, one that overhangs included."""
        return -(-(self.ifmap_h - self.filter_h) // self.stride_h) + 1

    @property
    def output_w(self) -> int:
        """Output columns: windows over the padded input, one that overhangs included."""
        return -(-(self.ifmap_w - self.filter_w) // self.stride_w) + 1

    @property
    def overhangs(self) -> bool:
        """Whether the last window of a row or column reaches beyond the input."""
        beyond_h = (self.ifmap_h - self.filter_h) % self.stride_h
        return bool(beyond_h or (self.ifmap_w - self.filter_w) % self.stride_w)

    @property
    def output_pixels(self) -> int:
        """P: windows of the input, rows of the im2col matrix."""
        return self.output_h * self.output_w

    @property
    def window(self) -> int:
        """K = R * S * Cin: length of one dot product."""
        return self.filter_h * self.filter_w * self.channels

    @property
    def macs(self) -> int:
        """Multiply-accumulates P K M of one repeat."""
        return self.output_pixels * self.window * self.filters

    @property
    def id(self) -> str:
        """A file-system name that `parse_shape_id` reads back."""
        return (
            f"h{self.ifmap_h}w{self.ifmap_w}_r{self.filter_h}s{self.filter_w}"
            f"_c{self.channels}_m{self.filters}_u{self.stride_h}v{self.stride_w}"
        )


def parse_shape_id(text: str) -> LayerShape:
    """The shape that `LayerShape.id` wrote as `text`.

    >>> shape = parse_shape_id("h34w34_r3s3_c16_m16_u1v1")
    >>> shape.output_h, shape.window, shape.macs
    (32, 144, 2359296)
    """
    match = _SHAPE_ID.fullmatch(text)
    if match is None:
        raise ModelError(
            f"layer shape id {text!r} does not parse",
            allowed="h<H>w<W>_r<R>s<S>_c<channels>_m<filters>_u<stride h>v<stride w>",
        )
    shape = LayerShape(*map(int, match.groups()))
    if shape.id != text:  # leading zeros would give one shape two ids
        raise ModelError(f"layer shape id {text!r} is not canonical", allowed=shape.id)
    return shape


@dataclass(frozen=True)
class Tensor:
    """Data that a layer takes from a layer before it, or leaves for one after it.

    Two layers have an edge between them exactly when one writes the name that the other reads;
    a reshape or a change of number format keeps the name.

    Parameters
    ----------
    bytes
        Elements, one byte each.
    role
        An `input` comes from outside and an `output` is wanted outside; both lie in DRAM.
    """

    name: str
    bytes: int
    role: TensorRole = "inner"

    def __post_init__(self) -> None:
        if self.bytes < 0 or self.role not in TENSOR_ROLES:
            raise ModelError(
                f"tensor {self.name} has {self.bytes} bytes and the role {self.role!r}",
                allowed=f"0 bytes and more; {', '.join(TENSOR_ROLES)}",
            )


@dataclass(frozen=True)
class Layer:
    """One operator of a network with its traffic and its edges.

    Parameters
    ----------
    shape
        What one run on the array computes; None when the layer is not on the array.
    repeats
        How many times that shape runs with weights of its own: the groups of a grouped
        convolution, the heads of an attention.
    ifmap_bytes, filter_bytes, ofmap_bytes
        Real tensor sizes, everything together; the input without padding.
    source
        The ONNX node or the CSV row it comes from.
    reason
        Why it is not on the array; empty when it is.
    note
        What the mapping leaves out, such as a dilation; empty when nothing.
    images
        Inputs of a batch that share the weights of a run, one after another on the same tile.
    steps
        Runs that share the weights and wait for each other: the time steps of a recurrence.
    reads, writes
        Tensors; the first one read is the one that streams in as the ifmap.
    input_hw, pads, dilation
        Of one run: height and width of the unpadded input (None: what `shape` touches), zeros at
        (top, left, bottom, right), and the step between the taps of a window.
    added_bytes
        Tensors that fused operators read, once each.
    stored_bytes
        Constants as an INT8 file holds them: a weight takes one byte, a bias or scale four.
    unmapped_macs
        Multiply-accumulates that are counted and have no mapping to the array.
    unknown
        It multiplies, and nobody knows how much: totals that contain it are incomplete.
    batch
        Inferences that one run of the network serves; the same in all its layers.
    """

    name: str
    operator: Operator
    shape: LayerShape | None
    repeats: int
    ifmap_bytes: int
    filter_bytes: int
    ofmap_bytes: int
    source: str
    reason: str = ""
    note: str = ""
    images: int = 1
    steps: int = 1
    reads: tuple[Tensor, ...] = ()
    writes: tuple[Tensor, ...] = ()
    input_hw: tuple[int, int] | None = None
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    added_bytes: int = 0
    stored_bytes: int = 0
    unmapped_macs: int = 0
    unknown: bool = False
    batch: int = 1

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise ModelError(
                f"unknown operator {self.operator!r}",
                where=self.source,
                allowed=", ".join(OPERATORS),
            )
        for name in ("repeats", "images", "steps", "batch"):
            if getattr(self, name) < 1:
                raise ModelError(
                    f"{name} is {getattr(self, name)}", where=self.source, allowed="1 and more"
                )
        sizes = (self.ifmap_bytes, self.filter_bytes, self.ofmap_bytes, self.added_bytes)
        if min(*sizes, self.stored_bytes, self.unmapped_macs) < 0:
            raise ModelError("a tensor has a negative size", where=self.source)
        if (self.shape is None) == (self.reason == ""):
            raise ModelError(
                "a layer has either a shape or a reason why it has none", where=self.source
            )

    @property
    def runs(self) -> int:
        """Times that the array starts over: images stream through one run, the rest does not."""
        return self.repeats * self.steps

    @property
    def separate_runs(self) -> int:
        """Runs of `shape` where nothing is shared, as SCALE-Sim has them: an image at a time."""
        return self.runs * self.images

    @property
    def mapped_macs(self) -> int:
        """Multiply-accumulates on the array."""
        return 0 if self.shape is None else self.shape.macs * self.separate_runs

    @property
    def macs(self) -> int:
        """All multiply-accumulates that are known, on the array or not."""
        return self.mapped_macs + self.unmapped_macs

    @property
    def dram_bytes_minimum(self) -> int:
        """Compulsory traffic: every tensor moved once."""
        return self.ifmap_bytes + self.filter_bytes + self.ofmap_bytes + self.added_bytes


def layers_to_json(layers: Iterable[Layer]) -> list[dict[str, Any]]:
    """Plain dicts; `shape` becomes its id or None."""
    return [
        {**asdict(layer), "shape": None if layer.shape is None else layer.shape.id}
        for layer in layers
    ]


def layers_from_json(entries: Any) -> tuple[Layer, ...]:
    """The inverse of `layers_to_json`."""
    if not isinstance(entries, list):
        raise DataError("layers are not a list")
    known = {field.name for field in fields(Layer)}
    layers = []
    for position, entry in enumerate(entries):
        if not isinstance(entry, dict) or set(entry) != known:
            raise DataError(f"layer {position} is malformed", allowed=", ".join(sorted(known)))
        layers.append(Layer(**{**entry, **_typed(entry)}))
    return tuple(layers)


def _typed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that JSON has as text and lists."""
    extent = entry["input_hw"]
    return {
        "shape": None if entry["shape"] is None else parse_shape_id(entry["shape"]),
        "reads": tuple(Tensor(**tensor) for tensor in entry["reads"]),
        "writes": tuple(Tensor(**tensor) for tensor in entry["writes"]),
        "input_hw": None if extent is None else tuple(extent),
        "pads": tuple(entry["pads"]),
        "dilation": tuple(entry["dilation"]),
    }


def array_layers(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """The layers that run on the array."""
    return tuple(layer for layer in layers if layer.shape is not None)
