"""Rule baseline_table: the float networks, one row each."""

from edgeint8.arch.network.layers import layers_from_json
from edgeint8.conventions import Row
from edgeint8.files import absence, read_json
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence.logits import load_outputs
from edgeint8.quant.evidence.metrics import Judged, fp32_columns
from edgeint8.quant.evidence.statistics import accuracy, correct_answers
from edgeint8.study.job import job
from edgeint8.tables.files import read_table, write_table


def row(index: int, workload: str) -> Row:
    """Columns of one network, gathered from what its jobs wrote."""
    provenance = read_json(snakemake.input.provenance[index])
    facts = read_json(snakemake.input.export[index])
    latency = read_table(snakemake.input.latency[index]).set_index("strategy").loc["fp32"]
    outputs = load_outputs(snakemake.input.logits[index], "test")
    logits = next(iter(outputs.values()))
    test = load_samples(snakemake.input.datasets[index], "test")
    seen = Judged(outputs, outputs, test.inputs, test.truth)
    named = None if test.is_random else snakemake.params.metrics[index]
    right = None if test.labels is None else accuracy(correct_answers(logits, test.labels)).value
    layers = snakemake.input.layers[index]
    layers = layers_from_json(read_json(layers)) if absence(layers) is None else ()
    return {
        "workload": workload,
        "dataset": provenance["dataset"],
        "data_source": provenance["source"],
        "parameters": facts["parameters"],
        "macs": sum(layer.macs for layer in layers) if layers else None,
        "accuracy": right,
        "latency_ms_median": latency["latency_ms_median"],
        "latency_ms_mean": latency["latency_ms_mean"],
        "latency_ms_p95": latency["latency_ms_p95"],
        "size_bytes": facts["size_bytes"],
        "peak_memory_bytes": facts["peak_memory_bytes"],
        "torch_ort_max_abs_diff": facts["torch_ort_max_abs_diff"],
        "test_samples": len(test),
        **fp32_columns(named, seen),
    }


with job(snakemake):
    workloads = snakemake.params.workloads
    computed = [absence(path) is None for path in snakemake.input.logits]
    rows = [row(i, name) for i, name in enumerate(workloads) if computed[i]]
    write_table(snakemake.output.table, rows)
