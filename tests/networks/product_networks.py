"""Small networks, one for each kind of product, and their multiply-accumulates worked out by hand.

Each case is (name, model, MACs). None of the numbers comes from the code that is tested.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Case = tuple[str, onnx.ModelProto, int]
node = helper.make_node
INT64, BOOL = TensorProto.INT64, TensorProto.BOOL


def value(name: str, dims: Any, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, dims)


def weights(**dims: tuple[int, ...]) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {k: generator.standard_normal(v).astype(np.float32) for k, v in dims.items()}


def network(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    stored: dict[str, Any],
    outputs: tuple[str, ...] = ("y",),
    opset: int = 17,
    functions: tuple[onnx.FunctionProto, ...] = (),
) -> onnx.ModelProto:
    tensors = [numpy_helper.from_array(np.asarray(a), k) for k, a in stored.items()]
    graph = helper.make_graph(nodes, "g", inputs, [value(n, None) for n in outputs], tensors)
    domains = ("com.microsoft", *(f.domain for f in functions))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(
        graph, opset_imports=opsets, functions=list(functions), ir_version=10 if opset > 22 else 9
    )


def convolutions() -> list[Case]:
    """Strides, groups, pads, one to three dimensions, and its transpose."""
    nodes = [
        node("Conv", ["x", "a"], ["c1"], pads=[1] * 4, name="full"),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", "d"], ["c2"], group=16, strides=[2, 2], pads=[1] * 4, name="depth"),
        node("Conv", ["c2", "g"], ["c3"], group=4, name="grouped"),
        node("Add", ["c3", "c2"], ["s"]),
        node("Conv", ["s", "p"], ["c4"], dilations=[2, 2], name="dilated"),
        node("ConvTranspose", ["c4", "t"], ["y"], strides=[2, 2], group=2, name="up"),
    ]
    stored = weights(
        a=(16, 3, 3, 3), d=(16, 1, 3, 3), g=(16, 4, 1, 1), p=(6, 16, 2, 2), t=(6, 5, 3, 3)
    )
    flat = 64 * 16 * 27 + 16 * 16 * 9 + 16 * 16 * 4 + 4 * 6 * 64 + 4 * 6 * 5 * 9
    line = [node("Conv", ["x", "w"], ["y"], strides=[2])]
    cube = [node("Conv", ["x", "w"], ["y"], pads=[1] * 6, group=2)]
    back = [node("ConvTranspose", ["x", "w"], ["y"], strides=[2])]
    return [
        ("flat", network(nodes, [value("x", ["N", 3, 8, 8])], stored), flat),
        ("line", network(line, [value("x", [1, 4, 20])], weights(w=(6, 4, 5))), 8 * 6 * 20),
        ("cube", network(cube, [value("x", [1, 4, 5, 6, 7])], weights(w=(8, 2, 3, 3, 3))),
         210 * 8 * 54),
        ("back", network(back, [value("x", [1, 4, 9])], weights(w=(4, 3, 5))), 9 * 4 * 15),
    ]  # fmt: skip


def matrices() -> list[Case]:
    """Broadcast batches, a constant on the left, vectors, Einsum in all its forms."""
    x = [value("x", ["N", 3, 6, 8])]
    two = [value("x", [2, 6, 8]), value("z", [2, 6, 8])]

    def einsum(text: str, inputs: list[onnx.ValueInfoProto], **dims: tuple[int, ...]) -> Any:
        names = [*(i.name for i in inputs), *dims]
        return network([node("Einsum", names, ["y"], equation=text)], inputs, weights(**dims))

    vector = [node("MatMul", ["l", "x"], ["m"]), node("MatMul", ["m", "v"], ["y"])]
    return [
        ("right", network([node("MatMul", ["x", "w"], ["y"])], x, weights(w=(8, 5))), 18 * 40),
        ("heads", network([node("MatMul", ["x", "w"], ["y"])], x, weights(w=(3, 8, 5))), 18 * 40),
        ("left", network(vector, x, weights(l=(4, 6), v=(8,))), 3 * 4 * 48 + 3 * 4 * 8),
        ("projection", einsum("btc,cd->btd", two[:1], w=(8, 5)), 12 * 40),
        ("scores", einsum("btc,bsc->bts", two), 2 * 36 * 8),
        ("hidden", einsum("...tc,dc", two[:1], w=(5, 8)), 12 * 40),
        ("outer", einsum("i,j->ij", [value("x", [7])], w=(9,)), 63),
        ("three", einsum("btc,cd,de->bte", two[:1], w=(8, 5), v=(5, 4)), 12 * 40 + 12 * 20),
        ("summed", einsum("btc,bsd->bt", two), 12 * 6 * 64),
    ]


def recurrences() -> list[Case]:
    """(T, N, I) = (10, 1, 8), hidden 12, two directions."""
    found = []
    for kind, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
        stored = weights(w=(2, gates * 12, 8), r=(2, gates * 12, 12))
        operator = node(kind, ["x", "w", "r"], ["y"], hidden_size=12, direction="bidirectional")
        model = network([operator], [value("x", [10, 1, 8])], stored)
        found.append((kind, model, 2 * 10 * gates * 12 * 20))
    return found


def attentions() -> list[Case]:
    """Four heads of 8 over 6 tokens; com.microsoft's with its projection of 32 to 3 x 32."""
    scores_and_values = 2 * 4 * 6 * 6 * 8
    tokens = [value(name, [1, 6, 32]) for name in "qkv"]
    own = node("Attention", ["x", "w", "b"], ["y"], domain="com.microsoft", num_heads=4)
    many = node("MultiHeadAttention", ["q", "k", "v"], ["y"], domain="com.microsoft", num_heads=4)
    plain = node("Attention", ["q", "k", "v"], ["y"], q_num_heads=4, kv_num_heads=2)
    narrow = [tokens[0], value("k", [1, 6, 16]), value("v", [1, 6, 16])]
    stored = weights(w=(32, 96), b=(96,))
    return [
        ("own", network([own], [value("x", [1, 6, 32])], stored),
         6 * 32 * 96 + scores_and_values),
        ("many", network([many], tokens, {}), scores_and_values),
        ("opset23", network([plain], narrow, {}, opset=23), scores_and_values),
    ]  # fmt: skip


