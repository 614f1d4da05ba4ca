"""What ``codesign.csv`` supports in words: the price of every quantisation choice.

Every function takes the rows of one workload and returns sentences, none where rows are missing.
Differences are against the base; a bracket holds the least and the most over the energy band, whose
constants are the same on both sides.
"""

import pandas as pd

from edgeint8.report.findings.array_machines import enumeration
from edgeint8.report.markdown import figure, percent, table
from edgeint8.report.quality import quality_of

LEVELS = ("energy_pj_low", "energy_pj", "energy_pj_high")
FRONTS = ("pareto_low", "pareto", "pareto_high")
COINCIDE = 0.02  # energies, areas and times this close are one point in a chart


def section(codesign: pd.DataFrame) -> list[str]:
    """The part of the report: figure, sentences and what is on the front of each network."""
    if codesign.empty:
        return []
    parts = [
        "### What quantisation costs in hardware",
        figure("codesign", "Bit-true quality against energy: every quantisation choice a point"),
    ]
    for workload, rows in codesign.groupby("workload", sort=False):
        sentences = [f"- {sentence}" for sentence in codesign_answers(rows)]
        parts += ["\n".join([f"**{workload}**", "", *sentences]), front_table(rows)]
    return parts


def front_table(rows: pd.DataFrame) -> str:
    """The base and the front, most frugal first."""
    places = _on_front(rows).index.union(rows.index[rows["base"].astype(bool)])
    chosen = rows.loc[places].sort_values("energy_pj", kind="stable")
    frame = chosen.assign(
        name=[choice_name(row) for _, row in chosen.iterrows()],
        quality=[quality_of(rows).text(row) for _, row in chosen.iterrows()],
        energy=chosen["energy_pj"] / 1e6,
        band=[
            f"{low / 1e6:.3g} to {high / 1e6:.3g}"
            for low, high in zip(chosen["energy_pj_low"], chosen["energy_pj_high"], strict=True)
        ],
        latency=1e3 * chosen["model_ms"],
    )
    columns = {
        "name": "choice",
        "quality": "bit-true",
        "energy": "energy (µJ)",
        "band": "low to high",
        "area_mm2": "area (mm²)",
        "latency": "latency (µs)",
        "storage_bytes": "bytes of constants",
        "base": "base",
    }
    return table(frame, columns)


def codesign_answers(rows: pd.DataFrame) -> list[str]:
    """All sentences on one workload."""
    if rows.empty:
        return []
    return [
        *where_and_what(rows),
        *strategies_coincide(rows),
        *zero_point(rows),
        *scales(rows),
        *requantizers(rows),
        *accumulators(rows),
        *weights(rows),
        *fronts(rows),
    ]


def base_of(rows: pd.DataFrame) -> pd.Series:
    """The row that all others are compared with."""
    return rows[rows["base"].astype(bool)].iloc[0]


def on_axis(rows: pd.DataFrame, axis: str) -> pd.DataFrame:
    """The rows of one axis."""
    return rows[rows["axis"] == axis]


def where_and_what(rows: pd.DataFrame) -> list[str]:
    """The machine and the base."""
    base = base_of(rows)
    low, mid, high = (base[level] / 1e6 for level in LEVELS)
    return [
        f"Priced on `{base['hardware']}`, the machine of the study most like the recommended "
        f"design. The base is the recommended strategy `{base['strategy']}`: "
        f"{quality_of(rows).text(base)}, {mid:.3g} µJ [{low:.3g} to {high:.3g}] an inference with "
        f"32-bit sums, {base['area_mm2']:.2f} mm², {1e3 * base['model_ms']:.4g} µs."
    ]


