"""What stands at the end of a run: why jobs failed, or how busy the cores were.

The Snakefile's ``onerror`` and ``onsuccess`` print these. A run's own log tells which rules failed
and where their logs are.
"""

import re
import resource
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

LAST_LINES = 5
# Snakemake gives the failure of a group no headline but the time.
_FAILURE = re.compile(
    r"^(?:Error in rule (?P<rule>\w+):|\[[^\]\n]+\])\n(?=    (?:message|jobid|jobs):)"
    r"(?:    message: (?P<message>[\s\S]*?)\n(?=    \w))?(?P<details>(?:    .*\n)*)",
    re.MULTILINE,
)
_RULE = re.compile(r"^        rule (\w+):", re.MULTILINE)
_ADVICE = "For further error details see the cluster/cloud log"  # Snakemake's, behind a message
_LOG = re.compile(r"^    log: (?P<log>.+) \(check log file", re.MULTILINE)


def failure_summary(snakemake_logs: Iterable[str | Path]) -> str:
    """Each failed job of these logs of one run: its rule, its log file, and how that log ends."""
    logs = [Path(log).read_text(encoding="utf-8", errors="replace") for log in snakemake_logs]
    text = "\n".join(logs)
    failed = dict.fromkeys(_failed_jobs(text))
    if not failed:
        return ""
    jobs = "job" if len(failed) == 1 else "jobs"
    parts = [f"{len(failed)} {jobs} failed:"]
    for rule, log, message in failed:
        parts.append(f"  {rule}: {log or 'no log'}")
        parts += [f"    {line}" for line in last_lines(log) or message.splitlines()[:LAST_LINES]]
    return "\n".join(parts)


def _failed_jobs(text: str) -> Iterator[tuple[str, str, str]]:
    """Rule or group, log, and what was said of a job that was never submitted."""
    for failure in _FAILURE.finditer(text):
        log = _LOG.search(failure["details"])
        said = (failure["message"] or "None").split(_ADVICE)[0].strip()
        name = failure["rule"] or f"group of {', '.join(_RULE.findall(failure['details']))}"
        yield name, log["log"] if log else "", "" if said == "None" else said


def last_lines(log: str | Path) -> list[str]:
    """The cause in a job's log: the line of bad input, what was raised, or how the log ends.

    Warnings that a library prints while a job ends come after the cause, and are none.
    """
    if not log or not Path(log).is_file():
        return []
    lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    filled = [line for line in lines if line.strip()]
    if bad_input := [line for line in filled if line.startswith("error: ")]:
        return bad_input[-1:]
    starts = [k for k, line in enumerate(filled) if line.startswith("Traceback (most recent call")]
    if starts:
        raised = next((k for k in range(starts[-1] + 1, len(filled)) if filled[k][0] != " "), None)
        if raised is not None:
            return filled[max(raised - LAST_LINES + 1, starts[-1] + 1) : raised + 1]
    return filled[-LAST_LINES:]


def busy_summary(started: float, cores: int) -> str:
    """How busy this run kept its cores: CPU seconds of its jobs and of Snakemake itself.

    started: ``time.monotonic()`` at the start. Jobs that were sent to a cluster are not seen.
    """
    wall = max(time.monotonic() - started, 1e-9)
    own, jobs = (
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    spent = max(own + jobs, 1e-9)
    noun = "core" if cores == 1 else "cores"
    return (
        f"{wall:.0f} s on {cores} {noun}: {jobs:.0f} CPU s in jobs and {own:.1f} in Snakemake "
        f"({own / spent:.1%}), {spent / (wall * cores):.0%} of what the {noun} could give"
    )
