"""Operators that treat every element alone, means and softmax as nodes of the graph."""

import numpy as np

from edgeint8.conventions import OWN_DOMAIN
from edgeint8.errors import ModelError
from edgeint8.tflite.convert import layers
from edgeint8.tflite.convert.builder import MICROSOFT, TO_NCHW, Builder, axis_in_graph, in_graph
from edgeint8.tflite.file.model import Operator

PAIRS = {"ADD": ("QLinearAdd", MICROSOFT), "MUL": ("QLinearMul", MICROSOFT),
         "SUB": ("QLinearSub", OWN_DOMAIN)}  # fmt: skip
FIXED = {"LOGISTIC": (1 / 256, -128), "SOFTMAX": (1 / 256, -128), "TANH": (1 / 128, 0)}
"""Scale and zero-point that TFLite fixes for results between 0 and 1, and between -1 and 1."""


def pair(build: Builder, operator: Operator) -> None:
    """ADD, SUB, MUL with broadcasting."""
    out = operator.outputs[0]
    kind, domain = PAIRS[operator.kind]
    wide = operator.kind == "ADD" and all(map(build.wide, (out, *operator.inputs)))
    if wide:
        kind, domain = "QLinearAdd16", OWN_DOMAIN
        if operator.options["pot_scale_int16"]:
            raise ModelError("pot_scale_int16", allowed="false: scales of any kind")
    rank = len(build.tensor(out).shape)
    inputs = []
    for index in operator.inputs:
        inputs += [_broadcast(build, index, rank), *build.parameters(index, wide)]
    activation = layers.fused_activation(operator)
    raw = layers.unclipped(build, activation, out)
    build.emit(kind, [*inputs, *build.parameters(out, wide)], raw, domain)
    layers.clip(build, activation, out, raw)


def _broadcast(build: Builder, index: int, rank: int) -> str:
    """An operand with as many axes as the result: ONNX aligns them from the right, as TFLite."""
    tensor = build.tensor(index)
    if rank != 4 or len(tensor.shape) == 4:
        return build.inside(index)
    shape = (*(1,) * (4 - len(tensor.shape)), *tensor.shape)
    name = f"{build.names[index]}:four"
    if tensor.data is not None:
        return build.constant(name, in_graph(tensor.data.reshape(shape)))
    size = build.constant(f"{name}_shape", np.array(shape, np.int64))
    build.emit("Reshape", [build.inside(index), size], f"{name}_nhwc")
    build.emit("Transpose", [f"{name}_nhwc"], name, perm=TO_NCHW)
    return name


EXTREMES = {"MAXIMUM": "Max", "MINIMUM": "Min"}


def extreme(build: Builder, operator: Operator) -> None:
    """MAXIMUM and MINIMUM of codes on one scale, with broadcasting."""
    out = operator.outputs[0]
    layers.same_codes(build, out, *operator.inputs)
    rank = len(build.tensor(out).shape)
    parts = [_broadcast(build, index, rank) for index in operator.inputs]
    build.emit(EXTREMES[operator.kind], parts, build.inside(out))


RESCALING_RELUS = {
    "RELU": "QLinearRelu", "RELU6": "QLinearRelu6", "RELU_N1_TO_1": "QLinearReluN1To1"
}  # fmt: skip


def relu(build: Builder, operator: Operator) -> None:
    """RELU, RELU6: a Clip of codes; between two scales an operator of its own.

    RELU_N1_TO_1 always is one, which a runtime can refuse.
    """
    source, out = operator.inputs[0], operator.outputs[0]
    name, parameters = build.inside(source), [*build.parameters(source), *build.parameters(out)]
    same = build.tensor(source).same_parameters(build.tensor(out))
    if not same or operator.kind == "RELU_N1_TO_1":
        kind = RESCALING_RELUS[operator.kind]
        build.emit(kind, [name, *parameters], build.inside(out), OWN_DOMAIN)
    elif layers.unclipped(build, operator.kind, out) == build.inside(out):
        build.emit("Identity", [name], build.inside(out))
    else:
        layers.clip(build, operator.kind, out, name, delegated=False)


