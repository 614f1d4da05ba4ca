"""Post-training quantisation: our ranges, ONNX Runtime's quantiser.

prepared = prepare_model(model)
calibration = calibrate_for(prepared, inputs, strategy)      # once per workload and method
quantized = quantize(prepared, calibration, strategy)        # for every strategy that shares it
quantized = quantize(prepared, calibration, strategy, images=inputs)  # where codes are learned
outputs = run_onnx(quantized.executable, inputs, batch=quantized.batch)
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import onnx
from numpy.typing import NDArray

from edgeint8.errors import ModelError
from edgeint8.quant.calibrate.calibration import Calibration, calibrate
from edgeint8.quant.graph import (
    float_nodes,
    shift_only_multipliers,
    weight_layers,
    widest_bias_bits,
)
from edgeint8.quant.learn.codes import LearnedCodes
from edgeint8.quant.learn.equalize import equalize
from edgeint8.quant.learn.guarantee import refuse_wider
from edgeint8.quant.learn.integer_nodes import integer_nodes
from edgeint8.quant.ort.ort_quantizer import (
    FULL_LEVELS,
    NARROW_LEVELS,
    Result,
    Selection,
    float_only,
    optimised_graph,
    quantize_at_run_time,
    quantize_static,
)
from edgeint8.quant.prepare.exclusion import excluded
from edgeint8.quant.prepare.masks import LOWEST, with_clamped
from edgeint8.quant.prepare.prepare import prepare_model
from edgeint8.quant.prepare.roles import copies_of
from edgeint8.quant.session import DEFAULT_BATCH, cpu_flags, has_exact_u8s8, run_onnx
from edgeint8.quant.strategy import Strategy

__all__ = [
    "Calibration",
    "QuantizedModel",
    "Strategy",
    "calibrate",
    "calibrate_for",
    "optimised_graph",
    "prepare_model",
    "quantize",
    "run_onnx",
]

RUNTIME_LAYOUTS = ("com.microsoft.nchwc", "com.ms.internal.nhwc")  # blocked; channels last
FEW_WINDOWS = 2  # a weight: learned codes fit the noise of fewer
WIDE_BIAS_BITS = 24  # beyond this a bias is no longer exact in float32: worth a word
WHY_FULL = {
    "percentile": "nothing lies beyond the cut",
    "entropy": "the full range diverges least",
    "mse": "clipping would cost more than it saves",
}
NOTHING_CUT = "it would cut nothing"


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
    learned
        The codes that were learned, with what learning them did; None if none were.
    """

    strategy: Strategy
    model: onnx.ModelProto
    executable: onnx.ModelProto
    float_nodes: tuple[str, ...]
    note: str
    learned: LearnedCodes | None = None

    @property
    def batch(self) -> int:
        """Images a run: 1 for dynamic quantisation, whose scales depend on the whole batch."""
        return 1 if self.strategy.dynamic else DEFAULT_BATCH


def calibrate_for(
    model: onnx.ModelProto, inputs: Mapping[str, NDArray[Any]], strategy: Strategy
) -> Calibration:
    """The ranges that a strategy asks for: of the equalised network, if it equalises."""
    calibration = calibrate(
        equalize(model) if strategy.equalize else model,
        inputs,
        strategy.calibration,
        bins=strategy.bins,
        percentile=strategy.percentile,
        clamp_masks=strategy.clamp_masks,
    )
    return replace(calibration, equalized=strategy.equalize)


