"""What documents quote: tables, sentences and numbers, each a pure function of a study's tables.

A document never says what a number *means for the argument* unless the sentence is made here, from
the number. `QUOTES` holds all of them: those of the fixed-point note are made here, those of the
guide and the README in study_quotes.py, those of the benchmarks in benchmark_quotes.py and
witness_quotes.py.
"""

from collections.abc import Callable

import pandas as pd
from scipy.stats import beta

from edgeint8.report.document.part_c import POLICIES, SCHEME_NAMES
from edgeint8.report.findings import validation_answers
from edgeint8.report.markdown import Tables, percent, table
from tools.docs import benchmark_quotes, rtl_quotes, study_quotes, witness_quotes

NARROWEST = tuple(f"narrowest_{policy}" for policy in POLICIES)


def studied_data(tables: Tables) -> str:
    """Per network: its data, and over how many images each question was asked."""
    rows = []
    for name, golden in tables["golden"].groupby("workload", sort=False):
        source = str(golden["data_source"].iloc[0])
        row = {"workload": name, "strategies": len(golden), "golden": int(golden["images"].max())}
        row["source"] = "a stand-in, not the dataset asked for" if source == "stand_in" else source
        for part in ("requantize", "overflow"):
            mine = tables[part][tables[part]["workload"] == name]
            row[part] = int(mine["images"].max()) if len(mine) else None
        rows.append(row)
    headings = {
        "workload": "network",
        "source": "data",
        "strategies": "strategies",
        "golden": "images, against ONNX Runtime and for observed widths",
        "requantize": "images, rounding",
        "overflow": "images, overflow",
    }
    return table(pd.DataFrame(rows, dtype=object), headings)


def golden_sentence(tables: Tables) -> str:
    """How many elements were compared and how many differ."""
    golden = tables["golden"]
    differ = int(golden["mismatches"].sum())
    verdict = "none differs" if differ == 0 else f"**{differ:,} differ, so it is not bit-exact**"
    return (
        f"In this study {int(golden['elements'].sum()):,} elements in "
        f"{int(golden['tensors'].sum()):,} tensors of {len(golden)} quantised graphs were "
        f"compared: {verdict}."
    )


def golden_table(tables: Tables) -> str:
    """One row a network: all its strategies together."""
    groups = tables["golden"].groupby("workload", sort=False)
    frame = groups.agg(
        strategies=("strategy", "nunique"),
        images=("images", "max"),
        tensors=("tensors", "sum"),
        elements=("elements", "sum"),
        mismatches=("mismatches", "sum"),
    ).reset_index()
    headings = dict(zip(frame.columns, frame.columns, strict=True)) | {"workload": "network"}
    return table(frame, headings)


def width_table(tables: Tables) -> str:
    """Widths of every layer under the first strategy whose overflow was studied."""
    growth, strategy = tables["bit_growth"], _detail_strategy(tables)
    mine = growth[growth["strategy"] == strategy]
    frame = mine.assign(layer=[_short(name) for name in mine["layer"]])
    headings = {
        "workload": "network",
        "layer": "layer",
        "k": "K",
        "bits_rule": "rule (6)",
        "bits_exact": "exact",
        "bits_exact_with_bias": "exact, bias",
        "bits_tile": "tile",
        "bits_raw_tile": "tile, raw codes",
        "bits_observed": "observed",
    }
    rows = int(growth["tile_rows"].iloc[0])
    title = f"Widths in bits under `{strategy}`; a tile is {rows} products of K."
    return f"{title}\n\n{table(frame, headings)}"


def width_sentence(tables: Tables) -> str:
    """How far the rule lies above the exact bound, and that above what was seen."""
    growth = tables["bit_growth"]
    spare = growth["bits_rule"] - growth["bits_exact"]
    unused = growth["bits_exact_with_bias"] - growth["bits_observed"]
    short = int((spare < 0).sum())
    danger = f"; in {short} the rule is too small" if short else "; in none is the rule too small"
    return (
        f"Over all {len(growth)} layers of all strategies in this study the exact bound lies "
        f"{_range(spare)} below the rule{danger}. The data left {_range(unused)} of the exact "
        "bound unused."
    )


