"""Rule recommend: the static strategy that the stated rule chooses on the hold-out.

Random inputs and outputs that decide nothing recommend none; strategies that cannot be applied to
the network are no candidates.
"""

from edgeint8.errors import ModelError
from edgeint8.files import absence, read_json, write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence.recommend import HardwareCost
from edgeint8.quant.evidence.table_rows import load_logits, recommendation_rows
from edgeint8.study.job import job

with job(snakemake):
    judged = load_samples(snakemake.input.dataset, "holdout")
    if judged.is_random:
        raise ModelError("random inputs recommend no strategy", allowed="data of one's own")
    names = snakemake.params.strategies
    files = zip(names, snakemake.input.facts, snakemake.input.logits, strict=True)
    usable = {n: (f, logits) for n, f, logits in files if absence(logits) is None}
    facts = {name: read_json(path) for name, (path, _) in usable.items()}
    rows = recommendation_rows(
        judged.labels,
        load_logits(snakemake.input.fp32, "holdout"),
        {name: load_logits(path, "holdout") for name, (_, path) in usable.items()},
        {
            name: HardwareCost(entry["hardware_cost"], tuple(entry["hardware_cost_reasons"]))
            for name, entry in facts.items()
        },
    )
    ends = {"workload": snakemake.wildcards.workload}, {"data_source": judged.source}
    if not rows:
        raise ModelError("nothing to choose by", allowed="a first output (N, classes)")
    write_csv(snakemake.output.table, [ends[0] | row | ends[1] for row in rows])
