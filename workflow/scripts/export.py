"""Rule export: weights to ONNX, and the difference between torch and ONNX Runtime."""

from edgeint8.files import write_json
from edgeint8.models.data.datasets import load_dataset
from edgeint8.models.export import export_facts, export_onnx, load_weights, torch_ort_max_abs_diff
from edgeint8.study.job import job
from edgeint8.study.status import write_status

COMPARED_INPUTS = 256

with job(snakemake):
    model = load_weights(snakemake.params.options["model"], snakemake.input.weights)
    inputs = load_dataset(snakemake.input.dataset).test().inputs[:COMPARED_INPUTS]
    export_onnx(model, snakemake.output.model)
    difference = torch_ort_max_abs_diff(model, snakemake.output.model, inputs)
    write_json(snakemake.output.facts, export_facts(model, snakemake.output.model, difference))
    write_status(snakemake.output.status, snakemake.params.kind)
