"""Layers of a SCALE-Sim topology file, in all the forms in which such files are published.

The first line is a header. A convolution row is ``name, ifmap height, ifmap width, filter height,
filter width, channels, filters, stride``; a GEMM row (header ``M, N, K``) is ``name, M, N, K``.
Spaces, a trailing comma, a second stride, a sparsity column and remarks after the numbers all
occur. Rows are read as SCALE-Sim runs them: no padding is added, and a window that overhangs is
computed, so AlexNet's 224 with filter 11 and stride 4 has 55 outputs.
"""

import csv
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

from edgeint8.arch.network.layers import Layer, LayerShape, Operator
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
_DEPTHWISE_MARK = "DP"


class TopologyWarning(UserWarning):
    """A topology can be read, but is unlikely to mean what it says."""


@dataclass(frozen=True)
class _Row:
    number: int
    name: str
    cells: tuple[str, ...]
    source: str


def layers_from_topology(path: str | Path) -> tuple[Layer, ...]:
    """One `Layer` per row; raises `DataError` that names the file and the row.

    Warns, with a `TopologyWarning` that names the rows, when a convolution's channels are no
    earlier row's output. A remark also stands in that layer's `note`.
    """
    path = Path(path)
    header, rows = _read_rows(path)
    gemm = tuple(cell.upper() for cell in header[1:4]) == _GEMM_COLUMNS
    has_sparsity = any("sparsity" in cell.lower() for cell in header)
    layers = []
    for row in rows:
        columns = _GEMM_COLUMNS if gemm else _CONV_COLUMNS
        values = _positive_integers(row, columns)
        rest = row.cells[len(columns) :]
        layer = _gemm_layer(row, values) if gemm else _conv_layer(row, values, rest, has_sparsity)
        if has_sparsity and any(":" in cell for cell in rest):
            layer = replace(layer, note=_join(layer.note, "sparsity is not modelled: run dense"))
        layers.append(layer)
    return tuple(layers) if gemm else _check_chain(layers)


def _read_rows(path: Path) -> tuple[list[str], list[_Row]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"topology cannot be read ({error})", where=str(path), allowed="a CSV file in UTF-8"
        ) from None
    lines = [[cell.strip() for cell in cells] for cells in csv.reader(text.splitlines())]
    if not lines or not any(lines[0]):
        raise DataError("topology is empty", where=str(path), allowed="a header and rows")
    header = lines[0]
    if len(header) > 1 and header[1].isdecimal():
        raise DataError(
            "topology has no header, and SCALE-Sim would take its first row for one",
            where=f"{path}:1",
            allowed="a header, then one row a layer",
        )
    rows, names = [], set()
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cells):
            continue
        name, suffix = cells[0] or f"row_{number}", 2
        while name in names:
            name, suffix = f"{cells[0] or f'row_{number}'}_{suffix}", suffix + 1
        names.add(name)
        rows.append(_Row(number, name, tuple(cells[1:]), f"{path.name}:{number}"))
    if not rows:
        raise DataError("topology has no rows", where=str(path), allowed="a header and rows")
    return header, rows


def _positive_integers(row: _Row, columns: tuple[str, ...]) -> tuple[int, ...]:
    allowed = f"name, {', '.join(columns)}"
    if len(row.cells) < len(columns):
        raise DataError(
            f"row {row.name!r} has {len(row.cells)} numbers", where=row.source, allowed=allowed
        )
    for column, cell in zip(columns, row.cells, strict=False):
        if not (cell.isascii() and cell.isdecimal() and int(cell) > 0):
            raise DataError(
                f"{column} of row {row.name!r} is {cell!r}",
                where=row.source,
                allowed="a whole number above 0",
            )
    return tuple(int(cell) for cell in row.cells[: len(columns)])


def _gemm_layer(row: _Row, values: tuple[int, ...]) -> Layer:
    m, n, k = values
    shape = LayerShape.from_gemm(m, n, k)
    return Layer(row.name, "gemm", shape, 1, m * k, k * n, m * n, row.source)


def _conv_layer(
    row: _Row, values: tuple[int, ...], rest: tuple[str, ...], has_sparsity: bool
) -> Layer:
    ifmap_h, ifmap_w, filter_h, filter_w, channels, filters, stride_h = values
    second = rest[0] if rest and not has_sparsity else ""
    stride_w = int(second) if second.isdecimal() and int(second) else stride_h
    sizes = (ifmap_h * ifmap_w * channels, filter_h * filter_w * channels * filters)
    if filter_h > ifmap_h or filter_w > ifmap_w:
        reason = f"filter {filter_h}x{filter_w} is larger than the input {ifmap_h}x{ifmap_w}"
        return Layer(row.name, "other", None, 1, *sizes, 0, row.source, reason)
    outputs = (-(-(ifmap_h - filter_h) // stride_h) + 1, -(-(ifmap_w - filter_w) // stride_w) + 1)
    depthwise = _DEPTHWISE_MARK in row.name  # what SCALE-Sim looks for
    repeats = channels if depthwise else 1
    try:
        shape = LayerShape.from_output(
            outputs,
            (filter_h, filter_w),
            1 if depthwise else channels,
            filters,
            (stride_h, stride_w),
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
    if shape.ifmap_h > ifmap_h or shape.ifmap_w > ifmap_w:
        overhang = f"the last window overhangs: input is {shape.ifmap_h}x{shape.ifmap_w}"
        note = _join(note, overhang)
    return Layer(row.name, operator, shape, repeats, *sizes, ofmap_bytes, row.source, note=note)


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
        if produced and channels not in produced:
            broken.append(f"{layer.name} ({layer.source}, {channels} channels)")
            remark = f"its {channels} channels are no earlier row's output"
            layer = replace(layer, note=_join(layer.note, remark))
        checked.append(layer)
        passed_on = channels if shape.filters == 1 else shape.filters
        produced |= {shape.filters, passed_on, passed_on * shape.output_pixels}
    if broken:
        warnings.warn(f"channels do not chain: {'; '.join(broken)}", TopologyWarning, stacklevel=3)
    return tuple(checked)


def _join(*remarks: str) -> str:
    return "; ".join(remark for remark in remarks if remark)
