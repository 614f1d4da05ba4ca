"""Rule recommend: what the stated rule chooses on the hold-out, of the strategies that apply.

By the workload's metric, else classes, else the worst entry of the output; random inputs: none.
"""

from edgeint8.arch.machine.technology import of_files, using
from edgeint8.codesign.strategy_prices import StrategyPrice, strategy_prices
from edgeint8.conventions import Row
from edgeint8.errors import HardwareError, ModelError
from edgeint8.files import absence, read_json, write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence.channels import are_scores
from edgeint8.quant.evidence.logits import load_outputs
from edgeint8.quant.evidence.metrics import Judged, metric
from edgeint8.quant.evidence.order import spreads
from edgeint8.quant.evidence.ranking import ranked_rows
from edgeint8.quant.evidence.recommend import HardwareCost
from edgeint8.quant.evidence.table_rows import recommendation_rows
from edgeint8.study.job import job
from edgeint8.tables.files import concatenate, read_table


def prices(facts: dict[str, Row]) -> dict[str, StrategyPrice]:
    """Of all strategies, or of none: no price ranks beside points."""
    graphs = dict(zip(names, snakemake.input.graphs, strict=False))  # none: nothing is priced
    spent = concatenate(snakemake.input.bits)
    try:
        return strategy_prices(snakemake.input.model, graphs, facts, spent)
    except (ModelError, HardwareError) as error:
        print(f"not priced, counted in points: {error}")
        return {}


with job(snakemake), using(of_files(snakemake.input.technology), snakemake.params.dram):
    judged = load_samples(snakemake.input.dataset, "holdout")
    if judged.is_random:
        raise ModelError("random inputs recommend no strategy", allowed="data of one's own")
    names = snakemake.params.strategies
    logits = dict(zip(names, snakemake.input.logits, strict=True))
    known = zip(names, snakemake.input.facts, strict=True)
    facts = {name: read_json(path) for name, path in known if absence(logits[name]) is None}
    priced = prices(facts)
    costs = {name: HardwareCost.counted(entry) for name, entry in facts.items()}
    costs |= {name: found.beside(costs[name]) for name, found in priced.items()}
    drawn = spreads(read_table(snakemake.input.draws))
    fp32 = load_outputs(snakemake.input.fp32, "holdout")
    first = next(iter(fp32.values()))
    outputs = {name: load_outputs(logits[name], "holdout") for name in facts}
    chosen = metric(**snakemake.params.metric) if snakemake.params.metric else None
    if chosen is None and are_scores(first):
        scores = {name: next(iter(found.values())) for name, found in outputs.items()}
        rows = recommendation_rows(judged.labels, first, scores, costs, drawn)
    else:
        seen = {n: Judged(o, fp32, judged.inputs, judged.truth) for n, o in outputs.items()}
        rows = ranked_rows(seen, costs, chosen, drawn)
    if not rows:
        raise ModelError("nothing to choose from", allowed="a static strategy that applies")
    key, source = {"workload": snakemake.wildcards.workload}, {"data_source": judged.source}
    bills = {name: source | (priced[name].columns if priced else {}) for name in facts}
    write_csv(snakemake.output.table, [key | row | bills[row["strategy"]] for row in rows])
