"""Part A of the report: the float networks."""

import pandas as pd

from edgeint8.report.markdown import Tables, link, percent, table


def section(tables: Tables) -> str:
    """The float baseline."""
    rows = tables["baseline"]
    frame = rows.assign(accuracy=rows["accuracy"].map(percent))
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
    if "metric_value" in rows and rows["metric_value"].notna().any():
        pairs = zip(rows["metric"], rows["metric_value"], strict=True)
        frame["metric"] = ["" if pd.isna(value) else f"{n} {value:.4g}" for n, value in pairs]
        columns["metric"] = "metric"
    return "\n\n".join(
        [
            f"## Part A: the float networks ({link('baseline')})",
            table(frame, columns, digits=3),
            "Accuracy is over the whole test split. Latency is of ONNX Runtime on this x86 "
            "machine, one thread, batch 1: it is not the latency of an edge device.",
        ]
    )
