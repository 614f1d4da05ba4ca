"""Rule golden_compare: the integer executor against ONNX Runtime, tensor by tensor."""

import onnx

from edgeint8.conventions import Row
from edgeint8.errors import ModelError
from edgeint8.files import read_json, write_csv
from edgeint8.fixed_point.compare import compare_model
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.ort.reference import REFERENCE_MODE, batches
from edgeint8.quant.session import cpu_flags, has_exact_u8s8
from edgeint8.study.job import job

ROW = (
    *("images", "tensors", "elements", "mismatches", "max_abs_diff"),
    *("float_nodes", "first_mismatch"),
)

with job(snakemake):
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    key |= {"witness": "ort"}
    model = onnx.load(snakemake.input.model)
    test = load_samples(snakemake.input.dataset, "test").first(snakemake.params.images)
    source = {
        "reference": REFERENCE_MODE,
        "exact_u8s8_cpu": has_exact_u8s8(cpu_flags()),
        "data_source": test.source,
    }
    facts = read_json(snakemake.input.facts)
    pairs = batches(model, test.inputs, batch=1 if facts["batch"] == 1 else None)
    try:
        row: Row = dict(compare_model(model, pairs).row())
        note = None
    except ModelError as error:
        row, note = dict.fromkeys(ROW), f"the executor cannot run it: {error}"
    row |= {"float_nodes": len(facts["float_nodes"])}
    write_csv(snakemake.output.golden, [key | row | source | {"note": note}])
