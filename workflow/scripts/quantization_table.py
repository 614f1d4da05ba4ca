"""Rule quantization_table: the evidence for every strategy of every network."""

from collections.abc import Mapping

from edgeint8.conventions import Row
from edgeint8.files import absence, read_json
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence import table_rows
from edgeint8.study.job import job
from edgeint8.tables.files import by_key, read_table, write_table

Files = Mapping[str, tuple[str, str]]  # facts and logits of each strategy


def draws_of(workload: str, strategy: str) -> Row:
    """Spread of a strategy over its calibration draws; nothing for those without."""
    draws = read_table(snakemake.input.draws) if snakemake.input.draws else None
    if draws is None or not len(draws):
        return {}
    mine = draws[(draws["workload"] == workload) & (draws["strategy"] == strategy)]
    return table_rows.spread_columns(mine["sqnr_db"], mine["accuracy"]) if len(mine) else {}


def rows_of(
    workload: str, dataset: str, measured: list[str], fp32: str | None, files: Files
) -> list[Row]:
    """Rows of one network; strategies that cannot be applied have no logits and no row."""
    usable = {name: paths for name, paths in files.items() if absence(paths[1]) is None}
    facts = {name: read_json(paths[0]) for name, paths in usable.items()}
    if not facts:
        return []
    test = load_samples(dataset, "test")
    evidence = table_rows.evidence_rows(
        test.labels,
        table_rows.load_logits(fp32, "test") if fp32 else None,
        {name: table_rows.load_logits(paths[1], "test") for name, paths in usable.items()},
    )
    times = by_key("strategy", *measured)
    return [
        {"workload": workload, "strategy": name}
        | entry
        | evidence[name]
        | times.get(name, {})
        | draws_of(workload, name)
        | table_rows.listed_facts(entry)
        | {"images": len(test), "data_source": test.source}
        for name, entry in facts.items()
    ]


with job(snakemake):
    files, rows = iter(zip(snakemake.input.facts, snakemake.input.logits, strict=True)), []
    fp32 = dict(zip(snakemake.params.floats, snakemake.input.fp32, strict=True))
    metric = dict(zip(snakemake.params.metrics, snakemake.input.metrics, strict=True))
    shared = zip(snakemake.input.datasets, snakemake.input.latency, strict=True)
    for (name, strategies), paths in zip(snakemake.params.strategies.items(), shared, strict=True):
        measured = [paths[1], *filter(None, [metric.get(name)])]
        mine = {s: next(files) for s in strategies}
        rows += rows_of(name, paths[0], measured, fp32.get(name), mine)
    write_table(snakemake.output.table, rows)
