"""What did not run, what was left out, and on whose data the numbers rest: said before all else."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from edgeint8.report.findings.effects import of
from edgeint8.report.markdown import Tables, link

FAILED, LEFT_OUT, TRAINED = "failed", "left_out", "trained"


def warnings(tables: Tables, provenance: Sequence[Mapping[str, Any]]) -> list[str]:
    """Quoted warnings: workloads that could not run, and those that ran on random inputs."""
    status = _status(tables)
    lines = []
    if len(status) and (failed := status[status["status"] == FAILED]).size:
        listed = "".join(
            f"\n> - **{row['workload']}**: {shown(row['reason'])}"
            for row in failed.to_dict("records")
        )
        lines.append(f"> **Not run** ({link('status')}). Nothing below speaks of:{listed}")
    random = [str(entry["dataset"]) for entry in provenance if entry["source"] == "random"]
    if random:
        lines.append(
            f"> **Random inputs.** No data were given for {', '.join(random)}. Every range, SQNR "
            "and agreement of it below is about noise and says nothing about real inputs; nothing "
            "is recommended for it."
        )
    return lines


def left_out(tables: Tables) -> str:
    """A section that lists the parts of running workloads that could not be computed."""
    status = _status(tables)
    rows = status[status["status"] == LEFT_OUT] if len(status) else status
    if rows.empty:
        return ""
    lines = [
        f"- **{row['workload']}**{_of(row['strategy'])}: {str(row['parts']).replace(' ', ', ')}: "
        f"{shown(row['reason'])}."
        for row in rows.to_dict("records")
    ]
    return "\n".join([f"## What was left out ({link('status')})", "", *lines])


def reason_for(tables: Tables, workload: str, part: str) -> str:
    """Why a part of a workload was left out; nothing if it was not."""
    status = _status(tables)
    if status.empty:
        return ""
    rows = status[(status["workload"] == workload) & (status["status"] == LEFT_OUT)]
    rows = rows[[part in str(parts).split() for parts in rows["parts"]]]
    return shown(rows["reason"].iloc[0]) if len(rows) else ""


def trained(tables: Tables) -> bool:
    """Whether a network of this study was trained by it."""
    status = _status(tables)
    return status.empty or bool((status["kind"] == TRAINED).any())


def _status(tables: Tables) -> pd.DataFrame:
    return tables.get("status", pd.DataFrame())


def _of(strategy: object) -> str:
    return "" if pd.isna(strategy) else f", `{strategy}`"


def shown(reason: object) -> str:
    """A reason as Markdown shows it unchanged, shortened where it lists every operator."""
    words = str(reason).replace("|", "\\|").replace("<", "&lt;")
    return words if len(words) <= 300 else f"{words[:300]} ..."


def incomplete(tables: Tables, workload: str) -> str:
    """What the totals of a network's architecture part lack; empty where they are whole."""
    rows = of(tables["dse"], workload)
    lacks = rows["incomplete"].iloc[0] if len(rows) and "incomplete" in rows else None
    return lacks if isinstance(lacks, str) else ""


def images_a_run(tables: Tables, workload: str) -> int:
    """Images of the batch that a run of the network has."""
    rows = of(tables["dse"], workload)
    return int(rows["images_a_run"].iloc[0]) if len(rows) and "images_a_run" in rows else 1
