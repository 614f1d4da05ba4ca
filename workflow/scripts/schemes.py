"""Rule schemes: the recommended strategy under other roundings, on the whole test split."""

import numpy as np
import onnx

from edgeint8.codesign.datapath import REQUANTIZERS
from edgeint8.conventions import IMAGES_AT_ONCE, Array
from edgeint8.files import write_csv
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.executor import Executor, as_feeds, pieces
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence.table_rows import evidence_rows, load_logits
from edgeint8.study.job import job
from edgeint8.tables.files import read_table


def scores(model: onnx.ModelProto, scheme: Scheme) -> Array:
    """The network's first output for all images, rounded as `scheme` says."""
    executor = Executor(model, scheme)
    name = executor.graph.outputs[0]
    feeds = pieces(as_feeds(model, test.inputs), test.batch or IMAGES_AT_ONCE)
    return np.concatenate([executor.run(piece)[name] for piece in feeds]).reshape(fp32.shape)


with job(snakemake):
    test = load_samples(snakemake.input.dataset, "test")
    fp32 = load_logits(snakemake.input.fp32, "test")
    chosen = read_table(snakemake.input.recommendation).query("recommended").iloc[0]["strategy"]
    paths = dict(zip(snakemake.params.strategies, snakemake.input.models, strict=True))
    model = onnx.load(paths[chosen])
    names = [name for name in REQUANTIZERS if name != Scheme.ORT_FLOAT32.value]
    logits = {name: scores(model, Scheme(name)) for name in names}
    rows = [
        {"strategy": chosen, "scheme": name}
        | {column: evidence[column] for column in ("accuracy", "accuracy_delta", "sqnr_db")}
        | {"images": len(test)}
        for name, evidence in evidence_rows(test.labels, fp32, logits).items()
    ]
    write_csv(snakemake.output.table, rows)
