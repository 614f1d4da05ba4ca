"""Rule recommend: the static strategy that the stated rule chooses on the hold-out.

By the workload's metric, else by classes, else by the worst entry of the output. Random inputs
recommend none; strategies that cannot be applied to the network are no candidates.
"""

from edgeint8.errors import ModelError
from edgeint8.files import absence, read_json, write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence.channels import are_scores
from edgeint8.quant.evidence.metrics import Judged, metric
from edgeint8.quant.evidence.order import spreads
from edgeint8.quant.evidence.ranking import ranked_rows
from edgeint8.quant.evidence.recommend import HardwareCost
from edgeint8.quant.evidence.table_rows import load_outputs, recommendation_rows
from edgeint8.study.job import job
from edgeint8.tables.files import read_table

with job(snakemake):
    judged = load_samples(snakemake.input.dataset, "holdout")
    if judged.is_random:
        raise ModelError("random inputs recommend no strategy", allowed="data of one's own")
    names = snakemake.params.strategies
    files = zip(names, snakemake.input.facts, snakemake.input.logits, strict=True)
    usable = {n: (f, logits) for n, f, logits in files if absence(logits) is None}
    facts = {name: read_json(path) for name, (path, _) in usable.items()}
    costs = {
        name: HardwareCost(
            *(entry["hardware_cost"], tuple(entry["hardware_cost_reasons"])),
            float_nodes=len(entry["float_nodes"]),
        )
        for name, entry in facts.items()
    }
    drawn = spreads(read_table(snakemake.input.draws))
    fp32 = load_outputs(snakemake.input.fp32, "holdout")
    outputs = {name: load_outputs(path, "holdout") for name, (_, path) in usable.items()}
    chosen = metric(**snakemake.params.metric) if snakemake.params.metric else None
    first = next(iter(fp32.values()))
    if chosen is None and are_scores(first):
        logits = {name: next(iter(found.values())) for name, found in outputs.items()}
        rows = recommendation_rows(judged.labels, first, logits, costs, drawn)
    else:
        seen = {n: Judged(o, fp32, judged.inputs, judged.truth) for n, o in outputs.items()}
        rows = ranked_rows(seen, costs, chosen, drawn)
    ends = {"workload": snakemake.wildcards.workload}, {"data_source": judged.source}
    if not rows:
        raise ModelError("nothing to choose from", allowed="a static strategy that applies")
    write_csv(snakemake.output.table, [ends[0] | row | ends[1] for row in rows])
