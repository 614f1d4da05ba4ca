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
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.tflite.convert import elements, layers, moves, resizing, transposed
from edgeint8.tflite.convert.builder import Builder, View
from edgeint8.tflite.convert.images import keeps_images_apart
from edgeint8.tflite.file.model import Operator, TFLiteModel
from edgeint8.tflite.file.reader import load_tflite

CONVERTERS: Mapping[str, Callable[[Builder, Operator], None]] = {
    "CONV_2D": layers.conv,
    "DEPTHWISE_CONV_2D": layers.conv,
    "TRANSPOSE_CONV": transposed.transpose_conv,
    "FULLY_CONNECTED": layers.fully_connected,
    "AVERAGE_POOL_2D": layers.pool,
    "MAX_POOL_2D": layers.pool,
    "ADD": elements.pair,
    "SUB": elements.pair,
    "MUL": elements.pair,
    "MAXIMUM": elements.extreme,
    "MINIMUM": elements.extreme,
    "MEAN": elements.mean,
    "SOFTMAX": elements.unary,
    "LOGISTIC": elements.unary,
    "TANH": elements.unary,
    "HARD_SWISH": elements.unary,
    "LEAKY_RELU": elements.leaky_relu,
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
    "PADV2": moves.pad,
    "SPLIT": moves.split,
    "STRIDED_SLICE": moves.strided_slice,
    "PACK": moves.pack,
    "RESIZE_NEAREST_NEIGHBOR": resizing.nearest,
    "RESIZE_BILINEAR": resizing.bilinear,
}


INT4_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True)
class Converted:
    """The graph of a file, and where each computed tensor of the file stands in it.

    batched : whether the first axis counts images, so that many can run at once
    """

    source: TFLiteModel
    model: onnx.ModelProto
    views: Mapping[int, View]
    batched: bool

    def refuse(self, runtime: Runtime) -> None:
        """Raise `ModelError` where a runtime does not take the file; the graph hides INT4."""
        packed = next((op for op in self.source.operators if _packed(self.source, op)), None)
        if packed is not None and runtime.int4:
            raise ModelError(
                f"{runtime.name} does not take INT4 weights",
                where=packed.place,
                allowed=runtime.int4,
            )


def _packed(source: TFLiteModel, operator: Operator) -> bool:
    return any(index >= 0 and source.tensors[index].packed for index in operator.inputs)


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
            if _packed(source, operator) and operator.kind not in INT4_KINDS:
                raise ModelError("codes of INT4", allowed=f"weights of {', '.join(INT4_KINDS)}")
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


OPTIONAL_BIAS = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}
"""Where the only input stands that may be absent."""


def _check_indices(operator: Operator) -> None:
    """All that is read is there but a bias; one tensor is made, by SPLIT several."""
    required = operator.inputs[: OPTIONAL_BIAS.get(operator.kind)]
    made = operator.outputs if operator.kind == "SPLIT" else operator.outputs[:1]
    if (
        not required
        or not made
        or min(*required, *operator.outputs, 0) < 0
        or made != operator.outputs
    ):
        raise ModelError(f"inputs {operator.inputs}, outputs {operator.outputs}")


def load_graph(path: str | Path) -> onnx.ModelProto:
    """The graph of a file; its sizes are its own."""
    return convert(load_tflite(path)).model
