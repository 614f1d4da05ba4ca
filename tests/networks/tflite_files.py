"""TFLite files for tests, written with the schema's own object API, and what they draw from."""

from dataclasses import dataclass, field

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

F32 = np.float32
CODES = np.arange(-128, 128)
TYPES = {np.int8: 9, np.int32: 2, np.float32: 0, np.int16: 7, np.uint8: 3, np.int64: 4}
VERSIONS = {
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 5,
    "HARD_SWISH": 1,
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "RELU_N1_TO_1"), 1),
}


@dataclass
class T:
    """A tensor of a file: shape, type, scale, zero-point, quantised axis, constant."""

    shape: tuple
    dtype: type = np.int8
    scale: object = None
    zero: object = 0
    axis: int = 0
    data: object = None
    name: str = ""
    int4: bool = False


@dataclass
class Op:
    """An operator of a file: the schema's name, tensors, its options table."""

    kind: str
    inputs: list
    outputs: list
    options: object = None
    version: int | None = field(default=None)


def packed_int4(codes):
    """Two codes of four bits in a byte, the first in the lower half."""
    nibbles = [int(code) % 16 for code in np.asarray(codes).ravel()]
    nibbles += [0] * (len(nibbles) % 2)
    return bytes(a + 16 * b for a, b in zip(nibbles[0::2], nibbles[1::2], strict=True))


def write(tensors, operators, inputs, outputs, pack=packed_int4):
    """The bytes of a file."""
    model = schema.ModelT()
    model.version, model.description = 3, "test"
    model.buffers, model.operatorCodes = [schema.BufferT()], []
    graph = schema.SubGraphT()
    graph.name, graph.tensors, graph.operators = "main", [], []
    for k, tensor in enumerate(tensors):
        graph.tensors.append(_tensor(model, k, tensor, pack))
    for op in operators:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, op.kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = op.version or VERSIONS.get(op.kind, 2)
        model.operatorCodes.append(code)
        entry = schema.OperatorT()
        entry.opcodeIndex = len(model.operatorCodes) - 1
        entry.inputs, entry.outputs = op.inputs, op.outputs
        if op.options is not None:
            name = type(op.options).__name__.removesuffix("T")
            entry.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            entry.builtinOptions = op.options
        graph.operators.append(entry)
    graph.inputs, graph.outputs = inputs, outputs
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _tensor(model, index, tensor, pack):
    entry = schema.TensorT()
    entry.name = (tensor.name or f"t{index}").encode()
    entry.shape, entry.type, entry.buffer = list(tensor.shape), TYPES[tensor.dtype], 0
    entry.type = schema.TensorType.INT4 if tensor.int4 else entry.type
    if tensor.data is not None:
        buffer = schema.BufferT()
        raw = np.ascontiguousarray(tensor.data, tensor.dtype).tobytes()
        raw = pack(tensor.data) if tensor.int4 else raw
        buffer.data = np.frombuffer(raw, np.uint8)
        model.buffers.append(buffer)
        entry.buffer = len(model.buffers) - 1
    if tensor.scale is not None:
        entry.quantization = schema.QuantizationParametersT()
        scale = np.atleast_1d(F32(tensor.scale))
        entry.quantization.scale = scale
        entry.quantization.zeroPoint = np.broadcast_to(tensor.zero, scale.shape).astype(np.int64)
        entry.quantization.quantizedDimension = tensor.axis
    return entry


def options(name, **values):
    """An options table by the schema's names."""
    table = getattr(schema, f"{name}OptionsT")()
    for key, value in values.items():
        setattr(table, key, value)
    return table


def scale(rng, low=-7.0, high=0.0):
    return float(F32(np.exp(rng.uniform(low, high))))


def zero(rng):
    return int(rng.choice([-128, 0, 127, *rng.integers(-128, 128, 5)]))


def activation(rng, limits=(0, 0, 1, 3)):
    return int(rng.choice(limits))


def tie_of_six(rng):
    """A scale with which the code of 6 is a tie."""
    return float(F32(6) / F32(int(rng.integers(5, 120)) + 0.5))


def window(rng, largest=12, kernel=5, dilated=True):
    """Image, kernel, strides, dilations, padding and output of a sliding window that fits."""
    while True:
        image, k = rng.integers(1, largest, 2), rng.integers(1, kernel, 2)
        strides = rng.integers(1, 4, 2) if rng.random() < 0.3 else np.repeat(rng.integers(1, 4), 2)
        dilations = rng.integers(1, 3, 2) if dilated and max(strides) == 1 else np.ones(2, int)
        padding = int(rng.integers(0, 2))
        extent = (k - 1) * dilations + 1
        out = -(-image // strides) if padding == 0 else (image - extent) // strides + 1
        if out.min() > 0:
            return image, k, strides, dilations, padding, out


def layer_scale(rng, x, w, depth):
    return float(F32(x * np.mean(w) * np.sqrt(depth) * 60 * np.exp(rng.uniform(-1, 1))))
