"""Random small quantised graphs: a fuzzer's generator, one graph per seed.

A graph is a chain of random operators over codes of one type, with branches where an operator
needs a second tensor. Half of the scales are powers of two, so that exact ties are common.
"""

from dataclasses import dataclass, field

import numpy as np
import onnx
from cpu import WEIGHT_LIMIT
from onnx import helper, numpy_helper

F32 = np.float32


@dataclass
class Tensor:
    """A code tensor of the graph: name, shape, scale and zero-point."""

    name: str
    shape: tuple
    scale: float
    zero: int


@dataclass
class Builder:
    """Collects nodes and constants; every add_ method appends one operator."""

    rng: np.random.Generator
    dtype: type
    nodes: list = field(default_factory=list)
    constants: list = field(default_factory=list)
    count: int = 0

    def constant(self, value):
        """Name of a new initializer."""
        self.count += 1
        name = f"c{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def output(self):
        """A new tensor name."""
        self.count += 1
        return f"t{self.count}"

    def scale(self, around):
        """A scale near `around`: a power of two or any float32."""
        factor = 2.0 ** self.rng.integers(-2, 2)
        if self.rng.random() < 0.5:
            return float(2.0 ** np.round(np.log2(around * factor)))
        return float(F32(around * factor * self.rng.uniform(0.7, 1.4)))

    def zero(self):
        """A zero-point: often odd, often at an end of the range."""
        info = np.iinfo(self.dtype)
        return int(self.rng.choice([info.min, info.max, 0, 1, info.min + 3, 77]))

    def parameters(self, scale, zero, dtype=None):
        """Two constants: scale and zero-point."""
        kind = self.dtype if dtype is None else dtype
        return [self.constant(F32(scale)), self.constant(np.asarray(zero, kind))]

    def triple(self, tensor):
        """Inputs tensor, scale, zero-point."""
        return [tensor.name, *self.parameters(tensor.scale, tensor.zero)]

    def add(self, op, inputs, shape, scale, zero, domain="", **attributes):
        """Append a node that makes one code tensor."""
        name = self.output()
        self.nodes.append(
            helper.make_node(op, inputs, [name], f"{op}_{name}", domain=domain, **attributes)
        )
        return Tensor(name, tuple(int(s) for s in shape), scale, zero)

    def weights(self, shape, channels):
        """Weight codes with scale and zero-point, per tensor or per channel."""
        kind = np.int8 if self.dtype == np.int8 else self.rng.choice([np.int8, np.uint8])
        info = np.iinfo(kind)
        most = WEIGHT_LIMIT if (self.dtype, kind) == (np.uint8, np.int8) else info.max
        codes = self.rng.integers(max(info.min, -1 - most), most + 1, shape).astype(kind)
        size = (channels,) if self.rng.random() < 0.5 else ()
        if self.rng.random() < 0.5:
            scale = (2.0 ** self.rng.integers(-9, -6, size)).astype(F32)
        else:
            scale = self.rng.uniform(0.001, 0.01, size).astype(F32)
        zero = self.rng.integers(info.min, info.max + 1) if self.rng.random() < 0.4 else 0
        zeros = np.full(size, np.asarray(zero).astype(kind), kind)
        names = [self.constant(c) for c in (codes, scale, zeros)]
        return names, float(np.mean(scale)) * typical_weight(info, zero)


def typical_weight(info, zero):
    """Typical magnitude of a centred weight."""
    return max(abs(info.min - zero), abs(info.max - zero)) / 2


