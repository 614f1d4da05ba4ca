"""The hardware that vectors describe."""

from dataclasses import dataclass

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.arithmetic.layers import OutputStage
from edgeint8.fixed_point.arithmetic.operands import Operands, with_raw_codes
from edgeint8.fixed_point.arithmetic.requantize import (
    FixedPointMultiplier,
    Scheme,
    combined_scale,
    quantize_multiplier,
    requantize,
)
from edgeint8.fixed_point.executor import DataPath
from edgeint8.fixed_point.runtimes.known import ORT
from edgeint8.fixed_point.runtimes.products import Product
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.fixed_point.studies.overflow import Limits, Policy

INT32_WRAP = Limits(32, Policy.WRAP)


@dataclass(frozen=True)
class Design:
    """The whole network runs on it, layer feeding layer.

    scheme : requantiser of every layer that the runtime does not round in its own way
    runtime : whose arithmetic all other nodes have
    """

    scheme: Scheme = Scheme.ORT_FLOAT32
    data_path: DataPath = DataPath.ZERO_POINT_FIRST
    limits: Limits = INT32_WRAP
    runtime: Runtime = ORT

    @classmethod
    def of(cls, runtime: Runtime) -> "Design":
        """Hardware that equals a runtime in every element."""
        return cls(runtime.scheme, runtime=runtime)

    def operands(self, operands: Operands) -> Operands:
        """What the multipliers read on the chosen data path."""
        return with_raw_codes(operands) if self.data_path is DataPath.RAW_CODES else operands

    def accumulate(self, operands: Operands) -> Array:
        """Accumulators of this width and policy, (N, *O, M) or (..., M) int64."""
        return self.limits.apply(operands, accumulate(operands).astype(np.int64))

    def rounding(self, node: Node) -> str:
        """How a layer rounds."""
        own = self._own(node)
        return own.rounding if own else self.scheme.value

    def multiplier(self, node: Node, stage: OutputStage) -> FixedPointMultiplier:
        """Mantissa and shift of a layer's scale, closest to the exact one or to the runtime's."""
        own, scales = self._own(node), (stage.x_scale, stage.w_scale, stage.y_scale)
        scale = own.scale(*scales) if own else combined_scale(Scheme.FLOAT64, *scales)
        return quantize_multiplier(scale, 16 if self.scheme is Scheme.INT16_HALF_UP else 31)

    def codes(self, node: Node, stage: OutputStage, acc: Array) -> Array:
        """Codes of a layer's accumulators."""
        own, scales = self._own(node), (stage.x_scale, stage.w_scale, stage.y_scale)
        if own:
            return own.codes(acc, own.scale(*scales), stage.zero_point, stage.dtype)
        scale = combined_scale(self.scheme, *scales)
        return requantize(acc, scale, stage.zero_point, stage.dtype, self.scheme)

    def _own(self, node: Node) -> Product | None:
        """The runtime's own product of a node, where it has one."""
        found = self.runtime.operators.get(node.op_type)
        return found if isinstance(found, Product) else None
