"""Networks as real files are: every exporter's habit once, small. None of them is tidy."""

from collections.abc import Callable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
Weights = dict[str, NDArray]


def weights(seed: int, **shapes: tuple[int, ...]) -> Weights:
    """Random float32 arrays by name, small enough that nothing overflows."""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.standard_normal(shape) / np.sqrt(max(np.prod(shape[1:]), 1))).astype(np.float32)
        for name, shape in shapes.items()
    }


def model(
    nodes: list[onnx.NodeProto],
    stored: Weights,
    inputs: dict[str, list],
    outputs: list[str],
    opset: int = 17,
    ir: int = 8,
) -> onnx.ModelProto:
    """A network whose inputs are float tensors of the given shapes; output shapes are not told."""
    graph = helper.make_graph(
        nodes,
        "messy",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = ir
    return made


node = helper.make_node
HEAD = [
    node("GlobalAveragePool", ["features"], ["pooled"]),
    node("Flatten", ["pooled"], ["flat"]),
    node("Gemm", ["flat", "dw", "db"], ["scores"], transB=1),
]


def with_head(
    body: list[onnx.NodeProto], stored: Weights, channels: int, **options: object
) -> onnx.ModelProto:
    """`body` from ``input`` (N, 3, 8, 8) to ``features``, then a classifier of four classes."""
    stored = {**stored, **weights(9, dw=(4, channels), db=(4,))}
    options.setdefault("inputs", {"input": ["N", 3, 8, 8]})
    return model([*body, *HEAD], stored, outputs=["scores"], **options)


def opset_7_with_listed_weights() -> onnx.ModelProto:
    """Opset 7, weights listed as inputs (IR 3), BatchNormalization behind a Conv and a Relu."""
    stored = weights(1, w=(6, 3, 3, 3), scale=(6,), shift=(6,), mean=(6,))
    stored["scale"], stored["var"] = np.abs(stored["scale"]) + 0.5, np.full(6, 0.7, np.float32)
    norm = ["scale", "shift", "mean", "var"]
    body = [
        node("Conv", ["input", "w"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["a", *norm], ["b"]),
        node("Relu", ["b"], ["c"]),
        node("BatchNormalization", ["c", *norm], ["features"]),
    ]
    made = with_head(body, stored, 6, opset=7, ir=3)
    for tensor in made.graph.initializer:
        listed = helper.make_tensor_value_info(tensor.name, FLOAT, list(tensor.dims))
        made.graph.input.append(listed)
    return made


def opset_9_upsample() -> onnx.ModelProto:
    """Upsample, which opset 10 replaced by Resize."""
    stored = {**weights(2, w=(4, 3, 3, 3)), "scales": np.array([1, 1, 2, 2], np.float32)}
    body = [
        node("Conv", ["input", "w"], ["a"], pads=[1, 1, 1, 1]),
        node("Upsample", ["a", "scales"], ["features"], mode="nearest"),
    ]
    return with_head(body, stored, 4, opset=9, ir=4)


def opset_11_clip() -> onnx.ModelProto:
    """Relu6 as a Clip with bounds in Constant nodes."""
    body = [
        node("Constant", [], ["low"], value=numpy_helper.from_array(np.float32(0))),
        node("Constant", [], ["high"], value=numpy_helper.from_array(np.float32(6))),
        node("Conv", ["input", "w"], ["a"], strides=[2, 2]),
        node("Clip", ["a", "low", "high"], ["features"]),
    ]
    return with_head(body, weights(3, w=(5, 3, 3, 3)), 5, opset=11)


def opset_21() -> onnx.ModelProto:
    """The newest opset asked for."""
    body = [node("Conv", ["input", "w"], ["a"]), node("Relu", ["a"], ["features"])]
    return with_head(body, weights(4, w=(5, 3, 3, 3)), 5, opset=21, ir=10)


def weights_in_constants() -> onnx.ModelProto:
    """Every weight in a Constant node."""
    made = opset_21()
    constants = [node("Constant", [], [t.name], value=t) for t in made.graph.initializer]
    nodes = [*constants, *made.graph.node]
    del made.graph.node[:], made.graph.initializer[:]
    made.graph.node.extend(nodes)
    return made


def two_inputs() -> onnx.ModelProto:
    """An image and a vector, joined before the classifier."""
    stored = weights(5, w=(4, 3, 3, 3), v=(4, 6), dw=(3, 8))
    nodes = [
        node("Conv", ["image", "w"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("GlobalAveragePool", ["b"], ["c"]),
        node("Flatten", ["c"], ["d"]),
        node("Gemm", ["state", "v"], ["e"], transB=1),
        node("Concat", ["d", "e"], ["f"], axis=1),
        node("Gemm", ["f", "dw"], ["scores"], transB=1),
    ]
    return model(nodes, stored, {"image": ["N", 3, 8, 8], "state": ["N", 6]}, ["scores"])


def two_outputs() -> onnx.ModelProto:
    """Scores and a map of features."""
    made = opset_21()
    made.graph.output.append(helper.make_tensor_value_info("features", FLOAT, None))
    return made


def conv_transpose() -> onnx.ModelProto:
    """A decoder's step."""
    stored = weights(6, w=(5, 3, 3, 3), t=(5, 4, 2, 2))
    body = [
        node("Conv", ["input", "w"], ["a"], strides=[2, 2]),
        node("ConvTranspose", ["a", "t"], ["features"], strides=[2, 2]),
    ]
    return with_head(body, stored, 4)


def hard_swish() -> onnx.ModelProto:
    """MobileNetV3's activation."""
    body = [node("Conv", ["input", "w"], ["a"]), node("HardSwish", ["a"], ["features"])]
    return with_head(body, weights(7, w=(5, 3, 3, 3)), 5)


def softmax_end() -> onnx.ModelProto:
    """Probabilities instead of scores."""
    made = opset_21()
    made.graph.node.append(node("Softmax", ["scores"], ["probabilities"]))
    made.graph.output[0].name = "probabilities"
    return made


def old_softmax() -> onnx.ModelProto:
    """Opset 9: a Softmax over all axes from the first on."""
    body = [node("Conv", ["input", "w"], ["a"]), node("Relu", ["a"], ["features"])]
    made = with_head(body, weights(4, w=(5, 3, 3, 3)), 5, opset=9, ir=4)
    made.graph.node.append(node("Softmax", ["scores"], ["probabilities"], axis=1))
    made.graph.output[0].name = "probabilities"
    return made


def _resized(mode: str) -> onnx.ModelProto:
    """Twice the size, by scales."""
    stored = {**weights(8, w=(4, 3, 3, 3)), "scales": np.array([1, 1, 2, 2], np.float32)}
    body = [
        node("Conv", ["input", "w"], ["a"]),
        node("Resize", ["a", "", "scales"], ["features"], mode=mode),
    ]
    return with_head(body, stored, 4)


def resize() -> onnx.ModelProto:
    """A nearest-neighbour Resize."""
    return _resized("nearest")


def resize_cubic() -> onnx.ModelProto:
    """A Resize by cubic interpolation, which the integer executor does not have."""
    return _resized("cubic")


def cumulative_sum() -> onnx.ModelProto:
    """An operator that the integer executor does not have."""
    stored = {**weights(9, w=(4, 3, 3, 3)), "last": np.array(3)}
    body = [
        node("Conv", ["input", "w"], ["a"]),
        node("CumSum", ["a", "last"], ["features"]),
    ]
    return with_head(body, stored, 4)


def depth_to_space() -> onnx.ModelProto:
    """Super-resolution's last step."""
    body = [
        node("Conv", ["input", "w"], ["a"]),
        node("DepthToSpace", ["a"], ["features"], blocksize=2, mode="CRD"),
    ]
    return with_head(body, weights(9, w=(8, 3, 3, 3)), 2)


def _branch(op_type: str, name: str) -> onnx.GraphProto:
    made = helper.make_tensor_value_info(name, FLOAT, None)
    return helper.make_graph([node(op_type, ["a"], [name])], name, [], [made])


def _if_yes() -> onnx.NodeProto:
    """Relu where `yes` holds, else Neg."""
    branches = {"then_branch": _branch("Relu", "then"), "else_branch": _branch("Neg", "else")}
    return node("If", ["yes"], ["features"], **branches)


def if_constant() -> onnx.ModelProto:
    """An If that an exporter left although its condition is known."""
    stored = {**weights(10, w=(4, 3, 3, 3)), "yes": np.array(True)}
    body = [
        node("Conv", ["input", "w"], ["a"]),
        _if_yes(),
    ]
    return with_head(body, stored, 4)


def if_by_data() -> onnx.ModelProto:
    """An If that the data decides: of the batch's sum."""
    stored = {**weights(11, w=(4, 3, 3, 3)), "zero": np.float32(0)}
    body = [
        node("Conv", ["input", "w"], ["a"]),
        node("ReduceSum", ["a"], ["sum"], keepdims=0),
        node("Greater", ["sum", "zero"], ["yes"]),
        _if_yes(),
    ]
    return with_head(body, stored, 4)


def channels_last() -> onnx.ModelProto:
    """A TensorFlow export: NHWC outside, transposed to NCHW and back around every Conv."""
    stored = weights(12, w=(5, 3, 3, 3), u=(4, 5, 3, 3), dw=(4, 3))
    nodes = [
        node("Transpose", ["input"], ["a"], perm=[0, 3, 1, 2]),
        node("Conv", ["a", "w"], ["b"], auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Transpose", ["b"], ["c"], perm=[0, 2, 3, 1]),
        node("Relu", ["c"], ["d"]),
        node("Transpose", ["d"], ["e"], perm=[0, 3, 1, 2]),
        node("Conv", ["e", "u"], ["f"]),
        node("Transpose", ["f"], ["g"], perm=[0, 2, 3, 1]),
        node("ReduceMean", ["g"], ["h"], axes=[1, 2], keepdims=0),
        node("MatMul", ["h", "dw"], ["scores"]),
    ]
    return model(nodes, stored, {"input": ["N", 8, 8, 3]}, ["scores"])


def asymmetric_padding() -> onnx.ModelProto:
    """A Pad node, unequal pads in a Conv, and a pool that counts its padding."""
    stored = {**weights(13, w=(4, 3, 3, 3)), "pads": np.array([0, 0, 0, 1, 0, 0, 2, 1], np.int64)}
    body = [
        node("Pad", ["input", "pads"], ["a"]),
        node("Conv", ["a", "w"], ["b"], pads=[0, 1, 2, 0], strides=[2, 1]),
        node("AveragePool", ["b"], ["features"], kernel_shape=[2, 2], pads=[1, 0, 0, 1]),
    ]
    return with_head(body, stored, 4)


def one_dimension() -> onnx.ModelProto:
    """A 1-D network with a dilated, grouped convolution."""
    stored = weights(14, w=(6, 2, 5), u=(6, 2, 3), dw=(4, 6), db=(4,))
    nodes = [
        node("Conv", ["input", "w"], ["a"], pads=[2, 2], strides=[2]),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "u"], ["features"], group=3, dilations=[2]),
        *HEAD,
    ]
    return model(nodes, stored, {"input": ["N", 2, 40]}, ["scores"])


def names_with_slashes() -> onnx.ModelProto:
    """Tensors and nodes called as modules are."""
    made = opset_21()
    for entry in made.graph.node:
        entry.name = f"/model/layer.0/{entry.op_type}"
        entry.input[:] = [f"/model/{name}" for name in entry.input]
        entry.output[:] = [f"/model/{name}" for name in entry.output]
    for entry in (*made.graph.initializer, *made.graph.input, *made.graph.output):
        entry.name = f"/model/{entry.name}"
    return made


def fixed_batch_reshape() -> onnx.ModelProto:
    """A batch of 1 that a Reshape relies on."""
    stored = {**weights(15, w=(4, 3, 3, 3), dw=(144, 4)), "shape": np.array([1, -1], np.int64)}
    nodes = [
        node("Conv", ["input", "w"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("Reshape", ["b", "shape"], ["c"]),
        node("MatMul", ["c", "dw"], ["scores"]),
    ]
    return model(nodes, stored, {"input": [1, 3, 8, 8]}, ["scores"])


def false_free_batch() -> onnx.ModelProto:
    """The same, but the file calls the batch free."""
    made = fixed_batch_reshape()
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    return made


def fixed_batch_of_four() -> onnx.ModelProto:
    """Four images a run, and no other number."""
    made = fixed_batch_reshape()
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
    made.graph.initializer[2].CopyFrom(numpy_helper.from_array(np.array([4, -1]), "shape"))
    return made


def computed_sizes() -> onnx.ModelProto:
    """A channel shuffle, its sizes computed from Shape because the batch is free."""
    stored = {**weights(17, w=(6, 3, 3, 3), u=(4, 6, 3, 3)), "two": np.array(2)}
    stored |= {"zero": np.array([0]), "one": np.array([1]), "spatial": np.array([6, 6])}
    stored |= {"pair": np.array([2]), "back": np.array([-1, 6, 6])}
    body = [
        node("Conv", ["input", "w"], ["a"]),
        node("Shape", ["a"], ["sizes"]),
        node("Gather", ["sizes", "zero"], ["batch"]),
        node("Gather", ["sizes", "one"], ["channels"]),
        node("Div", ["channels", "two"], ["half"]),
        node("Concat", ["batch", "pair", "half", "spatial"], ["split"], axis=0),
        node("Reshape", ["a", "split"], ["b"]),
        node("Transpose", ["b"], ["c"], perm=[0, 2, 1, 3, 4]),
        node("Concat", ["batch", "back"], ["joined"], axis=0),
        node("Reshape", ["c", "joined"], ["d"]),
        node("Conv", ["d", "u"], ["features"]),
    ]
    return with_head(body, stored, 4)


def residual_with_scale() -> onnx.ModelProto:
    """Add, Mul, Sigmoid: a squeeze-and-excitation block beside a shortcut."""
    stored = weights(16, w=(4, 3, 3, 3), s=(4, 4, 1, 1))
    body = [
        node("Conv", ["input", "w"], ["a"], pads=[1, 1, 1, 1]),
        node("GlobalAveragePool", ["a"], ["b"]),
        node("Conv", ["b", "s"], ["c"]),
        node("Sigmoid", ["c"], ["d"]),
        node("Mul", ["a", "d"], ["e"]),
        node("Add", ["a", "e"], ["features"]),
    ]
    return with_head(body, stored, 4)


MESSY: dict[str, Callable[[], onnx.ModelProto]] = {
    made.__name__: made
    for made in (
        opset_7_with_listed_weights,
        opset_9_upsample,
        opset_11_clip,
        opset_21,
        weights_in_constants,
        two_inputs,
        two_outputs,
        conv_transpose,
        hard_swish,
        softmax_end,
        old_softmax,
        resize,
        resize_cubic,
        cumulative_sum,
        depth_to_space,
        if_constant,
        if_by_data,
        channels_last,
        asymmetric_padding,
        one_dimension,
        names_with_slashes,
        fixed_batch_reshape,
        false_free_batch,
        fixed_batch_of_four,
        computed_sizes,
        residual_with_scale,
    )
}
