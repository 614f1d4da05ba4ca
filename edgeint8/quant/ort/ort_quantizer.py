"""ONNX Runtime's quantisers, driven with our ranges, our weight scales and our checks."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import TensorData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import QuantizationMode
from onnxruntime.quantization.registry import (
    IntegerOpsRegistry,
    QDQRegistry,
    QLinearOpsRegistry,
)

from edgeint8.errors import EdgeInt8Error, model_error
from edgeint8.quant.calibrate.calibration import ASYMMETRIC, SYMMETRIC, Calibration
from edgeint8.quant.graph import attribute, weight_layers, widest_bias_bits
from edgeint8.quant.ort.activations import Quantizer, wrongly_removed
from edgeint8.quant.ort.quantizers import OperatorQuantizer
from edgeint8.quant.ort.scales import bias_floors, power_of_two_range, weight_overrides
from edgeint8.quant.session import make_session
from edgeint8.quant.strategy import Strategy

QUANTIZABLE = sorted({*QLinearOpsRegistry, *QDQRegistry})
DYNAMIC = sorted(set(IntegerOpsRegistry) - {"LSTM"})  # whose cells would go on in float
ACTIVATIONS = {True: SYMMETRIC, False: ASYMMETRIC}
FULL_LEVELS = SYMMETRIC.qmax
NARROW_LEVELS = 64  # ONNX Runtime's reduced range for int8 weights: 2 * 255 * 64 < 2^15


@dataclass(frozen=True)
class Selection:
    """What is quantised, and how finely the weights.

    nodes: only these, or all if empty; exclude: never these; weight_levels: the largest weight
    level, or `NARROW_LEVELS` where products must not saturate 16 bits.
    """

    nodes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    weight_levels: int = FULL_LEVELS

    @property
    def reduce_range(self) -> bool:
        """ONNX Runtime's name for narrow weights."""
        return self.weight_levels == NARROW_LEVELS


@dataclass(frozen=True)
class Result:
    """A quantised model, the graph that runs, and the activations that had to be kept float."""

    model: onnx.ModelProto
    executable: onnx.ModelProto
    kept: tuple[str, ...] = ()


def optimised_graph(model: onnx.ModelProto, *, fill_gaps: bool = False) -> onnx.ModelProto:
    """The graph ONNX Runtime makes of `model` at the extended level: QDQ becomes integer operators.

    Running it and running `model` at that level or above are the same integer arithmetic; below it,
    a QDQ model runs in floating point and gives other logits. `fill_gaps` as in `make_session`.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "optimised.onnx"
        make_session(model, optimization="extended", save_optimized=path, fill_gaps=fill_gaps)
        return onnx.load(path)


def quantize_static(
    model: onnx.ModelProto,
    calibration: Calibration,
    strategy: Strategy,
    selection: Selection,
    learned: Mapping[str, NDArray[np.float64]] | None = None,
) -> Result:
    """Quantise with the calibration's ranges and the weight scales that the strategy imposes.

    learned: scales, by weight name, of the grids that learned weights already lie on.
    """
    ranges = _ranges(calibration, strategy)

    def attempt(floors: Mapping[str, NDArray[np.float64]]) -> Result:
        overrides = weight_overrides(
            model,
            per_channel=strategy.per_channel,
            levels=selection.weight_levels,
            largest_level=strategy.largest_code,
            shift_only=strategy.power_of_two,
            floors=floors,
            constants=ACTIVATIONS[strategy.symmetric],
            learned=learned or {},
        )
        return _checked(model, ranges, strategy, selection, overrides)

    result = attempt({})
    bits = strategy.bias_bits
    if bits is not None and not learned and widest_bias_bits(result.executable) > bits:
        result = attempt(bias_floors(model, result.executable, bits))
    return result


def quantize_at_run_time(
    model: onnx.ModelProto, strategy: Strategy, selection: Selection
) -> Result:
    """ONNX Runtime's dynamic quantisation: integer products, scales from each batch."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    try:
        quantizer = OperatorQuantizer(
            one_scale_weights(model),
            copied,
            strategy.per_channel,
            selection.reduce_range,
            QuantizationMode.IntegerOps,
            False,  # not static
            QuantType.QInt8,
            QuantType.QUInt8,
            None,  # no ranges
            list(selection.nodes),
            list(selection.exclude),
            DYNAMIC,
            {"MatMulConstBOnly": True},
        )
        quantizer.quantize_model()
    except Exception as error:  # on an odd graph it raises nearly anything
        raise _not_quantisable(strategy, error) from error
    quantized = quantizer.model.model
    return Result(quantized, quantized)


