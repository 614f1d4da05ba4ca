"""What the calls of `edgeint8.api` return: facts by name, and a frame with a row for each part."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import onnx
import pandas as pd

from edgeint8.arch.cost.physical import LayerCost
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.memory import Memory
from edgeint8.arch.network.totals import batch_of_layers, mac_count
from edgeint8.conventions import Row
from edgeint8.files import atomic_path
from edgeint8.fixed_point.compare import Comparison, TensorDifference
from edgeint8.fixed_point.studies.bit_growth import LayerWidth
from edgeint8.quant.ptq import QuantizedModel
from edgeint8.tflite.report import VerifyReport


class Answer:
    """Facts by name, and rows as a frame."""

    def facts(self) -> Row:
        """The numbers and words that speak for the whole."""
        raise NotImplementedError

    def rows(self) -> list[Row]:
        """One row a layer, tensor or design."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """The rows as a frame; columns as docs/tables.md describes them."""
        return pd.DataFrame(self.rows())


@dataclass(frozen=True)
class Layers(Answer):
    """The layers of a network, in order; iterable.

    `memory` is what a microcontroller needs; `incomplete` says which work nobody could count.
    """

    layers: tuple[Layer, ...]
    memory: Memory
    incomplete: str

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, place: int) -> Layer:
        return self.layers[place]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run, mapped on an array or not."""
        return mac_count(self.layers).counted

    def facts(self) -> Row:
        """Layers, multiply-accumulates, images a run, and memory."""
        on_array = [layer for layer in self.layers if layer.shape is not None]
        return {
            "layers": len(self),
            "on_the_array": len(on_array),
            "macs": self.macs,
            "images": batch_of_layers(self.layers),
            "arena_bytes": self.memory.arena_bytes,
            "flash_bytes": self.memory.flash_bytes,
            "incomplete": self.incomplete,
        }

    def rows(self) -> list[Row]:
        """One row a layer; `reason` says why it is not on the array."""
        return [
            {
                "layer": layer.name,
                "operator": layer.operator,
                "macs": layer.macs,
                "repeats": layer.repeats,
                "ifmap_bytes": layer.ifmap_bytes,
                "filter_bytes": layer.filter_bytes,
                "ofmap_bytes": layer.ofmap_bytes,
                "shape": layer.shape.id if layer.shape is not None else "",
                "reason": layer.reason,
            }
            for layer in self.layers
        ]


@dataclass(frozen=True)
class Cost(Answer):
    """What a network costs on a machine: one inference.

    `bound_cycles`: no machine of this kind is faster; `machine_cycles`: one that waits for tiles,
    each layer with its best (None without a shared bus, and where a layer has too many tiles to be
    run); `schedule_cycles`: a tile-by-tile schedule. Both are None where tensors stay on chip.
    Energy is (low, mid, high) pJ at 45 nm; area mm2. Cycles, MACs and bytes are of one image of
    `images`; `incomplete` says what the totals lack.
    """

    hardware: Hardware
    costs: tuple[LayerCost, ...]
    images: int
    bound_cycles: int | float
    machine_cycles: int | float | None
    schedule_cycles: int | float | None
    model_ms: float
    fps: float
    macs: int | float
    utilization: float
    dram_bytes: int | float
    energy_pj: tuple[float, float, float]
    area_mm2: float
    bound_by: str
    incomplete: str
    advice: tuple[str, ...]
    text: str
    layer_rows: tuple[Row, ...]

    def facts(self) -> Row:
        """All but the layers."""
        low, mid, high = self.energy_pj
        return {
            "hardware": self.hardware.id,
            "images": self.images,
            "bound_cycles": self.bound_cycles,
            "machine_cycles": self.machine_cycles,
            "schedule_cycles": self.schedule_cycles,
            "model_ms": self.model_ms,
            "fps": self.fps,
            "macs": self.macs,
            "utilization": self.utilization,
            "dram_bytes": self.dram_bytes,
            "energy_pj_low": low,
            "energy_pj": mid,
            "energy_pj_high": high,
            "area_mm2": self.area_mm2,
            "bound_by": self.bound_by,
            "incomplete": self.incomplete,
            "advice": list(self.advice),
        }

    def rows(self) -> list[Row]:
        """One row a layer, the columns of ``roofline.csv``."""
        return list(self.layer_rows)


