"""Rules float_baseline and evaluate: a network's scores on the hold-out and the test split."""

import onnx

from edgeint8.files import read_json
from edgeint8.job import job
from edgeint8.models.datasets import load_dataset
from edgeint8.quant.evidence import save_logits, split_logits
from edgeint8.quant.session import DEFAULT_BATCH

with job(snakemake):
    dataset = load_dataset(snakemake.input.dataset)
    model = onnx.load(snakemake.input.model)
    facts = snakemake.input.get("facts")
    batch = read_json(facts)["batch"] if facts else DEFAULT_BATCH
    logits = {
        "holdout": split_logits(model, dataset.held_out().inputs, batch),
        "test": split_logits(model, dataset.test().inputs, batch),
    }
    save_logits(snakemake.output.logits, logits)
