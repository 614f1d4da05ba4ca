"""The executor on one network in the arithmetic of each runtime, beside that of ONNX Runtime.

    python benchmarks/runtime_speed.py net.tflite ... [--images 16] [--output runtime_speed.csv]

One thread, CPU time, interleaved pairs with an A/A control (`edgeint8.study.latency.compare`). No
real runtime runs here: this is what repeating one costs. Inputs are random codes; speed does not
depend on them.
"""

import argparse
import os
import time
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before NumPy is imported
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402
from keep import circumstances, keep  # noqa: E402

from edgeint8.fixed_point.executor import Executor  # noqa: E402
from edgeint8.fixed_point.runtimes.known import RUNTIMES  # noqa: E402
from edgeint8.study.latency import compare  # noqa: E402
from edgeint8.tflite.convert.convert import convert  # noqa: E402
from edgeint8.tflite.file.reader import load_tflite  # noqa: E402

BLOCKS, PAIRS, WARM_UPS = 5, 4, 1


def rows(path: Path, images: int) -> list[dict[str, str | int | float | bool]]:
    """One row a runtime that takes the network."""
    converted = convert(load_tflite(path))
    rng = np.random.default_rng(0)
    feeds = {}
    for name, index in zip(
        [each.name for each in converted.model.graph.input], converted.source.inputs, strict=True
    ):
        tensor = converted.source.tensors[index]
        size = (images * tensor.shape[0], *tensor.shape[1:])
        feeds[name] = rng.integers(-128, 128, size).astype(tensor.dtype)
    executors = {name: Executor(converted.model, runtime=r) for name, r in RUNTIMES.items()}
    found: list[dict[str, str | int | float | bool]] = []
    for name, executor in executors.items():
        ratio = compare(
            lambda: executors["ort"].run(feeds),
            lambda executor=executor: executor.run(feeds),  # type: ignore[misc]
            blocks=BLOCKS, pairs=PAIRS, warm_ups=WARM_UPS, clock=time.process_time_ns,
        )  # fmt: skip
        start = time.process_time()
        executor.run(feeds)
        milliseconds = 1e3 * (time.process_time() - start) / images
        found.append(
            {
                "network": path.stem,
                "runtime": name,
                "images": images,
                "time_ms_per_image": round(milliseconds, 3),
                "time_ratio_to_ort": round(ratio.ratio, 3),
                "time_control": round(ratio.control, 3),
                "time_resolved": ratio.resolved,
            }
        )
    return found


def main() -> None:
    """Time, print, keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("networks", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    found = [row for path in options.networks for row in rows(path, options.images)]
    for row in found:
        print(*row.values())
    if options.output:
        keep(options.output, found, circumstances("one thread, CPU time, interleaved pairs"))


if __name__ == "__main__":
    main()