@dataclass(frozen=True)
class Front(Answer):
    """The exact front of a space of designs, fastest first, and the recommended of them.

    `designs` were walked, `feasible` of them hold every layer and keep to the constraints; `best`
    is the row of the recommended design on the machine that waits for tiles, with its
    ``machine_cycles``, or None where nothing is feasible or the totals are `incomplete`.
    """

    designs: int
    feasible: int
    front: tuple[Row, ...]
    incomplete: str
    best: Row | None

    def facts(self) -> Row:
        """Sizes, and the recommended design."""
        best = {f"best_{name}": value for name, value in (self.best or {}).items()}
        sizes = {"designs": self.designs, "feasible_designs": self.feasible}
        return {**sizes, "front": len(self.front), "incomplete": self.incomplete, **best}

    def rows(self) -> list[Row]:
        """One row a design on the front, the columns of ``pareto.csv``."""
        return list(self.front)


@dataclass(frozen=True)
class Quantized(Answer):
    """A quantised network."""

    quantized: QuantizedModel

    @property
    def model(self) -> onnx.ModelProto:
        """What `save` writes."""
        return self.quantized.model

    @property
    def float_nodes(self) -> tuple[str, ...]:
        """Nodes that stay in floating point."""
        return self.quantized.float_nodes

    @property
    def note(self) -> str:
        """Every trap that was met: avoided, repaired or accepted."""
        return self.quantized.note

    def save(self, path: str | Path) -> Path:
        """Write the ONNX file, whole or not at all."""
        with atomic_path(path) as temporary:
            onnx.save(self.model, temporary)
        return Path(path)

    def facts(self) -> Row:
        """The strategy in words, size, and what stays in floating point."""
        return {
            "strategy": self.quantized.strategy.name,
            "description": self.quantized.strategy.description,
            "size_bytes": self.model.ByteSize(),
            "float_nodes": len(self.float_nodes),
            "note": self.note,
        }

    def rows(self) -> list[Row]:
        """One row a node that stays in floating point."""
        kinds = {node.name: node.op_type for node in self.quantized.executable.graph.node}
        return [{"float_node": name, "op_type": kinds.get(name, "")} for name in self.float_nodes]


@dataclass(frozen=True)
class Verification(Answer):
    """Every tensor of a quantised network, the integer executor against a runtime.

    `layers` are the integer layers that ran; `exact_u8s8_cpu` says whether this processor
    multiplies unsigned by signed INT8 without saturation, which ONNX Runtime's own sums need.
    """

    witness: str
    comparison: Comparison
    layers: tuple[str, ...]
    exact_u8s8_cpu: bool

    @property
    def mismatches(self) -> int:
        """Elements that differ."""
        return self.comparison.mismatches

    @property
    def differing(self) -> tuple[TensorDifference, ...]:
        """The tensors that differ, in graph order."""
        return tuple(tensor for tensor in self.comparison.tensors if tensor.mismatches)

    def facts(self) -> Row:
        """Counts, and the names of the tensors that differ."""
        return {
            "witness": self.witness,
            "images": self.comparison.images,
            "integer_layers": len(self.layers),
            "tensors": len(self.comparison.tensors),
            "elements": self.comparison.elements,
            "mismatches": self.mismatches,
            "float_nodes": list(self.comparison.float_nodes),
            "differing": [tensor.name for tensor in self.differing],
            "exact_u8s8_cpu": self.exact_u8s8_cpu,
        }

    def rows(self) -> list[Row]:
        """One row a tensor."""
        return [_plain(tensor) for tensor in self.comparison.tensors]


