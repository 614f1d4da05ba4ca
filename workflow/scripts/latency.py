"""Rule latency: the float network, and every strategy against it in alternation, at batch 1."""

from collections.abc import Mapping
from contextlib import suppress

from edgeint8.conventions import Array, Row
from edgeint8.errors import ModelError
from edgeint8.files import absence, write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.session import make_session, outputs_of
from edgeint8.study.job import job
from edgeint8.study.latency import Call, affordable, compare, measure, seconds_of

TIMES = ("latency_ms_median", "latency_ms_mean", "latency_ms_p95")
RATIOS = (
    *("latency_ratio", "latency_ratio_p5", "latency_ratio_p95"),
    *("latency_control", "latency_resolved"),
)


def runner(path: str, feeds: Mapping[str, Array]) -> Call:
    """A call that runs the model once; `ModelError` if it does not run."""
    session = make_session(path)
    outputs_of(session, None, feeds)
    return lambda: session.run(None, feeds)


def row(strategy: str, call: Call, fp32: Call | None, seconds: float) -> Row:
    """One row of latency.csv; the float network, where there is one, is compared with itself."""
    effort = affordable(seconds_of(call), seconds_of(fp32 or call), seconds)
    latency = measure(call, warm_ups=effort.warm_ups, runs=effort.runs)
    milliseconds = (latency.median_ms, latency.mean_ms, latency.p95_ms)
    times: Row = {"strategy": strategy} | dict(zip(TIMES, milliseconds, strict=True))
    if fp32 is None or not effort.blocks:
        return times | dict.fromkeys(RATIOS)
    found = compare(fp32, call, blocks=effort.blocks, pairs=effort.pairs, warm_ups=effort.warm_ups)
    ratios = (found.ratio, found.p5, found.p95, found.control, found.resolved)
    return times | dict(zip(RATIOS, ratios, strict=True))


with job(snakemake):
    options = snakemake.params.options
    feeds = load_samples(snakemake.input.dataset, "test").first(1).inputs
    fp32 = runner(snakemake.input.fp32, feeds) if snakemake.input.fp32 else None
    calls = {"fp32": fp32} if fp32 else {}
    for name, path in zip(snakemake.params.strategies, snakemake.input.quantized, strict=True):
        if absence(path) is None:
            with suppress(ModelError):  # its evaluation says why
                calls[name] = runner(path, feeds)
    share = options["seconds"] / max(len(calls), 1)
    rows = [
        row(name, call, fp32, share)
        if options["run"]
        else {"strategy": name} | dict.fromkeys((*TIMES, *RATIOS))
        for name, call in calls.items()
    ]
    write_csv(snakemake.output.table, rows)
