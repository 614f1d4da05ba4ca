"""A sweep that shares calibrations against a loop of plain ``quantize_static`` calls.

Both make the same twelve QOperator models, {symmetric, asymmetric} x {channel, tensor} x {minmax,
percentile, entropy}, from the same float network and the same images in batches of 32. The loop
calibrates anew in every call, with ONNX Runtime's default bins. The sweep observes once, chooses
the ranges of every method from what it saw, with bins that are really searched, and quantises. A
third column adds the MSE method, which ``quantize_static`` does not have.

Runs alternate loop, sweep, sweep, loop; the ratio is taken pair by pair, and sweep against sweep is
the control. Usage: python benchmarks/quantize_sweep.py [--onnx NET] [--images N] [--rounds N]
"""

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from itertools import product
from pathlib import Path

import numpy as np
import onnx
from keep import circumstances, keep
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from edgeint8.quant.calibrate.calibration import calibrate_from
from edgeint8.quant.calibrate.histogram import observe
from edgeint8.quant.prepare.prepare import prepare_model
from edgeint8.quant.ptq import quantize
from edgeint8.quant.strategy import DEFAULT_BINS, Strategy

BATCH = 32
METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}
FLAVOURS = tuple(product((True, False), (True, False)))  # (symmetric, per_channel)
Inputs = dict[str, NDArray[np.float32]]


class Batches(CalibrationDataReader):
    """The calibration images, 32 at a time."""

    def __init__(self, inputs: Inputs) -> None:
        count = len(next(iter(inputs.values())))
        self._pieces: Iterator[Inputs] = iter(
            {name: array[start : start + BATCH] for name, array in inputs.items()}
            for start in range(0, count, BATCH)
        )

    def get_next(self) -> Inputs:
        return next(self._pieces, {})


def plain_loop(model: onnx.ModelProto, inputs: Inputs) -> int:
    """One ``quantize_static`` call per strategy; returns how many models were made."""
    made = 0
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "float.onnx"
        onnx.save(model, source)
        for method, (symmetric, per_channel) in product(METHODS.values(), FLAVOURS):
            quantize_static(
                source,
                Path(folder) / f"{made}.onnx",
                Batches(inputs),
                quant_format=QuantFormat.QOperator,
                per_channel=per_channel,
                activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=method,
                extra_options={"ActivationSymmetric": symmetric},
            )
            made += 1
    return made


def shared_sweep(
    model: onnx.ModelProto, inputs: Inputs, methods: tuple[str, ...] = tuple(METHODS)
) -> int:
    """Observe once, calibrate once per method, quantise per strategy."""
    made = 0
    images = len(next(iter(inputs.values())))
    seen = observe(model, inputs, bins=DEFAULT_BINS, batch=BATCH)
    with tempfile.TemporaryDirectory() as folder:
        for method in methods:
            calibration = calibrate_from(seen, method, images=images)
            for symmetric, per_channel in FLAVOURS:
                strategy = Strategy("sweep", symmetric, per_channel, method)
                quantized = quantize(model, calibration, strategy)
                onnx.save(quantized.model, Path(folder) / f"{made}.onnx")
                made += 1
    return made


def default_network() -> onnx.ModelProto:
    """Three 3x3 convolutions 3-32-64-128 with ReLU and pooling, an average and ten classes."""
    rng = np.random.default_rng(0)
    nodes: list[onnx.NodeProto] = []
    initializers: list[onnx.TensorProto] = []
    tensor = "input"

    def add(op_type: str, *operands: str, **attributes: object) -> None:
        nonlocal tensor
        output = f"t{len(nodes)}"
        nodes.append(helper.make_node(op_type, [tensor, *operands], [output], **attributes))
        tensor = output

    def weight(name: str, *shape: int) -> str:
        values = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        initializers.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    for index, (inputs, outputs) in enumerate(((3, 32), (32, 64), (64, 128))):
        add(
            "Conv",
            weight(f"w{index}", outputs, inputs, 3, 3),
            weight(f"b{index}", outputs),
            pads=[1] * 4,
        )
        add("Relu")
        if index < 2:
            add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    add("GlobalAveragePool")
    add("Flatten")
    add("Gemm", weight("w", 10, 128), weight("b", 10), transB=1)
    graph = helper.make_graph(
        nodes,
        "three_blocks",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, ["N", 10])],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def elapsed(call: Callable[[], int]) -> float:
    """CPU seconds of the call, which a busy machine does not change much."""
    start = time.process_time()
    call()
    return time.process_time() - start


def run(model: onnx.ModelProto, inputs: Inputs, rounds: int) -> list[dict[str, float | int]]:
    """Interleaved rounds: loop, sweep, sweep, loop, and the sweep with MSE."""
    rows = []
    for index in range(rounds):
        calls = [lambda: plain_loop(model, inputs), lambda: shared_sweep(model, inputs)]
        loop_first, sweep_first = elapsed(calls[0]), elapsed(calls[1])
        sweep_second, loop_second = elapsed(calls[1]), elapsed(calls[0])
        with_mse = elapsed(lambda: shared_sweep(model, inputs, (*METHODS, "mse")))
        rows.append(
            {
                "round": index,
                "time_loop_s": (loop_first + loop_second) / 2,
                "time_sweep_s": (sweep_first + sweep_second) / 2,
                "time_sweep_with_mse_s": with_mse,
                "time_ratio": (loop_first + loop_second) / (sweep_first + sweep_second),
                "time_control": sweep_second / sweep_first,
            }
        )
    return rows


def main() -> None:
    """Run, print the medians, write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--onnx", type=Path, help="a float network; default: three blocks, random")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--output", type=Path, default=Path("results/benchmarks/quantize_sweep.csv")
    )
    options = parser.parse_args()
    found = circumstances(f"{options.images} images, CPU seconds, loop and sweep alternate")
    logging.disable(logging.WARNING)
    model = prepare_model(onnx.load(options.onnx) if options.onnx else default_network())
    shape = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim]
    rng = np.random.default_rng(1)
    images = rng.standard_normal((options.images, *shape[1:]), dtype=np.float32)
    inputs = {model.graph.input[0].name: images}
    with Path(os.devnull).open("w", encoding="utf-8") as silence, redirect_stdout(silence):
        rows = run(model, inputs, options.rounds)
    medians = {key: float(np.median([row[key] for row in rows])) for key in rows[0]}
    ratios = [row["time_ratio"] for row in rows]
    print(f"{options.images} images, {len(rows)} rounds, medians of CPU seconds")
    print(f"  12 x quantize_static        {medians['time_loop_s']:8.2f} s")
    print(f"  sweep, 12 strategies        {medians['time_sweep_s']:8.2f} s")
    print(f"  sweep, 16 strategies (mse)  {medians['time_sweep_with_mse_s']:8.2f} s")
    extremes = f"({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"  loop / sweep                {medians['time_ratio']:8.2f}   {extremes}")
    print(f"  control: sweep / sweep      {medians['time_control']:8.2f}")
    keep(options.output, rows, found)


if __name__ == "__main__":
    main()
