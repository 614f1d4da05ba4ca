"""ONNX Runtime's quantisers where they need a hand: layers that can have one weight scale only."""

from collections.abc import Collection
from typing import Any

import onnx
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.quant_utils import find_by_name


class OperatorQuantizer(ONNXQuantizer):
    """Writes integer operators; the weights called `one_scale` are quantised per tensor always.

    ONNX Runtime's own quantises per channel along axis 1 whatever the operator can run.
    """

    def __init__(self, one_scale: Collection[str], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._one_scale = frozenset(one_scale)

    def quantize_weight_per_channel(
        self, weight_name: str, weight_qType: int, *arguments: Any, **options: Any
    ) -> Any:
        """Names of the weights' levels, zero-point and scale."""
        if weight_name in self._one_scale:
            weights: onnx.TensorProto = find_by_name(weight_name, self.model.initializer())
            return self.quantize_initializer(weights, weight_qType, self.reduce_range)
        return super().quantize_weight_per_channel(weight_name, weight_qType, *arguments, **options)