@dataclass(frozen=True)
class RuntimeVerification(Answer):
    """A .tflite network, runtime by runtime: our arithmetic of each against the real one.

    `memory` is what tflite-micro needs for the tensors of a run, and what the file stores.
    """

    report: VerifyReport
    memory: Memory

    @property
    def mismatches(self) -> int:
        """Elements in which our arithmetic and the real runtimes differ."""
        return sum(result.mismatches for result in self.report.runtimes)

    @property
    def differing(self) -> tuple[TensorDifference, ...]:
        """The tensors that differ from their witness."""
        return tuple(t for r in self.report.runtimes for t in r.tensors if t.mismatches)

    def facts(self) -> Row:
        """What was compared with which witness, and which runtimes part."""
        ran = [result for result in self.report.runtimes if result.tensors]
        parted = self.report.pairs_frame().query("elements_differing > 0")
        return {
            "witnesses": [result.witness for result in ran],
            "elements": sum(t.elements for result in ran for t in result.tensors),
            "mismatches": self.mismatches,
            "differing": [tensor.name for tensor in self.differing],
            "pairs_of_runtimes_that_differ": len(parted),
            "arena_bytes": self.memory.arena_bytes,
            "flash_bytes": self.memory.flash_bytes,
        }

    def rows(self) -> list[Row]:
        """One row a runtime; `report` has the pairs, the tensors and the rules."""
        return [result.row() for result in self.report.runtimes]


@dataclass(frozen=True)
class Widths(Answer):
    """Accumulator widths in bits: `guaranteed` for any input, `observed` on the inputs given."""

    widths: tuple[LayerWidth, ...]

    @property
    def guaranteed(self) -> int:
        """No input can overflow this, zero-point subtracted first, bias included."""
        return max(width.bits_exact_with_bias for width in self.widths)

    @property
    def guaranteed_raw_codes(self) -> int:
        """The same where raw codes are multiplied."""
        return max(width.bits_raw_with_bias for width in self.widths)

    @property
    def tile(self) -> int:
        """Inside the array, for its height."""
        return max(width.bits_tile for width in self.widths)

    @property
    def observed(self) -> int | None:
        """Enough for every final sum of the inputs; None without inputs."""
        seen = [width.bits_observed for width in self.widths if width.bits_observed is not None]
        return max(seen, default=None)

    def facts(self) -> Row:
        """The widths of the whole network, and the layer that needs most."""
        widest = max(self.widths, key=lambda width: width.bits_exact_with_bias)
        return {
            "bits_guaranteed": self.guaranteed,
            "bits_guaranteed_raw_codes": self.guaranteed_raw_codes,
            "bits_tile": self.tile,
            "bits_observed": self.observed,
            "limiting_layer": widest.layer,
        }

    def rows(self) -> list[Row]:
        """One row a layer, the columns of ``bit_growth.csv``."""
        return [_plain(width) for width in self.widths]


@dataclass(frozen=True)
class Prediction(Answer):
    """What SCALE-Sim reports of each layer, by the replica; and what SCALE-Sim itself said.

    `checked` counts the quantities that were compared, `differences` lists those that differ.
    """

    hardware: Hardware
    predicted: tuple[Row, ...]
    checked: int = 0
    differences: tuple[Row, ...] = ()

    @property
    def scalesim_cycles(self) -> int:
        """Of all layers on the array, repeats included."""
        return sum(row["scalesim_cycles"] for row in self.predicted)

    def facts(self) -> Row:
        """Totals, and how many quantities were checked against SCALE-Sim."""
        return {
            "hardware": self.hardware.id,
            "scalesim_cycles": self.scalesim_cycles,
            "checked": self.checked,
            "differences": len(self.differences),
        }

    def rows(self) -> list[Row]:
        """One row a layer on the array, the columns of ``<workload>/hw/<hardware>.csv``."""
        return list(self.predicted)


@dataclass(frozen=True)
class Vectors(Answer):
    """Test vectors in a folder, as its manifest lists them."""

    folder: Path
    manifest: Row

    def facts(self) -> Row:
        """Where they are and how many layers they hold."""
        return {
            "folder": str(self.folder),
            "layers": len(self.manifest["layers"]),
            "images": self.manifest["images"],
            "rounding": self.manifest["rounding"],
            "runtime": self.manifest["runtime"],
        }

    def rows(self) -> list[Row]:
        """One row a layer."""
        keys = ("name", "op_type", "folder")
        return [{k: entry[k] for k in keys if k in entry} for entry in self.manifest["layers"]]


@dataclass(frozen=True)
class Machines(Answer):
    """Machines, described."""

    machines: tuple[Hardware, ...]

    def facts(self) -> Row:
        """How many."""
        return {"machines": len(self.machines)}

    def rows(self) -> list[Row]:
        """One row a machine."""
        return [{"hardware": machine.id, **_plain(machine)} for machine in self.machines]


def _plain(record: Any) -> Row:
    return {field.name: getattr(record, field.name) for field in fields(record)}
