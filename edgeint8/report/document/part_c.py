"""Part C of the report: integer arithmetic and accumulators."""

import pandas as pd

from edgeint8.report.findings.completeness import shown
from edgeint8.report.markdown import Tables, allowance, figure, heading, link, table

SCHEME_NAMES = {
    "ort_float32": "float32 multiply, ties to even (ONNX Runtime)",
    "float64": "float64 multiply, ties to even",
    "int32_half_up": "31-bit multiplier and shift, ties up (TFLite single rounding)",
    "int32_half_even": "31-bit multiplier and shift, ties to even",
    "gemmlowp": "31-bit multiplier, two roundings (gemmlowp, CMSIS-NN)",
    "int16_half_up": "16-bit multiplier and shift, ties up",
    "truncate": "31-bit multiplier, truncating shift",
    "power_of_two": "shift only (nearest power of two)",
}
POLICIES = ("wrap", "saturate_final", "saturate_step", "saturate_tile")


def section(tables: Tables) -> str:
    """The integer executor, the accumulator, rounding."""
    links = ("golden", "bit_growth", "accumulator", "overflow", "requantize")
    parts = [
        f"## Part C: integer arithmetic ({', '.join(map(link, links))})",
        heading("Bit-exact against ONNX Runtime", tables, "golden"),
        executor_table(tables["golden"]),
        heading("Accumulator width", tables, "bit_growth", "accumulator"),
        width_table(tables["accumulator"]),
        figure("accumulator_width", "Accumulator width by layer, the widest of all strategies"),
    ]
    if len(tables["runtimes"]):
        parts += [
            heading("Which runtime does it equal?", tables, "runtimes", "runtime_rules"),
            *runtime_sentences(tables["runtimes"]),
            runtime_table(tables["runtimes"]),
            rule_table(tables["runtime_rules"]),
        ]
    if len(tables["overflow"]):
        parts += [
            heading("Overflow", tables, "overflow", "accumulator"),
            *overflow_sentences(tables["accumulator"]),
            figure("overflow", "Accuracy of the whole network on narrow accumulators"),
        ]
    if len(tables["requantize"]):
        parts += [
            heading("Requantisation", tables, "requantize"),
            *rounding_sentences(tables["requantize"]),
        ]
        parts += [rounding_table(tables["requantize"])]
    return "\n\n".join(parts)


def executor_table(golden: pd.DataFrame) -> str:
    """How many strategies equal their witness; those that do not, and what could not run."""
    notes = golden["note"] if "note" in golden else pd.Series(None, golden.index, dtype=object)
    lines = [
        f"- {row['workload']}, `{row['strategy']}`: {shown(row['note'])}"
        for row in golden[notes.notna()].to_dict("records")
    ]
    columns = {
        "workload": "workload",
        "witness": "witness",
        "strategies": "strategies",
        "images": "images",
        "elements": "elements",
        "mismatches": "mismatches",
    }
    run = _equal_together(golden[notes.isna()])
    parts = [table(run, columns)] if len(run) else []
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])])


def _equal_together(golden: pd.DataFrame) -> pd.DataFrame:
    """One row for all strategies of a network that equal a witness, one for each that does not."""
    rows = []
    for (workload, witness), mine in golden.groupby(["workload", "witness"], sort=False):
        equal = mine[mine["mismatches"] == 0]
        key = {"workload": workload, "witness": witness}
        for images, same in equal.groupby("images", sort=False):
            said = {"strategies": f"{len(same)} of {len(mine)}", "images": int(images)}
            rows.append(key | said | {"elements": int(same["elements"].sum()), "mismatches": 0})
        for row in mine[mine["mismatches"] > 0].to_dict("records"):
            counts = {name: int(row[name]) for name in ("images", "elements", "mismatches")}
            rows.append(key | {"strategies": f"`{row['strategy']}`"} | counts)
    return pd.DataFrame(rows)


def runtime_sentences(runtimes: pd.DataFrame) -> list[str]:
    """For each network the pair of runtimes that people validate with and ship."""
    pair = (runtimes["first"] == "litert_xnnpack") & (runtimes["second"] == "tflm")
    return [
        f"**{row['workload']}**: LiteRT's default on x86 and tflite-micro give another output on "
        f"{int(row['outputs_differing']):,} of {int(row['images']):,} inputs and another decision "
        f"on {int(row['decisions_differing']):,}."
        for row in runtimes[pair].to_dict("records")
    ]


