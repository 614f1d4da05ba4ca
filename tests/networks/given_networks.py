"""Networks as other tools quantise them: QDQ, layers together with their activations."""

import numpy as np
import onnx
from cpu import WEIGHT_LIMIT
from messy_networks import FLOAT, node, weights
from onnx import helper, numpy_helper


class Writer:
    """Writes a QDQ graph as a tool does that quantises layers together with their activations."""

    def __init__(self, kind=np.int8, zero_point=0):
        self.nodes, self.stored = [], {}
        self.kind, self.zero_point = kind, zero_point

    def quantize(self, source, target, scale):
        """QuantizeLinear and DequantizeLinear of an activation."""
        parameters = [f"{target}_scale", f"{target}_zero"]
        self.stored |= dict(
            zip(parameters, [np.float32(scale), self.kind(self.zero_point)], strict=True)
        )
        self.nodes += [
            node("QuantizeLinear", [source, *parameters], [f"{target}_codes"]),
            node("DequantizeLinear", [f"{target}_codes", *parameters], [target]),
        ]

    def weight(self, name, shape, *, stored_as_codes, per_channel):
        """int8 weights behind DequantizeLinear, or float ones that the graph quantises."""
        values = weights(len(name) + shape[0], w=shape)["w"]
        largest = np.abs(values).reshape(shape[0], -1).max(axis=1)
        most = WEIGHT_LIMIT if self.kind is np.uint8 else 127
        scale = np.asarray((largest if per_channel else largest.max()) / most, np.float32)
        parameters = [f"{name}_scale", f"{name}_zero"]
        self.stored |= dict(zip(parameters, [scale, np.zeros(scale.shape, np.int8)], strict=True))
        axis = {"axis": 0} if per_channel else {}
        if stored_as_codes:
            step = scale.reshape(-1, *(1,) * (len(shape) - 1)) if per_channel else scale
            self.stored[f"{name}_codes"] = np.rint(values / step).astype(np.int8)
        else:
            self.stored[f"{name}_float"] = values
            pair = [f"{name}_float", *parameters]
            self.nodes.append(node("QuantizeLinear", pair, [f"{name}_codes"], **axis))
        pair = [f"{name}_codes", *parameters]
        self.nodes.append(node("DequantizeLinear", pair, [name], **axis))

    def model(self, opset=17, outputs=("y",)):
        graph = helper.make_graph(
            self.nodes,
            "given",
            [helper.make_tensor_value_info("x", FLOAT, ["N", 3, 8, 8])],
            [onnx.ValueInfoProto(name=name) for name in outputs],
            [
                numpy_helper.from_array(np.asarray(value), name)
                for name, value in self.stored.items()
            ],
        )
        opsets = [helper.make_opsetid("", opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def residual(kind=np.int8, zero_point=0, *, stored_as_codes=True, per_channel=True, opset=17):
    """Conv-Relu, Conv-Clip, a sum with Relu, pool and classifier; biases are float."""
    made = Writer(kind, zero_point)
    form = {"stored_as_codes": stored_as_codes, "per_channel": per_channel}
    made.stored["bias"] = weights(3, b=(4,))["b"]
    made.stored |= {"low": np.float32(0), "high": np.float32(1.5)}
    made.quantize("x", "xd", 0.03)
    made.weight("w", (4, 3, 3, 3), **form)
    made.nodes += [
        node("Conv", ["xd", "w", "bias"], ["a"], "first", pads=[1, 1, 1, 1]),
        node("Relu", ["a"], ["b"], "relu"),
    ]
    made.quantize("b", "bd", 0.02)
    made.weight("vv", (4, 4, 3, 3), **form)
    made.nodes += [
        node("Conv", ["bd", "vv"], ["c"], "second", pads=[1, 1, 1, 1]),
        node("Clip", ["c", "low", "high"], ["d"], "clip"),
    ]
    made.quantize("d", "dd", 0.012)
    made.nodes += [node("Add", ["dd", "bd"], ["e"], "sum"), node("Relu", ["e"], ["f"], "last")]
    made.quantize("f", "fd", 0.025)
    made.nodes.append(node("GlobalAveragePool", ["fd"], ["g"], "pool"))
    made.quantize("g", "gd", 0.02)
    made.nodes.append(node("Flatten", ["gd"], ["h"], "flatten"))
    made.quantize("h", "hd", 0.02)
    made.weight("dense", (5, 4), **form)
    made.nodes.append(node("Gemm", ["hd", "dense"], ["y"], "dense", transB=1))
    return made.model(opset)
