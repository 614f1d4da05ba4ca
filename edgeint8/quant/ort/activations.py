"""The activations that ONNX Runtime's quantiser removes, and whether saturation replaces them.

Under asymmetric activations a Relu or Clip behind a quantised operator is dropped, because
saturation at the ends of its range does the same: levels of [0, hi] cannot express less than 0.
That holds only if the range of the *surviving* tensor is the activation's. It is not where another
node reads the tensor before the activation too (a residual branch), where a pooling stands between
(Conv, MaxPool, Relu), or where the range had to be widened over the bounds (to contain 0, or to
reach a power of two). The quantiser drops the node all the same, and the network computes something
else. So every removal is checked on the result, and the wrong ones are undone.
"""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from edgeint8.quant.graph import initializer_values

Quantizer: TypeAlias = ONNXQuantizer | QDQQuantizer


def wrongly_removed(model: onnx.ModelProto, quantizer: Quantizer) -> tuple[str, ...]:
    """Names of the activations of the float `model` that are gone and that nothing replaces.

    `quantizer` has finished. A removal is right if the ends of the levels' range lie within half a
    step of the activation's bounds or inside them.
    """
    constants = initializer_values(model)
    left = {node.name for node in quantizer.model.nodes()}
    scales = initializer_values(quantizer.model.model)
    wrong = []
    for node in model.graph.node:
        if node.op_type not in ("Relu", "Clip") or node.name in left:
            continue
        value = quantizer.quantized_value_map.get(node.output[0])
        if value is None:
            continue
        value = getattr(value, "original", value)  # QDQ keeps a second, converted value beside it
        bounds = activation_bounds(node, constants)
        if bounds is None:
            wrong.append(node.name)
            continue
        low, high = bounds
        scale, zero = scales[value.scale_name], scales[value.zp_name]
        first, last = _represented(scale, zero)
        if first < low - scale / 2 or last > high + scale / 2:
            wrong.append(node.name)
    return tuple(wrong)


def activation_bounds(
    node: onnx.NodeProto, constants: Mapping[str, NDArray]
) -> tuple[float, float] | None:
    """Smallest and largest output of a Relu or Clip (opset 11 and later: bounds are inputs).

    None where a limit is computed: no range that was chosen beforehand is equal to it.
    """
    if node.op_type == "Relu":
        return 0.0, float("inf")
    names = [*node.input[1:], "", ""]
    if any(name and name not in constants for name in names):
        return None
    low = float(constants[names[0]].item()) if names[0] else -np.inf
    high = float(constants[names[1]].item()) if names[1] else np.inf
    return low, high


def _represented(scale: NDArray, zero: NDArray) -> tuple[float, float]:
    """Real values of the smallest and the largest level."""
    levels, step, offset = np.iinfo(zero.dtype), float(scale.item()), int(zero.item())
    return step * (int(levels.min) - offset), step * (int(levels.max) - offset)
