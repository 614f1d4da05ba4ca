"""Answers about quantised networks: what they compute, how wide, and vectors of it."""

from dataclasses import dataclass
from pathlib import Path

import onnx

from edgeint8.answers.answer import Answer, plain
from edgeint8.arch.network.memory import Memory
from edgeint8.conventions import Row
from edgeint8.files import atomic_path
from edgeint8.fixed_point.compare import Comparison, TensorDifference
from edgeint8.fixed_point.studies.bit_growth import LayerWidth
from edgeint8.quant.ptq import QuantizedModel
from edgeint8.tflite.report import VerifyReport


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


SATURATES = (
    "ONNX Runtime adds unsigned-by-signed products in 16 bits on this processor (no VNNI or AMX) "
    "and saturates: such layers with 8-bit weights can differ for that reason"
)


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
            "note": SATURATES if self.mismatches and not self.exact_u8s8_cpu else "",
        }

    def rows(self) -> list[Row]:
        """One row a tensor."""
        return [plain(tensor) for tensor in self.comparison.tensors]


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
        return [plain(width) for width in self.widths]


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
