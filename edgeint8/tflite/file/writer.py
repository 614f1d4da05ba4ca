"""From a `TFLiteModel` to the bytes of a .tflite file; the inverse of `reader`.

Tables, vectors and strings are laid out by the ``flatbuffers`` package, slots come from `schema`.
"""

from collections.abc import Mapping, Sequence

import flatbuffers
import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.tflite.file import schema
from edgeint8.tflite.file.model import Operator, Tensor, TFLiteModel

VERSIONS = {
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 4,
    "HARD_SWISH": 1,
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "RELU_N1_TO_1"), 1),
    "TRANSPOSE_CONV": 3,
}
"""Lowest version of an operator with int8 codes, where it is not 2."""
DESCRIPTION = "written by edgeint8"


def write_tflite(model: TFLiteModel) -> bytes:
    """The bytes of a file that `read_tflite` reads as `model`, and that TFLite's runtimes take."""
    builder = flatbuffers.Builder(1 << 16)
    kinds = sorted({operator.kind for operator in model.operators})
    unknown = [kind for kind in kinds if kind not in schema.OPERATORS]
    if unknown:
        raise ModelError(f"operators {unknown}", allowed="operators of TFLite's schema")
    constants = [tensor for tensor in model.tensors if tensor.data is not None]
    places = {tensor.index: k for k, tensor in enumerate(constants, start=1)}
    buffers = [_buffer(builder, None), *(_buffer(builder, _stored(tensor)) for tensor in constants)]
    codes = [_operator_code(builder, kind) for kind in kinds]
    subgraph = _subgraph(builder, model, places, kinds)
    vectors = {
        "operator_codes": _offsets(builder, codes),
        "subgraphs": _offsets(builder, [subgraph]),
        "description": builder.CreateString(DESCRIPTION),
        "buffers": _offsets(builder, buffers),
    }
    root = _table(builder, schema.MODEL, {"version": ("Uint32", 3)}, vectors)
    builder.Finish(root, file_identifier=schema.IDENTIFIER)
    return bytes(builder.Output())


def _table(
    builder: flatbuffers.Builder,
    slots: Mapping[str, int],
    scalars: Mapping[str, tuple[str, int | float | bool]],
    offsets: Mapping[str, int],
) -> int:
    """A table of scalars (type, value) and of things already written."""
    builder.StartObject(max(slots.values(), default=-1) + 1)
    for name, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slots[name], offset, 0)
    for name, (kind, value) in scalars.items():
        getattr(builder, f"Prepend{kind}Slot")(slots[name], value, 0)
    return int(builder.EndObject())


def _offsets(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    """A vector of tables."""
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _vector(builder: flatbuffers.Builder, values: Sequence[int] | Array, kind: str) -> int:
    """A vector of numbers of a NumPy type."""
    return int(builder.CreateNumpyVector(np.asarray(values, np.dtype(kind))))


def _buffer(builder: flatbuffers.Builder, data: Array | None) -> int:
    """A buffer, aligned to 16 bytes as the runtimes want it."""
    if data is None:
        return _table(builder, {"data": 0}, {}, {})
    raw = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
    builder.StartVector(1, len(raw), 16)
    head = builder.Head() - len(raw)
    builder.head = head
    builder.Bytes[head : head + len(raw)] = raw.tobytes()
    return _table(builder, {"data": 0}, {}, {"data": builder.EndVector()})


def _stored(tensor: Tensor) -> Array | None:
    """The elements as the file has them: of INT4 two in a byte, the first in the lower half."""
    if tensor.data is None or not tensor.packed:
        return tensor.data
    codes = np.zeros(2 * tensor.size_bytes, np.uint8)
    codes[: tensor.data.size] = tensor.data.reshape(-1).view(np.uint8) & 15
    return codes[0::2] | (codes[1::2] << 4)


def _operator_code(builder: flatbuffers.Builder, kind: str) -> int:
    code = schema.OPERATORS[kind]
    scalars = {
        "deprecated_builtin": ("Int8", min(code, 127)),
        "version": ("Int32", VERSIONS.get(kind, 2)),
        "builtin": ("Int32", code),
    }
    return _table(builder, schema.OPERATOR_CODE, scalars, {})


def _subgraph(
    builder: flatbuffers.Builder,
    model: TFLiteModel,
    places: Mapping[int, int],
    kinds: Sequence[str],
) -> int:
    tensors = [_tensor(builder, tensor, places.get(tensor.index, 0)) for tensor in model.tensors]
    operators = [_operator(builder, op, kinds.index(op.kind)) for op in model.operators]
    offsets = {
        "tensors": _offsets(builder, tensors),
        "inputs": _vector(builder, model.inputs, "<i4"),
        "outputs": _vector(builder, model.outputs, "<i4"),
        "operators": _offsets(builder, operators),
        "name": builder.CreateString("main"),
    }
    return _table(builder, schema.SUBGRAPH, {}, offsets)


def _tensor(builder: flatbuffers.Builder, tensor: Tensor, buffer: int) -> int:
    offsets = {
        "shape": _vector(builder, tensor.shape, "<i4"),
        "name": builder.CreateString(tensor.name),
    }
    if tensor.quantization is not None:
        quantization = tensor.quantization
        vectors = {
            "scale": _vector(builder, quantization.scale, "<f4"),
            "zero_point": _vector(builder, quantization.zero_point, "<i8"),
        }
        axis = {"axis": ("Int32", quantization.axis)}
        offsets["quantization"] = _table(builder, schema.QUANTIZATION, axis, vectors)
    scalars = {"type": ("Int8", tensor.type_code), "buffer": ("Uint32", buffer)}
    return _table(builder, schema.TENSOR, scalars, offsets)


LETTERS = {"b": "Int8", "i": "Int32", "f": "Float32", "?": "Bool"}


def _operator(builder: flatbuffers.Builder, operator: Operator, code: int) -> int:
    offsets = {
        "inputs": _vector(builder, operator.inputs, "<i4"),
        "outputs": _vector(builder, operator.outputs, "<i4"),
    }
    scalars: dict[str, tuple[str, int | float | bool]] = {"code": ("Uint32", code)}
    known = schema.OPTIONS.get(operator.kind)
    if known is not None:
        slots = {name: field.slot for name, field in known.fields.items()}
        vectors = {
            name: _vector(builder, operator.options[name], "<i4")
            for name, field in known.fields.items()
            if field.kind == "V" and name in operator.options
        }
        builder.StartObject(max(slots.values(), default=-1) + 1)
        for name, offset in vectors.items():
            builder.PrependUOffsetTRelativeSlot(slots[name], offset, 0)
        for name, field in known.fields.items():
            if field.kind != "V":
                value = operator.options.get(name, field.default)
                write = getattr(builder, f"Prepend{LETTERS[field.kind]}Slot")
                write(field.slot, value, field.default)
        offsets["options"] = int(builder.EndObject())
        scalars["options_type"] = ("Uint8", known.number)
    return _table(builder, schema.OPERATOR, scalars, offsets)