def packed() -> Case:
    """Weights of four bits: (3, 64) times (64, 10)."""
    stored = {"b": np.zeros((10, 2, 16), np.uint8), "s": np.ones(20, np.float32)}
    attributes = {"K": 64, "N": 10, "bits": 4, "block_size": 32}
    operator = node("MatMulNBits", ["x", "b", "s"], ["y"], domain="com.microsoft", **attributes)
    return "packed", network([operator], [value("x", [3, 64])], stored), 3 * 640


def bodies() -> list[Case]:
    """A loop of four trips, a scan over six steps, branches, a local function."""
    inner = [node("MatMul", ["s", "w"], ["m"], name="inner"), node("Relu", ["m"], ["t"])]
    go_on = node("Identity", ["c"], ["d"])
    states = [value("i", [], INT64), value("c", [], BOOL), value("s", None)]
    loop = helper.make_graph([go_on, *inner], "b", states, [value("d", [], BOOL), value("t", None)])
    stored = {**weights(w=(16, 16)), "n": np.int64(4), "yes": np.array(True)}
    x = [value("x", ["N", 16])]
    step = helper.make_graph(
        [node("MatMul", ["u", "w"], ["p"]), node("MatMul", ["h", "w"], ["q"]),
         node("Add", ["p", "q"], ["g"]), node("Identity", ["g"], ["o"])],
        "b", [value("h", [1, 16]), value("u", [1, 16])], [value("g", None), value("o", None)],
    )  # fmt: skip
    scan = node("Scan", ["h0", "x"], ["z", "y"], body=step, num_scan_inputs=1, scan_input_axes=[1])
    initial = {**weights(w=(16, 16)), "h0": np.zeros((1, 16), np.float32)}
    small = helper.make_graph([node("MatMul", ["x", "w"], ["a"])], "t", [], [value("a", None)])
    large = helper.make_graph(
        [node("MatMul", ["x", "w"], ["e"]), node("MatMul", ["e", "w"], ["f"])],
        "e", [], [value("f", None)],
    )  # fmt: skip
    choose = [
        node("ReduceMax", ["x"], ["top"], keepdims=0),
        node("Greater", ["top", "half"], ["hot"]),
        node("If", ["hot"], ["y"], then_branch=small, else_branch=large, name="choose"),
    ]
    settled = node("If", ["yes"], ["y"], then_branch=small, else_branch=large)
    block = helper.make_function(
        "own", "Block", ["x", "w"], ["y"], [node("MatMul", ["x", "w"], ["y"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    called = [
        node("Block", ["x", "w"], ["a"], domain="own"),
        node("Block", ["a", "w"], ["y"], domain="own"),
    ]
    return [
        ("loop", network([node("Loop", ["n", "yes", "x"], ["y"], body=loop)], x, stored), 4 * 256),
        ("scan", network([scan], [value("x", [1, 6, 16])], initial), 6 * 2 * 256),
        ("branch", network(choose, x, {**weights(w=(16, 16)), "half": np.float32(0)}), 2 * 256),
        ("settled", network([settled], x, stored), 256),
        ("function", network(called, x, weights(w=(16, 16)), functions=(block,)), 2 * 256),
    ]


CASES = [*convolutions(), *matrices(), *recurrences(), *attentions(), packed(), *bodies()]
