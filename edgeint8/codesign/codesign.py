"""What each quantisation choice costs in hardware, beside what it does to accuracy.

The only module of this room that knows the words of quantisation: it reads rows of other tables
and prices them. One strategy is the base; on every axis one thing is changed, so a difference has
one cause. Rows of ``codesign.csv``:

    strategy                 every static strategy: 32-bit sums, or those it guarantees, and ONNX
                             Runtime's float32 requantiser
    zero_point               raw codes and a constant in the bias, or subtracted first (9 bits)
    requantizer              the base under other multipliers and roundings
    accumulator              as wide as any input can need, or as the test images needed
    weight_bits              fewer bits a weight, packed in memory; the base's sums
    weights_and_accumulator  the same, with sums as wide as those weights can need
    learned                  learned codes: of fewer bits, or under a bound; sums as they need

What learning saves is told against the base at the width that its own weights can need: 32-bit sums
would be a base of straw. Where layers have different bits (rows of ``bits.csv``), the array has the
widest one's multiplier, registers and buffers; storage and traffic are as narrow as each layer's.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgeint8.arch.machine.constants import LEVELS, Level
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.totals import of_one_inference
from edgeint8.codesign.datapath import REQUANTIZERS, Datapath, ZeroPoint, datapath_cost
from edgeint8.conventions import Row
from edgeint8.errors import DataError
from edgeint8.quant.evidence.metrics import judged_strategy

Rows = Sequence[Mapping[str, Any]]

QUALITY = ("accuracy", "accuracy_delta", "sqnr_db", "images")
JUDGED = ("judged_by", "value")  # what takes the place of accuracy, and what it gives
ANOTHER_DATAFLOW = 4  # octaves
WITNESS = ("compared_elements", "mismatches")
ENERGY: dict[Level, str] = {"low": "energy_pj_low", "mid": "energy_pj", "high": "energy_pj_high"}
PROVEN = ("accumulator", "guaranteed")  # axis and choice of the base at its proven width
FRONT: dict[Level, str] = {"low": "pareto_low", "mid": "pareto", "high": "pareto_high"}


@dataclass(frozen=True)
class Evidence:
    """Rows of one workload's tables.

    strategies, accumulators
        Of ``quantization.csv`` and ``accumulator.csv``.
    schemes
        The base under other roundings: `scheme`, the columns of `QUALITY` and `JUDGED`.
    narrow
        The base with fewer weight bits: `weight_bits`, `QUALITY`, `JUDGED`, `WITNESS`,
        `bits_guaranteed` and `bits_guaranteed_raw_codes`.
    learned
        The base with learned codes: the columns of `narrow`, and `bounded_bits` (may be empty).
    base
        Name of the strategy that all axes start from.
    replayed
        Test images on which the accumulators were observed.
    bits
        Of ``bits.csv``: what strategies with a budget spent on each layer (may be empty).
    """

    strategies: Rows
    accumulators: Rows
    schemes: Rows
    narrow: Rows
    base: str
    replayed: int
    learned: Rows = ()
    bits: Rows = ()

    def strategy(self, name: str) -> Mapping[str, Any]:
        """The row of one strategy, with what judges it."""
        row = _only(self.strategies, name)
        return dict(row) | judged_strategy(row)

    def path(self, name: str) -> Datapath:
        """The datapath of one strategy, with the bits of each of its layers."""
        spent = [row for row in self.bits if row["strategy"] == name]
        bits = tuple((str(row["layer"]), int(row["weight_bits"])) for row in spent)
        return replace(strategy_path(self.strategy(name)), layer_bits=bits)

    def accumulator(self, name: str) -> Mapping[str, Any]:
        """The widths of one strategy."""
        return _only(self.accumulators, name)


@dataclass(frozen=True)
class Choice:
    """One row before it is priced: what is chosen on which axis, and how good the network is."""

    axis: str
    choice: str
    strategy: str
    path: Datapath
    quality: Mapping[str, Any]
    note: str = ""
    learned: bool = False


def codesign_rows(
    workload: str, layers: Sequence[Layer], hardware: Hardware, evidence: Evidence
) -> list[Row]:
    """Every choice with its price on `hardware`; the fronts of quality and energy are marked."""
    priced = list(choices(evidence))
    rows = [_priced(workload, layers, hardware, choice, evidence.base) for choice in priced]
    quality = quality_column(rows)
    fronts = [front(rows, quality, ENERGY[level]) for level in LEVELS]
    plain = [row for row, choice in zip(rows, priced, strict=True) if not choice.learned]
    kept = iter(front(plain, quality, ENERGY["mid"]))
    margin = evidence.strategy(evidence.base)["margin"]
    proven = next(row for row in rows if (row["axis"], row["choice"]) == PROVEN)
    for row, choice, *marks in zip(rows, priced, *fronts, strict=True):
        row |= of_one_inference(row, layers)
        row |= dict(zip(FRONT.values(), marks, strict=True)) | {"note": choice.note}
        row |= {
            "rounding": "learned" if choice.learned else "nearest",
            "energy_vs_proven": row["energy_pj"] / proven["energy_pj"],
            "area_vs_proven": row["area_mm2"] / proven["area_mm2"],
            "pareto_unlearned": not choice.learned and next(kept),
            "margin": margin,
        }
    return rows


def choices(evidence: Evidence) -> Iterator[Choice]:
    """All rows in order, the base first."""
    names = [str(row["strategy"]) for row in evidence.strategies if _static(row)]
    for name in sorted(names, key=lambda name: name != evidence.base):
        row = evidence.strategy(name)
        path, note = evidence.path(name), _strategy_note(row)
        yield Choice("strategy", name, name, path, row, note, row.get("rounding") == "learned")
    yield from _zero_points(evidence, names)
    base = evidence.strategy(evidence.base)
    path = evidence.path(evidence.base)
    for row in evidence.schemes:
        name = str(row["scheme"])
        requantizer = REQUANTIZERS[name]
        changed = replace(path, requantizer=requantizer)
        yield Choice("requantizer", name, evidence.base, changed, row)
    yield from _accumulators(evidence, base, path)
    note = "scales stay powers of two" if bool(base["power_of_two"]) else ""
    for axis in ("weight_bits", "weights_and_accumulator"):
        for row in evidence.narrow:
            bits = int(row["weight_bits"])
            changed = replace(path, weight_bits=bits, layer_bits=())
            if axis == "weights_and_accumulator":
                changed = replace(changed, accumulator_bits=guaranteed_bits(row, path.zero_point))
            yield Choice(axis, f"{bits} bits", evidence.base, changed, row, note)
    yield from _learned(evidence, path, note)


def _learned(evidence: Evidence, path: Datapath, note: str) -> Iterator[Choice]:
    """Learned codes: the bits of their weights, and sums as wide as these weights can need."""
    for row in evidence.learned:
        bits, sums = int(row["weight_bits"]), guaranteed_bits(row, path.zero_point)
        name = f"{sums}-bit sums" if _known(row["bounded_bits"]) else f"{bits}-bit weights"
        changed = replace(path, weight_bits=bits, layer_bits=(), accumulator_bits=sums)
        yield Choice("learned", name, evidence.base, changed, row, note, learned=True)


def strategy_path(row: Mapping[str, Any]) -> Datapath:
    """The datapath on which ONNX Runtime's integers come out bit for bit.

    A strategy with power-of-two scales needs a shift where others multiply; one that guarantees a
    width needs no wider sums.
    """
    asymmetric = row["symmetry"] == "asymmetric"
    scheme = "power_of_two" if bool(row["power_of_two"]) else "ort_float32"
    bounded = row.get("bounded_bits")
    sums = Datapath.accumulator_bits if bounded is None or math.isnan(bounded) else int(bounded)
    return Datapath(
        weight_bits=int(row["weight_bits"]),
        accumulator_bits=sums,
        zero_point="folded" if asymmetric else "none",
        per_channel=row["granularity"] == "channel",
        requantizer=REQUANTIZERS[scheme],
    )


def guaranteed_bits(row: Mapping[str, Any], zero_point: ZeroPoint) -> int:
    """The width that no input overflows, for raw codes or centred ones."""
    column = "bits_guaranteed_raw_codes" if zero_point == "folded" else "bits_guaranteed"
    return int(row[column])


def _zero_points(evidence: Evidence, names: Sequence[str]) -> Iterator[Choice]:
    """Both places of the zero-point, for the base or the asymmetric strategy most like it."""
    base = evidence.strategy(evidence.base)
    measured = {str(row["strategy"]) for row in evidence.accumulators}
    rows = [evidence.strategy(name) for name in names if name in measured]
    candidates = [row for row in rows if row["symmetry"] == "asymmetric"]
    if not candidates:
        return
    keys = ("strategy", "granularity", "calibration", "power_of_two")
    row = max(candidates, key=lambda row: [row[key] == base[key] for key in keys])
    path, widths = evidence.path(str(row["strategy"])), evidence.accumulator(str(row["strategy"]))
    places: tuple[ZeroPoint, ...] = ("folded", "subtracted")
    for place in places:
        note = f"{guaranteed_bits(widths, place)} bits never overflow"
        if place == "folded":
            note += "; padding must be the zero-point's code"
        changed = replace(path, zero_point=place)
        yield Choice("zero_point", place, str(row["strategy"]), changed, row, note)


def _accumulators(evidence: Evidence, base: Mapping[str, Any], path: Datapath) -> Iterator[Choice]:
    """The guaranteed width changes no sum; the observed one none of the images replayed."""
    widths = evidence.accumulator(evidence.base)
    bits = guaranteed_bits(widths, path.zero_point)
    exact = replace(path, accumulator_bits=bits)
    yield Choice("accumulator", "guaranteed", evidence.base, exact, base, "no input overflows")
    seen = replace(path, accumulator_bits=int(widths["bits_observed"]))
    images = base["images"]
    whole = evidence.replayed >= images
    quality = base if whole else {"images": evidence.replayed}
    note = f"wraps in none of {evidence.replayed:,} test images"
    yield Choice("accumulator", "observed", evidence.base, seen, quality, note)


def _priced(
    workload: str, layers: Sequence[Layer], hardware: Hardware, choice: Choice, base: str
) -> Row:
    path = choice.path
    cost = datapath_cost(layers, hardware, path)
    return {
        "workload": workload,
        "axis": choice.axis,
        "choice": choice.choice,
        "strategy": choice.strategy,
        "base": choice.axis == "strategy" and choice.strategy == base,
        "hardware": hardware.id,
        "weight_bits": path.weight_bits,
        "activation_bits": path.activation_bits,
        "accumulator_bits": path.accumulator_bits,
        "zero_point": path.zero_point,
        "requantizer": path.requantizer.name if path.requantizer else None,
        "per_channel": path.per_channel,
        **{name: choice.quality.get(name) for name in QUALITY},
        **{ENERGY[level]: cost.energy_pj[level] for level in LEVELS},
        "area_mm2": cost.area_mm2,
        "bound_cycles": cost.cycles,
        "model_ms": cost.milliseconds,
        "weight_bytes": cost.storage.weights,
        "scale_bytes": cost.storage.scales,
        "storage_bytes": cost.storage.total,
        **{name: choice.quality.get(name) for name in (*WITNESS, *JUDGED)},
    }


def quality_column(rows: Rows) -> str:
    """What takes the place of accuracy, else accuracy, else SQNR: the first that any row has."""
    if any(_known(row.get("value")) for row in rows):
        return "value"
    return "accuracy" if any(_known(row["accuracy"]) for row in rows) else "sqnr_db"


def front(rows: Rows, quality: str, energy: str) -> list[bool]:
    """Which rows no other beats in `quality` and `energy`; equal rows do not beat each other."""
    points = [(row[quality], row[energy]) for row in rows]

    def beaten(point: tuple[float, float]) -> bool:
        return any(
            _known(better) and better >= point[0] and less <= point[1] and (better, less) != point
            for better, less in points
        )

    return [_known(point[0]) and not beaten(point) for point in points]


def reference_machine(
    machines: Sequence[Hardware], recommended: Mapping[str, Any] | None
) -> Hardware:
    """The machine of the study that is most like the recommended design (a row of ``best.csv``).

    Likeness counts octaves of rows, columns, buffers and bandwidth; another dataflow is four.
    Machines with a stated bandwidth go first: the others move bytes in no time. Without a design to
    compare with it is the first of them.
    """
    if not machines:
        raise DataError("no machine to price quantisation on", allowed="one or more in $.hardware")
    real = [machine for machine in machines if machine.bandwidth_bpc is not None] or machines
    if recommended is None:
        return real[0]
    return min(real, key=lambda machine: _distance(machine, recommended))


def _distance(machine: Hardware, design: Mapping[str, Any]) -> float:
    buffers = [design[f"{name}_sram_kb"] for name in ("ifmap", "filter", "ofmap")]
    pairs = [(machine.rows, design["rows"]), (machine.cols, design["cols"])]
    pairs += zip(machine.sram_kb, buffers, strict=True)
    if machine.bandwidth_bpc is not None and design["bandwidth"] != "unlimited":
        pairs.append((machine.bandwidth_bpc, int(design["bandwidth"])))
    octaves = sum(abs(math.log2(have / want)) for have, want in pairs)
    return octaves + ANOTHER_DATAFLOW * (machine.dataflow != design["dataflow"])


def _static(row: Mapping[str, Any]) -> bool:
    """Scales at run time have a price that no source at hand names."""
    return row["calibration"] != "dynamic"


def _strategy_note(row: Mapping[str, Any]) -> str:
    count = int(row["float_nodes"])
    return f"{count} float nodes are not priced" if count else ""


def _known(value: Any) -> bool:
    return value is not None and not math.isnan(value)


def _only(rows: Rows, strategy: str) -> Mapping[str, Any]:
    for row in rows:
        if row["strategy"] == strategy:
            return row
    raise DataError(
        f"no row of strategy {strategy!r}",
        allowed=", ".join(str(row["strategy"]) for row in rows) or "nothing is there",
    )
