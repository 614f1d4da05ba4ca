"""Part B of the report: what is recommended, the evidence for every strategy, and the reasons."""

import pandas as pd

from edgeint8.report.document import layer_bits, learned, recommended
from edgeint8.report.figures.style import data_source
from edgeint8.report.findings import layer_sensitivity, strategy_effects
from edgeint8.report.findings.effects import of
from edgeint8.report.markdown import Tables, figure, heading, links, points, table

NOT_EDGE = "x86, not an edge device"
LINKS = (
    "quantization",
    "recommendation",
    "low_sqnr",
    "draws",
    "bits",
    "learning",
    "ablation",
    "sensitivity",
    "mixed_precision",
    "layer_traits",
    "levels",
    "histograms",
)


def section(tables: Tables) -> str:
    """Recommendation, evidence, reasons, layers and, apart from all of it, time."""
    frame = tables["quantization"]
    workloads = [str(name) for name in dict.fromkeys(frame["workload"])]
    return "\n\n".join(
        [
            f"## Part B: quantisation ({links(tables, *LINKS)})",
            *recommended.section(tables),
            heading("The evidence", tables, "quantization", "draws"),
            _how_to_read(frame),
            *(part for name in workloads for part in _evidence(tables, name)),
            *_why_low(tables, workloads),
            figure("accuracy", "Accuracy by strategy with its 95 % interval"),
            processor(frame),
            heading("Why", tables, "quantization", "draws", "layer_traits", "levels"),
            *(
                part
                for name in workloads
                for part in _bullets(name, strategy_effects.reasons(tables, name))
            ),
            *learned.section(tables),
            *layer_bits.section(tables),
            *_distributions(tables),
            *_layers(tables, workloads),
            *_latency(frame),
        ]
    )


def _why_low(tables: Tables, workloads: list[str]) -> list[str]:
    """The strategies that keep at most 20 dB, if there are any."""
    if tables["low_sqnr"].empty:
        return []
    return [
        heading("Why is it low", tables, "low_sqnr"),
        *(
            part
            for name in workloads
            for part in _bullets(name, layer_sensitivity.why_low(tables, name))
        ),
    ]


def processor(quantization: pd.DataFrame) -> str:
    """Whether this machine multiplies unsigned by signed INT8 exactly, and what follows."""
    flags = sorted(set(quantization["cpu_int8_flags"].astype(str)))
    if flags == ["none"]:
        return (
            "**U8S8 on this processor.** It lists neither VNNI nor AMX: products of unsigned "
            "activations and signed weights are added in 16 bits and saturate (2 x 255 x 127 > "
            "32,767). Asymmetric strategies therefore use 7-bit weights, which cannot reach that "
            "far; symmetric ones (S8S8) keep 8 bits. So no two strategies differ in the symmetry "
            "of their activations alone, and nothing here says what that is worth."
        )
    names = "; ".join(flags)
    return (
        f"**U8S8 on this processor.** It lists {names}: products of unsigned activations and "
        "signed weights are added in 32 bits, and every strategy keeps 8-bit weights."
    )


def _how_to_read(frame: pd.DataFrame) -> str:
    margin = points(float(frame["margin"].iloc[0]))
    return (
        "Accuracy is top-1 on the whole test split, in per cent, with Wilson's 95 % interval. The "
        "difference to FP32 is paired, in percentage points, with Tango's 95 % interval; p-values "
        "are McNemar's (mid-p), adjusted by Holm within their column. *Not inferior*: the lower "
        f"end of the difference lies above -{margin}. SQNR compares logits with FP32's; agreement "
        "is the share of equal decisions, KL the divergence of the softmax; the spread is over "
        "calibration draws, judged on part of the hold-out."
    )


