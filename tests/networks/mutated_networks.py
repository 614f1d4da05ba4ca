"""Networks that nobody wrote: others, changed by lot in operators, shapes, types, values, names."""

from collections.abc import Callable

import numpy as np
import onnx
from messy_networks import MESSY
from onnx import helper, numpy_helper

from edgeint8.errors import EdgeInt8Error
from edgeint8.quant.session import make_session

UNARY = ("Relu", "Sigmoid", "Tanh", "Abs", "Neg", "HardSwish", "Softmax", "LeakyRelu", "Exp")
UNARY += ("HardSigmoid", "Identity", "Elu", "Softplus", "Sqrt", "Floor", "Reciprocal", "Erf")
VALUES = (0.0, 1e-30, 1e-12, 1e4, 1e12, 1e30, 3.4e38, -3.4e38, np.inf, np.nan)
NAMES = ("", "a b", "é/ü", "x" * 200, "0", "same", "../up", "a|b<c>", "%s{}", "None")
ATTRIBUTES = ("strides", "pads", "dilations", "group", "axis", "keepdims", "kernel_shape", "perm")
LIKELY_VALID = 0.9  # share of the networks that ONNX Runtime must be able to load


def _edges(model: onnx.ModelProto) -> list[tuple[onnx.NodeProto, int]]:
    """Every input of a node that another node or the user makes."""
    stored = {t.name for t in model.graph.initializer} | {""}
    return [(n, k) for n in model.graph.node for k, i in enumerate(n.input) if i not in stored]


def insert(model, rng):
    """A function of one tensor in front of a reader."""
    node, place = _pick(_edges(model), rng)
    name = f"inserted_{len(model.graph.node)}"
    new = helper.make_node(str(rng.choice(UNARY)), [node.input[place]], [name], name)
    node.input[place] = name
    model.graph.node.insert(list(model.graph.node).index(node), new)


def replace(model, rng):
    """Another function of one tensor."""
    unary = [n for n in model.graph.node if n.op_type in UNARY and len(n.input) == 1]
    if unary:
        node = _pick(unary, rng)
        node.op_type = str(rng.choice(UNARY))
        del node.attribute[:]


def with_constant(model, rng):
    """A sum, product, minimum or Where with a constant in front of a reader."""
    node, place = _pick(_edges(model), rng)
    name = f"operand_{len(model.graph.node)}"
    value = np.float32(rng.choice([1.0, -2.5, *VALUES]))
    model.graph.initializer.append(numpy_helper.from_array(value, f"{name}_value"))
    kind = str(rng.choice(["Add", "Mul", "Sub", "Div", "Min", "Max", "Pow"]))
    inputs = [node.input[place], f"{name}_value"]
    new = helper.make_node(kind, inputs[:: int(rng.choice([1, -1]))], [name], name)
    node.input[place] = name
    model.graph.node.insert(list(model.graph.node).index(node), new)


def drop(model, rng):
    """A node less: its readers read what it read."""
    node = _pick(model.graph.node, rng)
    if node.input and node.output[0] not in {o.name for o in model.graph.output}:
        for other in model.graph.node:
            for place, name in enumerate(other.input):
                if name == node.output[0]:
                    other.input[place] = node.input[0]
        model.graph.node.remove(node)


def twice(model, rng):
    """A tensor added to itself by way of a second reader."""
    node, place = _pick(_edges(model), rng)
    name = f"twice_{len(model.graph.node)}"
    kind = str(rng.choice(["Add", "Mul", "Max"]))
    new = helper.make_node(kind, [node.input[place]] * 2, [name], name)
    node.input[place] = name
    model.graph.node.insert(list(model.graph.node).index(node), new)


def value(model, rng):
    """An extreme value in a stored tensor: one element, one channel, or all of them."""
    tensor = _floats(model, rng)
    if tensor is not None:
        array = numpy_helper.to_array(tensor).copy()
        new = np.float32(rng.choice(VALUES))
        kind = rng.integers(3)
        if kind == 0 or not array.ndim:
            array.reshape(-1)[rng.integers(max(array.size, 1)) :][:1] = new
        elif kind == 1:
            array[rng.integers(len(array))] *= new
        else:
            array *= new
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def shape(model, rng):
    """A stored tensor turned, lengthened by a dimension, cut, or emptied."""
    tensor = _floats(model, rng)
    if tensor is not None and tensor.dims:
        array = numpy_helper.to_array(tensor)
        changed = [array.T, array[None], array[..., None], array[:1], array[:0], array.reshape(-1)]
        new = np.ascontiguousarray(changed[rng.integers(len(changed))])
        tensor.CopyFrom(numpy_helper.from_array(new, tensor.name))


def kind(model, rng):
    """A stored tensor of another type."""
    tensor = _floats(model, rng)
    if tensor is not None:
        array = numpy_helper.to_array(tensor)
        new = rng.choice(["float64", "float16", "int32", "int8", "int64"])
        with np.errstate(invalid="ignore", over="ignore"):
            tensor.CopyFrom(numpy_helper.from_array(array.astype(str(new)), tensor.name))


def attribute(model, rng):
    """A number of a node changed by one."""
    found = [a for n in model.graph.node for a in n.attribute if a.name in ATTRIBUTES]
    if found:
        entry, step = _pick(found, rng), int(rng.choice([-1, 1]))
        if entry.ints:
            place = int(rng.integers(len(entry.ints)))
            entry.ints[place] = entry.ints[place] + step
        else:
            entry.i += step


def rename(model, rng):
    """An odd name for a tensor everywhere, or for a node."""
    new = str(rng.choice(NAMES))
    if rng.random() < 0.5:
        _pick(model.graph.node, rng).name = new
        return
    node = _pick(model.graph.node, rng)
    old, new = node.output[0], new or "output"
    for other in model.graph.node:
        for names in (other.input, other.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
    for output in model.graph.output:
        output.name = new if output.name == old else output.name


def share(model, rng):
    """Two nodes read one stored tensor of the same size."""
    stored = {t.name: tuple(t.dims) for t in model.graph.initializer}
    places = [(n, k) for n in model.graph.node for k, i in enumerate(n.input) if i in stored]
    node, place = _pick(places, rng) if places else (None, 0)
    alike = [n for n, dims in stored.items() if node and dims == stored[node.input[place]]]
    if alike:
        node.input[place] = str(rng.choice(alike))


def outputs(model, rng):
    """Another tensor as the first output, or as one more."""
    name = _pick(model.graph.node, rng).output[0]
    entry = onnx.ValueInfoProto(name=name)
    if name not in {o.name for o in model.graph.output}:
        model.graph.output.insert(int(rng.integers(2)), entry)


MUTATIONS: tuple[Callable[[onnx.ModelProto, np.random.Generator], None], ...] = (
    *(insert, replace, with_constant, drop, twice, value, shape, kind, attribute, rename),
    *(share, outputs),
)


def mutated(seed: int) -> onnx.ModelProto:
    """A network changed by one to three mutations; the same for the same seed."""
    rng = np.random.default_rng(seed)
    while True:
        model = MESSY[str(rng.choice(list(MESSY)))]()
        for _ in range(int(rng.integers(1, 4))):
            MUTATIONS[rng.integers(len(MUTATIONS))](model, rng)
        if rng.random() > LIKELY_VALID or _loads(model):
            return model


def _loads(model: onnx.ModelProto) -> bool:
    try:
        make_session(model, optimization="disable")
    except EdgeInt8Error:
        return False
    return True


def _pick(items, rng):
    items = list(items)
    return items[rng.integers(len(items))]


def _floats(model, rng):
    stored = [t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    return _pick(stored, rng) if stored else None
