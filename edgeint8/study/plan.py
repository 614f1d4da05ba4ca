"""What a run would do, and about how long it would take: the last lines of a dry run.

Snakemake counts the jobs; here they are priced with the seconds that a job of each rule took in the
default study and in the test study (``workflow/durations.csv``, measured on two cores of a cloud
machine). A study whose datasets are cut short is priced as the test study. It is an estimate: a
job's time grows with the network, the images and the machine's age. To measure anew, from the log
of a finished run of the default study (``default_s``) or the test study (``test_s``)::

    python -m edgeint8.study.plan --measure .snakemake/log/<run>.snakemake.log --column default_s
"""

import argparse
import csv
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import mean
from typing import Any

from edgeint8.files import write_csv
from edgeint8.study.config import AGGREGATES

DURATIONS = Path(__file__).parents[2] / "workflow/durations.csv"
COLUMNS = ("default_s", "test_s")
TARGETS = (*AGGREGATES, "pages")  # they do nothing themselves
LARGER = (
    "networks of your own are priced as the built-in ones; SCALE-Sim takes hours for larger ones: "
    "docs/own_networks.md"
)
UNKNOWN_S = 2.0  # a job of a rule that was never measured
_EVENT = re.compile(
    r"^\[(?P<time>\w{3} \w{3} +\d+ [\d:]{8} \d{4})\]\n"
    r"(?:(?:local)?rule (?P<started>\w+):\n(?:    .*\n)*?    jobid: (?P<id>\d+)"
    r"|Finished jobid: (?P<finished>\d+))",
    re.MULTILINE,
)


def measured_seconds(log: str) -> dict[str, float]:
    """Mean seconds of a job of each rule, from Snakemake's log; stamps have whole seconds."""
    started: dict[str, tuple[str, datetime]] = {}
    taken = defaultdict(list)
    for event in _EVENT.finditer(log):
        time = datetime.strptime(event["time"], "%a %b %d %H:%M:%S %Y")
        if event["started"]:
            started[event["id"]] = event["started"], time
        elif event["finished"] in started:
            rule, begun = started[event["finished"]]
            taken[rule].append((time - begun).total_seconds())
    return {rule: mean(seconds) for rule, seconds in sorted(taken.items()) if rule != "all"}


def durations(column: str, path: Path = DURATIONS) -> dict[str, float]:
    """Seconds a job by rule; the other column fills the gaps of `column`."""
    other = next(name for name in COLUMNS if name != column)
    return {row["rule"]: float(row[column] or row[other]) for row in _rows(path)}


def keep_durations(seconds: Mapping[str, float], column: str, path: Path = DURATIONS) -> None:
    """Write measured seconds into a column; rules that the run did not have keep theirs."""
    rows = {row["rule"]: row for row in _rows(path)}
    for rule, value in seconds.items():
        row = rows.setdefault(rule, {"rule": rule, **dict.fromkeys(COLUMNS, "")})
        row[column] = f"{value:.1f}"
    write_csv(path, [rows[rule] for rule in sorted(rows)])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def is_short(study: Mapping[str, object]) -> bool:
    """Whether every dataset of a study is cut short, as in the test study."""
    datasets = study.get("datasets")
    entries = list(datasets.values()) if isinstance(datasets, Mapping) else []
    return bool(entries) and all(entry.get("train_samples") for entry in entries)


def plan(counts: Mapping[str, int], study: Mapping[str, Any], cores: int) -> list[str]:
    """The lines to print at the end of a dry run of a study with these jobs by rule."""
    jobs = {rule: count for rule, count in counts.items() if rule not in TARGETS}
    if not jobs:
        return []
    column = "test_s" if is_short(study) else "default_s"
    lines = estimate(jobs, durations(column), cores)
    if any(not {"onnx", "topology"}.isdisjoint(entry) for entry in selected(study)):
        lines.append(LARGER)
    return lines


def selected(study: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries of the workloads that a study runs."""
    return [study["workloads"][name] for name in study["run"]["workloads"]]


def estimate(counts: Mapping[str, int], seconds: Mapping[str, float], cores: int) -> list[str]:
    """The lines to print: jobs and seconds by rule, the largest first, and the whole."""
    totals = {rule: n * seconds.get(rule, UNKNOWN_S) for rule, n in counts.items()}
    lines = [f"{'rule':28}{'jobs':>6}{'core time':>14}"]
    for rule in sorted(totals, key=lambda rule: -totals[rule]):
        lines.append(f"{rule:28}{counts[rule]:6}{_spoken(totals[rule]):>14}")
    longest = max(seconds.get(rule, UNKNOWN_S) for rule in counts)
    whole = max(sum(totals.values()) / cores, longest)
    noun = "core" if cores == 1 else "cores"
    total = sum(counts.values())
    size = "1 job" if total == 1 else f"{total:,} jobs"
    lines.append(
        f"{size}, about {_spoken(whole)} on {cores} {noun} (an estimate from measured runs)"
    )
    return lines


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def main(arguments: Sequence[str]) -> int:
    """Take the seconds of a column from the log of a finished run."""
    parser = argparse.ArgumentParser(prog="python -m edgeint8.study.plan", description=__doc__)
    parser.add_argument("--measure", type=Path, metavar="LOG", required=True)
    parser.add_argument("--column", choices=COLUMNS, default="default_s")
    options = parser.parse_args(arguments)
    keep_durations(measured_seconds(options.measure.read_text()), options.column)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
