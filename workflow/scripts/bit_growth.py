"""Rule bit_growth: accumulator width of every layer, from its weights and seen on test images."""

from dataclasses import asdict

import onnx

from edgeint8.conventions import IMAGES_AT_ONCE
from edgeint8.errors import ModelError
from edgeint8.files import write_csv
from edgeint8.fixed_point.executor import as_feeds, pieces
from edgeint8.fixed_point.studies.bit_growth import model_widths
from edgeint8.models.data.samples import load_samples
from edgeint8.study.job import job

with job(snakemake):
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    model = onnx.load(snakemake.input.model)
    if any(node.op_type == "DynamicQuantizeLinear" for node in model.graph.node):
        raise ModelError("zero-points that follow the input have no width", allowed="static ones")
    test = load_samples(snakemake.input.dataset, "test").first(snakemake.params.images)
    feeds = pieces(as_feeds(model, test.inputs), test.batch or IMAGES_AT_ONCE)
    source = {"data_source": test.source}
    widths = [key | asdict(width) | source for width in model_widths(model, feeds)]
    write_csv(snakemake.output.table, widths)
