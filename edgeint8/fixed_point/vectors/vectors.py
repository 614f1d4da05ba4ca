"""Test vectors for RTL engineers: every layer's operands and results, with a manifest.

    <folder>/manifest.json
    <folder>/00_conv1/weight.npy .hex, bias, multiplier, shift, scale
    <folder>/00_conv1/image/ifm, acc_before_bias, acc, ofm          a layer fed with real data
    <folder>/00_conv1/highest/...                                   and with directed corners
    <folder>/directed/...                                           requantiser ties, products

Arrays have ONNX's shapes (N, C, *S) and (M, C, *kernel); a hex file holds the same words in C
order. The tolerance is zero. `read_vectors` checks every checksum before it gives an array out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from edgeint8.conventions import Array
from edgeint8.errors import DataError
from edgeint8.files import atomic_path, digest, read_json, write_json
from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.arithmetic.layers import OutputStage, has_output_stage, output_stage
from edgeint8.fixed_point.arithmetic.operands import Operands, with_raw_codes
from edgeint8.fixed_point.arithmetic.requantize import (
    Scheme,
    code_range,
    combined_scale,
    quantize_multiplier,
    requantize,
)
from edgeint8.fixed_point.executor import DataPath, Executor, Images, as_feeds
from edgeint8.fixed_point.studies.bit_growth import inner_position, vertex_input
from edgeint8.fixed_point.studies.overflow import Limits, Policy, sufficient_bits
from edgeint8.fixed_point.vectors.directed import Case, directed_cases
from edgeint8.fixed_point.vectors.hexfile import from_hex, write_hex
from edgeint8.quant.affine import sum_reach

FORMAT = 1
K_ORDER = "kernel row, kernel column, channel (channel fastest); the bias is loaded first"
INT32_WRAP = Limits(32, Policy.WRAP)


@dataclass(frozen=True)
class Design:
    """The hardware the vectors describe; the whole network runs on it, layer feeding layer."""

    scheme: Scheme = Scheme.ORT_FLOAT32
    data_path: DataPath = DataPath.ZERO_POINT_FIRST
    limits: Limits = INT32_WRAP

    def operands(self, operands: Operands) -> Operands:
        """What the multipliers read on the chosen data path."""
        return with_raw_codes(operands) if self.data_path is DataPath.RAW_CODES else operands

    def accumulate(self, operands: Operands) -> Array:
        """Accumulators of this width and policy, (N, *O, M) or (..., M) int64."""
        return self.limits.apply(operands, accumulate(operands).astype(np.int64))


class _Folder:
    """Writes arrays below a root and remembers what the manifest says about each."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, values: Array, bits: int | None = None) -> dict[str, Any]:
        """``name.npy`` and ``name.hex``; floats appear in hex as their IEEE 754 bits."""
        values = np.ascontiguousarray(values)
        word_bits = bits or 8 * values.dtype.itemsize
        words = values.view(f"u{values.itemsize}") if values.dtype.kind == "f" else values
        entry = {"shape": list(values.shape), "dtype": str(values.dtype), "hex_bits": word_bits}
        npy, hexadecimal = (self.root / f"{name}{suffix}" for suffix in (".npy", ".hex"))
        with atomic_path(npy) as temporary:
            np.save(temporary, values)
        write_hex(hexadecimal, words, word_bits)
        for kind, path in (("npy", npy), ("hex", hexadecimal)):
            entry[kind] = str(path.relative_to(self.root))
            entry[f"sha256_{kind}"] = digest(path)
        return entry


@dataclass(frozen=True)
class _Layer:
    """A node with the operands it met in the run."""

    node: Node
    operands: Operands
    stage: OutputStage


