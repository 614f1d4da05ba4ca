"""Part B of the report: the strategies and the evidence for each."""

from edgeint8.report.markdown import Tables, figure, link, percent, table


def section(tables: Tables) -> str:
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
