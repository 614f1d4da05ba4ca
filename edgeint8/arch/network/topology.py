"""Layers of a SCALE-Sim topology file, in all the forms in which such files are published.

The first line is a header, and its names say what a column holds: a convolution (ifmap and filter
height and width, channels, filters, one stride or two) or a matrix product (M, N and K in any
order), with batch and sparsity where there are such columns. Spaces, tabs, trailing commas,
headings between the rows and remarks behind the numbers all occur. A column with another name is
refused. Rows are read as SCALE-Sim runs them: no padding is added, and a window that overhangs is
computed, so AlexNet's 224 with filter 11 and stride 4 has 55 outputs.
"""

import csv
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgeint8.arch.network.layers import Layer, LayerShape, Operator
from edgeint8.arch.network.repeated import in_batch
from edgeint8.errors import DataError, ModelError

_CONV_COLUMNS = (
    "ifmap height",
    "ifmap width",
    "filter height",
    "filter width",
    "channels",
    "filters",
    "stride",
)
_GEMM_COLUMNS = ("M", "N", "K")
_OPTIONAL = ("stride width", "batch", "sparsity")
# Names of columns as published, without blanks and signs.
_NAMES = {
    **dict.fromkeys(("ifmapheight", "ifmaph", "inputheight", "ih"), "ifmap height"),
    **dict.fromkeys(("ifmapwidth", "ifmapw", "inputwidth", "iw"), "ifmap width"),
    **dict.fromkeys(("filterheight", "filterh", "kernelheight", "fh"), "filter height"),
    **dict.fromkeys(("filterwidth", "filterw", "kernelwidth", "fw"), "filter width"),
    **dict.fromkeys(("channels", "channel", "numchannels", "inputchannels"), "channels"),
    **dict.fromkeys(("numfilter", "numfilters", "filters", "outputchannels"), "filters"),
    **dict.fromkeys(("strides", "stride", "strideheight", "strideh", "strideh1"), "stride"),
    **dict.fromkeys(("stridewidth", "stridew", "stridesw"), "stride width"),
    **dict.fromkeys(("batch", "batchsize", "batches"), "batch"),
    **dict.fromkeys(("sparsity", "sparsityratio", "sparsitysupport"), "sparsity"),
    **{name.lower(): name for name in _GEMM_COLUMNS},
}
_DEPTHWISE_MARK = "DP"


class TopologyWarning(UserWarning):
    """A topology can be read, but is unlikely to mean what it says."""


@dataclass(frozen=True)
class _Row:
    name: str
    cells: dict[str, str]
    rest: tuple[str, ...]
    source: str


def layers_from_topology(path: str | Path) -> tuple[Layer, ...]:
    """One `Layer` per row; raises `DataError` that names the file and the row.

    Warns, with a `TopologyWarning` that names the rows, when a convolution's channels are no
    earlier row's output. A remark also stands in that layer's `note`.
    """
    path = Path(path)
    columns, rows = _read_rows(path)
    gemm = "M" in columns
    layers = []
    for row in rows:
        values = _positive_integers(row, _GEMM_COLUMNS if gemm else _CONV_COLUMNS)
        batch = _optional(row, "batch")
        layer = _gemm_layer(row, values, batch) if gemm else _conv_layer(row, values, batch)
        if ":" in row.cells.get("sparsity", ""):
            layer = replace(layer, note=_join(layer.note, "sparsity is not modelled: run dense"))
        layers.append(layer)
    return tuple(layers) if gemm else _check_chain(layers)


def _read_rows(path: Path) -> tuple[list[str], list[_Row]]:
    lines = _lines(path)
    columns = _columns(lines[0], path)
    rows, names = [], set()
    for number, cells in enumerate(lines[1:], start=2):
        heading = not any(cells[1:]) or cells[0].startswith("#") or cells == lines[0]
        if heading:
            continue
        base = cells[0] or f"row_{number}"
        name, suffix = base, 2
        while name in names:
            name, suffix = f"{base}_{suffix}", suffix + 1
        names.add(name)
        named = dict(zip(columns, cells[1:], strict=False))
        source = f"{path.name}:{number}"
        rows.append(_Row(name, named, tuple(cells[1 + len(columns) :]), source))
    if not rows:
        raise DataError("topology has no rows", where=str(path), allowed="a header and rows")
    return columns, rows


def _lines(path: Path) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"topology cannot be read ({error})", where=str(path), allowed="a CSV file in UTF-8"
        ) from None
    rows = [line if "," in line else line.replace("\t", ",") for line in text.splitlines()]
    lines = [[cell.strip() for cell in cells] or [""] for cells in csv.reader(rows)]
    if not lines or not any(lines[0]):
        raise DataError("topology is empty", where=str(path), allowed="a header and rows")
    return lines


def _columns(header: list[str], path: Path) -> list[str]:
    """What the columns after the name hold; every one that has a name is known."""
    where = f"{path}:1"
    if len(header) > 1 and header[1].isdecimal():
        raise DataError(
            "topology has no header, and SCALE-Sim would take its first row for one",
            where=where,
            allowed="a header, then one row a layer",
        )
    found = []
    while header and not header[-1]:
        header = header[:-1]
    for title in header[1:]:
        name = _NAMES.get(re.sub(r"[^a-z0-9]", "", title.lower()))
        if name is None or name in found:
            raise DataError(
                f"column {title!r} is {'not known' if name is None else 'there twice'}",
                where=where,
                allowed=", ".join((*_CONV_COLUMNS, *_GEMM_COLUMNS, *_OPTIONAL)),
            )
        found.append(name)
    needed = _GEMM_COLUMNS if "M" in found else _CONV_COLUMNS
    if set(found) - set(_OPTIONAL) != set(needed):
        raise DataError(
            f"columns are {', '.join(found) or 'missing'}",
            where=where,
            allowed=f"{', '.join(_CONV_COLUMNS)}; or {', '.join(_GEMM_COLUMNS)}",
        )
    return found