def write_vectors(
    model: onnx.ModelProto, images: Images, folder: str | Path, design: Design | None = None
) -> dict[str, Any]:
    """Write the vectors of all requantising layers for `images` (a few); returns the manifest."""
    design = design or Design()
    writer, layers = _Folder(Path(folder)), list(_record(model, images, design))
    names = {layer.node.name for layer in layers}
    manifest = {
        "format": FORMAT,
        "tolerance": 0,
        "images": len(next(iter(as_feeds(model, images).values()))),
        "data_path": design.data_path.value,
        "rounding": design.scheme.value,
        "accumulator_bits": design.limits.bits,
        "overflow": design.limits.policy.value,
        "tile_rows": design.limits.tile_rows,
        "k_order": K_ORDER,
        "layers": [_write_layer(writer, k, layer, design) for k, layer in enumerate(layers)],
        "directed": [_write_case(writer, case) for case in directed_cases()],
        "other_nodes": [
            {"name": node.name, "op_type": node.op_type}
            for node in Executor(model).graph.nodes
            if node.name not in names
        ],
    }
    write_json(writer.root / "manifest.json", manifest)
    return manifest


def _write_case(writer: _Folder, case: Case) -> dict[str, Any]:
    """One directed case."""
    name, about, arrays = case
    entries = {role: writer.write(f"directed/{name}/{role}", v) for role, v in arrays.items()}
    return {"name": name, "about": about, "arrays": entries}


def _record(model: onnx.ModelProto, images: Images, design: Design) -> Iterator[_Layer]:
    """Every requantising layer with the codes that reach it."""
    seen: list[tuple[Node, Operands]] = []

    def remember(node: Node, operands: Operands) -> Array:
        if has_output_stage(node) and (operands.geometry is not None or operands.w.ndim == 2):
            seen.append((node, operands))
            return design.accumulate(design.operands(operands))
        return accumulate(operands)

    executor = Executor(model, design.scheme, accumulate=remember)
    executor.run(as_feeds(model, images))
    for node, operands in seen:
        yield _Layer(node, operands, output_stage(executor.graph, node))


def _write_layer(writer: _Folder, index: int, layer: _Layer, design: Design) -> dict[str, Any]:
    """Constants, data and corner sets of one layer."""
    operands = design.operands(layer.operands)
    stage, geometry = layer.stage, layer.operands.geometry
    base = f"{index:02d}_{''.join(c if c.isalnum() else '_' for c in layer.node.name).strip('_')}"
    scale = combined_scale(Scheme.FLOAT64, stage.x_scale, stage.w_scale, stage.y_scale)
    multiplier = quantize_multiplier(scale, 16 if design.scheme is Scheme.INT16_HALF_UP else 31)
    bias = np.zeros(operands.channels, np.int64) if operands.bias is None else operands.bias
    ort = combined_scale(Scheme.ORT_FLOAT32, stage.x_scale, stage.w_scale, stage.y_scale)
    constants = {
        "weight": operands.w,
        "weight_zero_point": operands.w_zero_point,
        "bias": bias.astype(np.int32),
        "scale_float32": ort,
        "multiplier": multiplier.mantissa.astype(np.int32),
        "shift": multiplier.shift.astype(np.int32),
    }
    return {
        "name": layer.node.name,
        "op_type": layer.node.op_type,
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
        "sufficient_bits": sufficient_bits(operands),
        "constants": {k: writer.write(f"{base}/{k}", v) for k, v in constants.items()},
        "sets": {
            name: _write_set(writer, f"{base}/{name}", replace(operands, x=x), stage, design)
            for name, x in _inputs(layer.operands).items()
        },
    }


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
    writer: _Folder, base: str, operands: Operands, stage: OutputStage, design: Design
) -> dict[str, Any]:
    """Input, accumulators and output of one layer for one input."""
    acc = design.accumulate(operands)
    scale = combined_scale(design.scheme, stage.x_scale, stage.w_scale, stage.y_scale)
    arrays = {
        "acc_before_bias": design.accumulate(replace(operands, bias=None)),
        "acc": acc,
        "ofm": requantize(acc, scale, stage.zero_point, stage.dtype, design.scheme),
    }
    entries = {"ifm": writer.write(f"{base}/ifm", operands.x)}
    for role, values in arrays.items():
        shaped = values if operands.geometry is None else np.moveaxis(values, -1, 1)
        kind = shaped if role == "ofm" else shaped.astype(np.int32)
        entries[role] = writer.write(f"{base}/{role}", kind)
    return entries


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