def runtime_table(runtimes: pd.DataFrame) -> str:
    """Pairs of runtimes, and the operator where they part."""
    columns = {
        "workload": "workload",
        "first": "runtime",
        "second": "beside",
        "images": "images",
        "elements_differing": "elements differing",
        "outputs_differing": "other outputs",
        "decisions_differing": "other decisions",
        "max_abs_diff": "largest difference",
        "parts_operator": "they part at",
    }
    return table(runtimes.fillna({"parts_operator": ""}), columns)


def rule_table(rules: pd.DataFrame) -> str:
    """What to build, an operator a row; networks share rows."""
    columns = {
        "operator": "to equal each in",
        "litert_ref": "LiteRT, reference",
        "litert_xnnpack": "LiteRT with XNNPACK",
        "tflm": "tflite-micro",
    }
    return table(rules.drop_duplicates(list(columns)), columns)


def width_table(accumulator: pd.DataFrame) -> str:
    """Widths in bits, for both places where a zero-point can be subtracted."""
    columns = {
        "workload": "workload",
        "strategy": "strategy",
        "bits_guaranteed": "never overflows",
        "bits_observed": "seen on test images",
        "bits_tile": "array tile",
        "bits_guaranteed_raw_codes": "never overflows, raw codes",
        "limiting_layer": "limiting layer",
    }
    return (
        "Bits of the accumulator, bias included. *Raw codes*: unsigned codes are multiplied as "
        "they are and the zero-point's share sits in the bias; otherwise the zero-point is "
        "subtracted before the multiplier. Strategies of equal widths share a row.\n\n"
        + table(_widths_together(accumulator, [n for n in columns if n != "strategy"]), columns)
    )


def _widths_together(accumulator: pd.DataFrame, shown_columns: list[str]) -> pd.DataFrame:
    """Strategies that are equal in all that is shown as one row that names them all."""
    groups = accumulator.groupby(shown_columns, sort=False, dropna=False)["strategy"]
    return groups.agg(", ".join).reset_index()


def overflow_sentences(accumulator: pd.DataFrame) -> list[str]:
    """Where each policy breaks, a sentence for each studied (workload, strategy)."""
    sentences = []
    for row in accumulator.dropna(subset=["overflow_images"]).to_dict("records"):
        widths = ", ".join(
            f"{policy.replace('_', ' ')} {int(row[f'narrowest_{policy}'])} bits"
            for policy in POLICIES
            if row[f"narrowest_{policy}"] == row[f"narrowest_{policy}"]
        )
        sentences.append(
            f"**{row['workload']}**, `{row['strategy']}`: the narrowest accumulators shown to lose "
            f"at most {allowance(row)} against exact sums: {widths} "
            f"(n = {int(row['overflow_images']):,}, paired, 97.5 % confidence; "
            f"{int(row['bits_guaranteed'])} bits never overflow)."
        )
    return sentences


def rounding_sentences(requantize: pd.DataFrame) -> list[str]:
    """The design rule: what a 16-bit multiplier costs in decisions, or by what judges instead."""
    own = requantize[requantize["fed"] == "own"]
    exact = own[own["scheme"] == "ort_float32"].set_index(["workload", "strategy"])
    sentences = []
    for row in own[own["scheme"] == "int16_half_up"].to_dict("records"):
        head = f"**{row['workload']}**, `{row['strategy']}`: a 16-bit multiplier"
        if isinstance(row.get("judged_by"), str):
            before = exact.loc[(row["workload"], row["strategy"]), "value"]
            said = f"gives {row['judged_by']} {row['value']:.4g}, float32 {before:.4g}"
            sentences.append(f"{head} {said} (n = {int(row['images']):,}).")
            continue
        changed = f"{int(row['top1_changed'])} of {int(row['images']):,}"
        sentences.append(f"{head} changes {changed} decisions.")
    return sentences


def rounding_table(requantize: pd.DataFrame) -> str:
    """Every scheme against ONNX Runtime's, layers fed their own outputs."""
    own = requantize[requantize["fed"] == "own"]
    share = own["differing"] / own["elements"].clip(lower=1)
    frame = own.assign(
        scheme=own["scheme"].map(SCHEME_NAMES), share=[f"{100 * value:.4f} %" for value in share]
    )
    columns = {
        "workload": "workload",
        "strategy": "strategy",
        "scheme": "scheme",
        "elements": "elements not clamped",
        "share": "differing",
        "max_lsb": "largest step",
        "logits_differing": "images with other logits",
        "top1_changed": "other decisions",
        "images": "images",
    }
    if "value" in own and own["value"].notna().any():
        frame["value"] = ["" if pd.isna(value) else f"{value:.4g}" for value in own["value"]]
        columns |= {"judged_by": "judged by", "value": "value"}
    return table(frame, columns)