def accumulator_table(tables: Tables) -> str:
    """The widths to build, for the strategies whose overflow was studied."""
    frame = _studied(tables)
    frame = frame.assign(limiting_layer=[_short(name) for name in frame["limiting_layer"]])
    headings = {
        "workload": "network",
        "strategy": "strategy",
        "bits_guaranteed": "never overflows",
        "bits_guaranteed_raw_codes": "the same, raw codes",
        "bits_observed": "seen on test images",
        "bits_tile": "array tile",
        "bits_tile_raw_codes": "array tile, raw codes",
        "limiting_layer": "limiting layer",
    }
    return table(frame, headings)


def policy_table(tables: Tables) -> str:
    """Where each policy breaks, and its clamps."""
    frame = _studied(tables).astype(dict.fromkeys(NARROWEST, int))
    headings = {"workload": "network", "strategy": "strategy"}
    headings |= {f"narrowest_{policy}": policy.replace("_", " ") for policy in POLICIES}
    return table(frame, headings)


def policy_sentence(tables: Tables) -> str:
    """Saturation against wraparound."""
    frame = _studied(tables)
    gain = frame["narrowest_wrap"] - frame["narrowest_saturate_final"]
    order = frame["narrowest_saturate_step"] - frame["narrowest_saturate_final"]
    rows = int(tables["overflow"]["tile_rows"].iloc[0])
    images, tolerance = int(frame["overflow_images"].min()), float(frame["tolerance"].iloc[0])
    return (
        f"In this study wraparound needed {_range(gain)} more than saturation of the final sum, "
        f"and saturation at every step {_range(order)} more than at the end (n = {images:,} images "
        f"a network; tiles of {rows} products; at most {percent(tolerance, 0)} of accuracy may be "
        "lost)."
    )


def clamp_table(tables: Tables) -> str:
    """Clamp operations per image: the hardware cost of each policy."""
    first = tables["overflow"].drop_duplicates(["workload", "policy"])
    frame = first.pivot(index="workload", columns="policy", values="clamps_per_image")
    frame = frame.loc[list(dict.fromkeys(first["workload"]))].reset_index()
    headings = {"workload": "clamps per image"}
    return table(frame, headings | {policy: policy.replace("_", " ") for policy in POLICIES})


def overflow_errors(tables: Tables) -> str:
    """Errors of the accumulators at the usual integer widths, as far as the study went there."""
    overflow = tables["overflow"]
    by_width = overflow.groupby("accumulator_bits")["overflow_rate"].max()
    quiet = [str(bits) for bits in by_width[by_width == 0].index]
    parts = [f"At {' and '.join(quiet)} bits no policy changed any accumulator."] if quiet else []
    strategy = _detail_strategy(tables)
    loud = overflow[overflow["accumulator_bits"].isin(by_width[by_width > 0].index)]
    loud = loud[loud["strategy"] == strategy]
    if len(loud):
        frame = loud.assign(
            policy=loud["policy"].str.replace("_", " "),
            changed=[percent(rate) for rate in loud["overflow_rate"]],
            max_error=loud["max_error"].astype(int),
            mean_error=loud["mean_error"].round().astype(int),
            agreement=[percent(share, 1) for share in loud["agreement"]],
        )
        headings = {
            "workload": "network",
            "accumulator_bits": "bits",
            "policy": "policy",
            "changed": "sums changed",
            "max_error": "largest error",
            "mean_error": "mean error",
            "agreement": "same decision as exact",
        }
        parts += [f"Under `{strategy}`, errors in units of the accumulator:"]
        parts += [table(frame, headings)]
    return "\n\n".join(parts)


