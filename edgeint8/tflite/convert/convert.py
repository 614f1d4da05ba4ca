"""From a .tflite network to the graph that Part C runs: ONNX's QOperator form, names kept.

    converted = convert(load_tflite("net.tflite"))
    Executor(converted.model, runtime=runtime_named("tflm")).run(feeds)

What is not supported is refused in one line that names the operator and its place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx

from edgeint8.errors import ModelError
from edgeint8.tflite.convert import elements, layers, moves
from edgeint8.tflite.convert.builder import Builder, View
from edgeint8.tflite.file.model import Operator, TFLiteModel
from edgeint8.tflite.file.reader import load_tflite

CONVERTERS: Mapping[str, Callable[[Builder, Operator], None]] = {
    "CONV_2D": layers.conv,
    "DEPTHWISE_CONV_2D": layers.conv,
    "FULLY_CONNECTED": layers.fully_connected,
    "AVERAGE_POOL_2D": layers.pool,
    "MAX_POOL_2D": layers.pool,
    "ADD": elements.pair,
    "SUB": elements.pair,
    "MUL": elements.pair,
    "MEAN": elements.mean,
    "SOFTMAX": elements.unary,
    "LOGISTIC": elements.unary,
    "HARD_SWISH": elements.unary,
    "RELU": elements.relu,
    "RELU6": elements.relu,
    "RELU_N1_TO_1": elements.relu,
    "QUANTIZE": elements.quantize,
    "DEQUANTIZE": elements.dequantize,
    "CONCATENATION": moves.concatenate,
    "RESHAPE": moves.reshape,
    "SQUEEZE": moves.reshape,
    "EXPAND_DIMS": moves.reshape,
    "TRANSPOSE": moves.transpose,
    "PAD": moves.pad,
}


@dataclass(frozen=True)
class Converted:
    """The graph of a file, and where each computed tensor of the file stands in it.

    batched : whether the first axis counts images, so that many can run at once
    """

    source: TFLiteModel
    model: onnx.ModelProto
    views: Mapping[int, View]
    batched: bool


def convert(source: TFLiteModel) -> Converted:
    """The graph of a network. Raises `ModelError` that names operator and place."""
    for index in source.inputs:
        tensor = source.tensors[index]
        if tensor.dtype is None or not tensor.shape:
            raise ModelError(f"input {tensor.type_name} {tensor.shape}", where=tensor.place)
    batched = keeps_images_apart(source)
    build = Builder(source, batched)
    for operator in source.operators:
        if operator.kind not in CONVERTERS:
            raise ModelError(
                f"{operator.kind} is not supported",
                where=f"operator {operator.position}",
                allowed=", ".join(CONVERTERS),
            )
        try:
            _check_indices(operator)
            CONVERTERS[operator.kind](build, operator)
        except ModelError as error:
            where = f"{operator.place}: {error.where}" if error.where else operator.place
            raise ModelError(error.what, where=where, allowed=error.allowed) from None
        except (
            ValueError,
            TypeError,
            IndexError,
            KeyError,
            OverflowError,
            ZeroDivisionError,
        ) as error:
            raise ModelError(f"cannot be read ({error})", where=operator.place) from None
    computed = [index for operator in source.operators for index in operator.outputs]
    views = {index: build.view(index) for index in computed}
    return Converted(source, build.finish(), views, batched)


def _check_indices(operator: Operator) -> None:
    """All that is read is there but the bias; one tensor is made."""
    required = operator.inputs[:2] if len(operator.inputs) == 3 else operator.inputs
    if not required or min(required) < 0 or len(operator.outputs) != 1 or operator.outputs[0] < 0:
        raise ModelError(f"inputs {operator.inputs}, outputs {operator.outputs}")


def keeps_images_apart(source: TFLiteModel) -> bool:
    """Whether every computed tensor begins with an axis of one image that no operator mixes."""
    computed = {*source.inputs, *(k for op in source.operators for k in op.outputs if k >= 0)}
    if any(source.tensors[index].shape[:1] != (1,) for index in computed):
        return False
    return not any(_mixes_images(source, operator) for operator in source.operators)


def _mixes_images(source: TFLiteModel, operator: Operator) -> bool:
    """Whether an operator moves, joins or averages along the first axis."""
    tensors = [source.tensors[index] for index in operator.inputs if index >= 0]
    if not tensors:
        return True
    rank = len(tensors[0].shape)
    if operator.kind == "CONCATENATION":
        return int(operator.options["axis"]) % max(rank, 1) == 0
    if operator.kind == "SOFTMAX":
        return rank < 2
    if operator.kind in ("ADD", "SUB", "MUL"):
        ranks = {len(tensor.shape) for tensor in tensors if tensor.data is None}
        return len(ranks) > 1
    data = tensors[1].data if len(tensors) > 1 else None
    if data is None or data.size == 0 or rank == 0:
        return False
    if operator.kind == "TRANSPOSE":
        return int(data.reshape(-1)[0]) != 0
    if operator.kind == "MEAN":
        return any(int(axis) % rank == 0 for axis in data.reshape(-1))
    if operator.kind == "PAD":
        return bool(data.reshape(-1)[:2].any())
    return False


def load_graph(path: str | Path) -> onnx.ModelProto:
    """The graph of a file; its sizes are its own."""
    return convert(load_tflite(path)).model