def unary(build: Builder, operator: Operator) -> None:
    """HARD_SWISH, LOGISTIC, SOFTMAX, TANH, codes to codes."""
    source, out = operator.inputs[0], operator.outputs[0]
    inputs = [build.inside(source), *build.parameters(source), *build.parameters(out)]
    if operator.kind == "HARD_SWISH":
        build.emit("QLinearHardSwish", inputs, build.inside(out), OWN_DOMAIN)
        return
    (scale, zero), (step, low) = build.tensor(out).codes(), FIXED[operator.kind]
    if (scale[0], zero[0]) != (step, low):
        allowed = f"1/{round(1 / step)} and {low}"
        raise ModelError(f"output scale {scale[0]}, zero-point {zero[0]}", allowed=allowed)
    if operator.kind == "LOGISTIC":
        build.emit("QLinearSigmoid", inputs, build.inside(out), MICROSOFT)
        return
    if operator.kind == "TANH":
        build.emit("QLinearTanh", inputs, build.inside(out), OWN_DOMAIN)
        return
    if operator.options["beta"] != 1.0:
        raise ModelError(f"beta {operator.options['beta']}", allowed="1")
    axis = axis_in_graph(-1, len(build.tensor(source).shape))
    build.emit("QLinearSoftmax", inputs, build.inside(out), MICROSOFT, axis=axis, opset=13)


def leaky_relu(build: Builder, operator: Operator) -> None:
    """LEAKY_RELU, also between two scales."""
    source, out = operator.inputs[0], operator.outputs[0]
    inputs = [build.inside(source), *build.parameters(source), *build.parameters(out)]
    slope = operator.options["alpha"]
    if not 0 < slope < np.inf:
        raise ModelError(f"alpha {slope}", allowed="above 0")
    build.emit("QLinearLeakyRelu", inputs, build.inside(out), MICROSOFT, alpha=slope)


def mean(build: Builder, operator: Operator) -> None:
    """MEAN: over an image's height and width a global pool, else over any axes."""
    source, out = operator.inputs[0], operator.outputs[0]
    rank = len(build.tensor(source).shape)
    axes = sorted({int(axis) % rank for axis in build.integers(operator, 1).reshape(-1)})
    inputs = [build.inside(source), *build.parameters(source), *build.parameters(out)]
    keep = operator.options["keep_dims"]
    pooled = build.inside(out) if keep else f"{build.names[out]}:kept"
    if rank == 4 and axes == [1, 2]:
        build.emit("QLinearGlobalAveragePool", inputs, pooled, MICROSOFT, channels_last=0)
    else:
        where = sorted(axis_in_graph(axis, rank) for axis in axes)
        build.emit("QLinearMean", inputs, pooled, OWN_DOMAIN, axes=where, keepdims=1)
    if keep:
        return
    if rank == 4:
        build.emit("Transpose", [pooled], f"{pooled}_nhwc", perm=(0, 2, 3, 1))
        pooled = f"{pooled}_nhwc"
    build.reshaped(out, pooled)


def quantize(build: Builder, operator: Operator) -> None:
    """QUANTIZE: floats to codes, or codes to other codes."""
    source, out = operator.inputs[0], operator.outputs[0]
    if build.tensor(source).dtype == np.float32:
        inputs = [build.inside(source), *build.parameters(out)]
        build.emit("QuantizeLinear", inputs, build.inside(out))
        return
    inputs = [build.inside(source), *build.parameters(source), *build.parameters(out)]
    build.emit("QLinearRequantize", inputs, build.inside(out), OWN_DOMAIN)


def dequantize(build: Builder, operator: Operator) -> None:
    """DEQUANTIZE: codes to float32."""
    source, out = operator.inputs[0], operator.outputs[0]
    if build.tensor(out).dtype != np.float32:
        raise ModelError(f"to {build.tensor(out).type_name}", allowed="FLOAT32")
    inputs = [build.inside(source), *build.parameters(source)]
    build.emit("DequantizeLinear", inputs, build.inside(out))
