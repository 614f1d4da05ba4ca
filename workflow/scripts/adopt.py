"""Rule adopt: a network that came quantised, as the one strategy of its workload."""

import onnx

from edgeint8.files import atomic_path, write_json
from edgeint8.quant.prequantized.executable import executable_graph
from edgeint8.study.job import job

with job(snakemake):
    model = onnx.load(snakemake.input.model)
    executable, facts = executable_graph(model)
    for path, graph in (
        (snakemake.output.model, model),
        (snakemake.output.executable, executable),
    ):
        with atomic_path(path) as temporary:
            onnx.save(graph, temporary)
    write_json(snakemake.output.facts, facts)
