"""Which strategy? A rule that was stated before any result, applied to table rows.

All of it is decided on a hold-out of the training split; the test split only reports.

1. The *best* strategy has the highest hold-out accuracy (then SQNR, then name).
2. A strategy is *eligible* if its accuracy is non-inferior to the best: the lower end of the 95 %
   interval of the paired difference lies above -`ACCURACY_MARGIN`.
3. Among the eligible ``quant.evidence.order`` decides: enough SQNR, then the lowest *hardware
   cost*, then the highest SQNR where calibration draws resolve it, fewer float nodes, the name.
   The cost is what ``codesign.strategy_prices`` hands in; without hardware it is counted in points.

Measured latency never enters: it is that of another machine, and it varies from run to run.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import onnx
from numpy.typing import ArrayLike

from edgeint8.conventions import ACCURACY_MARGIN
from edgeint8.errors import DataError
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.evidence.order import Rival, admitted, argument, exclusions, in_order
from edgeint8.quant.evidence.statistics import correct_answers, non_inferiority
from edgeint8.quant.ptq import QuantizedModel

# Points of hardware cost, where no machine prices the datapath. A strategy's cost is their sum.
RUN_TIME_SCALES = 8  # dynamic: minimum, maximum and a division over every activation
FLOAT_ARITHMETIC = 4  # a floating-point unit, or a trip to the host
CHANNEL_MULTIPLIERS = 2  # a table of requantisation multipliers, read once per output channel
TENSOR_MULTIPLIER = 1  # one requantisation multiplier a layer; a shift costs nothing
ZERO_POINT = 1  # a ninth operand bit, or corrections in bias and padding
# Nodes that hardware does on levels although ONNX Runtime does them in float: they compare or move.
ORDER_PRESERVING = frozenset(
    {
        "Relu",
        "Clip",
        "MaxPool",
        "Flatten",
        "Reshape",
        "Squeeze",
        "Unsqueeze",
        "Transpose",
        "Identity",
    }
)


@dataclass(frozen=True)
class HardwareCost:
    """What hardware costs, what for, and how many nodes ONNX Runtime leaves in floating point.

    price: points, or what the datapath costs where somebody hands that in.
    """

    price: float
    reasons: tuple[str, ...]
    float_nodes: int = 0

    @classmethod
    def counted(cls, facts: Mapping[str, Any]) -> Self:
        """The points among the facts of a strategy (``quantize.json``)."""
        reasons, floats = facts["hardware_cost_reasons"], facts["float_nodes"]
        return cls(facts["hardware_cost"], tuple(reasons), len(floats))


@dataclass(frozen=True)
class Candidate:
    """What the rule knows of one strategy, all on the hold-out.

    difference, difference_low: paired accuracy difference to the best strategy and the lower end of
    its interval, as shares (0.01 is one point); spread_db: of SQNR over calibration draws.
    """

    strategy: str
    accuracy: float
    difference: float
    difference_low: float
    sqnr_db: float
    hardware_cost: float
    cost_reasons: tuple[str, ...] = ()
    float_nodes: int = 0
    spread_db: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.accuracy <= 1:
            raise DataError(f"accuracy {self.accuracy} of {self.strategy}", allowed="0 to 1")
        if not self.difference_low <= self.difference:
            raise DataError(
                f"difference {self.difference} of {self.strategy}",
                allowed=f"not below its lower end {self.difference_low}",
            )

    @property
    def rival(self) -> Rival:
        """What the order asks of it."""
        return Rival(
            *(self.strategy, self.hardware_cost, self.cost_reasons),
            *(self.sqnr_db, self.float_nodes, self.spread_db),
        )


@dataclass(frozen=True)
class Recommendation:
    """The chosen strategy, the eligible ones in the order of the rule, and the argument."""

    strategy: str
    best: str
    ranking: tuple[str, ...]
    reasoning: str


def hardware_cost(quantized: QuantizedModel) -> HardwareCost:
    """Points of a quantised model, from its strategy and from what its graph leaves in float."""
    strategy = quantized.strategy
    points, reasons = 0, []
    if strategy.dynamic:
        points += RUN_TIME_SCALES
        reasons.append("scales computed at run time")
    if names := float_arithmetic(quantized.executable, quantized.float_nodes):
        points += FLOAT_ARITHMETIC
        kinds = dict(sorted(Counter(names.values()).items()))
        reasons.append("floating-point " + ", ".join(f"{n} {kind}" for kind, n in kinds.items()))
    if strategy.power_of_two:
        reasons.append("requantisation by shifts")
    elif strategy.per_channel:
        points += CHANNEL_MULTIPLIERS
        reasons.append("a multiplier per channel")
    else:
        points += TENSOR_MULTIPLIER
        reasons.append("a multiplier per layer")
    if not strategy.symmetric:
        points += ZERO_POINT
        reasons.append("zero-points")
    return HardwareCost(points, tuple(reasons), len(quantized.float_nodes))


def float_arithmetic(model: onnx.ModelProto, float_nodes: Iterable[str]) -> dict[str, str]:
    """The nodes among `float_nodes` that calculate: name -> operator.

    A global average of levels is none of them: hardware adds the levels and requantises once.
    ONNX Runtime has no kernel of it for int8 activations, which is no property of a strategy.
    """
    names = set(float_nodes)
    levels: set[str] = set()
    found = {}
    for node in model.graph.node:
        name = node.name or f"{node.op_type}:{node.output[0]}"
        moved = node.op_type in ORDER_PRESERVING and node.input[0] in levels
        levels |= set(node.output) if moved or node.op_type == "DequantizeLinear" else set()
        calculates = node.op_type not in ORDER_PRESERVING
        average = node.op_type == "GlobalAveragePool" and node.input[0] in levels
        if name in names and calculates and not average:
            found[name] = node.op_type
    return found


def candidates(
    labels: ArrayLike,
    fp32: ArrayLike,
    strategies: Mapping[str, ArrayLike],
    costs: Mapping[str, HardwareCost],
    margin: float = ACCURACY_MARGIN,
    spreads: Mapping[str, float] | None = None,
) -> list[Candidate]:
    """Candidates from hold-out logits (N, classes) of the float network and every strategy.

    spreads: dB over calibration draws, of the strategies for which there are any.
    """
    correct = {name: correct_answers(logits, labels) for name, logits in strategies.items()}
    fidelity = {name: sqnr_db(fp32, logits) for name, logits in strategies.items()}
    if not correct:
        return []
    best = min(correct, key=lambda name: (-int(correct[name].sum()), -fidelity[name], name))
    rows = []
    for name, answers in correct.items():
        test = non_inferiority(answers, correct[best], margin)
        rows.append(
            Candidate(
                strategy=name,
                accuracy=float(answers.mean()),
                difference=test.difference,
                difference_low=0.0 if name == best else test.low,
                sqnr_db=fidelity[name],
                hardware_cost=costs[name].price,
                cost_reasons=costs[name].reasons,
                float_nodes=costs[name].float_nodes,
                spread_db=(spreads or {}).get(name),
            )
        )
    return rows


def recommend(
    rows: Sequence[Candidate], margin: float = ACCURACY_MARGIN, *, labelled: bool = True
) -> Recommendation:
    """Apply the rule; the reasoning is written from the rows alone.

    Without labels, accuracy is the share of decisions that are FP32's, and the reasoning says so.
    """
    if not rows:
        raise DataError("no strategies to choose from", allowed="one or more")
    best = min(rows, key=lambda row: (-row.accuracy, -row.sqnr_db, row.strategy))
    eligible = [row for row in rows if row is best or row.difference_low > -margin]
    rivals = [row.rival for row in eligible]
    order = in_order(admitted(rivals))
    praise = (
        f"On the hold-out {best.strategy} is the most accurate of"
        if labelled
        else f"On the hold-out, which has no labels, {best.strategy} decides as FP32 most often of"
    )
    sentences = [
        f"{praise} {len(rows)} strategies ({100 * best.accuracy:.2f} %).",
        _exclusions(rows, eligible, margin),
        *exclusions(rivals),
        argument(order),
    ]
    return Recommendation(
        strategy=order[0].strategy,
        best=best.strategy,
        ranking=tuple(rival.strategy for rival in order),
        reasoning=" ".join(sentences),
    )


def _exclusions(rows: Sequence[Candidate], eligible: Sequence[Candidate], margin: float) -> str:
    """Which strategies may lose more than the margin."""
    excluded = [row for row in rows if row not in eligible]
    plural = "" if margin == 0.01 else "s"
    limit = f"the margin of {100 * margin:g} percentage point{plural}"
    if not excluded:
        return f"All are non-inferior to it within {limit}."
    listed = "; ".join(
        f"{row.strategy} ({100 * row.difference:+.2f}, possibly {100 * row.difference_low:+.2f})"
        for row in sorted(excluded, key=lambda row: row.difference_low)
    )
    return f"Not shown to be within {limit}, and out: {listed}."