def _positive_integers(row: _Row, columns: Sequence[str]) -> tuple[int, ...]:
    allowed = f"name, {', '.join(columns)}"
    given = [column for column in columns if row.cells.get(column)]
    if len(given) < len(columns):
        raise DataError(
            f"row {row.name!r} has {len(given)} numbers", where=row.source, allowed=allowed
        )
    return tuple(_positive(row, column) for column in columns)


def _positive(row: _Row, column: str) -> int:
    cell = row.cells[column]
    if not (cell.isascii() and cell.isdecimal() and int(cell) > 0):
        raise DataError(
            f"{column} of row {row.name!r} is {cell!r}",
            where=row.source,
            allowed="a whole number above 0",
        )
    return int(cell)


def _optional(row: _Row, column: str) -> int:
    return _positive(row, column) if row.cells.get(column) else 1


def _gemm_layer(row: _Row, values: tuple[int, ...], batch: int) -> Layer:
    """A batch of matrix products, each with operands of its own."""
    m, n, k = values
    sizes = (batch * m * k, batch * k * n, batch * m * n)
    return Layer(row.name, "gemm", LayerShape.from_gemm(m, n, k), batch, *sizes, row.source)


def _width_stride(row: _Row, stride: int) -> int:
    """A second stride: of its own column, or the one number behind a last column of strides."""
    if row.cells.get("stride width"):
        return _positive(row, "stride width")
    numbers = [cell for cell in row.rest if cell.isdecimal()]
    if not numbers:
        return stride
    last = list(row.cells)[-1] == "stride" and row.rest[0] == numbers[0]
    if len(numbers) > 1 or not last:
        raise DataError(
            f"row {row.name!r} has numbers without a column: {', '.join(numbers)}",
            where=row.source,
            allowed="a name in the header for every number",
        )
    return int(numbers[0]) or stride


def _conv_layer(row: _Row, values: tuple[int, ...], batch: int) -> Layer:
    ifmap_h, ifmap_w, filter_h, filter_w, channels, filters, stride_h = values
    stride_w = _width_stride(row, stride_h)
    sizes = (ifmap_h * ifmap_w * channels, filter_h * filter_w * channels * filters)
    if filter_h > ifmap_h or filter_w > ifmap_w:
        reason = f"filter {filter_h}x{filter_w} is larger than the input {ifmap_h}x{ifmap_w}"
        return Layer(row.name, "other", None, 1, *sizes, 0, row.source, reason)
    depthwise = _DEPTHWISE_MARK in row.name  # what SCALE-Sim looks for
    repeats = channels if depthwise else 1
    try:
        shape = LayerShape(
            ifmap_h,
            ifmap_w,
            filter_h,
            filter_w,
            1 if depthwise else channels,
            filters,
            stride_h,
            stride_w,
        )
    except ModelError as error:
        what = f"{error.what} in row {row.name!r}"
        raise DataError(what, where=row.source, allowed=error.allowed) from None
    ofmap_bytes = shape.output_pixels * filters * repeats
    operator: Operator = "depthwise" if depthwise else "conv"
    note = ""
    if depthwise and filters > 1:
        note = f"SCALE-Sim runs {filters} filters on each of {channels} channels"
    elif filters == 1 and channels > 1 and not depthwise:
        note = "one filter over all channels: the published form of a depthwise layer"
    if shape.overhangs:
        note = _join(note, "the last window overhangs the input, as SCALE-Sim rounds")
    layer = Layer(row.name, operator, shape, repeats, *sizes, ofmap_bytes, row.source, note=note)
    return in_batch(layer, batch)


def _check_chain(layers: list[Layer]) -> tuple[Layer, ...]:
    """Remark on convolutions whose channels are no earlier row's output.

    Earlier, not previous, because branches (a shortcut) follow the row they run beside. One
    filter over all channels stands for a depthwise layer and passes its channels on. A fully
    connected layer may take its input flattened.
    """
    produced: set[int] = set()
    checked, broken = [], []
    for layer in layers:
        shape = layer.shape
        if shape is None:
            checked.append(layer)
            continue
        channels = shape.channels * layer.repeats
        if produced and channels not in produced and not _is_product(shape):
            broken.append(f"{layer.name} ({layer.source}, {channels} channels)")
            remark = f"its {channels} channels are no earlier row's output"
            layer = replace(layer, note=_join(layer.note, remark))
        checked.append(layer)
        passed_on = channels if shape.filters == 1 else shape.filters
        produced |= {shape.filters, passed_on, passed_on * shape.output_pixels}
    if broken:
        warnings.warn(f"channels do not chain: {'; '.join(broken)}", TopologyWarning, stacklevel=3)
    return tuple(checked)


def _is_product(shape: LayerShape) -> bool:
    """A matrix product written as a convolution: a window as wide as its input, or single rows."""
    row = shape.filter_h == 1 and shape.filter_w == shape.ifmap_w
    return row and (shape.channels == 1 or shape.ifmap_w == 1)


def _join(*remarks: str) -> str:
    return "; ".join(remark for remark in remarks if remark)
