"""Layers of any ONNX network: float, QOperator or QDQ, as exported or as ONNX Runtime saved it.

Every product counts: those of loops (times their trips), of the branch that runs, of local
functions. What cannot be sized is listed, never dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import onnx

from edgeint8.arch.network.graph import Known, NetworkInputs, fixed, known_tensors, load
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.operators.blocked import true_channels
from edgeint8.arch.network.walk import Walk


def layers_from_onnx(
    model: onnx.ModelProto | str | Path,
    input_shapes: Mapping[str, Sequence[int | None]] | None = None,
    inputs: NetworkInputs | None = None,
) -> tuple[Layer, ...]:
    """One `Layer` per product or node that runs on data, in graph order.

    The free batch dimension becomes 1; other free dimensions need a shape. Nodes whose inputs are
    all constants, or sizes of tensors, are folded before run time and are not layers. Biases are
    not counted as traffic. Raises `ModelError` when the model cannot be read or sized.
    """
    inputs = inputs or NetworkInputs(shapes=input_shapes or {})
    sized = fixed(load(model), inputs)
    known = known_tensors(sized)
    layers = Walk(sized, known, true_channels(sized.graph, known.dims)).layers()
    batch = batch_of(sized.graph, known, inputs)
    return tuple(replace(layer, batch=batch) for layer in layers)


def batch_of(graph: onnx.GraphProto, known: Known, inputs: NetworkInputs) -> int:
    """Images of one run: the extent that all inputs and outputs share along their batch axis.

    Tensors of fewer than two dimensions have no say. Where the others disagree, it is one image.
    """
    stored = {tensor.name for tensor in graph.initializer}
    found = set()
    for value in (*graph.input, *graph.output):
        dims, axis = known.dims.get(value.name, ()), inputs.axis(value.name)
        if value.name in stored or len(dims) < 2:
            continue
        if axis is None or axis >= len(dims):
            return 1
        found.add(dims[axis])
    return max(found.pop(), 1) if len(found) == 1 else 1
