"""Rule overflow_study: the whole network on narrow accumulators, under every policy."""

from dataclasses import asdict

import onnx

from edgeint8.conventions import IMAGES_AT_ONCE, Array
from edgeint8.files import write_csv
from edgeint8.fixed_point.executor import Executor
from edgeint8.fixed_point.studies.overflow import Judge, outputs_of, overflow_rows
from edgeint8.models.data.samples import Samples, load_samples
from edgeint8.quant.evidence.evaluation import as_scores
from edgeint8.quant.evidence.metrics import Judged, scorer
from edgeint8.quant.evidence.table_rows import load_outputs
from edgeint8.study.job import job


def with_scores(outputs: dict[str, Array]) -> dict[str, Array]:
    """Outputs as strategies are judged by."""
    first = next(iter(outputs))
    return outputs | {first: as_scores(outputs[first])}


def judge_of(model: onnx.ModelProto, test: Samples, batch: int) -> Judge | None:
    """What judges in the place of accuracy: against FP32, or exact sums where that is not known."""
    fp32, random = snakemake.input.fp32, test.is_random
    found = load_outputs(fp32, "test") if fp32 else None
    found = found or with_scores(outputs_of(Executor(model), model, test.inputs, batch))
    reference = {name: array[: len(test)] for name, array in found.items()}
    seen = Judged(reference, reference, test.inputs, test.truth)
    scored = scorer(snakemake.params.metric, seen, random=random)
    if scored is None:
        return None
    margin = scored.metric.margin
    return Judge(scored.metric.name, lambda found: scored.value(with_scores(dict(found))), margin)


with job(snakemake):
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    options = snakemake.params.options
    test = load_samples(snakemake.input.dataset, "test").first(options["images"])
    model, batch = onnx.load(snakemake.input.model), test.batch or IMAGES_AT_ONCE
    bits = range(options["bits"][0], options["bits"][1] + 1)
    judge = judge_of(model, test, batch)
    rows = overflow_rows(
        *(model, test.inputs, test.labels, bits),
        tile_rows=options["tile_rows"],
        batch=batch,
        judge=judge,
    )
    source = {"data_source": test.source}
    write_csv(snakemake.output.table, [key | asdict(row) | source for row in rows])
