"""Loops and branches: what their bodies are given, and how often they run."""

import numpy as np
import onnx

from edgeint8.arch.network.graph import Known
from edgeint8.arch.network.run_dims import Values


def given(proto: onnx.NodeProto) -> list[str]:
    """Outer tensors that a body's data inputs begin with."""
    return list(proto.input)[2:] if proto.op_type == "Loop" else list(proto.input)


def carried(proto: onnx.NodeProto, body: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """A body's data inputs, in the order of `given`."""
    return list(body.input)[2:] if proto.op_type == "Loop" else list(body.input)


def first_trip(proto: onnx.NodeProto, body: onnx.GraphProto, outside: Values) -> Values:
    """Values of a body's own inputs in its first trip, where they are known."""
    found: Values = {}
    if proto.op_type == "Loop":
        found[body.input[0].name] = np.array(0, np.int64)
        found[body.input[1].name] = np.array(True)
    scanned, axes = scan_inputs(proto)
    states = len(given(proto)) - scanned
    for place, (value, name) in enumerate(zip(carried(proto, body), given(proto), strict=False)):
        if name in outside:
            array = outside[name]
            if proto.op_type == "Scan" and place >= states:
                array = array.take(0, axis=axes[place - states])
            found[value.name] = array
    return found


def trips(proto: onnx.NodeProto, body: onnx.GraphProto, known: Known) -> tuple[int | None, str]:
    """How often a body runs, and a remark; None when the data decide."""
    if proto.op_type == "Scan":
        scanned, axes = scan_inputs(proto)
        name = proto.input[len(proto.input) - scanned]
        dims = known.dims.get(name)
        if dims is None:
            return None, f"trips of unknown number: unknown shape of {name}"
        return dims[axes[0]], ""
    count = known.value(proto.input[0]) if proto.input[0] else None
    if count is None:
        return None, "trips of unknown number, one is counted"
    return int(count), "" if always_goes_on(body) else f"at most {count} trips"


def scan_inputs(proto: onnx.NodeProto) -> tuple[int, list[int]]:
    """Number of scanned inputs of a Scan, and the axis of each; no other operator has any."""
    attributes = {a.name: a for a in proto.attribute}
    if "num_scan_inputs" not in attributes:
        return 0, []
    count = attributes["num_scan_inputs"].i
    given = attributes.get("scan_input_axes")
    return count, [0] * count if given is None else list(given.ints)


def always_goes_on(body: onnx.GraphProto) -> bool:
    """Whether a Loop's condition is its own input again, or a constant."""
    result, given = body.output[0].name, body.input[1].name
    source = {name: node for node in body.node for name in node.output}
    while result in source and source[result].op_type in ("Identity", "Cast"):
        result = source[result].input[0]
    stored = {tensor.name for tensor in body.initializer}
    constant = result in source and source[result].op_type == "Constant"
    return result == given or result in stored or constant