def quantize(
    model: onnx.ModelProto,
    calibration: Calibration | None,
    strategy: Strategy,
    *,
    nodes: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
    exact_u8s8: bool | None = None,
    images: Mapping[str, NDArray[Any]] | None = None,
    codes: LearnedCodes | None = None,
) -> QuantizedModel:
    """Quantise a prepared float `model`; neither it nor `calibration` is changed.

    nodes, exclude
        Quantise only these nodes; leave these float. By default all that ONNX Runtime can.
    exact_u8s8
        Whether the target multiplies unsigned by signed INT8 without saturation; None asks this
        machine's processor. Where it does not, asymmetric strategies use 7-bit weights.
    images, codes
        For strategies with learned codes: the inputs (N, ...) to learn from, or what was learned.
    """
    if (budget := strategy.unspent) is not None:
        raise ModelError(
            f"a budget of {budget.description}",
            where=f"strategy {strategy.name}",
            allowed="bits of every layer, as quant.bits spends them",
        )
    _refuse_layouts(model)
    model = with_clamped(model, calibration.clamped if calibration else ())
    left = excluded(model, strategy)
    levels = weight_levels(strategy, exact_u8s8)
    selection = Selection(tuple(nodes or ()), (*exclude, *left, *float_only(model)), levels)
    model = equalize(model) if strategy.equalize else model
    learned = None
    if strategy.dynamic:
        result = quantize_at_run_time(model, strategy, selection)
    else:
        calibration = _matching(calibration, strategy)
        result = quantize_static(model, calibration, strategy, selection)
        if strategy.rounding == "learned":
            learned = _learned(model, strategy, levels, result, images, codes)
            result = impose(model, calibration, strategy, selection, learned)
    remaining = float_nodes(result.executable)
    notes = [
        *_graph_notes(calibration, strategy, left),
        *_weight_notes(model, strategy),
        *_bit_notes(model, strategy),
        *_numeric_notes(strategy, calibration, selection, result),
        *_float_notes(result, remaining),
        *([] if learned is None else _learning_notes(learned)),
    ]
    note = "; ".join(notes)
    return QuantizedModel(strategy, result.model, result.executable, remaining, note, learned)


def _refuse_layouts(model: onnx.ModelProto) -> None:
    """Refuse what ONNX Runtime's quantiser takes for plain nodes, and makes an invalid graph of."""
    found = [node for node in model.graph.node if node.domain in RUNTIME_LAYOUTS]
    if found:
        raise ModelError(
            f"{len(found)} nodes in ONNX Runtime's own layout ({found[0].domain}, first "
            f"{found[0].op_type} {found[0].name})",
            where=f"graph {model.graph.name!r}",
            allowed="the file from before it was optimised, or as saved at the basic level",
        )


def weight_levels(strategy: Strategy, exact_u8s8: bool | None = None) -> int:
    """The largest weight level of the container; `exact_u8s8` as in `quantize`."""
    if exact_u8s8 is None:
        exact_u8s8 = has_exact_u8s8(cpu_flags())
    return FULL_LEVELS if strategy.symmetric or exact_u8s8 else NARROW_LEVELS


def _learned(
    model: onnx.ModelProto,
    strategy: Strategy,
    levels: int,
    nearest: Result,
    images: Mapping[str, NDArray[Any]] | None,
    codes: LearnedCodes | None,
) -> LearnedCodes:
    """Codes of the layers that `nearest` runs in integers: those at hand, or learned now."""
    if codes is not None:
        return codes.only(integer_nodes(nearest.executable))
    if images is None:
        raise ModelError(
            "no images to learn codes from", where=f"strategy {strategy.name}", allowed="images"
        )
    from edgeint8.quant.learn.learn import learn_codes  # compiles: only for those who learn

    return learn_codes(model, nearest.executable, strategy, images, levels)


def impose(
    model: onnx.ModelProto,
    calibration: Calibration,
    strategy: Strategy,
    selection: Selection,
    learned: LearnedCodes,
) -> Result:
    """Let ONNX Runtime quantise weights that lie on their grid; check that it finds their codes."""
    grid = learned.on_grid(model)
    result = quantize_static(grid, calibration, strategy, selection, learned.scales)
    learned.check(result.executable)
    refuse_wider(result.executable, strategy)
    return result


def _matching(calibration: Calibration | None, strategy: Strategy) -> Calibration:
    """Refuse a calibration by another method, or with other bins or another percentile."""
    method = strategy.calibration
    wanted = (
        method,
        None if method == "minmax" else strategy.bins,
        strategy.percentile if method == "percentile" else None,
        strategy.equalize,
    )
    if calibration is not None:
        given = (
            *(calibration.method, calibration.bins, calibration.percentile),
            calibration.equalized,
        )
        if given == wanted:
            return calibration
    described = "no calibration" if calibration is None else f"calibration {given}"
    raise ModelError(
        described,
        where=f"strategy {strategy.name}",
        allowed=f"(method, bins, percentile, equalized) {wanted}",
    )


