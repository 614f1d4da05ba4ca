"""The integer executor side by side with everything else that runs the same quantised network.

One thread, CPU time, interleaved pairs with an A/A control (`edgeint8.study.latency.compare`):
every runner is compared with ONNX Runtime INT8 at batch 1, on tiny_cnn_2d and on torchvision's
MobileNetV2 at 224. All integer runners give identical outputs; that is asserted before anything is
timed. The seven loops run a part of the network and are extrapolated by multiply-accumulates.
Weights are random: neither speed nor exactness depends on them.

Usage: python benchmarks/golden.py [--output golden.csv] [--images 10000] [--skip-mobilenet]
"""

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import current_process, get_context
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before NumPy is imported
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402
import onnx  # noqa: E402
from keep import circumstances, keep  # noqa: E402

from edgeint8.files import atomic_path  # noqa: E402
from edgeint8.fixed_point.arithmetic.columns import column_groups, from_groups, preloaded  # noqa: E402
from edgeint8.fixed_point.arithmetic.graph import Node, execution_order  # noqa: E402
from edgeint8.fixed_point.arithmetic.kernels import int8_conv2d_reference  # noqa: E402
from edgeint8.fixed_point.arithmetic.operands import Operands  # noqa: E402
from edgeint8.fixed_point.arithmetic.requantize import Array  # noqa: E402
from edgeint8.fixed_point.executor import Executor  # noqa: E402
from edgeint8.study.latency import compare  # noqa: E402

if current_process().name == "MainProcess":  # a worker needs neither torch nor ONNX Runtime
    import torch
    from onnx.reference import ReferenceEvaluator
    from onnx.version_converter import convert_version

    from edgeint8.models.export import export_onnx
    from edgeint8.models.networks.registry import build_model
    from edgeint8.models.networks.torchvision_import import import_torchvision
    from edgeint8.quant.calibrate.calibration import calibrate
    from edgeint8.quant.prepare.prepare import prepare_model
    from edgeint8.quant.ptq import quantize
    from edgeint8.quant.session import make_session
    from edgeint8.quant.strategy import Strategy


@dataclass(frozen=True)
class Row:
    """One runner on one network; the ratio is speed over ORT INT8's speed at batch 1."""

    network: str
    runner: str
    time_ms_per_image: float
    time_ratio_to_ort_int8: float
    time_control: float
    note: str = ""


@dataclass(frozen=True)
class Network:
    """A quantised network, its QDQ form in standard operators, its float original, and images."""

    name: str
    quantized: onnx.ModelProto
    standard: onnx.ModelProto
    original: onnx.ModelProto
    images: Array

    @property
    def input(self) -> str:
        """Name of the one input."""
        return self.quantized.graph.input[0].name


def load_network(name: str, module: "torch.nn.Module", shape: tuple[int, ...]) -> Network:
    """Export, calibrate on eight random images, quantise asymmetric per channel."""
    images = np.random.default_rng(0).normal(size=(8, *shape)).astype(np.float32)
    module.input_shape = shape  # type: ignore[assignment]
    with atomic_path(Path("results/benchmarks") / f"{name}.onnx") as path:
        export_onnx(module.eval(), path)
        original = prepare_model(onnx.load(path))
    ranges = calibrate(original, {original.graph.input[0].name: images}, "minmax")
    integer = quantize(original, ranges, Strategy("asym_channel_minmax")).executable
    qdq = quantize(original, ranges, Strategy("asym_channel_minmax_qdq", format="qdq")).model
    return Network(name, integer, qdq, original, images)


def int32_matmul(node: Node, operands: Operands) -> Array:
    """The straightforward exact accumulator: im2col and NumPy's integer matrix product."""
    columns, weights = column_groups(operands)
    acc = np.matmul(columns.astype(np.int32), weights.astype(np.int32)) + preloaded(operands)
    return from_groups(acc, operands)


def integer_runners(network: Network) -> dict[str, Callable[[], object]]:
    """Calls that run all images of a network; the reference first."""
    name, images = network.input, network.images
    singles = [{name: images[k : k + 1]} for k in range(len(images))]
    session = make_session(network.quantized)
    executor = Executor(network.quantized)
    return {
        "ort_int8_batch_1": lambda: [session.run(None, feed)[0] for feed in singles],
        "executor_all_operators": lambda: executor.run({name: images}),
    }


def slow_runners(network: Network) -> dict[str, Callable[[], object]]:
    """Calls that run one image."""
    feed = {network.input: network.images[:1]}
    matmul = Executor(network.quantized, accumulate=int32_matmul)
    # The evaluator knows no com.microsoft operators, and Q and DQ only from opset 19 on.
    standard = convert_version(network.standard, 21)
    nodes = execution_order(standard.graph)
    del standard.graph.node[:]
    standard.graph.node.extend(nodes)
    evaluator = ReferenceEvaluator(standard)
    return {
        "int32_matmul": lambda: matmul.run(feed),
        "onnx_reference_evaluator": lambda: evaluator.run(None, feed),
    }


