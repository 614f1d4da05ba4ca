"""A quantised network of ours as an INT8 .tflite file that LiteRT and tflite-micro take.

    Path("net.tflite").write_bytes(write_tflite(export_tflite(onnx.load("net.int8.onnx")).model))

Weight and bias codes are the network's own. uint8 codes become int8, 128 lower, with their
zero-points. Images (N, C, H, W) become (N, H, W, C), signals (N, C, L) become (N, 1, L, C). The
file reads and gives codes: the first QuantizeLinear and the last DequantizeLinear are left out.
"""

from dataclasses import dataclass

import numpy as np
import onnx

from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.fixed_point.executor import ALL_TENSORS, Executor
from edgeint8.tflite.export.exporter import Exporter
from edgeint8.tflite.export.nodes import EXPORTERS
from edgeint8.tflite.file.model import TFLiteModel


@dataclass(frozen=True)
class Exported:
    """The network of a file, and where TFLite wants another scale than the network has."""

    model: TFLiteModel
    notes: tuple[str, ...]


def export_tflite(model: onnx.ModelProto, int4: bool = True) -> Exported:
    """The file of a QOperator network, or of the graph that ORT made of a QDQ network.

    int4 : whether weights whose codes fit four bits are INT4, where the runtimes take that

    Raises `ModelError` that names the node that TFLite has no integer operator for.
    """
    executor = Executor(model)
    feeds = {each.name: np.zeros(_shape(each), np.float32) for each in model.graph.input}
    values = {**executor.graph.constants, **feeds, **executor.run(feeds, keep=ALL_TENSORS)}
    export = Exporter(executor.graph, values, int4)
    for node in executor.graph.nodes:
        if node.op_type not in EXPORTERS:
            raise ModelError(
                f"{node.op_type} has no operator in TFLite's integers",
                where=f"node {node.name}",
                allowed=", ".join(EXPORTERS),
            )
        _export(export, node)
    return Exported(export.finish(), tuple(export.notes))


def _export(export: Exporter, node: Node) -> None:
    try:
        EXPORTERS[node.op_type](export, node)
    except ModelError as error:
        where = error.where or f"node {node.name}"
        raise ModelError(error.what, where=where, allowed=error.allowed) from None


def _shape(info: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Shape of one image."""
    sizes = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
    if len(sizes) < 2 or min(sizes[1:]) < 1:
        raise ModelError(f"input {info.name} has free sizes", allowed="all but the first given")
    return (1, *sizes[1:])
