"""The runtimes by name, each a table of operators; `RULES` says them in words."""

from collections.abc import Mapping

import numpy as np

from edgeint8.errors import ConfigError
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.runtimes import (
    averages,
    functions,
    products,
    rescaling,
    resizing,
    sums,
    tables,
    wide,
)
from edgeint8.fixed_point.runtimes.runtime import Operator, Runtime

_NO_INT16 = dict.fromkeys((wide.CONV, wide.GEMM, wide.ADD), "int8 codes: no kernel for int16")
ORT = Runtime("ort", "onnxruntime 1.31.1", "x86-64", Scheme.ORT_FLOAT32, refuses=_NO_INT16)

_EVERYWHERE: dict[str, Operator] = {
    "QLinearAveragePool": averages.average_pool,
    "QLinearHardSwish": functions.hard_swish,
    "QLinearRelu": rescaling.relu,
    "QLinearRelu6": rescaling.relu6,
    "QLinearLeakyRelu": rescaling.leaky_relu(np.float32),
    "QLinearTanh": tables.tanh_table,
    "QuantizeLinear": rescaling.quantize,
}
_GEMMLOWP: dict[str, Operator] = {
    **_EVERYWHERE,
    "QLinearAdd": sums.add_fixed_point(1),
    "QLinearSub": sums.add_fixed_point(-1),
    "QLinearMean": averages.mean_gemmlowp,
    "QLinearGlobalAveragePool": averages.mean_gemmlowp,
    "QLinearRequantize": rescaling.requantize_gemmlowp,
    "QLinearSoftmax": functions.softmax_fixed_point,
}

_LITERT_16X8: dict[str, Operator] = {
    wide.CONV: wide.conv,
    wide.GEMM: products.LITERT_REF,
}
LITERT_REF = Runtime(
    "litert_ref",
    "ai-edge-litert 2.3.0, BUILTIN_REF",
    "any",
    Scheme.GEMMLOWP,
    {
        **_GEMMLOWP,
        "QGemm": products.LITERT_REF,
        **_LITERT_16X8,
        wide.ADD: wide.add,
        "QLinearMul": sums.mul_litert,
        "QLinearSigmoid": tables.logistic_table,
        "QLinearReluN1To1": rescaling.relu_n1_to_1,
    },
)
LITERT_XNNPACK = Runtime(
    "litert_xnnpack",
    "ai-edge-litert 2.3.0, XNNPACK",
    "x86-64",
    Scheme.ORT_FLOAT32,
    {
        **_EVERYWHERE,
        "QLinearClip": rescaling.clip_ties_even,
        "QuantizeLinear": rescaling.quantize_xnnpack,
        "QLinearAdd": sums.add_xnnpack(1),
        "QLinearSub": sums.add_xnnpack(-1),
        "QLinearMul": sums.mul_xnnpack,
        "QLinearMean": averages.mean_xnnpack,
        "QLinearGlobalAveragePool": averages.mean_xnnpack,
        "QLinearRequantize": rescaling.requantize_xnnpack,
        "QLinearSoftmax": functions.softmax_table,
        "QLinearSigmoid": tables.logistic_table,
        "QLinearReluN1To1": rescaling.relu_n1_to_1,
        "QLinearLeakyRelu": rescaling.leaky_relu_xnnpack,
        "QLinearResizeBilinear": resizing.bilinear_xnnpack,
        **_LITERT_16X8,
    },
    {wide.ADD: "int8 codes: LiteRT adds int16 in a kernel that nobody has repeated"},
    int4="int8 weights: LiteRT runs int4 in kernels that nobody has repeated",
)
_NO_RELU_N1_TO_1 = {"QLinearReluN1To1": "RELU and RELU6: it has no RELU_N1_TO_1"}
_TFLM_INT8: dict[str, Operator] = {
    **_GEMMLOWP,
    "QGemm": products.tflm(Scheme.GEMMLOWP),
    "QLinearMul": sums.mul_tflm(Scheme.GEMMLOWP),
    "QLinearSigmoid": tables.logistic_fixed_point,
    "QLinearTanh": tables.tanh_fixed_point,
    "QLinearLeakyRelu": rescaling.leaky_relu(np.float64),
    "QLinearRelu6": rescaling.relu6_tflm,
}
TFLM = Runtime(
    "tflm",
    "tflite-micro 0.dev20261023182759, reference kernels",
    "any",
    Scheme.GEMMLOWP,
    {**_TFLM_INT8, wide.CONV: wide.conv, wide.GEMM: wide.gemm, wide.ADD: wide.add},
    _NO_RELU_N1_TO_1,
)
CMSIS_SINGLE = Runtime(
    "cmsis_single",
    "CMSIS-NN built with CMSIS_NN_USE_SINGLE_ROUNDING",
    "any",
    Scheme.INT32_HALF_UP,
    {
        **_TFLM_INT8,
        "QGemm": products.tflm(Scheme.INT32_HALF_UP),
        "QLinearAdd": sums.add_fixed_point(1, Scheme.INT32_HALF_UP),
        "QLinearMul": sums.mul_tflm(Scheme.INT32_HALF_UP),
    },
    {**_NO_RELU_N1_TO_1, **_NO_INT16},
    witnessed=False,
)
CMSIS_DOUBLE = Runtime(
    "cmsis_double",
    "CMSIS-NN with two roundings, its default",
    "any",
    Scheme.GEMMLOWP,
    _TFLM_INT8,
    {**_NO_RELU_N1_TO_1, **_NO_INT16},
    witnessed=False,
)
RUNTIMES = {
    runtime.name: runtime
    for runtime in (ORT, LITERT_REF, LITERT_XNNPACK, TFLM, CMSIS_SINGLE, CMSIS_DOUBLE)
}
ALIKE = {"cmsis_double": "tflm"}
"""Repeats another's arithmetic: runs where it is asked for, or where its own library is."""