def strategies_coincide(rows: pd.DataFrame) -> list[str]:
    """On which axes the strategies are one point, and on which they differ."""
    strategies = on_axis(rows, "strategy")
    if len(strategies) < 2:
        return []
    spreads = {
        "energy": _spread(strategies["energy_pj"]),
        "latency": _spread(strategies["bound_cycles"]),
        "area": _spread(strategies["area_mm2"]),
    }
    same = [name for name, spread in spreads.items() if spread <= COINCIDE]
    apart = [f"{name} (by up to {percent(s, 1)})" for name, s in spreads.items() if s > COINCIDE]
    text = f"The {len(strategies)} strategies"
    if same:
        widest = max(spreads[name] for name in same)
        text += f" coincide in {enumeration(same)} (within {percent(widest, 1)})"
    if apart:
        text += f"{', and' if same else ''} differ in {enumeration(apart)}"
    return [f"{text}; {_quality_spread(strategies, rows)}."]


def _quality_spread(strategies: pd.DataFrame, rows: pd.DataFrame) -> str:
    quality = quality_of(rows)
    width = strategies[quality.column].max() - strategies[quality.column].min()
    if quality.margin is None:
        return f"their SQNR spreads over {width:.1f} dB"
    same = width <= quality.margin
    verb = f"coincide in {quality.name} too" if same else f"differ in {quality.name}"
    return f"they {verb} ({quality.loss(width)} from best to worst)"


def zero_point(rows: pd.DataFrame) -> list[str]:
    """What it costs to subtract the zero-point first."""
    places = on_axis(rows, "zero_point").set_index("choice")
    if {"folded", "subtracted"} - set(places.index):
        return []
    folded, first = places.loc["folded"], places.loc["subtracted"]
    return [
        f"Zero-point of `{folded['strategy']}`: subtracted first, it makes the multiplier "
        f"{int(first['activation_bits'])} bits wide and costs {_energy(first, folded)} and "
        f"{_signed(first['area_mm2'] / folded['area_mm2'] - 1)} area against raw codes with the "
        f"constant in the bias. Results are equal; raw codes: {folded['note']}; subtracted first: "
        f"{first['note']}."
    ]


def scales(rows: pd.DataFrame) -> list[str]:
    """What a scale per channel takes in memory and energy."""
    strategies = on_axis(rows, "strategy")
    for _, group in strategies.groupby("requantizer", sort=False):
        channel, tensor = group[group["per_channel"]], group[~group["per_channel"].astype(bool)]
        if len(channel) and len(tensor):
            one, other = channel.iloc[0], tensor.iloc[0]
            return [
                f"A scale per channel takes {int(one['scale_bytes']):,} bytes, a scale per layer "
                f"{int(other['scale_bytes']):,}: {_energy(one, other)}."
            ]
    return []


def requantizers(rows: pd.DataFrame) -> list[str]:
    """Every multiplier and rounding with its quality, the most frugal first."""
    schemes = on_axis(rows, "requantizer")
    if schemes.empty:
        return []
    base = base_of(rows)
    listed = [
        f"`{row['choice']}` {quality_of(rows).text(row)} at {_energy(row, base)} and "
        f"{_signed(row['area_mm2'] / base['area_mm2'] - 1)} area"
        for _, row in schemes.sort_values("energy_pj", kind="stable").iterrows()
    ]
    return [f"Requantiser, against the base's `{base['requantizer']}`: {'; '.join(listed)}."]


def accumulators(rows: pd.DataFrame) -> list[str]:
    """What the widths of Part C save against 32-bit sums."""
    base = base_of(rows)
    listed = [
        f"{int(row['accumulator_bits'])} bits ({row['note']}): {_energy(row, base)}, "
        f"{_signed(row['area_mm2'] / base['area_mm2'] - 1)} area"
        for _, row in on_axis(rows, "accumulator").iterrows()
    ]
    return [f"Sums against {int(base['accumulator_bits'])} bits: {'; '.join(listed)}."] * bool(
        listed
    )