def _evidence(tables: Tables, workload: str) -> list[str]:
    """Two tables of one network, accuracy and fidelity, and the names of float nodes."""
    rows = of(tables["quantization"], workload)
    chosen = of(tables["recommendation"], workload)
    best = set(chosen.loc[chosen["recommended"], "strategy"]) if len(chosen) else set()
    frame = rows.assign(
        strategy=[f"**{n}**" if n in best else n for n in rows["strategy"]],
        accuracy=_shares(rows, "accuracy", ""),
        interval=_columns(rows, "accuracy_low", "accuracy_high", 100, ""),
        delta=_shares(rows, "accuracy_delta", "+"),
        delta_interval=_columns(rows, "delta_low", "delta_high", 100, "+"),
        p_fp32=_p_values(rows, "mcnemar_p_fp32"),
        p_best=_p_values(rows, "mcnemar_p_best"),
        agreement=_shares(rows, "agreement", ""),
        kl=_nats(rows),
        hardware_cost=recommended.costs(rows, chosen),
        draws_sqnr=_columns(rows, "draws_sqnr_db_low", "draws_sqnr_db_high", 1, ""),
        draws_accuracy=_columns(rows, "draws_accuracy_low", "draws_accuracy_high", 100, ""),
    )
    return [
        f"**{workload}** ({data_source(rows)}, n = {int(rows['images'].iloc[0]):,}"
        f"{'; recommended in bold' if best else ''})",
        *_accuracy_table(frame, rows),
        table(frame, FIDELITY_COLUMNS),
        *outputs_of(tables, workload, best),
        *float_node_lists(rows),
    ]


def _nats(rows: pd.DataFrame) -> list[str]:
    """Divergences, empty where an output decides nothing."""
    if "softmax_kl" not in rows:
        return [""] * len(rows)
    return ["" if pd.isna(value) else f"{value:.2g}" for value in rows["softmax_kl"]]


def outputs_of(tables: Tables, workload: str, recommended: set[str]) -> list[str]:
    """Every output of the recommended strategy, or of the first, of a network that has several."""
    rows = of(tables["outputs"], workload)
    if rows.empty or rows["output"].nunique() < 2:
        return []
    name = next((n for n in rows["strategy"] if n in recommended), rows["strategy"].iloc[0])
    mine = rows[rows["strategy"] == name]
    frame = mine.assign(
        output=[f"`{output}`" for output in mine["output"]],
        fp32=_columns(mine, "fp32_low", "fp32_high", 1, ""),
    )
    columns = {
        "output": f"output of `{name}`",
        "fp32": "range in FP32",
        "sqnr_db": "SQNR (dB)",
        "worst_channel_sqnr_db": "of its worst entry (dB)",
    }
    return [table(frame, columns)]


