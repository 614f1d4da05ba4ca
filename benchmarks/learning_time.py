"""How long learning takes: MobileNetV1-0.25 at 96x96 beside the networks of the study.

    python benchmarks/learning_time.py [--output learning_time.csv]

Weights are as they are drawn, images are noise: the same products as trained ones, and no accuracy.
CPU seconds of learning from 512 images, nearest codes and all runs included, on one thread; what is
compiled once a machine has been compiled before.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from keep import circumstances, keep
from learned_codes import IMAGES, LEARNED, SETTINGS

from edgeint8.models.export import export_onnx
from edgeint8.models.networks.mobilenet_v1 import MobileNetV1
from edgeint8.models.networks.resnet8 import ResNet8
from edgeint8.models.networks.tiny_cnn_2d import TinyCNN2D
from edgeint8.quant.prepare.prepare import prepare_model
from edgeint8.quant.ptq import calibrate_for, quantize
from edgeint8.quant.strategy import Strategy

NETWORKS = {
    "mobilenet_v1_025_96": MobileNetV1,
    "tiny_cnn_2d": TinyCNN2D,
    "resnet8": ResNet8,
}
TIMED = ("w4_channel", "sum17_channel")


def untrained(name: str) -> onnx.ModelProto:
    """A network with the weights that it is made with."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_onnx(NETWORKS[name]().eval(), path)
        return prepare_model(onnx.load(path))


def measured(name: str, settings: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A row for every setting."""
    model = untrained(name)
    entry = model.graph.input[0]
    shape = [size.dim_value for size in entry.type.tensor_type.shape.dim][1:]
    drawn = np.random.default_rng(0).standard_normal((IMAGES, *shape))
    images = {entry.name: drawn.astype(np.float32)}
    calibration = calibrate_for(model, images, Strategy("ranges"))
    for setting in settings:
        strategy = Strategy(setting, **SETTINGS[setting], **LEARNED)
        few = {key: array[:16] for key, array in images.items()}
        quantize(model, calibration, strategy, images=few)  # compiles
        start = time.process_time()
        learned = quantize(model, calibration, strategy, images=images).learned
        seconds = time.process_time() - start
        assert learned is not None  # the strategy learns
        yield {
            "network": name,
            "setting": setting,
            "layers": len(learned.layers),
            "weights": sum(layer.codes.size for layer in learned.layers),
            "bits_guaranteed": max(layer.bits_guaranteed for layer in learned.layers),
            "time_cpu_s": seconds,
        }


def main() -> None:
    """Time every network in every setting, print and keep the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=TIMED)
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/learning_time.csv"))
    options = parser.parse_args()
    found = circumstances(f"{IMAGES} images, CPU seconds of quantising on one thread")
    rows = []
    for name in options.networks:
        for row in measured(name, options.settings):
            rows.append(row)
            print(*row.values(), flush=True)
            keep(options.output, rows, found)


if __name__ == "__main__":
    main()
