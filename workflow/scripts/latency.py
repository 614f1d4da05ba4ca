"""Rule latency: the float network, and every strategy against it in alternation, at batch 1."""

from contextlib import suppress

from edgeint8.errors import ModelError
from edgeint8.files import absence, write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.session import make_session, outputs_of
from edgeint8.study.job import job
from edgeint8.study.latency import compare, measure

RATIOS = (
    *("latency_ratio", "latency_ratio_p5", "latency_ratio_p95"),
    *("latency_control", "latency_resolved"),
)


def runner(path, feeds):
    """A call that runs the model once; `ModelError` if it does not run."""
    session = make_session(path)
    outputs_of(session, None, feeds)
    return lambda: session.run(None, feeds)


def row(strategy, call, fp32):
    """One row of latency.csv; the float network, where there is one, is compared with itself."""
    latency = measure(call)
    times = {
        "strategy": strategy,
        "latency_ms_median": latency.median_ms,
        "latency_ms_mean": latency.mean_ms,
        "latency_ms_p95": latency.p95_ms,
    }
    if fp32 is None:
        return times | dict.fromkeys(RATIOS)
    ratio = compare(fp32, call)
    return times | {
        "latency_ratio": ratio.ratio,
        "latency_ratio_p5": ratio.p5,
        "latency_ratio_p95": ratio.p95,
        "latency_control": ratio.control,
        "latency_resolved": ratio.resolved,
    }


with job(snakemake):
    feeds = load_samples(snakemake.input.dataset, "test").first(1).inputs
    fp32 = runner(snakemake.input.fp32, feeds) if snakemake.input.fp32 else None
    calls = {"fp32": fp32} if fp32 else {}
    for name, path in zip(snakemake.params.strategies, snakemake.input.quantized, strict=True):
        if absence(path) is None:
            with suppress(ModelError):  # its evaluation says why
                calls[name] = runner(path, feeds)
    write_csv(snakemake.output.table, [row(name, call, fp32) for name, call in calls.items()])
