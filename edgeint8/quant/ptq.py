"""Post-training quantisation: our ranges, ONNX Runtime's quantiser.

prepared = prepare_model(model)
calibration = calibrate(prepared, inputs, "percentile")      # once per workload and method
quantized = quantize(prepared, calibration, strategy)        # for every strategy that shares it
outputs = run_onnx(quantized.model, inputs, batch=quantized.batch)
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.calibrate import TensorData
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import QuantizationMode
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from edgeint8.errors import ModelError
from edgeint8.quant.calibration import ASYMMETRIC, SYMMETRIC, Calibration, calibrate
from edgeint8.quant.graph import float_nodes, shift_only_multipliers, widest_bias_bits
from edgeint8.quant.prepare import prepare_model
from edgeint8.quant.scales import bias_floors, power_of_two_range, weight_overrides
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
ACTIVATIONS = {True: SYMMETRIC, False: ASYMMETRIC}
NARROW_LEVELS = 64  # ONNX Runtime's reduced range for int8 weights: 2 * 255 * 64 < 2^15
WIDE_BIAS_BITS = 24  # beyond this a bias is no longer exact in float32: worth a word


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
        weight_levels=127 if strategy.symmetric or exact_u8s8 else NARROW_LEVELS,
    )
    if strategy.dynamic:
        quantized = executable = _quantize_dynamic(model, options)
    else:
        ranges = _ranges_for(calibration, strategy)
        quantized, executable = _quantize_static(model, ranges, options)
    remaining = float_nodes(executable)
    note = _note(options, calibration, executable, remaining)
    return QuantizedModel(strategy, quantized, executable, remaining, note)


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
    """What ONNX Runtime's quantisers are told, apart from the ranges.

    weight_levels: the largest weight level, 127, or 64 where products must not saturate.
    """

    strategy: Strategy
    nodes: list[str]
    exclude: list[str]
    weight_levels: int

    @property
    def reduce_range(self) -> bool:
        return self.weight_levels == NARROW_LEVELS


def _ranges_for(calibration: Calibration | None, strategy: Strategy) -> dict[str, TensorData]:
    """The strategy's activation ranges in ONNX Runtime's form."""
    if calibration is None:
        raise ModelError("no calibration", where=f"strategy {strategy.name}")
    if calibration.method != strategy.calibration:
        raise ModelError(
            f"a {calibration.method} calibration",
            where=f"strategy {strategy.name}",
            allowed=strategy.calibration,
        )
    symmetric = strategy.symmetric
    ranges = {}
    for name, entry in calibration.ranges.items():
        low, high = entry.bounds(symmetric=symmetric)
        if strategy.power_of_two:
            low, high = power_of_two_range(low, high, ACTIVATIONS[symmetric], symmetric=symmetric)
        ranges[name] = TensorData(lowest=np.float32(low), highest=np.float32(high))
    return ranges


def _quantize_static(
    model: onnx.ModelProto, ranges: dict[str, TensorData], options: _Options
) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The quantised model and the graph that runs, with the weight scales the strategy imposes."""
    strategy = options.strategy

    def attempt(overrides: dict[str, list[dict[str, Any]]]) -> onnx.ModelProto:
        return _run_quantizer(model, ranges, options, overrides)

    def imposed(floors: Mapping[str, NDArray[np.float64]]) -> dict[str, list[dict[str, Any]]]:
        return weight_overrides(
            model,
            per_channel=strategy.per_channel,
            levels=options.weight_levels,
            shift_only=strategy.power_of_two,
            floors=floors,
            constants=ACTIVATIONS[strategy.symmetric],
        )

    quantized = attempt(imposed({}))
    executable = _executable(quantized, strategy)
    if strategy.bias_bits is not None and widest_bias_bits(executable) > strategy.bias_bits:
        floors = bias_floors(model, executable, strategy.bias_bits)
        quantized = attempt(imposed(floors))
        executable = _executable(quantized, strategy)
    return quantized, executable


def _executable(quantized: onnx.ModelProto, strategy: Strategy) -> onnx.ModelProto:
    return optimised_graph(quantized) if strategy.format == "qdq" else quantized


def _run_quantizer(
    model: onnx.ModelProto,
    ranges: dict[str, TensorData],
    options: _Options,
    overrides: dict[str, list[dict[str, Any]]],
) -> onnx.ModelProto:
    """Hand copies of the graph and the ranges to ONNX Runtime's quantiser, which alters both."""
    strategy = options.strategy
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    extra = {
        "ActivationSymmetric": strategy.symmetric,
        "WeightSymmetric": True,
        "TensorQuantOverrides": overrides,
    }
    common = (
        QuantType.QInt8,
        QuantType.QInt8 if strategy.symmetric else QuantType.QUInt8,
        dict(ranges),
        options.nodes,
        options.exclude,
        QUANTIZABLE,
        extra,
    )
    head = (copied, strategy.per_channel, options.reduce_range)
    try:
        if strategy.format == "qoperator":
            quantizer = ONNXQuantizer(*head, QuantizationMode.QLinearOps, True, *common)
        else:
            quantizer = QDQQuantizer(*head, *common)
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
            reduce_range=options.reduce_range,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=options.nodes,
            nodes_to_exclude=options.exclude,
        )
        return onnx.load(path)


def _note(
    options: _Options,
    calibration: Calibration | None,
    executable: onnx.ModelProto,
    remaining: tuple[str, ...],
) -> str:
    """What a reader of the table row must know."""
    strategy = options.strategy
    notes = []
    if options.reduce_range:
        notes.append("7-bit weights: this CPU saturates U8S8 products")
    if strategy.dynamic:
        notes.append("activation scales at run time, batch 1")
    if calibration is not None and not strategy.dynamic and strategy.calibration != "minmax":
        kept = calibration.full_ranges(symmetric=strategy.symmetric)
        notes.append(f"{len(kept)} of {len(calibration.ranges)} ranges equal minmax")
    bias_bits = widest_bias_bits(executable)
    if bias_bits > WIDE_BIAS_BITS:
        notes.append(f"{bias_bits}-bit biases (bias_bits would narrow them)")
    if strategy.power_of_two:
        exact, total = shift_only_multipliers(executable)
        notes.append(f"{exact} of {total} multipliers are shifts")
    if remaining:
        kinds = Counter(node.op_type for node in executable.graph.node if node.name in remaining)
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        notes.append(f"float: {listed}")
    return "; ".join(notes)
