"""Are two results directories equal where they must be, and is every file of one whole?"""

import csv
import io
import json
import zipfile
from pathlib import Path

VARYING = ("latency_", "time_")  # columns and keys that may differ from run to run
FREE = {".md", ".html", ".png", ".svg"}  # the report and some figures show latencies


def results_of(folder: Path) -> dict[str, Path]:
    """Every file that is a result: no log, no benchmark, no lock, no temporary file."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {
        name: path
        for name, path in names.items()
        if not name.startswith(("logs/", "benchmarks/")) and "/." not in f"/{name}"
    }


def different(found: Path, expected: Path) -> list[str]:
    """Results in `found` that are absent from `expected` or hold something else.

    Vectors count once their manifest is there, which is written last.
    """
    reference = results_of(expected)
    return [
        name
        for name, path in results_of(found).items()
        if not _unfinished_vectors(path)
        and (name not in reference or stable(path) != stable(reference[name]))
    ]


def missing(found: Path, expected: Path) -> list[str]:
    """Results in `expected` that `found` does not have."""
    return sorted(set(results_of(expected)) - set(results_of(found)))


def stable(path: Path) -> object:
    """What must be equal in two runs."""
    if path.suffix in FREE:
        return None
    if path.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        return [{k: v for k, v in row.items() if not k.startswith(VARYING)} for row in rows]
    if path.suffix == ".json":
        return _without_times(json.loads(path.read_text()))
    if path.suffix in (".pt", ".npz"):  # torch writes the file's own name into the archive
        with zipfile.ZipFile(path) as archive:
            entries = [(i.filename.split("/", 1)[-1], i.CRC) for i in archive.infolist()]
        return sorted(entry for entry in entries if not entry[0].startswith(".data"))
    return path.read_bytes()


def _without_times(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if not k.startswith(VARYING)}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def _unfinished_vectors(path: Path) -> bool:
    folders = [parent for parent in path.parents if parent.name == "vectors"]
    return bool(folders) and not (folders[-1] / "manifest.json").exists()