def check_outputs(network: Network) -> None:
    """The executor gives ORT's outputs, element for element."""
    feeds = {network.input: network.images}
    want = make_session(network.quantized).run(None, feeds)
    got = list(Executor(network.quantized).run(feeds).values())
    if not all(np.array_equal(a, b) for a, b in zip(got, want, strict=True)):
        raise SystemExit(f"{network.name}: the executor differs from ORT")


def row_against(
    network: Network,
    runner: str,
    call: Callable[[], object],
    reference: Callable[[], object],
    images: int,
    pairs: int,
) -> Row:
    """Compare one call of `images` images with the reference, which runs all images."""
    result = compare(
        reference, call, blocks=7 if pairs > 2 else 3, pairs=pairs, warm_ups=2,
        clock=time.process_time_ns,
    )  # fmt: skip
    start = time.process_time()
    call()
    per_image = (time.process_time() - start) / images * 1e3
    scale = images / len(network.images)
    note = "" if result.resolved else "spread or control above 5 %"
    return Row(network.name, runner, per_image, scale / result.ratio, result.control, note)


def benchmark(network: Network, pairs: int) -> list[Row]:
    """All runners of one network."""
    check_outputs(network)
    runners = integer_runners(network)
    reference = runners["ort_int8_batch_1"]
    session = make_session(network.original)
    singles = [{network.input: image[None]} for image in network.images]
    runners["ort_fp32_batch_1"] = lambda: [session.run(None, feed) for feed in singles]
    rows = [
        row_against(network, name, call, reference, len(network.images), pairs)
        for name, call in runners.items()
    ]
    return rows + [
        row_against(network, name, call, reference, 1, 2)
        for name, call in slow_runners(network).items()
    ]


def seven_loops(network: Network, reference_ms: float) -> Row:
    """The definition in Python on an eighth of every convolution's channels, extrapolated."""
    seen: list[Operands] = []

    def remember(node: Node, operands: Operands) -> Array:
        seen.append(operands)
        return int32_matmul(node, operands)

    Executor(network.quantized, accumulate=remember).run({network.input: network.images[:1]})
    done = total = 0
    start = time.process_time()
    for operands in (o for o in seen if o.geometry is not None):
        positions = int(np.prod(operands.geometry.output_size(operands.x.shape[2:])))
        total += operands.channels * operands.depth * positions
        zero = operands.w_zero_point.reshape(-1)[:1].reshape(())
        part = Operands(operands.x, operands.w[:1], operands.x_zero_point, zero, None,
                        operands.geometry)  # fmt: skip
        int8_conv2d_reference(part)
        done += operands.depth * positions
    per_image = (time.process_time() - start) * total / done * 1e3
    note = f"extrapolated from {done / total:.1%} of the multiply-accumulates"
    return Row(network.name, "seven_loops", per_image, reference_ms / per_image, 1.0, note)


def _worker(path: str, count: int) -> float:
    """Run `count` random images of tiny_cnn_2d; CPU seconds of this process, imports included."""
    images = np.random.default_rng(count).normal(size=(500, 3, 32, 32)).astype(np.float32)
    model = onnx.load(path)
    executor = Executor(model)
    for start in range(0, count, len(images)):
        executor.run({model.graph.input[0].name: images[: min(len(images), count - start)]})
    return time.process_time()


def whole_test_set(network: Network, images: int, processes: int = 2) -> Row:
    """Wall time for a whole test set in separate processes, one BLAS thread each."""
    path = Path("results/benchmarks/golden_quantized.onnx")
    onnx.save(network.quantized, path)
    start = time.perf_counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = [images // processes] * processes
        busy = sum(pool.map(_worker, [str(path)] * processes, parts))
    seconds, done = time.perf_counter() - start, sum(parts)
    note = f"{done} images, {processes} processes: {seconds:.1f} s wall, {busy:.1f} s of CPU"
    return Row(network.name, "executor_test_set", seconds / done * 1e3, np.nan, np.nan, note)


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/golden.csv"))
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--skip-mobilenet", action="store_true")
    options = parser.parse_args()
    found = circumstances("one thread, CPU time, interleaved pairs")
    tiny = load_network("tiny_cnn_2d", build_model("tiny_cnn_2d", seed=0), (3, 32, 32))
    rows = benchmark(tiny, pairs=20)
    rows += [seven_loops(tiny, rows[0].time_ms_per_image), whole_test_set(tiny, options.images)]
    if not options.skip_mobilenet:
        torch.manual_seed(0)
        module = import_torchvision().models.mobilenet_v2(weights=None)
        mobile = load_network("mobilenet_v2_224", module, (3, 224, 224))
        rows += benchmark(mobile, pairs=2)
    print(f"{'network':18}{'runner':26}{'ms/image':>10}{'of ORT INT8':>13}{'control':>9}  note")
    for row in rows:
        print(
            f"{row.network:18}{row.runner:26}{row.time_ms_per_image:10.3f}"
            f"{row.time_ratio_to_ort_int8:13.3g}{row.time_control:9.3f}  {row.note}"
        )
    keep(options.output, [asdict(row) for row in rows], found)


if __name__ == "__main__":
    main()
