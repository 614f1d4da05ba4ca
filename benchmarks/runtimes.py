"""The real runtimes against each other on one .tflite file: outputs and decisions that differ.

    python benchmarks/runtimes.py resnet8.tflite images.npz --images 2000 [--output runtimes.csv]

No arithmetic of ours runs here: LiteRT's reference kernels, LiteRT's default (XNNPACK) and
tflite-micro get the same codes. `images.npz` holds ``inputs`` (n, H, W, C), and ``labels`` (n,) if
accuracies are wanted; codes in the file's type, or floats, which are quantised.
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
from keep import circumstances, keep

from edgeint8.conventions import Array
from edgeint8.tflite.feeds import as_codes
from edgeint8.tflite.file.reader import load_tflite
from edgeint8.tflite.witness.witness import PACKAGES, Witness


def outputs(path: Path, name: str, codes: Array) -> tuple[Array, str]:
    """First output of every image, (n, elements), and the version of the runtime."""
    with Witness(name) as witness:
        source = witness.load(path.read_bytes())
        found = [witness.run([codes[k : k + 1]])[source.outputs[0]] for k in range(len(codes))]
        return np.stack(found).reshape(len(codes), -1).astype(np.int64), witness.version


def row(first: str, second: str, found: dict[str, Array]) -> dict[str, str | int]:
    """How often two runtimes differ."""
    a, b = found[first], found[second]
    return {
        "first": first,
        "second": second,
        "images": len(a),
        "outputs_differing": int((a != b).any(axis=1).sum()),
        "decisions_differing": int((a.argmax(axis=1) != b.argmax(axis=1)).sum()),
        "max_abs_diff": int(np.abs(a - b).max()),
    }


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("images_file", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    source = load_tflite(arguments.network)
    data = np.load(arguments.images_file)
    codes = as_codes(source.tensors[source.inputs[0]], data["inputs"][: arguments.images])
    found, versions = {}, {}
    for name in PACKAGES:
        found[name], versions[name] = outputs(arguments.network, name, codes)
        if "labels" in data:
            right = found[name].argmax(axis=1) == data["labels"][: len(codes)]
            print(f"{name:16s} {versions[name]:40s} accuracy {right.mean():.4f}")
    rows = [row(a, b, found) for a, b in combinations(PACKAGES, 2)]
    for entry in rows:
        print(entry)
    if arguments.output:
        keep(arguments.output, rows, circumstances("; ".join(dict.fromkeys(versions.values()))))


if __name__ == "__main__":
    main()
