"""The report: an executive page with the three answers, then Parts A to D."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from edgeint8.report import answers
from edgeint8.report.markdown import figure, link, percent, table

Tables = Mapping[str, pd.DataFrame]


def write_report(
    tables: Tables, provenance: Sequence[Mapping[str, Any]], environment: Mapping[str, str]
) -> str:
    """``report.md`` from the tables of one run."""
    sections = [
        "# EdgeINT8 report",
        stand_in_warning(provenance),
        executive(tables),
        part_a(tables),
        part_b(tables),
        part_c(tables),
        part_d(tables),
        origin(provenance, environment),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def stand_in_warning(provenance: Sequence[Mapping[str, Any]]) -> str:
    """A warning in front of everything if a dataset is not the one that was asked for."""
    names = [entry["dataset"] for entry in provenance if entry["stand_in"]]
    if not names:
        return ""
    return (
        f"> **Stand-in data.** {', '.join(names)} was not used. Procedural images take its place: "
        "every accuracy below is about the stand-in and says nothing about the real dataset."
    )


def executive(tables: Tables) -> str:
    """The three questions and their answers."""
    quantization, roofline = tables["quantization"], tables["roofline"]
    first = [answers.strategy_answer(quantization, name) for name in _workloads(quantization)]
    third = [answers.hardware_answer(roofline, name) for name in _workloads(roofline)]
    return "\n\n".join(
        [
            "## The three answers",
            "### 1. Which quantisation strategy, and why?",
            *first,
            "### 2. What exactly does the integer hardware compute, and how wide?",
            answers.integer_answer(tables["golden"], tables["bit_growth"]),
            "### 3. Which array, and where is the bottleneck?",
            *third,
            answers.crosscheck_answer(tables["crosscheck"]),
        ]
    )


def part_a(tables: Tables) -> str:
    """The float baseline."""
    frame = tables["baseline"].assign(accuracy=tables["baseline"]["accuracy"].map(percent))
    columns = {
        "workload": "workload",
        "data_source": "data",
        "parameters": "parameters",
        "macs": "MACs",
        "accuracy": "accuracy",
        "latency_ms_median": "latency (ms, median)",
        "size_bytes": "bytes",
        "torch_ort_max_abs_diff": "largest torch-ORT difference",
    }
    return "\n\n".join(
        [
            f"## Part A: the float networks ({link('baseline')})",
            table(frame, columns, digits=3),
            "Accuracy is over the whole test split. Latency is of ONNX Runtime on this x86 "
            "machine, one thread, batch 1: it is not the latency of an edge device.",
        ]
    )


def part_b(tables: Tables) -> str:
    """The strategies and the evidence for each."""
    frame = tables["quantization"]
    frame = frame.assign(
        accuracy=frame["accuracy"].map(percent),
        interval=[
            f"{100 * low:.2f} to {100 * high:.2f}"
            for low, high in zip(frame["accuracy_low"], frame["accuracy_high"], strict=True)
        ],
        agreement=frame["agreement"].map(percent),
        latency=[
            f"{ratio:.2f}" if resolved else "not resolved"
            for ratio, resolved in zip(
                frame["latency_ratio"], frame["latency_resolved"], strict=True
            )
        ],
    )
    columns = {
        "workload": "workload",
        "strategy": "strategy",
        "accuracy": "accuracy",
        "interval": "95 % interval",
        "mcnemar_p_fp32": "p against FP32",
        "sqnr_db": "SQNR (dB)",
        "agreement": "agreement",
        "latency": "x86 time over FP32",
        "float_nodes": "float nodes",
    }
    return "\n\n".join(
        [
            f"## Part B: quantisation ({link('quantization')})",
            table(frame, columns),
            figure("accuracy", "Accuracy by strategy with its 95 % interval"),
            "The time ratio is measured on x86 and is not the ratio of an edge device; where the "
            "control run does not repeat within 5 % it is not resolved.",
        ]
    )


def part_c(tables: Tables) -> str:
    """The integer executor and the accumulator."""
    golden = {
        "workload": "workload",
        "strategy": "strategy",
        "images": "images",
        "tensors": "tensors",
        "elements": "elements",
        "mismatches": "mismatches",
        "float_nodes": "float nodes",
    }
    widths = {
        "workload": "workload",
        "strategy": "strategy",
        "layer": "layer",
        "k": "K",
        "bits_rule": "rule",
        "bits_exact": "exact",
        "bits_exact_with_bias": "exact with bias",
        "bits_tile": "array tile",
        "bits_observed": "observed",
    }
    return "\n\n".join(
        [
            f"## Part C: integer arithmetic ({link('golden')}, {link('bit_growth')})",
            table(tables["golden"], golden),
            "Widths in bits:",
            table(tables["bit_growth"], widths),
            figure("accumulator_width", "Accumulator width by layer"),
        ]
    )


def part_d(tables: Tables) -> str:
    """The array: SCALE-Sim against the closed forms, and the roofline."""
    roofline = tables["roofline"]
    computing = roofline[roofline["macs"] > 0]
    columns = {
        "workload": "workload",
        "layer": "layer",
        "hardware": "hardware",
        "macs": "MACs",
        "cycles": "cycles",
        "intensity": "MAC per byte",
        "achieved": "achieved (MAC/cycle)",
        "bound": "bound",
    }
    return "\n\n".join(
        [
            f"## Part D: systolic arrays ({link('crosscheck')}, {link('roofline')})",
            answers.crosscheck_answer(tables["crosscheck"]),
            table(computing, columns),
            figure("roofline", "Layers under the roofline"),
        ]
    )


def origin(provenance: Sequence[Mapping[str, Any]], environment: Mapping[str, str]) -> str:
    """Where data and software came from."""
    data = [
        f"- {entry['dataset']}: source {entry['source']}, {entry['train_samples']:,} training, "
        f"{entry['holdout_samples']:,} hold-out and {entry['test_samples']:,} test samples"
        for entry in provenance
    ]
    software = [f"- {name}: {value}" for name, value in environment.items()]
    return "\n".join(["## Provenance", "", *data, *software])


def _workloads(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in dict.fromkeys(frame["workload"])]
