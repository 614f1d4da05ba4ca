"""Rule recommend: the static strategy that the stated rule chooses on the hold-out."""

from edgeint8.files import read_json, write_csv
from edgeint8.job import job
from edgeint8.models.datasets import load_dataset
from edgeint8.quant.evidence import load_logits, recommendation_rows
from edgeint8.quant.recommend import HardwareCost

with job(snakemake):
    strategies = snakemake.params.strategies
    dataset = load_dataset(snakemake.input.dataset)
    facts = dict(zip(strategies, map(read_json, snakemake.input.facts), strict=True))
    rows = recommendation_rows(
        dataset.held_out().labels,
        load_logits(snakemake.input.fp32, "holdout"),
        {
            name: load_logits(path, "holdout")
            for name, path in zip(strategies, snakemake.input.logits, strict=True)
        },
        {
            name: HardwareCost(entry["hardware_cost"], tuple(entry["hardware_cost_reasons"]))
            for name, entry in facts.items()
        },
    )
    ends = {"workload": snakemake.wildcards.workload}, {"data_source": dataset.source}
    write_csv(snakemake.output.table, [ends[0] | row | ends[1] for row in rows])
