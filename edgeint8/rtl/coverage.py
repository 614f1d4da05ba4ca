"""Lines and toggles of the RTL that runs have reached, and which of the others are waived.

With `EDGEINT8_RTL_COVERAGE=folder` in the environment every simulation counts, a file a build. A
point is a block of lines, or a bit of a signal that has to change, of one module; instances and
builds of a module are one. What no machine reaches stands in `rtl/coverage/waivers.yaml`, with its
reason.
"""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from edgeint8.conventions import Row
from edgeint8.errors import DataError

KINDS = {"v_line": "line", "v_branch": "line", "v_toggle": "toggle"}
_RECORD = re.compile(r"^C '(.*)' (\d+)$")


class Point(NamedTuple):
    """Where a counter stands; `name` is the kind of a block, or the bit of a signal."""

    file: str
    kind: str
    line: int
    column: int
    name: str


@dataclass(frozen=True)
class Waiver:
    """Points that need not be reached: a file, a kind and the names (a regular expression)."""

    file: str
    kind: str
    names: str
    reason: str

    def holds(self, point: Point, text: str) -> bool:
        """Whether it waives a point whose line reads `text`."""
        inside = re.fullmatch(self.file, point.file) and self.kind == point.kind
        named = point.name if point.kind == "toggle" else text.strip()
        return bool(inside and re.fullmatch(self.names, named))


def coverage_folder() -> Path | None:
    """Where simulations add up their counters, if they count."""
    folder = os.environ.get("EDGEINT8_RTL_COVERAGE")
    return Path(folder) if folder else None


def add_counters(total: Path, counters: Path) -> None:
    """Add a run's counters to those of the runs before it."""
    files = [str(path) for path in (total, counters) if path.exists()]
    total.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["verilator_coverage", "--write", str(total), *files], check=True, capture_output=True
    )


def read_points(path: Path) -> Counter[Point]:
    """How often each point was reached, from a file that Verilator wrote."""
    found: Counter[Point] = Counter()
    for record in path.read_text(encoding="latin-1").splitlines():
        match = _RECORD.match(record)
        if match:
            fields = dict(part.split("\x02", 1) for part in match[1].split("\x01") if part)
            kind = KINDS.get(fields["page"].split("/")[0])
            if kind:
                place = int(fields["l"]), int(fields["n"])
                found[Point(Path(fields["f"]).name, kind, *place, fields["o"])] += int(match[2])
    if not found:
        raise DataError("no coverage counters", where=str(path))
    return found


def all_points(folder: Path) -> Counter[Point]:
    """The points of every build in a folder of `EDGEINT8_RTL_COVERAGE`."""
    total: Counter[Point] = Counter()
    for path in sorted(folder.glob("*.dat")):
        total.update(read_points(path))
    return total


def read_waivers(path: Path) -> tuple[Waiver, ...]:
    """The list of a file like `rtl/coverage/waivers.yaml`."""
    entries: Sequence[Mapping[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(Waiver(**entry) for entry in entries)


class Judged(NamedTuple):
    """A row a file and kind, and the points that are neither reached nor waived."""

    rows: list[Row]
    missing: list[Point]


def judge(points: Mapping[Point, int], waivers: Sequence[Waiver], sources: Path) -> Judged:
    """Points, reached and waived by file and kind; what is reached is not waived.

    Raises `DataError` for a waiver that nothing needs.
    """
    texts = {name: (sources / name).read_text().splitlines() for name in {p.file for p in points}}
    rows: dict[tuple[str, str], Row] = {}
    missing, used = [], set()
    for point, hits in sorted(points.items()):
        head = {"file": point.file, "kind": point.kind, "points": 0, "reached": 0, "waived": 0}
        row = rows.setdefault((point.file, point.kind), head)
        text = texts[point.file][point.line - 1]
        by = [] if hits else [waiver for waiver in waivers if waiver.holds(point, text)]
        used.update(by)
        row["points"] += 1
        row["reached"] += hits > 0
        row["waived"] += bool(by)
        if not hits and not by:
            missing.append(point)
    for waiver in waivers:
        if waiver not in used:
            raise DataError(f"{waiver.names} waives nothing", where=waiver.file)
    return Judged(list(rows.values()), missing)


def share(rows: Iterable[Mapping[Any, Any]], kind: str) -> float:
    """Reached over what is not waived."""
    chosen = [row for row in rows if row["kind"] == kind]
    points = sum(row["points"] - row["waived"] for row in chosen)
    return sum(row["reached"] for row in chosen) / points
