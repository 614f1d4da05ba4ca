"""Rule prepare_network: one's own network and data, checked and made ready."""

from dataclasses import replace
from pathlib import Path

import onnx

from edgeint8.files import atomic_path, write_json
from edgeint8.models.data import own_data
from edgeint8.models.memory import peak_memory_bytes
from edgeint8.quant.prequantized import detection, own_network
from edgeint8.study.child import in_child
from edgeint8.study.job import job
from edgeint8.study.status import write_status
from edgeint8.tflite.convert.convert import load_graph


def specs_of(model: onnx.ModelProto) -> list[own_data.InputSpec]:
    """The inputs of a network, as its data must be."""
    return [own_data.InputSpec(n, *spec) for n, spec in own_network.input_specs(model).items()]


def prepare(given: str, data_file: str | None) -> tuple[own_network.Prepared, own_data.Splits]:
    """The prepared network, and the splits of its data with the batch that it takes."""
    reading = snakemake.params.reading
    model = load_graph(given) if reading is None else own_network.read_network(given, **reading)
    specs, quantized = specs_of(model), detection.is_quantized(model)
    kinds = {"quantized": quantized, "classes": snakemake.params.classes}
    splits = own_data.own_or_random(data_file, specs, snakemake.params.seed, **kinds)
    prepared = own_network.prepared_network(model, splits["test"].first(2).inputs)
    own_data.check_labels(splits["test"], prepared.output_shape, str(data_file))
    batch = own_data.batch_of(specs_of(prepared.model))
    splits = {split: replace(part, batch=batch) for split, part in splits.items()}
    for part in splits.values():
        own_network.check_runs(prepared.model, part.inputs, watched=not quantized)
    return prepared, splits


def prepare_and_write() -> None:
    """All outputs but the status."""
    files, name = snakemake.output, snakemake.wildcards.workload
    given, data_file = snakemake.input.network, str(snakemake.input.data or "") or None
    prepared, splits = prepare(given, data_file)
    facts = {
        "parameters": own_network.parameter_count(prepared.model),
        "size_bytes": Path(given).stat().st_size,
        "peak_memory_bytes": peak_memory_bytes(prepared.model),
        "torch_ort_max_abs_diff": prepared.moved,
    }
    with atomic_path(files.model) as temporary:
        onnx.save(prepared.model, temporary)
    own_data.save_own_data(files.arrays, files.provenance, name, splits, data_file)
    write_json(files.facts, facts)


with job(snakemake):
    in_child(prepare_and_write, where=snakemake.input.network)
    write_status(snakemake.output.status, snakemake.params.kind)