def _graph_notes(
    calibration: Calibration | None, strategy: Strategy, left: tuple[str, ...]
) -> list[str]:
    """Masks that were clamped, and nodes that the strategy keeps out of the integers."""
    masks = calibration.clamped if calibration else ()
    notes = [f"masks clamped to {LOWEST:g}: {', '.join(masks)}"] if masks else []
    choice = strategy.choice
    named = [name for name in left if choice is None or name not in choice.nodes]
    why = [word for word, asked in (("excluded", strategy.exclude),) if asked]
    why += ["outputs split"] if strategy.split_outputs else []
    if why:
        notes.append(f"{' and '.join(why)}: {', '.join(named) or 'nothing that there is'}")
    return notes + ([] if choice is None else [f"auto_exclude: {choice.why}"])


def _weight_notes(model: onnx.ModelProto, strategy: Strategy) -> list[str]:
    """Weights that were copied, and weights that have one scale where others have many."""
    copies = copies_of(model)
    notes = [f"{copies} copies of weights or biases in several roles"] if copies else []
    coarse = [layer.name for layer in weight_layers(model) if layer.one_scale]
    if coarse and strategy.per_channel:
        notes.append(f"one weight scale in {', '.join(coarse)}: ONNX Runtime has no other there")
    return notes


def _bit_notes(model: onnx.ModelProto, strategy: Strategy) -> list[str]:
    """Bits of every layer that a budget was spent on."""
    bits = dict(strategy.layer_bits)
    listed = [
        f"{layer.name} {bits[name]}"
        for layer in weight_layers(model)
        if (name := layer.weight_name) in bits
    ]
    return [f"weight bits: {', '.join(listed)}"] if listed else []


def _learning_notes(learned: LearnedCodes) -> list[str]:
    """Layers whose codes stay nearest, and those that were fitted to few images.

    A fit of K weights to N windows has (N + K) / (N - K) times its error on windows that it has not
    seen (Akaike's final prediction error, 1969): three times, 4.8 dB, where N = 2 K.
    """
    notes = [f"{name}: nearest codes, {reason}" for name, reason in learned.left.items()]
    few = [layer.name for layer in learned.layers if 0 < layer.windows < FEW_WINDOWS * layer.k]
    if few:
        notes.append(f"less than {FEW_WINDOWS} windows a weight to learn from: {', '.join(few)}")
    return notes


def _numeric_notes(
    strategy: Strategy, calibration: Calibration | None, selection: Selection, result: Result
) -> list[str]:
    """What the numbers of this row owe to ranges, scales and the processor."""
    notes = []
    if selection.reduce_range:
        notes.append("7-bit weights: this CPU saturates U8S8 products")
    if strategy.dynamic:
        notes.append("activation scales at run time, batch 1")
    elif calibration is not None and calibration.method != "minmax":
        full = calibration.full_ranges(symmetric=strategy.symmetric)
        share = f"{len(full)} of {len(calibration.ranges)} ranges equal minmax"
        notes.append(f"{share}: {WHY_FULL.get(calibration.method, NOTHING_CUT)}" if full else share)
    bias_bits = widest_bias_bits(result.executable)
    if bias_bits > WIDE_BIAS_BITS:
        notes.append(f"{bias_bits}-bit biases (bias_bits would narrow them)")
    if strategy.power_of_two:
        exact, total = shift_only_multipliers(result.executable)
        notes.append(f"{exact} of {total} multipliers are shifts")
    return notes


def _float_notes(result: Result, remaining: tuple[str, ...]) -> list[str]:
    """What computes in floating point, and which of it was kept on purpose."""
    notes = []
    if result.kept:
        names = ", ".join(result.kept)
        notes.append(f"kept float, or saturation would not replace it: {names}")
    if remaining:
        kinds = Counter(n.op_type for n in result.executable.graph.node if n.name in remaining)
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        notes.append(f"float: {listed}")
    return notes
