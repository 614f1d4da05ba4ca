"""The operators of quantised ONNX graphs: one operator, one short function, inputs in spec order.

Every function is called as ``function(context, *inputs)``; an absent optional input is None.
Arrays have ONNX's shapes (N, C, *S), but their memory may be channels-last, which is faster.
"""

from collections.abc import Callable
from typing import Any

from edgeint8.fixed_point.operators import (
    activations,
    deciding,
    detours,
    elementwise,
    floating,
    fused,
    indexing,
    linear,
    normalising,
    pooling,
    quantization,
    recurrent,
    reshaping,
    resizing,
)

Operator = Callable[..., Any]

OPERATORS: dict[str, Operator] = {}
for _family in (
    *(quantization, linear, elementwise, pooling, reshaping, indexing, resizing),
    *(floating, activations, normalising, fused, deciding, recurrent, detours),
):
    OPERATORS.update(_family.OPERATORS)
