"""The float network behind an INT8 .tflite classifier, and CIFAR-10 in the pixels that it takes.

    python benchmarks/dequantized.py resnet8.tflite --dataset results/data/cifar10/arrays.npz \\
        --output results/benchmarks/resnet8_mlperf_tiny

Writes ``model.onnx`` and ``data.npz`` into the folder, for benchmarks/learned_codes.py. Weights and
biases are code times scale, as the file has them: a trained network for who cannot train one, whose
weights lie on a grid of eight bits. Convolutions, additions, one mean over the image, dense layers.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgeint8.errors import ModelError
from edgeint8.models.data.cifar10 import MEAN, STD
from edgeint8.models.data.samples import Samples, load_samples, save_samples
from edgeint8.tflite.file.model import Operator, Tensor, TFLiteModel
from edgeint8.tflite.file.reader import load_tflite

CALIBRATION = 5 * 512  # images: five draws of 512 that do not overlap
HOLDOUT = 500  # images that bits per layer are chosen by
FIXED = ("RESHAPE", "SOFTMAX")  # the graph ends in logits, flattened where its mean is taken


def real(tensor: Tensor) -> NDArray[np.float32]:
    """Codes times scales, along the tensor's axis where there are several."""
    scale, zero = tensor.codes()
    assert tensor.data is not None and tensor.quantization is not None  # a constant of the file
    shape = [1] * tensor.data.ndim
    shape[tensor.quantization.axis] = -1
    wide = tensor.data.astype(np.float64) - zero.reshape(shape)
    return np.asarray(wide * scale.astype(np.float64).reshape(shape), np.float32)


class Writer:
    """An ONNX graph, operator by operator; images are (N, C, H, W)."""

    def __init__(self, source: TFLiteModel) -> None:
        self.source = source
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.names = {source.inputs[0]: "input"}

    def constant(self, index: int, array: NDArray[np.float32]) -> str:
        """A constant called after its tensor in the file."""
        self.constants.append(numpy_helper.from_array(array, f"constant_{index}"))
        return f"constant_{index}"

    def add(self, operator: Operator) -> None:
        """One operator, with the activation that is fused into it."""
        kind, options = operator.kind, operator.options
        if options.get("activation", 0) not in (0, 1):
            raise ModelError(f"{kind} with activation {options['activation']}", allowed="Relu")
        output = f"t{operator.outputs[0]}"
        before = f"{output}_before" if options.get("activation") else output
        if kind in FIXED:
            self.names[operator.outputs[0]] = self.names[operator.inputs[0]]
            return
        build = {"CONV_2D": self._convolution, "ADD": self._addition}
        build |= {"AVERAGE_POOL_2D": self._mean, "FULLY_CONNECTED": self._dense}
        build |= {"MEAN": self._mean, "RELU": self._relu}
        if kind not in build:
            raise ModelError(kind, allowed=", ".join([*build, *FIXED]))
        build[kind](operator, before)
        if options.get("activation"):
            self.nodes.append(helper.make_node("Relu", [before], [output], f"{output}_relu"))
        self.names[operator.outputs[0]] = output

    def _convolution(self, operator: Operator, output: str) -> None:
        x, w, b = operator.inputs
        options, tensors = operator.options, self.source.tensors
        weights = np.ascontiguousarray(real(tensors[w]).transpose(0, 3, 1, 2))
        pads: list[list[int]] = [[], []]
        for size, kernel, stride in zip(
            tensors[x].shape[1:3],
            weights.shape[2:],
            (options["stride_h"], options["stride_w"]),
            strict=True,
        ):
            needed = (-(-size // stride) - 1) * stride + kernel
            total = 0 if options["padding"] else max(0, needed - size)  # VALID, or SAME
            pads[0].append(total // 2)
            pads[1].append(total - total // 2)
        inputs = [self.names[x], self.constant(w, weights), self.constant(b, real(tensors[b]))]
        attributes: dict[str, Any] = {"strides": [options["stride_h"], options["stride_w"]]}
        attributes |= {"pads": pads[0] + pads[1], "kernel_shape": list(weights.shape[2:])}
        self.nodes.append(helper.make_node("Conv", inputs, [output], output, **attributes))

    def _addition(self, operator: Operator, output: str) -> None:
        inputs = [self.names[index] for index in operator.inputs]
        self.nodes.append(helper.make_node("Add", inputs, [output], output))

    def _relu(self, operator: Operator, output: str) -> None:
        source = self.names[operator.inputs[0]]
        self.nodes.append(helper.make_node("Relu", [source], [output], output))

    def _mean(self, operator: Operator, output: str) -> None:
        """Only over the whole image."""
        source, tensors = self.names[operator.inputs[0]], self.source.tensors
        size = tensors[operator.inputs[0]].shape
        if operator.kind == "MEAN":
            axes = tensors[operator.inputs[1]].data
            whole = axes is not None and set(axes.ravel().tolist()) == {1, 2}
        else:
            whole = size[1:3] == (operator.options["filter_h"], operator.options["filter_w"])
        if not whole:
            raise ModelError(f"{operator.kind} of {size}", allowed="a mean of the whole image")
        mean = f"{output}_mean"
        self.nodes.append(helper.make_node("GlobalAveragePool", [source], [mean], mean))
        self.nodes.append(helper.make_node("Flatten", [mean], [output], output))

    def _dense(self, operator: Operator, output: str) -> None:
        x, w, b = operator.inputs
        tensors = self.source.tensors
        inputs = [self.names[x]]
        inputs += [self.constant(index, real(tensors[index])) for index in (w, b)]
        self.nodes.append(helper.make_node("Gemm", inputs, [output], output, transB=1))


def float_network(source: TFLiteModel) -> onnx.ModelProto:
    """The network in floats, from pixels (N, C, H, W) to logits."""
    writer = Writer(source)
    for operator in source.operators:
        writer.add(operator)
    _, height, width, channels = source.tensors[source.inputs[0]].shape
    classes = source.tensors[source.outputs[0]].shape[-1]
    ends = [
        ("input", ["N", channels, height, width]),
        (writer.names[source.outputs[0]], ["N", classes]),
    ]
    first, last = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in ends)
    graph = helper.make_graph(writer.nodes, "dequantized", [first], [last], writer.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def in_pixels(samples: Samples) -> Samples:
    """CIFAR-10 as it was before it was normalised: 0 to 255."""
    shape = (1, 3, 1, 1)
    inputs = {
        name: np.rint(array * STD.reshape(shape) + MEAN.reshape(shape)).astype(np.float32)
        for name, array in samples.inputs.items()
    }
    return Samples(samples.source, inputs, samples.labels)


def main() -> None:
    """Write network and data."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    onnx.save(float_network(load_tflite(options.network)), options.output / "model.onnx")
    seen = load_samples(options.dataset, "calibration").first(CALIBRATION)
    test = load_samples(options.dataset, "test")
    holdout = load_samples(options.dataset, "holdout").first(HOLDOUT)
    splits = {"calibration": seen, "holdout": holdout, "test": test}
    pixels = {name: in_pixels(samples) for name, samples in splits.items()}
    save_samples(options.output / "data.npz", pixels)


if __name__ == "__main__":
    main()
