"""Rule weight_bits: the recommended strategy with fewer bits, nearest and learned codes."""

from pathlib import Path

import onnx

from edgeint8.codesign.narrower import narrower
from edgeint8.conventions import Row
from edgeint8.files import read_json, write_csv
from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import as_feeds
from edgeint8.fixed_point.studies.bit_growth import model_widths
from edgeint8.fixed_point.studies.recommendation import accumulator_row
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.calibrate.draws import calibration_draws
from edgeint8.quant.evidence.evaluation import split_outputs
from edgeint8.quant.evidence.logits import load_outputs
from edgeint8.quant.evidence.metrics import Judged, judged_columns, scorer
from edgeint8.quant.evidence.table_rows import variant_columns
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.ptq import Calibration, Strategy, prepare_model, quantize
from edgeint8.study.job import job
from edgeint8.tables.files import read_table


def row_of(strategy: Strategy, graph: onnx.ModelProto) -> Row:
    """What one narrow network is worth, that the executor replays it, and how wide its sums are."""
    outputs = split_outputs(graph, test.inputs)
    replayed, one = (test.first(count).inputs for count in (snakemake.params.images, 1))
    compared = compare_model(graph, batches(graph, replayed))
    widths = accumulator_row(model_widths(graph, [as_feeds(graph, one)]), [])
    return {
        "weight_bits": strategy.weight_bits,
        "rounding": strategy.rounding,
        "bounded_bits": strategy.accumulator_bits,
        **variant_columns(test.labels, fp32, outputs),
        "compared_elements": compared.elements,
        "mismatches": compared.mismatches,
        **{name: widths[name] for name in ("bits_guaranteed", "bits_guaranteed_raw_codes")},
        **judged_columns(judge, outputs),
    }


with job(snakemake):
    test, seen = (load_samples(snakemake.input.dataset, part) for part in ("test", "calibration"))
    fp32 = load_outputs(snakemake.input.fp32, "test")
    own = Judged(fp32, fp32, test.inputs, test.truth)
    judge = scorer(snakemake.params.metric, own, random=test.is_random)
    chosen = read_table(snakemake.input.recommendation).query("recommended").iloc[0]["strategy"]
    facts = dict(zip(snakemake.params.strategies, snakemake.input.facts, strict=True))
    base = Strategy.from_mapping(chosen, snakemake.params.strategies[chosen])
    base = base.as_chosen(read_json(facts[chosen]))
    paths = {Path(path).stem: path for path in snakemake.input.calibrations}
    calibration = Calibration.from_json(read_json(paths[base.calibration_id]))
    model = prepare_model(onnx.load(snakemake.input.model))
    count, seed = seen.whole(base.images_learned), snakemake.params.seed
    images = seen.rows(calibration_draws(len(seen), count, seed=seed)[0]).inputs
    narrow = narrower(base, **snakemake.params.options)
    rows = [row_of(s, quantize(model, calibration, s, images=images).executable) for s in narrow]
    write_csv(snakemake.output.table, rows)
