"""From the bytes of a .tflite file to a `TFLiteModel`, without TensorFlow."""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.tflite.file import schema
from edgeint8.tflite.file.flatbuffer import Table
from edgeint8.tflite.file.model import Operator, Quantization, Tensor, TFLiteModel

ALLOWED_FILE = "a whole .tflite file with one subgraph"


def load_tflite(path: str | Path) -> TFLiteModel:
    """The network in a file. Raises `ModelError` in one line that begins with what is wrong."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelError(f"{reason}", where=str(path), allowed=ALLOWED_FILE) from None
    try:
        return read_tflite(data)
    except ModelError as error:
        where = f"{path}: {error.where}" if error.where else str(path)
        raise ModelError(error.what, where=where, allowed=error.allowed or ALLOWED_FILE) from None


def read_tflite(data: bytes) -> TFLiteModel:
    """The network in the bytes of a file; every number in it stays inside what it points into."""
    root = Table.root(data, schema.IDENTIFIER)
    subgraphs = root.tables(schema.MODEL["subgraphs"])
    if len(subgraphs) != 1:
        raise ModelError(f"{len(subgraphs)} subgraphs", allowed="one")
    buffers = [table.vector(0, np.uint8) for table in root.tables(schema.MODEL["buffers"])]
    kinds = [_kind(table) for table in root.tables(schema.MODEL["operator_codes"])]
    graph, slots = subgraphs[0], schema.SUBGRAPH
    tensors = [_tensor(k, table, buffers) for k, table in enumerate(graph.tables(slots["tensors"]))]
    operators = [
        _operator(k, table, kinds) for k, table in enumerate(graph.tables(slots["operators"]))
    ]
    inputs, outputs = (_indices(graph.vector(slots[key], "<i4")) for key in ("inputs", "outputs"))
    return TFLiteModel(tuple(tensors), tuple(operators), inputs, outputs)


def _indices(values: Array) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _kind(table: Table) -> str:
    """Name of an operator code; small codes stand in the older of two fields."""
    slots = schema.OPERATOR_CODE
    code = max(
        table.scalar(slots["deprecated_builtin"], "b", 0), table.scalar(slots["builtin"], "i", 0)
    )
    name = schema.OPERATOR_NAMES.get(code, f"BUILTIN_{code}")
    return f"CUSTOM {table.text(slots['custom'])}" if name == "CUSTOM" else name


def _tensor(index: int, table: Table, buffers: list[Array]) -> Tensor:
    slots = schema.TENSOR
    where = f"tensor {index}"
    shape = _indices(table.vector(slots["shape"], "<i4"))
    code = table.scalar(slots["type"], "b", 0)
    number = table.scalar(slots["buffer"], "I", 0)
    if number >= len(buffers):
        raise ModelError(f"buffer {number}", where=where, allowed=f"below {len(buffers)}")
    known, raw = schema.DTYPES.get(code), buffers[number]
    if code == schema.INT4 and raw.size:
        known, raw = np.int8, _unpacked(raw, prod(shape), where)
    dtype = None if known is None else np.dtype(known)
    return Tensor(
        index=index,
        name=table.text(slots["name"]),
        shape=shape,
        type_code=code,
        dtype=dtype,
        quantization=_quantization(table.table(slots["quantization"]), where),
        data=_values(raw, shape, dtype, where),
        variable=table.scalar(slots["is_variable"], "?", False),
    )


def _unpacked(raw: Array, count: int, where: str) -> Array:
    """`count` codes of four bits, two in a byte, as bytes of their own."""
    if raw.size != (count + 1) // 2:
        raise ModelError(
            f"{raw.size} bytes", where=where, allowed=f"{(count + 1) // 2}, for {count} of INT4"
        )
    halves = np.stack([raw & 15, raw >> 4], axis=1).reshape(-1)[:count]
    return (halves.astype(np.int8) ^ 8) - np.int8(8)


def _values(raw: Array, shape: tuple[int, ...], dtype: Any, where: str) -> Array | None:
    """What a buffer holds; an empty one belongs to a tensor that is computed."""
    if raw.size == 0 or dtype is None:
        return None
    if prod(shape) * dtype.itemsize != raw.size:
        raise ModelError(
            f"{raw.size} bytes", where=where, allowed=f"as many as {dtype} {shape} has"
        )
    return np.frombuffer(raw.tobytes(), dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def _quantization(table: Table | None, where: str) -> Quantization | None:
    if table is None:
        return None
    slots = schema.QUANTIZATION
    scale = table.vector(slots["scale"], "<f4").astype(np.float32)
    zero = table.vector(slots["zero_point"], "<i8").astype(np.int64)
    if scale.size == 0:
        return None
    zero = np.zeros(scale.size, np.int64) if zero.size == 0 else zero
    try:
        return Quantization(scale, zero, table.scalar(slots["axis"], "i", 0))
    except ModelError as error:
        raise ModelError(error.what, where=where, allowed=error.allowed) from None


def _operator(position: int, table: Table, kinds: list[str]) -> Operator:
    slots = schema.OPERATOR
    code = table.scalar(slots["code"], "I", 0)
    if code >= len(kinds):
        raise ModelError(
            f"operator code {code}", where=f"operator {position}", allowed=f"below {len(kinds)}"
        )
    inputs, outputs = (_indices(table.vector(slots[key], "<i4")) for key in ("inputs", "outputs"))
    options = _options(kinds[code], table.table(slots["options"]))
    return Operator(position, kinds[code], inputs, outputs, options)


def _options(kind: str, table: Table | None) -> dict[str, Any]:
    """Options by name, the schema's defaults where the file says nothing."""
    known = schema.OPTIONS.get(kind)
    values: dict[str, Any] = {}
    for name, field in ({} if known is None else known.fields).items():
        if table is None:
            values[name] = field.default
        elif field.kind == "V":
            values[name] = _indices(table.vector(field.slot, "<i4"))
        else:
            values[name] = table.scalar(field.slot, field.kind, field.default)
    return values
