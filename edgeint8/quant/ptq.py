"""Post-training quantisation: our ranges, ONNX Runtime's quantiser.

prepared = prepare_model(model)
calibration = calibrate(prepared, inputs, "percentile")      # once per workload and method
quantized = quantize(prepared, calibration, strategy)        # for every strategy that shares it
outputs = run_onnx(quantized.model, inputs, batch=quantized.batch)
"""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.calibrate import TensorData
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import QuantizationMode
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from edgeint8.errors import ModelError
from edgeint8.quant.calibration import Calibration, calibrate
from edgeint8.quant.graph import float_nodes
from edgeint8.quant.prepare import prepare_model
from edgeint8.quant.session import (
    DEFAULT_BATCH,
    cpu_flags,
    has_exact_u8s8,
    make_session,
    run_onnx,
)
from edgeint8.quant.strategy import Strategy

__all__ = [
    "Calibration",
    "QuantizedModel",
    "Strategy",
    "calibrate",
    "optimised_graph",
    "prepare_model",
    "quantize",
    "run_onnx",
]

QUANTIZABLE = sorted({*QLinearOpsRegistry, *QDQRegistry})


@dataclass(frozen=True)
class QuantizedModel:
    """A quantised network with what its table row must say about it.

    model
        What is kept as ``model.onnx``.
    executable
        What runs: `model` itself, or for QDQ the integer graph that ONNX Runtime makes of it.
    float_nodes
        Name of every node of `executable` that computes in floating point.
    note
        Every trap that was met: avoided, repaired or accepted.
    """

    strategy: Strategy
    model: onnx.ModelProto
    executable: onnx.ModelProto
    float_nodes: tuple[str, ...]
    note: str

    @property
    def batch(self) -> int:
        """Images a run: 1 for dynamic quantisation, whose scales depend on the whole batch."""
        return 1 if self.strategy.dynamic else DEFAULT_BATCH


def quantize(
    model: onnx.ModelProto,
    calibration: Calibration | None,
    strategy: Strategy,
    *,
    nodes: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
    exact_u8s8: bool | None = None,
) -> QuantizedModel:
    """Quantise a prepared float `model`; neither it nor `calibration` is changed.

    nodes, exclude
        Quantise only these nodes; leave these float. By default all that ONNX Runtime can.
    exact_u8s8
        Whether the target multiplies unsigned by signed INT8 without saturation; None asks this
        machine's processor. Where it does not, asymmetric strategies use 7-bit weights.
    """
    if exact_u8s8 is None:
        exact_u8s8 = has_exact_u8s8(cpu_flags())
    options = _Options(
        strategy=strategy,
        nodes=list(nodes or ()),
        exclude=list(exclude),
        narrow_weights=not strategy.symmetric and not exact_u8s8,
    )
    notes = []
    if options.narrow_weights:
        notes.append("7-bit weights: this CPU saturates U8S8 products")
    if strategy.dynamic:
        quantized = _quantize_dynamic(model, options)
        notes.append("dynamic: activation scales at run time, per batch of 1")
    else:
        quantized = _quantize_static(model, _ranges_for(calibration, strategy), options)
    executable = optimised_graph(quantized) if strategy.format == "qdq" else quantized
    remaining = float_nodes(executable)
    if remaining:
        notes.append(f"{len(remaining)} float nodes")
    return QuantizedModel(strategy, quantized, executable, remaining, "; ".join(notes))


def optimised_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph ONNX Runtime makes of `model` at the extended level: QDQ becomes integer operators.

    Running it and running `model` at that level or above are the same integer arithmetic; below it,
    a QDQ model runs in floating point and gives other logits.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "optimised.onnx"
        make_session(model, optimization="extended", save_optimized=path)
        return onnx.load(path)


@dataclass(frozen=True)
class _Options:
    """What both of ONNX Runtime's static quantisers are told, apart from the ranges."""

    strategy: Strategy
    nodes: list[str]
    exclude: list[str]
    narrow_weights: bool

    @property
    def extra(self) -> dict[str, Any]:
        return {"ActivationSymmetric": self.strategy.symmetric, "WeightSymmetric": True}


def _ranges_for(
    calibration: Calibration | None, strategy: Strategy
) -> Mapping[str, tuple[float, float]]:
    if calibration is None:
        raise ModelError("no calibration", where=f"strategy {strategy.name}")
    if calibration.method != strategy.calibration:
        raise ModelError(
            f"a {calibration.method} calibration",
            where=f"strategy {strategy.name}",
            allowed=strategy.calibration,
        )
    return {
        name: entry.bounds(symmetric=strategy.symmetric)
        for name, entry in calibration.ranges.items()
    }


def _quantize_static(
    model: onnx.ModelProto, ranges: Mapping[str, tuple[float, float]], options: _Options
) -> onnx.ModelProto:
    """Hand copies of the graph and the ranges to ONNX Runtime's quantiser, which alters both."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    tensors = {
        name: TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in ranges.items()
    }
    strategy = options.strategy
    weight_type = QuantType.QInt8
    activation_type = QuantType.QInt8 if strategy.symmetric else QuantType.QUInt8
    common = (weight_type, activation_type, tensors, options.nodes, options.exclude, QUANTIZABLE)
    try:
        if strategy.format == "qoperator":
            quantizer = ONNXQuantizer(
                copied,
                strategy.per_channel,
                options.narrow_weights,
                QuantizationMode.QLinearOps,
                True,
                *common,
                options.extra,
            )
        else:
            quantizer = QDQQuantizer(
                copied, strategy.per_channel, options.narrow_weights, *common, options.extra
            )
        quantizer.quantize_model()
    except (ValueError, RuntimeError, AssertionError, KeyError) as error:
        raise ModelError(f"not quantisable ({error})", where=f"strategy {strategy.name}") from error
    return quantizer.model.model


def _quantize_dynamic(model: onnx.ModelProto, options: _Options) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "dynamic.onnx"
        quantize_dynamic(
            model,
            path,
            per_channel=options.strategy.per_channel,
            reduce_range=options.narrow_weights,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=options.nodes,
            nodes_to_exclude=options.exclude,
        )
        return onnx.load(path)
