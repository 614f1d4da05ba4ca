"""Test vectors for RTL engineers: every layer's operands and results, with a manifest.

    <folder>/manifest.json, manifest.schema.json, SHA256SUMS
    <folder>/00_conv1/weight.npy .hex, weight_km, bias, multiplier, shift, scale_float32
    <folder>/00_conv1/image/ifm, acc_before_bias, acc, ofm, stream  a layer fed with real data
    <folder>/00_conv1/highest/...                                   and with directed corners
    <folder>/other/00_pool/input_0, output_0                        pools, additions, quantisers
    <folder>/directed/...                                           requantiser ties, products

Arrays have ONNX's shapes (N, C, *S) and (M, C, *kernel); beside them stand weights as K x M,
inputs and outputs as (N, *S, C), and the first image in the order in which an array streams it. A
hex file holds the same words in C order. The tolerance is zero. `read_vectors` checks the manifest
against its schema, and every checksum before it gives an array out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from edgeint8.conventions import Array
from edgeint8.data import VECTORS_SCHEMA
from edgeint8.errors import DataError
from edgeint8.files import digest, read_json, write_json, write_text
from edgeint8.fixed_point.arithmetic.graph import Graph, Node
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.arithmetic.layers import OutputStage, has_output_stage, output_stage
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import Scheme, code_range, combined_scale
from edgeint8.fixed_point.executor import ALL_TENSORS, Executor, Images, as_feeds
from edgeint8.fixed_point.studies.bit_growth import inner_position, vertex_input
from edgeint8.fixed_point.studies.overflow import sufficient_bits
from edgeint8.fixed_point.vectors.design import Design
from edgeint8.fixed_point.vectors.directed import Case, directed_cases
from edgeint8.fixed_point.vectors.folder import Entry, Folder, folder_name
from edgeint8.fixed_point.vectors.hexfile import from_hex
from edgeint8.fixed_point.vectors.layouts import channels_last, k_by_m, per_channel, stream
from edgeint8.fixed_point.vectors.nodes import edges, write_node
from edgeint8.quant.affine import sum_reach

FORMAT = 2
K_ORDER = "kernel row, kernel column, channel (channel fastest); the bias is loaded first"


@dataclass(frozen=True)
class _Layer:
    """A node with the operands it met in the run."""

    node: Node
    operands: Operands
    stage: OutputStage


def write_vectors(
    model: onnx.ModelProto, images: Images, folder: str | Path, design: Design | None = None
) -> dict[str, Any]:
    """Write the vectors of all requantising layers for `images` (a few); returns the manifest.

    What an earlier call left in the folder goes.
    """
    design, writer = design or Design(), Folder(Path(folder))
    graph, layers, tensors = _record(model, images, design)
    writer.clear()
    names = {layer.node.name for layer in layers}
    others = [node for node in graph.nodes if node.name not in names]
    manifest = {
        "format": FORMAT,
        "tolerance": 0,
        "images": len(next(iter(as_feeds(model, images).values()))),
        "data_path": design.data_path.value,
        "runtime": design.runtime.description,
        "rounding": design.scheme.value,
        "accumulator_bits": design.limits.bits,
        "overflow": design.limits.policy.value,
        "tile_rows": design.limits.tile_rows,
        "k_order": K_ORDER,
        "graph": edges(graph),
        "layers": [_write_layer(writer, k, layer, design) for k, layer in enumerate(layers)],
        "other_nodes": [write_node(writer, k, n, graph, tensors) for k, n in enumerate(others)],
        "directed": [_write_case(writer, case) for case in directed_cases()],
    }
    write_json(writer.root / "manifest.json", manifest)
    write_text(writer.root / VECTORS_SCHEMA.name, VECTORS_SCHEMA.read_text(encoding="utf-8"))
    writer.write_sums()
    return manifest


def _write_case(writer: Folder, case: Case) -> Entry:
    """One directed case."""
    name, about, arrays = case
    entries = {role: writer.write(f"directed/{name}/{role}", v) for role, v in arrays.items()}
    return {"name": name, "about": about, "arrays": entries}


def _record(
    model: onnx.ModelProto, images: Images, design: Design
) -> tuple[Graph, list[_Layer], dict[str, Array]]:
    """The graph, every requantising layer with the codes that reach it, and all tensors."""
    seen: list[tuple[Node, Operands]] = []

    def remember(node: Node, operands: Operands) -> Array:
        if has_output_stage(node) and (operands.geometry is not None or operands.w.ndim == 2):
            seen.append((node, operands))
            return design.accumulate(design.operands(operands))
        return accumulate(operands)

    executor = Executor(model, design.scheme, accumulate=remember, runtime=design.runtime)
    feeds = as_feeds(model, images)
    tensors = {**feeds, **executor.run(feeds, ALL_TENSORS)}
    graph = executor.graph
    layers = [_Layer(node, operands, output_stage(graph, node)) for node, operands in seen]
    return graph, layers, tensors


def _write_layer(writer: Folder, index: int, layer: _Layer, design: Design) -> Entry:
    """Constants, data and corner sets of one layer."""
    operands = design.operands(layer.operands)
    stage, geometry = layer.stage, layer.operands.geometry
    base = folder_name(index, layer.node.name)
    return {
        "name": layer.node.name,
        "op_type": layer.node.op_type,
        "folder": base,
        "layout": "(N, K) x (K, M)" if geometry is None else "(N, C, *S) * (M, C/groups, *kernel)",
        "geometry": None if geometry is None else asdict(geometry),
        "depth": operands.depth,
        "x_zero_point": layer.operands.x_zero_point,
        "subtracted_zero_point": operands.x_zero_point,
        "pad_value": operands.border,
        "y_zero_point": stage.zero_point,
        "x_scale": float(stage.x_scale),
        "w_scale": stage.w_scale.reshape(-1).astype(float).tolist(),
        "y_scale": float(stage.y_scale),
        "rounding": design.rounding(layer.node),
        "sufficient_bits": sufficient_bits(operands),
        "constants": {
            k: writer.write(f"{base}/{k}", v)
            for k, v in _constants(operands, layer, design).items()
        },
        "sets": {
            name: _write_set(writer, f"{base}/{name}", replace(operands, x=x), layer, design)
            for name, x in _inputs(layer.operands).items()
        },
    }


def _constants(operands: Operands, layer: _Layer, design: Design) -> dict[str, Array]:
    """Weights in two orders; everything else is (M,)."""
    stage, multiplier = layer.stage, design.multiplier(layer.node, layer.stage)
    ort = combined_scale(Scheme.ORT_FLOAT32, stage.x_scale, stage.w_scale, stage.y_scale)
    bias = np.zeros(operands.channels, np.int64) if operands.bias is None else operands.bias
    each = {
        "weight_zero_point": operands.w_zero_point,
        "bias": bias.astype(np.int32),
        "scale_float32": ort,
        "multiplier": multiplier.mantissa.astype(np.int32),
        "shift": multiplier.shift.astype(np.int32),
    }
    weights = {"weight": operands.w, "weight_km": k_by_m(operands)}
    return weights | {name: per_channel(values, operands) for name, values in each.items()}


def _inputs(operands: Operands) -> dict[str, Array]:
    """The data, and directed corners: the exact bounds, the ends of the code range, zero-point."""
    x, (low, high) = operands.x, code_range(operands.x.dtype)
    one = x[:1] if operands.geometry is not None else x.reshape(-1, x.shape[-1])[:1]
    sets = {
        "image": x,
        "all_lowest": np.full_like(one, low),
        "all_highest": np.full_like(one, high),
        "all_zero_point": np.full_like(one, operands.x_zero_point),
    }
    reach = sum_reach(operands.weight_matrix(), operands.x_range)
    bias = np.zeros(operands.channels, np.int64) if operands.bias is None else operands.bias
    channels = {"highest": np.argmax(reach.high + bias), "lowest": np.argmin(reach.low + bias)}
    geometry = operands.geometry
    if geometry is None or inner_position(geometry, x.shape[2:]) is not None:
        for name, channel in channels.items():
            sets[name] = vertex_input(operands, int(channel), name == "highest")[0]
    return sets


def _write_set(
    writer: Folder, base: str, operands: Operands, layer: _Layer, design: Design
) -> Entry:
    """Input, accumulators and output of one layer for one input."""
    acc = design.accumulate(operands)
    found = {
        "acc_before_bias": design.accumulate(replace(operands, bias=None)).astype(np.int32),
        "acc": acc.astype(np.int32),
        "ofm": design.codes(layer.node, layer.stage, acc),
    }
    arrays = {"ifm": operands.x, **found}
    if operands.geometry is not None:
        last = {"ifm_nhwc": channels_last(operands.x), "ofm_nhwc": found["ofm"]}
        native = {role: np.moveaxis(values, -1, 1) for role, values in found.items()}
        arrays = {"ifm": operands.x, **native, **last}
    if base.endswith("/image"):
        arrays["stream"] = stream(operands)
    return {role: writer.write(f"{base}/{role}", values) for role, values in arrays.items()}


class Vectors:
    """A folder of vectors whose files are checked when they are read."""

    def __init__(self, folder: str | Path) -> None:
        self.root = Path(folder)
        self.manifest: dict[str, Any] = read_json(self.root / "manifest.json")
        if self.manifest.get("format") != FORMAT:
            raise DataError(
                f"vector format {self.manifest.get('format')}",
                where=str(self.root),
                allowed=str(FORMAT),
            )
        schema = Draft202012Validator(read_json(VECTORS_SCHEMA))
        fault = best_match(schema.iter_errors(self.manifest))
        if fault is not None:
            raise DataError(
                f"the manifest does not fit its schema: {fault.message[:200]}",
                where=fault.json_path,
            )

    def array(self, entry: Mapping[str, Any]) -> Array:
        """The array of a manifest entry; both files must have their checksum and agree."""
        for kind in ("npy", "hex"):
            path = self.root / entry[kind]
            if not path.exists() or digest(path) != entry[f"sha256_{kind}"]:
                raise DataError("file is missing or was changed", where=str(path))
        values: Array = np.load(self.root / entry["npy"], allow_pickle=False)
        words = values.view(f"u{values.itemsize}") if values.dtype.kind == "f" else values
        text = (self.root / entry["hex"]).read_text(encoding="ascii")
        told = from_hex(text, entry["hex_bits"], signed=words.dtype.kind == "i")
        if not np.array_equal(told, words.reshape(-1).astype(np.int64)):
            raise DataError("hex and npy hold different values", where=entry["hex"])
        return values

    def check_all(self) -> int:
        """Read every file; returns how many arrays there are."""
        entries = list(_entries(self.manifest))
        for entry in entries:
            self.array(entry)
        return len(entries)


def read_vectors(folder: str | Path) -> Vectors:
    """Open a folder that `write_vectors` made."""
    return Vectors(folder)


def _entries(value: Any) -> Iterator[dict[str, Any]]:
    """All array entries anywhere in a manifest."""
    if isinstance(value, dict):
        if "sha256_npy" in value:
            yield value
        else:
            for part in value.values():
                yield from _entries(part)
    elif isinstance(value, list):
        for part in value:
            yield from _entries(part)


def first_mismatch(layer: str, expected: Array, got: Array) -> str | None:
    """Layer, index, expected and got of the first element that differs; None where none does."""
    if expected.shape != got.shape:
        return f"{layer}: shape {got.shape} instead of {expected.shape}"
    wrong = np.argwhere(expected != got)
    if not len(wrong):
        return None
    where = tuple(int(k) for k in wrong[0])
    return (
        f"{layer}{list(where)}: expected {expected[where]}, got {got[where]} "
        f"({len(wrong)} of {expected.size} elements differ)"
    )
