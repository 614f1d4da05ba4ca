"""Rule golden_compare: the integer executor against ONNX Runtime, tensor by tensor."""

import onnx

from edgeint8.files import read_json, write_csv
from edgeint8.fixed_point.compare import compare_model
from edgeint8.job import job
from edgeint8.models.datasets import load_dataset
from edgeint8.quant.ort_witness import REFERENCE_MODE, batches
from edgeint8.quant.session import cpu_flags, has_exact_u8s8

with job(snakemake):
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    model = onnx.load(snakemake.input.model)
    dataset = load_dataset(snakemake.input.dataset)
    source = {
        "reference": REFERENCE_MODE,
        "exact_u8s8_cpu": has_exact_u8s8(cpu_flags()),
        "data_source": dataset.source,
    }
    inputs = dataset.test().inputs[: snakemake.params.images]
    feeds = {model.graph.input[0].name: inputs}
    facts = read_json(snakemake.input.facts)
    pairs = batches(model, feeds, batch=1 if facts["batch"] == 1 else None)
    row = compare_model(model, pairs).row() | {"float_nodes": len(facts["float_nodes"])}
    write_csv(snakemake.output.golden, [key | row | source])
