"""Rule latency: the float network, and every strategy against it in alternation, at batch 1."""

from edgeint8.benchmark import compare, measure
from edgeint8.files import write_csv
from edgeint8.job import job
from edgeint8.models.datasets import load_dataset
from edgeint8.quant.session import make_session


def runner(path, inputs):
    """A call that runs the model once."""
    session = make_session(path)
    feeds = {session.get_inputs()[0].name: inputs}
    return lambda: session.run(None, feeds)


def row(strategy, call, fp32):
    """One row of latency.csv; the float network is compared with itself."""
    latency, ratio = measure(call), compare(fp32, call)
    return {
        "strategy": strategy,
        "latency_ms_median": latency.median_ms,
        "latency_ms_mean": latency.mean_ms,
        "latency_ms_p95": latency.p95_ms,
        "latency_ratio": ratio.ratio,
        "latency_ratio_p5": ratio.p5,
        "latency_ratio_p95": ratio.p95,
        "latency_control": ratio.control,
        "latency_resolved": ratio.resolved,
    }


with job(snakemake):
    inputs = load_dataset(snakemake.input.dataset).test().inputs[:1]
    fp32 = runner(snakemake.input.fp32, inputs)
    calls = {"fp32": fp32} | {
        strategy: runner(path, inputs)
        for strategy, path in zip(
            snakemake.params.strategies, snakemake.input.quantized, strict=True
        )
    }
    write_csv(snakemake.output.table, [row(name, call, fp32) for name, call in calls.items()])