_LAYER = ("gemmlowp, two roundings", "float32, ties to even", "gemmlowp, two roundings")
_SUM = (
    "three gemmlowp multipliers, 20 bits to the left",
    "two 21-bit multipliers, one bias, one shift",
    "three gemmlowp multipliers, 20 bits to the left",
)
_WIDE_LAYER = ("15-bit multiplier, ties upwards",) * 3
_SAME = ("codes move or are compared",) * 3
RULES: Mapping[str, tuple[str, str, str]] = {
    "CONV_2D": _LAYER,
    "DEPTHWISE_CONV_2D": _LAYER,
    "TRANSPOSE_CONV": _LAYER,
    "FULLY_CONNECTED": (
        "float64, ties away from zero",
        "float32, ties to even",
        "gemmlowp; one weight scale is multiplied with the input's in float32",
    ),
    "ADD": _SUM,
    "SUB": _SUM,
    "MUL": ("gemmlowp, scale in float32", "float32, ties to even", "gemmlowp, scale in float64"),
    "AVERAGE_POOL_2D": ("integer division, ties away from zero",) * 3,
    "MAX_POOL_2D": _SAME,
    "MEAN": (
        "gemmlowp, the mantissa divided by the count",
        "float32, both zero-points in one constant, ties to even",
        "gemmlowp, the mantissa divided by the count",
    ),
    "SOFTMAX": ("gemmlowp fixed point", "float32 table", "gemmlowp fixed point"),
    "LOGISTIC": ("float32 table", "float32 table", "gemmlowp fixed point"),
    "TANH": ("float32 table", "float32 table", "gemmlowp fixed point"),
    "HARD_SWISH": ("16-bit fixed point",) * 3,
    "RELU": ("gemmlowp between two scales",) * 3,
    "RELU6": (
        "gemmlowp between two scales",
        "gemmlowp between two scales",
        "raw codes between the input's limits, whatever the output's scale",
    ),
    "RELU_N1_TO_1": ("gemmlowp between two scales", "gemmlowp between two scales", "refused"),
    "LEAKY_RELU": (
        "gemmlowp on each side of 0, factors in float32",
        "an 8.8 factor on each side of 0",
        "gemmlowp on each side of 0, factors in float64",
    ),
    "MAXIMUM": _SAME,
    "MINIMUM": _SAME,
    "RESIZE_BILINEAR": (
        "places of 10 bits, ties away from zero",
        "places of 11 bits from float32, ties upwards",
        "places of 10 bits, ties away from zero",
    ),
    "QUANTIZE": (
        "floats: division, ties away; codes: gemmlowp",
        "floats: reciprocal, ties to even; codes: an 8.8 ratio",
        "floats: division, ties away; codes: gemmlowp",
    ),
    "ADD of int16": (
        "three gemmlowp multipliers, 15 bits to the left",
        "refused",
        "three gemmlowp multipliers, 15 bits to the left",
    ),
    "CONV_2D of int16": _WIDE_LAYER,
    "DEPTHWISE_CONV_2D of int16": _WIDE_LAYER,
    "FULLY_CONNECTED of int16": (
        "float64, ties away from zero",
        "float64, ties away from zero",
        "15-bit multiplier, ties upwards",
    ),
    "limit of a fused activation": (
        "ties away from zero, then the zero-point",
        "the zero-point, then ties to even",
        "ties away from zero, then the zero-point",
    ),
}
"""What LiteRT's reference, XNNPACK and tflite-micro do, by operator of the file."""
RULE_COLUMNS = ("litert_ref", "litert_xnnpack", "tflm")


def runtime_named(name: str) -> Runtime:
    """The runtime called `name`. Raises `ConfigError` that lists the names."""
    if name not in RUNTIMES:
        raise ConfigError(f"no runtime {name!r}", allowed=", ".join(RUNTIMES))
    return RUNTIMES[name]
