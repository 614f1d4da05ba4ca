"""Every tensor of .tflite files against every real runtime that is here: elements that differ.

    python benchmarks/equal.py a.tflite b.tflite --images 50 [--output equal.csv] [--keep]

Inputs are random codes over the whole range, the same for all. ``CMSIS_NN_LIBRARY`` adds a library
(docs/runtimes.md); with ``--keep`` the rows of other runtimes that the output has already stay.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from keep import circumstances, keep

from edgeint8.conventions import Row
from edgeint8.tflite.file.reader import load_tflite
from edgeint8.tflite.verify import verify_tflite

COLUMNS = ("runtime", "witness", "images", "tensors", "elements", "mismatches")


def rows(path: Path, images: int) -> list[Row]:
    """One row a runtime that had a witness."""
    source = load_tflite(path)
    rng = np.random.default_rng(0)
    inputs = {}
    for index in source.inputs:
        tensor = source.tensors[index]
        shape = (images * tensor.shape[0], *tensor.shape[1:])
        inputs[tensor.name] = rng.integers(-128, 128, shape).astype(np.int8)
    found = verify_tflite(path, inputs).to_frame()
    found = found[found["elements"] > 0]
    return [{"network": path.stem, **{k: row[k] for k in COLUMNS}} for _, row in found.iterrows()]


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    found: dict[tuple[str, str], Row] = {}
    if arguments.keep and arguments.output.exists():
        with arguments.output.open(newline="", encoding="utf-8") as file:
            found = {(row["network"], row["runtime"]): row for row in csv.DictReader(file)}
    for path in arguments.networks:
        for row in rows(path, arguments.images):
            print(row)
            found[row["network"], row["runtime"]] = row
    if arguments.output:
        keep(arguments.output, list(found.values()), circumstances("counts, the same anywhere"))


if __name__ == "__main__":
    main()
