"""Rules float_baseline and evaluate: a network's scores on the hold-out and the test split."""

import onnx

from edgeint8.job import job
from edgeint8.models.datasets import load_dataset
from edgeint8.quant.evidence import save_logits, split_logits

with job(snakemake.log[0]):
    dataset = load_dataset(snakemake.input.dataset)
    model = onnx.load(snakemake.input.model)
    logits = {
        "holdout": split_logits(model, dataset.held_out().inputs),
        "test": split_logits(model, dataset.test().inputs),
    }
    save_logits(snakemake.output.logits, logits)
