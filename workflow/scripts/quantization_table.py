"""Rule quantization_table: the evidence for every strategy of every network."""

from edgeint8.files import read_json
from edgeint8.job import job
from edgeint8.models.datasets import load_dataset
from edgeint8.quant.evidence import evidence_rows, load_logits, spread_columns
from edgeint8.report.tables import read_table, write_table


def draws_of(workload, strategy):
    """Spread of a strategy over its calibration draws; nothing for dynamic ones."""
    if not snakemake.input.draws:
        return {}
    draws = read_table(snakemake.input.draws)
    mine = draws[(draws["workload"] == workload) & (draws["strategy"] == strategy)]
    return spread_columns(mine["sqnr_db"], mine["accuracy"]) if len(mine) else {}


def rows_of(index, workload):
    """Rows of one network: what is known of each strategy, its evidence and its latency."""
    strategies = snakemake.params.strategies
    mine = slice(index * len(strategies), (index + 1) * len(strategies))
    logits = dict(zip(strategies, snakemake.input.logits[mine], strict=True))
    facts = dict(zip(strategies, map(read_json, snakemake.input.facts[mine]), strict=True))
    dataset = load_dataset(snakemake.input.datasets[index])
    evidence = evidence_rows(
        dataset.test_labels,
        load_logits(snakemake.input.fp32[index], "test"),
        {name: load_logits(path, "test") for name, path in logits.items()},
    )
    latency = read_table(snakemake.input.latency[index]).set_index("strategy").to_dict("index")
    return [
        {"workload": workload, "strategy": name}
        | facts[name]
        | evidence[name]
        | latency[name]
        | draws_of(workload, name)
        | {
            "float_nodes": len(facts[name]["float_nodes"]),
            "float_node_names": " ".join(facts[name]["float_nodes"]),
            "hardware_cost_reasons": "; ".join(facts[name]["hardware_cost_reasons"]),
            "images": len(dataset.test_labels),
            "data_source": dataset.source,
        }
        for name in strategies
    ]


with job(snakemake):
    rows = [row for i, name in enumerate(snakemake.params.workloads) for row in rows_of(i, name)]
    write_table(snakemake.output.table, rows)