def weights(rows: pd.DataFrame) -> list[str]:
    """The fewest weight bits within the margin, what they save, and what the next bit loses."""
    narrow = on_axis(rows, "weights_and_accumulator").sort_values("weight_bits", ascending=False)
    if narrow.empty:
        return []
    quality = quality_of(rows)
    if quality.margin is None:
        listed = [
            f"{int(row['weight_bits'])} bits {row['sqnr_db']:.1f} dB"
            for _, row in narrow.iterrows()
        ]
        return [f"Fewer weight bits leave an SQNR of: {', '.join(listed)}.", *_witness(narrow)]
    base = base_of(rows)
    lost = base[quality.column] - narrow[quality.column]
    # No width counts beyond the first that fails.
    within = (lost <= quality.margin).cumprod().astype(bool)
    sentences = []
    if within.any():
        row = narrow[within].iloc[-1]
        sentences.append(
            f"{int(row['weight_bits'])}-bit weights with {int(row['accumulator_bits'])}-bit sums "
            f"are the narrowest within {quality.allowance} of the base ({quality.text(row)}): "
            f"{_energy(row, base)}, {_signed(row['area_mm2'] / base['area_mm2'] - 1)} area, "
            f"{int(row['storage_bytes']):,} bytes of constants instead of "
            f"{int(base['storage_bytes']):,}."
        )
    if not within.all():
        row = narrow[~within].iloc[0]
        loss = quality.loss(base[quality.column] - row[quality.column])
        sentences.append(f"{int(row['weight_bits'])}-bit weights lose {loss}.")
    note = narrow["note"].iloc[0]
    if isinstance(note, str) and note:
        sentences.append(f"Their {note}.")
    return [" ".join(sentences), *_witness(narrow)]


def _witness(narrow: pd.DataFrame) -> list[str]:
    wrong, compared = int(narrow["mismatches"].sum()), int(narrow["compared_elements"].sum())
    if wrong:
        return [
            f"**{wrong:,} of {compared:,} elements of the networks with narrow weights differ "
            "between the integer executor and ONNX Runtime.**"
        ]
    return [
        f"ONNX Runtime ran these networks in int8 containers on the whole test split; the integer "
        f"executor equals it in all {compared:,} elements compared."
    ]


def fronts(rows: pd.DataFrame) -> list[str]:
    """The front of quality and energy, and whether it survives the band."""
    front = _on_front(rows)
    if front.empty:
        return []
    named = dict.fromkeys(choice_name(row) for _, row in front.iterrows())
    same = all((rows[level] == rows["pareto"]).all() for level in FRONTS)
    return [
        f"On the front of {quality_of(rows).name} and energy, from the most frugal: "
        f"{enumeration(list(named))}. The front "
        f"{'survives' if same else 'does **not** survive'} the energy band."
    ]


def _on_front(rows: pd.DataFrame) -> pd.DataFrame:
    """The front, most frugal first; a folded zero-point is its strategy once more."""
    again = (rows["axis"] == "zero_point") & (rows["choice"] == "folded")
    front = rows[rows["pareto"].astype(bool) & ~again]
    return front.sort_values("energy_pj", kind="stable")


def choice_name(row: pd.Series) -> str:
    """A row in a few words."""
    bits = int(row["weight_bits"])
    return {
        "strategy": f"`{row['strategy']}`",
        "weight_bits": f"{bits}-bit weights",
        "weights_and_accumulator": f"{bits}-bit weights with {int(row['accumulator_bits'])}-bit "
        "sums",
        "accumulator": f"{int(row['accumulator_bits'])}-bit sums",
        "learned": f"learned: {bits}-bit weights with {int(row['accumulator_bits'])}-bit sums",
        "requantizer": f"requantiser `{row['choice']}`",
        "zero_point": f"zero-point {row['choice']}",
    }[str(row["axis"])]


def _spread(values: pd.Series) -> float:
    return float(values.max() / values.min() - 1)


def _energy(row: pd.Series, against: pd.Series) -> str:
    """``+0.7 % energy [+0.5 to +0.8]``."""
    low, mid, high = (row[level] / against[level] - 1 for level in LEVELS)
    if low == mid == high == 0:
        return "the same energy"
    ends = sorted((low, mid, high))
    return f"{_signed(mid)} energy [{_tenths(ends[0])} to {_tenths(ends[-1])}]"


def _signed(share: float) -> str:
    return f"{_tenths(share)} %"


def _tenths(share: float) -> str:
    """Signed tenths of a percent; what rounds to nothing is +0.0."""
    return f"{round(100 * share, 1) + 0.0:+.1f}"
