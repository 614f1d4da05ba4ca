"""Tables of Part A, and what of a study ran."""

from edgeint8.tables.table import DATA_SOURCE, WORKLOAD, Table, integer, number, text

STATUS = Table(
    "status",
    "status",
    "One row a workload, and one more for each reason for which parts of it were left out. The "
    "same stands in `<workload>/status.json` (`kind`, `status`, `reason`). Parts that were left "
    "out have no rows in any table; in the place of their files under `results/<workload>/` stands "
    "`not computed: ` and the reason. `make run` ends with status 1 if a workload failed.",
    (
        WORKLOAD,
        text("kind", "`trained` (built in), `onnx` (one's own file) or `topology`"),
        text("strategy", "of what was left out; empty where it is about the whole workload"),
        text("status", "`ok`, `failed` (nothing of the workload could run) or `left_out`"),
        text("parts", "what was left out, separated by blanks; empty for `ok` and `failed`"),
        text("reason", "one line; empty for `ok`"),
    ),
)

BASELINE = Table(
    "baseline",
    "a",
    "One row a network.",
    (
        WORKLOAD,
        text("dataset", "its name"),
        DATA_SOURCE,
        integer("parameters", "", "trainable values"),
        integer("macs", "", "multiply-accumulates an inference"),
        number("accuracy", "share", "top-1 of the exported network in ONNX Runtime, test split"),
        number("latency_ms_median", "ms", "one inference on this machine, one thread, batch 1"),
        number("latency_ms_mean", "ms", "the same"),
        number("latency_ms_p95", "ms", "the same"),
        integer("size_bytes", "bytes", "of `model.onnx`"),
        integer(
            "peak_memory_bytes",
            "bytes",
            "weights plus the largest sum of live activations, batch 1, from the graph",
        ),
        number(
            "torch_ort_max_abs_diff",
            "of a logit",
            "largest difference between torch and ONNX Runtime over 256 inputs; of one's own "
            "network, between the file as it came and as it was prepared, on two inputs",
        ),
    ),
    (
        integer("test_samples", "", "size of the test split"),
        text("metric", "the workload's, if it has one"),
        number(
            "metric_value",
            "the metric's",
            "of FP32 on the test split; empty for one that compares with FP32",
        ),
    ),
)

TABLES = (STATUS, BASELINE)