def _accuracy_table(frame: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """The table of accuracy; without labels a word in its place."""
    if rows["accuracy"].isna().all():
        if rows["sqnr_db"].isna().all():
            return ["It came quantised and its inputs have no labels: nothing can be judged."]
        return ["Its inputs have no labels: SQNR and agreement with FP32 stand for accuracy."]
    return [table(frame, ACCURACY_COLUMNS)]


ACCURACY_COLUMNS = {
    "strategy": "strategy",
    "accuracy": "accuracy (%)",
    "interval": "95 % interval",
    "delta": "difference to FP32",
    "delta_interval": "95 % interval",
    "p_fp32": "p against FP32",
    "p_best": "p against the best",
    "non_inferior": "not inferior to FP32",
}
FIDELITY_COLUMNS = {
    "strategy": "strategy",
    "sqnr_db": "SQNR (dB)",
    "draws_sqnr": "its spread",
    "agreement": "agreement (%)",
    "kl": "KL (nats)",
    "draws_accuracy": "spread of accuracy (%)",
    "size_bytes": "size (bytes)",
    "hardware_cost": "hardware cost",
    "float_nodes": "float nodes",
    "note": "note",
}


def float_node_lists(rows: pd.DataFrame) -> list[str]:
    """Every float node by name, once for all strategies that share the list."""
    sharing: dict[str, list[str]] = {}
    for row in rows[rows["float_nodes"] > 0].to_dict("records"):
        sharing.setdefault(str(row["float_node_names"]), []).append(str(row["strategy"]))
    if not sharing:
        return ["No strategy leaves a node in floating point."]
    lines = [
        f"- {', '.join(strategies)}: " + ", ".join(f"`{name}`" for name in names.split())
        for names, strategies in sharing.items()
    ]
    return ["Nodes that stay in floating point:", "\n".join(lines)]


def _bullets(workload: str, sentences: list[str]) -> list[str]:
    if not sentences:
        return []
    return [f"**{workload}**", "\n".join(f"- {sentence}" for sentence in sentences)]


def _distributions(tables: Tables) -> list[str]:
    if tables["histograms"].empty:
        return []
    return [
        figure("unused_levels", "Levels that no calibration image reaches, by activation"),
        figure(
            "activation_histograms",
            "Activations of the calibration images and the range each method keeps, for up to "
            "eight tensors a network on which the methods differ most",
        ),
        figure(
            "weight_histograms",
            "Weights within the limits of one scale per tensor, and of the narrowest channel's own "
            "scale (no calibration clips weights), for up to eight layers a network",
        ),
    ]


def _layers(tables: Tables, workloads: list[str]) -> list[str]:
    """Sensitivity and the mixed-precision suggestion."""
    if tables["sensitivity"].empty:
        return []
    return [
        heading("Which layers", tables, "sensitivity", "mixed_precision", "layer_traits"),
        *(
            part
            for name in workloads
            for part in _bullets(
                name,
                layer_sensitivity.sensitive_layers(tables, name)
                + layer_sensitivity.mixed_precision(tables, name),
            )
        ),
        figure(
            "sensitivity", "Each layer quantised alone and all but it; a line marks all quantised"
        ),
    ]


def _latency(frame: pd.DataFrame) -> list[str]:
    """The one section whose numbers change from run to run."""
    frame = frame.dropna(subset=["latency_ratio"])
    if frame.empty:
        return []
    rows = frame.assign(
        ratio=[
            f"{ratio:.2f} ({NOT_EDGE})" if resolved else f"not resolved ({NOT_EDGE})"
            for ratio, resolved in zip(
                frame["latency_ratio"], frame["latency_resolved"], strict=True
            )
        ],
        blocks=_columns(frame, "latency_ratio_p5", "latency_ratio_p95", 1, ""),
        control=[f"{value:.3f}" for value in frame["latency_control"]],
    )
    columns = {
        "workload": "workload",
        "strategy": "strategy",
        "ratio": "time over FP32",
        "blocks": "5 to 95 % of blocks",
        "control": "A/A control",
    }
    return [
        f"### Latency ({NOT_EDGE})",
        "Ratios to FP32 from interleaved runs of ONNX Runtime on this machine, one thread, batch "
        "1. x86 latency is not edge latency: it says nothing of a microcontroller or an NPU, and "
        "nothing in this report is decided by it. Where the control, FP32 against itself, or the "
        "blocks do not repeat within 5 %, the ratio is not resolved.",
        table(rows, columns),
        figure("latency", f"Time over FP32 by strategy ({NOT_EDGE})"),
        figure("accuracy_latency", f"Accuracy against time over FP32 ({NOT_EDGE})"),
    ]


def _columns(frame: pd.DataFrame, low: str, high: str, factor: float, sign: str) -> list[str]:
    """``low to high`` for every row, nothing where there is none."""
    if low not in frame:  # no strategy of the study has calibration draws
        return [""] * len(frame)
    return [
        "" if pd.isna(first) else f"{factor * first:{sign}.2f} to {factor * last:{sign}.2f}"
        for first, last in zip(frame[low], frame[high], strict=True)
    ]


def _shares(frame: pd.DataFrame, column: str, sign: str) -> list[str]:
    """A share in per cent for every row, nothing where it is not known."""
    return ["" if pd.isna(value) else f"{100 * value:{sign}.2f}" for value in frame[column]]


def _p_values(frame: pd.DataFrame, column: str) -> list[str]:
    """P-values of every row; nothing where no accuracy was compared."""
    return [
        "" if pd.isna(delta) else _p_value(value)
        for value, delta in zip(frame[column], frame["accuracy_delta"], strict=True)
    ]


def _p_value(value: float) -> str:
    """Three digits; the best strategy has no test against itself."""
    if pd.isna(value):
        return "(is the best)"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
