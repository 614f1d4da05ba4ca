"""Rule layers: the layers of a network's INT8 graph, else of the float network."""

from edgeint8.arch.network.fusion import fuse
from edgeint8.arch.network.inputs import read_layers
from edgeint8.arch.network.layers import layers_to_json
from edgeint8.arch.network.memory import memory
from edgeint8.files import absence, write_csv, write_json
from edgeint8.study.job import job
from edgeint8.tables.files import read_table


def recommended() -> list[str]:
    """Names of the strategies by rank, the recommended one first; none where nothing decides."""
    for path in snakemake.input.recommendation:
        rows = read_table(path)
        if len(rows):
            return list(rows.sort_values("recommended", ascending=False)["strategy"])
    return []


def costed_graph() -> tuple[str, str]:
    """The first INT8 graph that there is, in the order of recommendation, and whose it is."""
    names = snakemake.params.strategies
    graphs = dict(zip(names, snakemake.input.graphs, strict=True))
    for name in dict.fromkeys([*recommended()[:1], *names]):
        if absence(graphs[name]) is None:
            return graphs[name], name
    return snakemake.input.source, "float"


with job(snakemake):
    path, strategy = costed_graph()
    layers = read_layers(path)
    key = {"workload": snakemake.wildcards.workload, "graph": strategy}
    write_csv(snakemake.output.memory, [key | vars(memory(layers))])
    layers = fuse(layers) if snakemake.params.fuse else layers
    print(f"{len(layers)} layers of the {strategy} graph")
    write_json(snakemake.output.layers, layers_to_json(layers))
