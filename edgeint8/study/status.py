"""What of a study ran: one ``status.json`` a workload, one table, one exit status.

    python -m edgeint8.study.status config/config.yaml my.yaml

prints every workload of that study that could not run, with its reason, and exits with 1 if there
is one: `make run` ends with it, after the report is written.
"""

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from edgeint8.errors import INTERNAL, DataError
from edgeint8.files import absence, write_json

OK, FAILED, LEFT_OUT = "ok", "failed", "left_out"
STATUS = "status.json"
STUDY = "study"  # stands for the workload where a table or a figure of all of them is left out


def write_status(path: str | Path, kind: str, reason: str | None = None) -> None:
    """Say of a workload that it runs, or in one line why it cannot.

    kind: ``trained``, ``onnx`` or ``topology``.
    """
    line = None if reason is None else " ".join(reason.split())
    write_json(path, {"kind": kind, "status": OK if line is None else FAILED, "reason": line})


def status_rows(
    statuses: Mapping[str, Mapping[str, Any]],
    parts: Iterable[tuple[str, str, str, str | Path]],
    gathered: Iterable[str | Path] = (),
) -> list[dict[str, Any]]:
    """Rows of ``status.csv``: one a workload, then one a reason for which parts were left out.

    statuses: the content of every status.json by workload; parts: (workload, strategy or "", name
    of the part, its file); gathered: tables and figures of the whole study. A reason that the
    workload itself has is not repeated.
    """
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for workload, strategy, part, path in parts:
        reason = absence(path)
        if reason is not None and reason != statuses[workload]["reason"]:
            reasons.setdefault((workload, strategy, reason), []).append(part)
    rows = []
    for workload, status in statuses.items():
        head = {"workload": workload, "kind": status["kind"]}
        state, reason = status["status"], status["reason"]
        rows.append({**head, "strategy": None, "status": state, "parts": None, "reason": reason})
        rows += [
            {**head, "strategy": strategy or None, "status": LEFT_OUT}
            | {"parts": " ".join(names), "reason": why}
            for (name, strategy, why), names in reasons.items()
            if name == workload
        ]
    return rows + [
        {"workload": STUDY, "kind": STUDY, "strategy": None, "status": LEFT_OUT}
        | {"parts": Path(path).stem, "reason": why}
        for path in gathered
        if (why := absence(path)) is not None
    ]


def failures(results_dir: str | Path) -> list[str]:
    """One line for each workload of the last study in a results folder that could not run.

    A built-in network that had to leave something out counts: nothing of it may be missing. So does
    whatever was left out by a fault of this program.
    """
    path = Path(results_dir) / "tables" / "status.csv"
    if not path.is_file():
        raise DataError("no table of what ran", where=str(path), allowed="a finished study")
    with path.open(encoding="utf-8", newline="") as file:
        return [
            f"error: {row['workload']} {_what(row)}: {row['reason']}"
            for row in csv.DictReader(file)
            if row["status"] == FAILED or (row["status"] == LEFT_OUT and _counts(row))
        ]


def _counts(row: Mapping[str, str]) -> bool:
    """Whether what was left out is an error: of a built-in network, or by our fault."""
    return row["kind"] in ("trained", STUDY) or row["reason"].startswith(INTERNAL)


def _what(row: Mapping[str, str]) -> str:
    if row["status"] == FAILED:
        return "could not run"
    whole = "all workloads" if row["kind"] == STUDY else "all strategies"
    return f"left out {row['parts']} of {row['strategy'] or whole}"


def results_dir_of(study_files: Sequence[str | Path]) -> Path:
    """Where a study writes: the last of its files that says so decides."""
    found = "results"
    for path in study_files:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        found = (content or {}).get("results_dir", found)
    return Path(found)


def main(arguments: Sequence[str]) -> int:
    """Print the failures of the study that these files describe; 1 if there are any."""
    if not arguments:
        print("usage: python -m edgeint8.study.status STUDY_FILE...", file=sys.stderr)
        return 2
    try:
        lines = failures(results_dir_of(arguments))
    except DataError as error:
        lines = [f"error: {error}"]
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