def one_scale_weights(model: onnx.ModelProto) -> tuple[str, ...]:
    """Names of the weights that can have no scale per channel."""
    return tuple(layer.weight_name for layer in weight_layers(model) if layer.one_scale)


def _ranges(calibration: Calibration, strategy: Strategy) -> dict[str, TensorData]:
    """The strategy's activation ranges in ONNX Runtime's form."""
    symmetric = strategy.symmetric
    ranges = {}
    for name, entry in calibration.ranges.items():
        low, high = entry.bounds(symmetric=symmetric)
        if strategy.power_of_two:
            low, high = power_of_two_range(low, high, ACTIVATIONS[symmetric], symmetric=symmetric)
        ranges[name] = TensorData(lowest=np.float32(low), highest=np.float32(high))
    return ranges


def _checked(
    model: onnx.ModelProto,
    ranges: dict[str, TensorData],
    strategy: Strategy,
    selection: Selection,
    overrides: dict[str, list[dict[str, Any]]],
) -> Result:
    """Quantise, and quantise again without the activations whose removal changes the function."""
    kept: list[str] = []
    while True:
        exclude = [*selection.exclude, *kept]
        quantizer = _run(model, ranges, strategy, selection, exclude, overrides)
        wrong = () if strategy.symmetric else wrongly_removed(model, quantizer)
        if not wrong:
            break
        kept.extend(wrong)
    quantized = quantizer.model.model
    executable = optimised_graph(quantized) if strategy.format == "qdq" else quantized
    return Result(quantized, executable, tuple(kept))


def _run(
    model: onnx.ModelProto,
    ranges: dict[str, TensorData],
    strategy: Strategy,
    selection: Selection,
    exclude: list[str],
    overrides: dict[str, list[dict[str, Any]]],
) -> Quantizer:
    """Hand copies of the graph and the ranges to ONNX Runtime's quantiser, which alters both."""
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
        list(selection.nodes),
        exclude,
        QUANTIZABLE,
        extra,
    )
    head = (copied, strategy.per_channel, selection.reduce_range)
    try:
        if strategy.format == "qoperator":
            mode = QuantizationMode.QLinearOps
            quantizer = OperatorQuantizer(one_scale_weights(model), *head, mode, True, *common)
        else:
            quantizer = QDQQuantizer(*head, *common)
        quantizer.quantize_model()
    except Exception as error:  # on an odd graph it raises nearly anything
        raise _not_quantisable(strategy, error) from error
    return quantizer


def float_only(model: onnx.ModelProto) -> tuple[str, ...]:
    """Nodes that ONNX Runtime quantises into something else: they stay float.

    Cubic Resize, which has no integer form. AveragePool with ceil_mode and count_include_pad: the
    integer pool divides by the whole window also where it reaches beyond the padding, the float
    one does not.
    """
    return tuple(
        node.name
        for node in model.graph.node
        if (
            node.op_type == "Resize"
            and any(entry.name == "mode" and entry.s == b"cubic" for entry in node.attribute)
        )
        or (
            node.op_type == "AveragePool"
            and attribute(node, "ceil_mode", 0)
            and attribute(node, "count_include_pad", 0)
        )
    )


def _not_quantisable(strategy: Strategy, error: Exception) -> EdgeInt8Error:
    return model_error(
        error,
        f"not quantisable ({error})",
        where=f"strategy {strategy.name}",
        allowed="what ONNX Runtime's quantiser accepts",
    )