def conv(b, x):
    """QLinearConv with random groups, kernel, stride, dilation and padding."""
    rng, channels, axes = b.rng, x.shape[1], len(x.shape) - 2
    groups = int(rng.choice([g for g in (1, 1, 2, channels) if channels % g == 0]))
    out = groups * int(rng.integers(1, 5))
    kernel = [int(rng.integers(1, min(4, s) + 1)) for s in x.shape[2:]]
    strides = rng.integers(1, 3, axes).tolist()
    dilations = [
        int(rng.integers(1, 3)) if (k - 1) * 2 < s else 1
        for k, s in zip(kernel, x.shape[2:], strict=True)
    ]
    pads = [int(rng.integers(0, k)) for k in kernel * 2]
    names, reach = b.weights((out, channels // groups, *kernel), out)
    depth = channels // groups * np.prod(kernel)
    scale, zero = b.scale(x.scale * reach * np.sqrt(depth)), b.zero()
    inputs = [*b.triple(x), *names, *b.parameters(scale, zero)]
    if rng.random() < 0.7:
        inputs.append(b.constant(rng.integers(-20000, 20000, out).astype(np.int32)))
    sizes = [
        (s + pads[i] + pads[i + axes] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1
        for i, s in enumerate(x.shape[2:])
    ]
    return b.add(
        "QLinearConv", inputs, (x.shape[0], out, *sizes), scale, zero,
        kernel_shape=kernel, strides=strides, dilations=dilations, pads=pads, group=groups,
    )  # fmt: skip


def add_or_mul(b, x):
    """QLinearAdd or QLinearMul with itself, another branch, or a single number."""
    op = str(b.rng.choice(["QLinearAdd", "QLinearMul"]))
    other = pointwise(b, x) if b.rng.random() < 0.6 else x
    second = b.triple(other)
    if b.rng.random() < 0.3:
        info = np.iinfo(b.dtype)
        codes = b.rng.integers(info.min, info.max + 1, ()).astype(b.dtype)
        second[0] = b.constant(codes)
    size = x.scale + other.scale if op == "QLinearAdd" else x.scale * other.scale * 100
    scale, zero = b.scale(size), b.zero()
    inputs = [*b.triple(x), *second, *b.parameters(scale, zero)]
    return b.add(op, inputs, x.shape, scale, zero, domain="com.microsoft")


def pointwise(b, x):
    """A 1x1 convolution that keeps the shape."""
    channels = x.shape[1]
    names, reach = b.weights((channels, channels, *(1,) * (len(x.shape) - 2)), channels)
    scale, zero = b.scale(x.scale * reach * np.sqrt(channels)), b.zero()
    return b.add(
        "QLinearConv", [*b.triple(x), *names, *b.parameters(scale, zero)], x.shape, scale, zero
    )


def activation(b, x):
    """QLinearSigmoid, QLinearLeakyRelu or QLinearSoftmax."""
    op = str(b.rng.choice(["QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax"]))
    scale = 1 / 256 if op != "QLinearLeakyRelu" else b.scale(x.scale)
    zero = int(np.iinfo(b.dtype).min) if op != "QLinearLeakyRelu" else b.zero()
    attributes = {"alpha": 0.1} if op == "QLinearLeakyRelu" else {}
    if op == "QLinearSoftmax":
        attributes = {"axis": -1, "opset": 13}
    inputs = [*b.triple(x), *b.parameters(scale, zero)]
    return b.add(op, inputs, x.shape, scale, zero, domain="com.microsoft", **attributes)


def concat(b, x):
    """QLinearConcat over channels of a tensor and a branch."""
    other = pointwise(b, x)
    same = b.rng.random() < 0.4
    scale, zero = (x.scale, x.zero) if same else (b.scale(max(x.scale, other.scale)), b.zero())
    inputs = [*b.parameters(scale, zero), *b.triple(x), *b.triple(other)]
    shape = (x.shape[0], 2 * x.shape[1], *x.shape[2:])
    return b.add("QLinearConcat", inputs, shape, scale, zero, domain="com.microsoft", axis=1)


def max_pool(b, x):
    """MaxPool, sometimes padded or in ceil mode.

    Not behind Pad: ORT 1.31 fuses the two and then refuses its own node. No ceil mode with a
    stride above the kernel: ORT's shape inference then disagrees with its kernel.
    """
    if b.nodes[-1].op_type == "Pad":
        return conv(b, x)
    kernel = [int(b.rng.integers(1, min(3, s) + 1)) for s in x.shape[2:]]
    strides = [int(b.rng.integers(1, 3)) for _ in kernel]
    pads = [int(b.rng.integers(0, k)) for k in kernel * 2]
    ceil = int(b.rng.integers(0, 2)) if not any(pads) and max(strides) <= min(kernel) else 0
    sizes = []
    for i, (size, k, s) in enumerate(zip(x.shape[2:], kernel, strides, strict=True)):
        room = size + pads[i] + pads[i + len(kernel)] - k
        count = (-(-room // s) if ceil else room // s) + 1
        sizes.append(count - (1 if ceil and (count - 1) * s >= size + pads[i] else 0))
    return b.add(
        "MaxPool", [x.name], (*x.shape[:2], *sizes), x.scale, x.zero,
        kernel_shape=kernel, strides=strides, pads=pads, ceil_mode=ceil,
    )  # fmt: skip


def average_pool(b, x):
    """QLinearAveragePool or QLinearGlobalAveragePool."""
    scale, zero = b.scale(x.scale), b.zero()
    inputs = [*b.triple(x), *b.parameters(scale, zero)]
    shape = (*x.shape[:2], *(1,) * (len(x.shape) - 2))
    if b.rng.random() < 0.4:
        return b.add(
            "QLinearGlobalAveragePool", inputs, shape, scale, zero,
            domain="com.microsoft", channels_last=0,
        )  # fmt: skip
    kernel = [int(b.rng.integers(1, min(3, s) + 1)) for s in x.shape[2:]]
    pads = [int(b.rng.integers(0, k)) for k in kernel * 2]
    strides = [int(b.rng.integers(1, 3)) for _ in kernel]
    sizes = [
        (s + pads[i] + pads[i + len(kernel)] - kernel[i]) // strides[i] + 1
        for i, s in enumerate(x.shape[2:])
    ]
    return b.add(
        "QLinearAveragePool", inputs, (*x.shape[:2], *sizes), scale, zero, domain="com.microsoft",
        kernel_shape=kernel, strides=strides, pads=pads, channels_last=0,
        count_include_pad=int(b.rng.integers(0, 2)),
    )  # fmt: skip


def move(b, x):
    """Transpose, Pad or Slice of codes."""
    op = str(b.rng.choice(["Transpose", "Pad", "Slice"]))
    if op == "Transpose":
        order = [0, 1, *(b.rng.permutation(len(x.shape) - 2) + 2).tolist()]
        return b.add(op, [x.name], [x.shape[k] for k in order], x.scale, x.zero, perm=order)
    if op == "Pad":
        pads = [0, 0, *b.rng.integers(0, 3, len(x.shape) - 2).tolist()]
        inputs = [x.name, b.constant(np.array([0] * len(pads) + pads, np.int64))]
        inputs.append(b.constant(np.asarray(x.zero, b.dtype)))
        shape = [s + p for s, p in zip(x.shape, pads, strict=True)]
        return b.add(op, inputs, shape, x.scale, x.zero)
    last = x.shape[-1]
    inputs = [x.name, *(b.constant(np.array([v], np.int64)) for v in (-last, last, -1, 1))]
    return b.add(op, inputs, x.shape, x.scale, x.zero)


def float_detour(b, x):
    """DequantizeLinear, Relu or Clip in float32, QuantizeLinear."""
    real = b.output()
    b.nodes.append(helper.make_node("DequantizeLinear", b.triple(x), [real], f"dq_{real}"))
    bent = b.output()
    if b.rng.random() < 0.5:
        b.nodes.append(helper.make_node("Relu", [real], [bent], f"relu_{bent}"))
    else:
        limits = [b.constant(F32(0)), b.constant(F32(x.scale * 60))]
        b.nodes.append(helper.make_node("Clip", [real, *limits], [bent], f"clip_{bent}"))
    scale, zero = b.scale(x.scale), b.zero()
    return b.add("QuantizeLinear", [bent, *b.parameters(scale, zero)], x.shape, scale, zero)


def head(b, x):
    """Flatten and a QGemm or QLinearMatMul."""
    features, out = int(np.prod(x.shape[1:])), int(b.rng.integers(1, 12))
    flat = b.add("Flatten", [x.name], (x.shape[0], features), x.scale, x.zero)
    names, reach = b.weights((features, out), out)
    scale, zero = b.scale(x.scale * reach * np.sqrt(features)), b.zero()
    if b.rng.random() < 0.5:
        inputs = [*b.triple(flat), *names, *b.parameters(scale, zero)]
        return b.add("QLinearMatMul", inputs, (x.shape[0], out), scale, zero)
    bias = b.constant(b.rng.integers(-9000, 9000, out).astype(np.int32))
    inputs = [*b.triple(flat), *names, bias, *b.parameters(scale, zero)]
    return b.add("QGemm", inputs, (x.shape[0], out), scale, zero, domain="com.microsoft")


STEPS = (
    conv,
    conv,
    conv,
    add_or_mul,
    activation,
    concat,
    max_pool,
    average_pool,
    move,
    float_detour,
)


def random_graph(seed, most_channels=8, steps=None):
    """A model of one float input and its feed.

    The graph has 3 to 9 operators over codes, or the given `steps` behind QuantizeLinear.
    """
    rng = np.random.default_rng(seed)
    b = Builder(rng, np.dtype(rng.choice(["uint8", "int8"])).type)
    axes = int(rng.choice([1, 2, 2, 2, 3] if steps is None else [1, 2, 2, 2]))
    sides = rng.integers(4, 10 if axes < 3 else 7, axes).tolist()
    shape = (2, int(rng.integers(1, most_channels + 1)), *sides)
    scale, zero = b.scale(0.02), b.zero()
    x = b.add("QuantizeLinear", ["input", *b.parameters(scale, zero)], shape, scale, zero)
    if steps is None:
        allowed = [s for s in STEPS if s is not average_pool or axes < 3]
        steps = [allowed[k] for k in rng.integers(len(allowed), size=rng.integers(2, 7))]
        steps += [head] if rng.random() < 0.7 else []
    for step in steps:
        x = step(b, x)
    return finished(b, x, shape), {"input": rng.normal(scale=scale * 60, size=shape).astype(F32)}


def finished(b, x, shape):
    """The model of all that a builder collected."""
    code_type = helper.np_dtype_to_tensor_dtype(np.dtype(b.dtype))
    graph = helper.make_graph(
        b.nodes,
        "random",
        [helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(x.name, code_type, x.shape)],
        b.constants,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)
