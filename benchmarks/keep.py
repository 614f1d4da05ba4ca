"""Write the rows of a benchmark, and beside them the command, the machine and the date.

docs/benchmarks.md is made from these files.
"""

import datetime
import importlib.metadata
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeint8.files import write_csv, write_json

PACKAGES = ("numpy", "onnxruntime", "scalesim")


def circumstances(note: str = "") -> dict[str, Any]:
    """Command, processor, cores, load, versions and date (UTC) of this run."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    script = Path(sys.argv[0]).name
    return {
        "command": shlex.join(["python", f"benchmarks/{script}", *_arguments()]),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_1_minute": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **versions,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "note": note,
    }


def keep(path: Path, rows: Sequence[Mapping[str, Any]], found: Mapping[str, Any]) -> None:
    """Write `rows` to the CSV at `path` and `found` to the JSON file of the same name."""
    write_csv(path, rows)
    write_json(path.with_suffix(".json"), dict(found))


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _arguments() -> list[str]:
    """The arguments of this run without ``--output`` and its path."""
    words = sys.argv[1:]
    places = {place for place, word in enumerate(words) if word == "--output"}
    return [word for place, word in enumerate(words) if not {place, place - 1} & places]