def rounding_table(tables: Tables) -> str:
    """Every scheme against ONNX Runtime's, all studied networks and strategies together."""
    sums = _rounding(tables)
    frame = sums.reset_index().assign(
        scheme=[SCHEME_NAMES[name] for name in sums.index],
        alone=[_share(row.alone, row.elements) for row in sums.itertuples()],
        own=[_share(row.differing, row.elements) for row in sums.itertuples()],
        decisions=[f"{row.top1_changed:,} of {row.images:,}" for row in sums.itertuples()],
    )
    headings = {
        "scheme": "scheme",
        "alone": "differ, one rounding alone",
        "own": "differ, fed its own tensors",
        "max_lsb": "largest step",
        "decisions": "other decisions",
    }
    return table(frame, headings)


def rounding_sentence(tables: Tables) -> str:
    """The denominator, and the decisions that a 16-bit multiplier changes.

    Its upper limit is Clopper and Pearson's, one-sided.
    """
    sums = _rounding(tables)
    equal = [f"`{name}`" for name, row in sums.iterrows() if row["differing"] == 0]
    cheap = sums.loc["int16_half_up"]
    flips, images = int(cheap["top1_changed"]), int(cheap["images"])
    limit = 10_000 * float(beta.ppf(0.95, flips + 1, images - flips))
    return (
        f"{int(cheap['elements']):,} elements that ONNX Runtime does not clamp are the denominator "
        f"({images:,} images, counted once a network and strategy). No difference at all: "
        f"{', '.join(equal)}. A 16-bit multiplier changed {flips} of {images:,} decisions, which "
        f"supports no better statement than fewer than {limit:.0f} in 10,000 (95 %)."
    )


def widest(column: str) -> Callable[[Tables], str]:
    """The number of bits that serves every network under every strategy."""
    return lambda tables: str(int(tables["accumulator"][column].max()))


QUOTES: dict[str, Callable[[Tables], str]] = {
    **{
        function.__name__: function
        for function in (
            *(studied_data, golden_sentence, golden_table, width_table, width_sentence),
            *(accumulator_table, policy_table, policy_sentence, clamp_table, overflow_errors),
            *(rounding_table, rounding_sentence),
        )
    },
    **study_quotes.QUOTES,
    **benchmark_quotes.QUOTES,
    **witness_quotes.QUOTES,
    **rtl_quotes.QUOTES,
    **validation_answers.QUOTES,
    "guaranteed_bits": widest("bits_guaranteed"),
    "observed_bits": widest("bits_observed"),
    "tile_bits": widest("bits_tile"),
    "tile_bits_raw_codes": widest("bits_tile_raw_codes"),
}


def _studied(tables: Tables) -> pd.DataFrame:
    """Rows of ``accumulator`` whose overflow was studied."""
    return tables["accumulator"].dropna(subset=["overflow_images"])


def _detail_strategy(tables: Tables) -> str:
    return str(_studied(tables)["strategy"].iloc[0])


def _rounding(tables: Tables) -> pd.DataFrame:
    """Sums over networks and strategies by scheme; `alone` counts layers fed the reference."""
    frame = tables["requantize"]
    by_fed = {fed: rows.groupby("scheme", sort=False) for fed, rows in frame.groupby("fed")}
    counts = ["images", "elements", "differing", "top1_changed"]
    sums = by_fed["own"][counts].sum().assign(max_lsb=by_fed["own"]["max_lsb"].max())
    return sums.assign(alone=by_fed["reference"]["differing"].sum())


def _share(part: int, whole: int) -> str:
    """A share as per cent that never shows a part above 0 as 0."""
    share = 100 * part / max(whole, 1)
    return "0" if part == 0 else f"{share:.4f} %" if share >= 1e-3 else f"{share:.1e} %"


def _range(bits: pd.Series) -> str:
    low, high = int(bits.min()), int(bits.max())
    return f"{low} bit{'s' if low != 1 else ''}" if low == high else f"{low} to {high} bits"


def _short(layer: str) -> str:
    """A node's name without what exporter and quantiser add."""
    return layer.strip("/").removesuffix("_quant")
