"""What the children of ptq_peers.py share: JSON in, .npz out. Only NumPy, in any environment.

The request names a float network, an .npz of calibration and of test images, bits and granularity
of the weights, the steps in order, and where the answer goes: the scores of the quantised network,
the CPU seconds of quantising it, and the versions behind them. Labels never come here.
"""

import importlib.metadata
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

BATCH = 32
Run = Callable[[np.ndarray], np.ndarray]


def pieces(images: np.ndarray) -> list[np.ndarray]:
    """Images (N, ...) in batches."""
    return [images[start : start + BATCH] for start in range(0, len(images), BATCH)]


def answer(
    quantised: Callable[[dict[str, Any], list[np.ndarray]], Run], packages: Sequence[str]
) -> None:
    """Quantise what the request asks for, run the test images through it, write the answer."""
    request = json.load(sys.stdin)
    with np.load(request["images"]) as file:
        calibration, test = file["calibration"], file["test"]
    start = time.process_time()
    run = quantised(request, pieces(calibration))
    seconds = time.process_time() - start
    scores = np.concatenate([run(batch) for batch in pieces(test)])
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    np.savez(request["answer"], scores=scores, seconds=seconds, versions=versions)
