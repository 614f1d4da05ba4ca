"""ONNX bodies of the operators that the converted graph adds: ONNX Runtime inlines them."""

from collections.abc import Iterable

import onnx
from onnx import helper

from edgeint8.fixed_point.arithmetic.graph import OWN_DOMAIN

OPSET = 17
_ONE = ("x", "x_scale", "x_zero", "y_scale", "y_zero")
_TWO = ("a", "a_scale", "a_zero", "b", "b_scale", "b_zero", "y_scale", "y_zero")


def _dequantize(name: str) -> onnx.NodeProto:
    inputs = [name, f"{name}_scale", f"{name}_zero"]
    return helper.make_node("DequantizeLinear", inputs, [f"{name}_real"])


def _quantize(source: str) -> onnx.NodeProto:
    return helper.make_node("QuantizeLinear", [source, "y_scale", "y_zero"], ["y"])


def _mean() -> onnx.NodeProto:
    """ReduceMean with the axes of the node around it."""
    node = helper.make_node("ReduceMean", ["x_real"], ["z"])
    for name, kind in (("axes", onnx.AttributeProto.INTS), ("keepdims", onnx.AttributeProto.INT)):
        node.attribute.append(onnx.AttributeProto(name=name, type=kind, ref_attr_name=name))
    return node


def _body(name: str, inputs: Iterable[str], *middle: onnx.NodeProto) -> onnx.FunctionProto:
    """Dequantise every tensor, compute, quantise what the last node made."""
    tensors = [each for each in inputs if "_" not in each]
    last = middle[-1].output[0] if middle else f"{tensors[0]}_real"
    nodes = [*map(_dequantize, tensors), *middle, _quantize(last)]
    attributes = ["axes", "keepdims"] if name == "QLinearMean" else []
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_function(OWN_DOMAIN, name, list(inputs), ["y"], nodes, opsets, attributes)


def bodies() -> dict[str, onnx.FunctionProto]:
    """Every body by its operator."""
    return {
        "QLinearSub": _body(
            "QLinearSub", _TWO, helper.make_node("Sub", ["a_real", "b_real"], ["z"])
        ),
        "QLinearMean": _body("QLinearMean", _ONE, _mean()),
        "QLinearHardSwish": _body(
            "QLinearHardSwish", _ONE, helper.make_node("HardSwish", ["x_real"], ["z"])
        ),
        "QLinearRequantize": _body("QLinearRequantize", _ONE),
        "QLinearRelu": _body("QLinearRelu", _ONE, helper.make_node("Relu", ["x_real"], ["z"])),
        "QLinearRelu6": _body(
            "QLinearRelu6",
            _ONE,
            helper.make_node("Constant", [], ["zero"], value_float=0.0),
            helper.make_node("Constant", [], ["six"], value_float=6.0),
            helper.make_node("Clip", ["x_real", "zero", "six"], ["z"]),
        ),
        "QLinearClip": helper.make_function(
            OWN_DOMAIN,
            "QLinearClip",
            ["x", "low", "high", "low_even", "high_even"],
            ["y"],
            [helper.make_node("Clip", ["x", "low", "high"], ["y"])],
            [helper.make_opsetid("", OPSET)],
        ),
    }
