"""Why is a strategy's SQNR low: where it is lost, on which tensor, and by which constants.

Float and quantised network run on the same few samples, tensor by tensor. The first node whose
output keeps less than `LOST_DB` is named; of what it reads, the tensor whose worst entry lost most
is where the scale did not fit, or its own output where all that it reads is sound.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from edgeint8.conventions import Array, Row
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.evidence.channels import channel_columns, worst_entry_db
from edgeint8.quant.evidence.layer_traits import BULK_PERCENT
from edgeint8.quant.graph import QUANTIZED_SUFFIX, initializer_values
from edgeint8.quant.ort.reference import all_tensors

LOW_DB = 20.0  # of the output: strategies above need no explanation
LOST_DB = 10.0  # of a tensor
EXTREME = 1e4  # a stored value that one scale cannot hold beside values of ordinary size
SAMPLES = 32
QDQ_SUFFIX = "_QuantizeLinear_Output"
# Where an operator keeps scale and zero-point of its output, if not as its last two inputs.
SCALE_AT = {"QuantizeLinear": 1, "QLinearConv": 6, "QLinearConcat": 0}


@dataclass(frozen=True)
class Tensor:
    """A tensor of the float network beside what the quantised one makes of it; dB against float."""

    name: str
    node: str
    fp32: Array
    found: Array

    @property
    def db(self) -> float:
        """SQNR of the whole."""
        return sqnr_db(self.fp32, self.found)

    @property
    def worst_db(self) -> float:
        """SQNR of its worst entry, of the whole where it has no entries."""
        return worst_entry_db(self.fp32, self.found)


def explanation(
    model: onnx.ModelProto, quantized: onnx.ModelProto, feeds: Mapping[str, Array]
) -> Row:
    """The columns of ``low_sqnr.csv`` but its key: `model` prepared, `quantized` what runs."""
    feeds = {name: array[:SAMPLES] for name, array in feeds.items()}
    pairs = compared(model, all_tensors(model, feeds), real_values(quantized, feeds))
    lost = [tensor for tensor in pairs.values() if tensor.db < LOST_DB]
    row: Row = {"first_node_below_10_db": lost[0].node if lost else None}
    worst = min(pairs.values(), key=lambda tensor: tensor.db, default=None)
    if lost:
        reads = next(node.input for node in model.graph.node if node.name == lost[0].node)
        read = [pairs[name] for name in reads if name in pairs]
        worst = min(read, key=lambda tensor: tensor.worst_db, default=lost[0])
        worst = worst if worst.worst_db < LOST_DB else lost[0]
    return row | _columns(worst) | {"extreme_constants": "; ".join(extremes(model))}


def _columns(worst: Tensor | None) -> Row:
    """What is said of a tensor: its range is that of the float network."""
    names = ("worst_tensor", "sqnr_db", "worst_entry_sqnr_db", "range", "bulk_range", "range_ratio")
    if worst is None:
        return dict.fromkeys(names)
    sizes = np.abs(worst.fp32.astype(np.float64))
    bulk = float(np.quantile(sizes, BULK_PERCENT / 100))
    ratio = channel_columns(worst.fp32, worst.found)["range_ratio"]
    values = (worst.name, worst.db, worst.worst_db, float(sizes.max()), bulk, ratio)
    return dict(zip(names, values, strict=True))


def compared(
    model: onnx.ModelProto, fp32: Mapping[str, Array], found: Mapping[str, Array]
) -> dict[str, Tensor]:
    """Float tensors that both networks make, in the order of the float network's nodes."""
    found = with_absorbed(model, found)
    return {
        name: Tensor(name, node.name, fp32[name], found[name])
        for node in model.graph.node
        for name in node.output
        if name in found
        and fp32[name].dtype.kind == "f"
        and fp32[name].size
        and fp32[name].shape == found[name].shape
    }


def with_absorbed(model: onnx.ModelProto, found: Mapping[str, Array]) -> dict[str, Array]:
    """`found`, where the output of a layer that absorbed a Relu or Clip is that of the latter."""
    readers = [name for node in model.graph.node for name in node.input]
    renamed = dict(found)
    for node in model.graph.node:
        absorbed = node.op_type in ("Relu", "Clip") and node.output[0] not in found
        if absorbed and node.input[0] in renamed and readers.count(node.input[0]) == 1:
            renamed[node.output[0]] = renamed.pop(node.input[0])
    return renamed


def real_values(quantized: onnx.ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every tensor of a quantised graph as the real numbers it stands for, by its float name."""
    stored, tensors = initializer_values(quantized), all_tensors(quantized, feeds)
    grids: dict[str, tuple[Array, Array]] = {}
    for node in quantized.graph.node:
        place = SCALE_AT.get(node.op_type, -2)
        if node.op_type.startswith("QLinear") or node.op_type in ("QuantizeLinear", "QGemm"):
            names = list(node.input)[place:][:2]
            if all(name in stored for name in names):
                grids[node.output[0]] = (stored[names[0]], stored[names[1]])
        elif node.op_type != "DequantizeLinear" and node.input and node.input[0] in grids:
            grids |= dict.fromkeys(node.output, grids[node.input[0]])
    real = {name: array for name, array in tensors.items() if array.dtype.kind == "f"}
    for name, (scale, zero) in grids.items():
        if scale.size == 1 and tensors[name].dtype in (np.int8, np.uint8):
            levels = tensors[name].astype(np.float64) - float(zero.item())
            plain = name.removesuffix(QUANTIZED_SUFFIX).removesuffix(QDQ_SUFFIX)
            real[plain] = levels * float(scale.item())
    return real


def extremes(model: onnx.ModelProto) -> list[str]:
    """Stored tensors with a value of `EXTREME` or more, each with its largest one."""
    found = []
    for name, values in initializer_values(model).items():
        if values.dtype.kind == "f" and values.size and np.abs(values).max() >= EXTREME:
            found.append(f"{name} ({values.flat[np.abs(values).argmax()]:.3g})")
    return found
