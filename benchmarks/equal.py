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
from edgeint8.fixed_point.runtimes.known import ALIKE
from edgeint8.tflite.file.reader import load_tflite
from edgeint8.tflite.report import VerifyReport
from edgeint8.tflite.verify import verify_tflite

COLUMNS = ("runtime", "witness", "images", "tensors", "elements", "mismatches")
"""Beside them `nearest`, the wrong runtime that comes closest, and `control`, by how many elements
of all tensors it is off: the comparison can fail."""


def rows(path: Path, images: int) -> list[Row]:
    """One row a runtime that had a witness."""
    source = load_tflite(path)
    rng = np.random.default_rng(0)
    inputs = {}
    for index in source.inputs:
        tensor = source.tensors[index]
        shape = (images * tensor.shape[0], *tensor.shape[1:])
        inputs[tensor.name] = rng.integers(-128, 128, shape).astype(np.int8)
    report = verify_tflite(path, inputs)
    found = report.to_frame()
    found = found[found["elements"] > 0]
    return [
        {"network": path.stem, **{k: row[k] for k in COLUMNS}, **_control(report, row["runtime"])}
        for _, row in found.iterrows()
    ]


def _control(report: VerifyReport, name: str) -> Row:
    """The other arithmetic that differs least from a runtime's, those alike apart."""
    apart = {
        (pair.second if pair.first == name else pair.first): pair.elements_differing
        for pair in report.pairs
        if name in (pair.first, pair.second)
    }
    alike = {ALIKE.get(name), *(other for other, one in ALIKE.items() if one == name)}
    others = {other: count for other, count in apart.items() if other not in alike}
    nearest = min(others, key=others.__getitem__)
    return {"nearest": nearest, "control": others[nearest]}


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--note", default="", help="what the library was built of")
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
        note = "; ".join(filter(None, ["counts, the same anywhere", arguments.note]))
        keep(arguments.output, list(found.values()), circumstances(note))


if __name__ == "__main__":
    main()
