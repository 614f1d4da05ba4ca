"""Rule quantization_rows: the evidence for every strategy of a network."""

from edgeint8.conventions import Row
from edgeint8.files import absence, read_json, write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence import table_rows
from edgeint8.quant.evidence.logits import load_logits
from edgeint8.study.job import job
from edgeint8.tables.files import by_key, concatenate


def draws_of(strategy: str) -> Row:
    """Spread of a strategy over its calibration draws; nothing for those without."""
    mine = [row for row in concatenate(snakemake.input.draws) if row["strategy"] == strategy]
    return table_rows.spread_columns(mine) if mine else {}


with job(snakemake):
    workload, given = snakemake.wildcards.workload, snakemake.input
    files = zip(snakemake.params.strategies, given.facts, given.logits, strict=True)
    # Strategies that cannot be applied have no logits and no row.
    usable = {n: (facts, logits) for n, facts, logits in files if absence(logits) is None}
    facts = {name: read_json(path) for name, (path, _) in usable.items()}
    test = load_samples(given.dataset, "test")
    evidence = table_rows.evidence_rows(
        test.labels,
        load_logits(given.fp32, "test") if given.fp32 else None,
        {name: load_logits(path, "test") for name, (_, path) in usable.items()},
    )
    measured = by_key("strategy", *given.latency, *given.metrics)
    rows = [
        {"workload": workload, "strategy": name}
        | entry
        | evidence[name]
        | measured.get(name, {})
        | draws_of(name)
        | table_rows.listed_facts(entry)
        | {"images": len(test), "data_source": test.source}
        for name, entry in facts.items()
    ]
    write_csv(snakemake.output.table, rows)
