"""The part of TFLite's schema that the reader and the writer need, as tables.

Slots are the positions of fields in ``tensorflow/compiler/mlir/lite/schema/schema.fbs``, version 3.
Fields that the schema appends later keep older slots where they are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

IDENTIFIER = b"TFL3"

MODEL = {"version": 0, "operator_codes": 1, "subgraphs": 2, "description": 3, "buffers": 4}
OPERATOR_CODE = {"deprecated_builtin": 0, "custom": 1, "version": 2, "builtin": 3}
SUBGRAPH = {"tensors": 0, "inputs": 1, "outputs": 2, "operators": 3, "name": 4}
TENSOR = {"shape": 0, "type": 1, "buffer": 2, "name": 3, "quantization": 4, "is_variable": 5}
QUANTIZATION = {"scale": 2, "zero_point": 3, "axis": 6}
OPERATOR = {"code": 0, "inputs": 1, "outputs": 2, "options_type": 3, "options": 4}

DTYPES: dict[int, Any] = {
    0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 6: np.bool_,
    7: np.int16, 9: np.int8, 10: np.float64,
}  # fmt: skip
TYPE_NAMES = (
    *("FLOAT32", "FLOAT16", "INT32", "UINT8", "INT64", "STRING", "BOOL", "INT16", "COMPLEX64"),
    *("INT8", "FLOAT64", "COMPLEX128", "UINT64", "RESOURCE", "VARIANT", "UINT32", "UINT16", "INT4"),
)
INT4 = TYPE_NAMES.index("INT4")
"""Two codes a byte, the first in the lower half."""

SAME, VALID = 0, 1
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")

OPERATORS = {
    "ADD": 0, "AVERAGE_POOL_2D": 1, "CONCATENATION": 2, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 4,
    "DEPTH_TO_SPACE": 5, "DEQUANTIZE": 6, "EMBEDDING_LOOKUP": 7, "FLOOR": 8, "FULLY_CONNECTED": 9,
    "L2_NORMALIZATION": 11, "L2_POOL_2D": 12, "LOCAL_RESPONSE_NORMALIZATION": 13, "LOGISTIC": 14,
    "LSTM": 16, "MAX_POOL_2D": 17, "MUL": 18, "RELU": 19, "RELU_N1_TO_1": 20, "RELU6": 21,
    "RESHAPE": 22, "RESIZE_BILINEAR": 23, "RNN": 24, "SOFTMAX": 25, "SPACE_TO_DEPTH": 26,
    "SVDF": 27, "TANH": 28, "CUSTOM": 32, "PAD": 34, "UNIDIRECTIONAL_SEQUENCE_RNN": 35,
    "GATHER": 36, "BATCH_TO_SPACE_ND": 37, "SPACE_TO_BATCH_ND": 38, "TRANSPOSE": 39, "MEAN": 40,
    "SUB": 41, "DIV": 42, "SQUEEZE": 43, "UNIDIRECTIONAL_SEQUENCE_LSTM": 44, "STRIDED_SLICE": 45,
    "EXP": 47, "TOPK_V2": 48, "SPLIT": 49, "LOG_SOFTMAX": 50, "CAST": 53, "PRELU": 54,
    "MAXIMUM": 55, "ARG_MAX": 56, "MINIMUM": 57, "LESS": 58, "NEG": 59, "PADV2": 60,
    "GREATER": 61, "SELECT": 64, "SLICE": 65, "SIN": 66, "TRANSPOSE_CONV": 67, "TILE": 69,
    "EXPAND_DIMS": 70, "EQUAL": 71, "LOG": 73, "SUM": 74, "SQRT": 75, "RSQRT": 76, "SHAPE": 77,
    "POW": 78, "ARG_MIN": 79, "REDUCE_PROD": 81, "REDUCE_MAX": 82, "PACK": 83, "UNPACK": 88,
    "REDUCE_MIN": 89, "SQUARE": 92, "ZEROS_LIKE": 93, "FILL": 94,
    "RESIZE_NEAREST_NEIGHBOR": 97, "LEAKY_RELU": 98, "SQUARED_DIFFERENCE": 99, "ABS": 101,
    "SPLIT_V": 102, "CEIL": 104, "REVERSE_V2": 105, "QUANTIZE": 114, "ROUND": 116,
    "HARD_SWISH": 117, "IF": 118, "WHILE": 119, "SELECT_V2": 123, "BATCH_MATMUL": 126,
    "CALL_ONCE": 129, "BROADCAST_TO": 130, "VAR_HANDLE": 142, "READ_VARIABLE": 143,
    "ASSIGN_VARIABLE": 144, "GELU": 150,
}  # fmt: skip
OPERATOR_NAMES = {code: name for name, code in OPERATORS.items()}


@dataclass(frozen=True)
class Field:
    """One option of an operator: slot, ``struct`` letter (V: a vector of int32), default."""

    slot: int
    kind: str
    default: Any


@dataclass(frozen=True)
class Options:
    """An options table: its number in the union BuiltinOptions, and its fields."""

    number: int
    fields: dict[str, Field]


def _int(slot: int, default: int = 0) -> Field:
    return Field(slot, "i", default)


def _byte(slot: int) -> Field:
    return Field(slot, "b", 0)


def _flag(slot: int) -> Field:
    return Field(slot, "?", False)


_STRIDES = {"padding": _byte(0), "stride_w": _int(1), "stride_h": _int(2)}
_POOL = Options(
    5,
    {**_STRIDES, "filter_w": _int(3), "filter_h": _int(4), "activation": _byte(5)},
)

OPTIONS = {
    "CONV_2D": Options(
        1,
        {
            **_STRIDES,
            "activation": _byte(3),
            "dilation_w": _int(4, 1),
            "dilation_h": _int(5, 1),
        },
    ),
    "DEPTHWISE_CONV_2D": Options(
        2,
        {
            **_STRIDES,
            "depth_multiplier": _int(3),
            "activation": _byte(4),
            "dilation_w": _int(5, 1),
            "dilation_h": _int(6, 1),
        },
    ),
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "FULLY_CONNECTED": Options(
        8,
        {
            "activation": _byte(0),
            "weights_format": _byte(1),
            "keep_num_dims": _flag(2),
            "asymmetric_quantize_inputs": _flag(3),
        },
    ),
    "SOFTMAX": Options(9, {"beta": Field(0, "f", 0.0)}),
    "CONCATENATION": Options(10, {"axis": _int(0), "activation": _byte(1)}),
    "ADD": Options(11, {"activation": _byte(0), "pot_scale_int16": Field(1, "?", True)}),
    "RESHAPE": Options(17, {"new_shape": Field(0, "V", ())}),
    "MUL": Options(21, {"activation": _byte(0)}),
    "RESIZE_BILINEAR": Options(15, {"align_corners": _flag(2), "half_pixel_centers": _flag(3)}),
    "PAD": Options(22, {}),
    "TRANSPOSE": Options(26, {}),
    "MEAN": Options(27, {"keep_dims": _flag(0)}),
    "SUB": Options(28, {"activation": _byte(0)}),
    "SQUEEZE": Options(30, {"dims": Field(0, "V", ())}),
    "STRIDED_SLICE": Options(
        32,
        {
            "begin_mask": _int(0),
            "end_mask": _int(1),
            "ellipsis_mask": _int(2),
            "new_axis_mask": _int(3),
            "shrink_axis_mask": _int(4),
            "offset": _flag(5),
        },
    ),
    "SPLIT": Options(35, {"num_splits": _int(0)}),
    "DEQUANTIZE": Options(38, {}),
    "MAXIMUM": Options(39, {}),
    "MINIMUM": Options(39, {}),
    "PADV2": Options(43, {}),
    "TRANSPOSE_CONV": Options(49, {**_STRIDES, "activation": _byte(3)}),
    "EXPAND_DIMS": Options(52, {}),
    "PACK": Options(59, {"values_count": _int(0), "axis": _int(1)}),
    "RESIZE_NEAREST_NEIGHBOR": Options(
        74, {"align_corners": _flag(0), "half_pixel_centers": _flag(1)}
    ),
    "LEAKY_RELU": Options(75, {"alpha": Field(0, "f", 0.0)}),
    "QUANTIZE": Options(89, {}),
    "HARD_SWISH": Options(91, {}),
}
