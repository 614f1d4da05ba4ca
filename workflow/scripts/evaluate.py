"""Rules float_baseline and evaluate: a network's scores on the hold-out and the test split.

A network that came quantised has no hold-out: there is nothing to choose.
"""

import onnx

from edgeint8.files import read_json
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence.evaluation import split_outputs
from edgeint8.quant.evidence.logits import save_outputs
from edgeint8.quant.session import DEFAULT_BATCH
from edgeint8.study.job import job

with job(snakemake):
    model = onnx.load(snakemake.input.model)
    facts = snakemake.input.get("facts")
    batch = read_json(facts)["batch"] if facts else DEFAULT_BATCH
    outputs = {
        split: split_outputs(model, load_samples(snakemake.input.dataset, split).inputs, batch)
        for split in snakemake.params.splits
    }
    save_outputs(snakemake.output.logits, outputs)
