"""ONNX bodies of the operators that the converted graph adds: ONNX Runtime inlines them."""

from collections.abc import Iterable

import onnx
from onnx import helper

from edgeint8.conventions import OWN_DOMAIN
from edgeint8.fixed_point.operators.detours import BILINEAR_BITS

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


def _clip(low: float, high: float) -> tuple[onnx.NodeProto, ...]:
    """Clip between two numbers."""
    return (
        helper.make_node("Constant", [], ["low"], value_float=low),
        helper.make_node("Constant", [], ["high"], value_float=high),
        helper.make_node("Clip", ["x_real", "low", "high"], ["z"]),
    )


def _body(name: str, inputs: Iterable[str], *middle: onnx.NodeProto) -> onnx.FunctionProto:
    """Dequantise every tensor, compute, quantise what the last node made."""
    tensors = [each for each in inputs if "_" not in each]
    last = middle[-1].output[0] if middle else f"{tensors[0]}_real"
    nodes = [*map(_dequantize, tensors), *middle, _quantize(last)]
    attributes = ["axes", "keepdims"] if name == "QLinearMean" else []
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_function(OWN_DOMAIN, name, list(inputs), ["y"], nodes, opsets, attributes)


_CORNERS = ("row", "row_above", "row_far", "column", "column_above", "column_far")


def _blend(source: str, place: str, axis: int) -> list[onnx.NodeProto]:
    """``first * (one - far) + second * far`` of two neighbours."""
    words = ("first", "second", "near", "nearer", "farther", "sum")
    first, second, near, nearer, farther, total = (f"{place}_{word}" for word in words)
    return [
        helper.make_node("Gather", [source, place], [first], axis=axis),
        helper.make_node("Gather", [source, f"{place}_above"], [second], axis=axis),
        helper.make_node("Sub", ["one", f"{place}_far"], [near]),
        helper.make_node("Mul", [first, near], [nearer]),
        helper.make_node("Mul", [second, f"{place}_far"], [farther]),
        helper.make_node("Add", [nearer, farther], [total]),
    ]


def _resize_bilinear() -> onnx.FunctionProto:
    """Integers all the way: what no layout and no optimiser of ONNX Runtime rounds otherwise."""
    half = 1 << (2 * BILINEAR_BITS - 1)
    numbers = {"one": 1 << BILINEAR_BITS, "zero": 0, "half": half, "minus": -half, "two": 2 * half}
    nodes = [helper.make_node("Constant", [], [k], value_int=v) for k, v in numbers.items()]
    nodes += [
        helper.make_node("Cast", ["x"], ["wide"], to=onnx.TensorProto.INT64),
        *_blend("wide", "row", 2),
        *_blend("row_sum", "column", 3),
        helper.make_node("Greater", ["column_sum", "zero"], ["positive"]),
        helper.make_node("Where", ["positive", "half", "minus"], ["nudge"]),
        helper.make_node("Add", ["column_sum", "nudge"], ["nudged"]),
        helper.make_node("Div", ["nudged", "two"], ["code"]),  # towards zero, as C divides
        helper.make_node("Cast", ["code"], ["y"], to=onnx.TensorProto.INT8),
    ]
    name, opsets = "QLinearResizeBilinear", [helper.make_opsetid("", OPSET)]
    attributes = ["coordinate_transformation_mode"]
    return helper.make_function(
        OWN_DOMAIN, name, ["x", *_CORNERS], ["y"], nodes, opsets, attributes
    )


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
        "QLinearRelu6": _body("QLinearRelu6", _ONE, *_clip(0.0, 6.0)),
        "QLinearReluN1To1": _body("QLinearReluN1To1", _ONE, *_clip(-1.0, 1.0)),
        "QLinearTanh": _body("QLinearTanh", _ONE, helper.make_node("Tanh", ["x_real"], ["z"])),
        "QLinearResizeBilinear": _resize_bilinear(),
        "QLinearClip": helper.make_function(
            OWN_DOMAIN,
            "QLinearClip",
            ["x", "low", "high", "low_even", "high_even"],
            ["y"],
            [helper.make_node("Clip", ["x", "low", "high"], ["y"])],
            [helper.make_opsetid("", OPSET)],
        ),
    }
