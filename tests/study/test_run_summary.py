"""The end of a run: failed jobs with how their logs end, busy cores."""

import re
import time

import pytest

from edgeint8.study.run_summary import LAST_LINES, busy_summary, failure_summary, last_lines


def test_each_failed_job_once_with_the_end_of_its_log(tmp_path):
    (tmp_path / "bad.log").write_text("Traceback\n  File x\nerror: no file @ y; allowed: z\n\n")
    (tmp_path / "bug.log").write_text("".join(f"line {k}\n" for k in range(20)))
    details = (
        "    message: None\n    jobid: {}\n    log: {} (check log file(s) for error details)\n"
    )
    run = "[now]\n"
    for rule, job, name in (
        ("train", 1, "bad.log"),
        ("export", 2, "bug.log"),
        ("train", 1, "bad.log"),
    ):
        run += f"Error in rule {rule}:\n" + details.format(job, tmp_path / name) + "done\n"
    run += "Error in rule vectors:\n    message: None\n    jobid: 3\n"
    (tmp_path / "run.log").write_text(run)
    lines = failure_summary([tmp_path / "run.log"]).splitlines()
    assert lines[0] == "3 jobs failed:"
    assert lines[1:3] == [f"  train: {tmp_path}/bad.log", "    error: no file @ y; allowed: z"]
    assert lines[4:9] == [f"    line {k}" for k in range(20 - LAST_LINES, 20)]
    assert lines[9:] == ["  vectors: no log"]


def test_a_job_that_was_never_submitted_shows_the_scheduler_s_words(tmp_path):
    said = "sbatch: error: Memory specification can not be satisfied\nsbatch: error: Batch job"
    advice = "For further error details see the cluster/cloud log and the log files of the rule."
    (tmp_path / "run.log").write_text(
        f"Error in rule train:\n    message: refused:\n{said}\n{advice}\n    jobid: 1\n"
        f"    log: none.log (check log file(s) for error details)\n"
        f"[Sun Nov 29 01:16:31 2026]\n    message: {said}\n{advice}\n"
        "    jobs:\n        rule figure:\n"
    )
    indented = [f"    {line}" for line in said.splitlines()]
    assert failure_summary([tmp_path / "run.log"]).splitlines() == [
        "2 jobs failed:",
        *("  train: none.log", "    refused:", *indented),
        *("  group of figure: no log", *indented),
    ]


def test_a_run_without_failed_jobs_has_no_summary(tmp_path):
    (tmp_path / "run.log").write_text("Building DAG of jobs...\n")
    assert failure_summary([tmp_path / "run.log"]) == ""
    assert last_lines(tmp_path / "missing.log") == []


def test_busy_cores_count_what_was_computed():
    started = time.monotonic() - 100
    line = busy_summary(started, 4)
    found = re.match(
        r"10\d s on 4 cores: (\d+) CPU s in jobs and ([\d.]+) in Snakemake \(([\d.]+)%\), (\d+)%",
        line,
    )
    jobs, own, own_share, busy = (float(number) for number in found.groups())
    assert own_share == pytest.approx(100 * own / (own + jobs), rel=0.1)
    assert busy == pytest.approx((own + jobs) / 4, abs=1)


def test_the_cause_stands_before_the_warnings_that_follow_it(tmp_path):
    log = tmp_path / "job.log"
    warning = "numpy/core.py:12: RuntimeWarning: overflow encountered in multiply\n  x * y\n"
    log.write_text("begun\nerror: bad network @ node a\n" + warning * 4)
    assert last_lines(log) == ["error: bad network @ node a"]
    trace = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    f()\n'
    log.write_text(warning * 3 + trace + "ZeroDivisionError: division by zero\n" + warning * 4)
    assert last_lines(log) == [
        '  File "a.py", line 1, in <module>', "    f()", "ZeroDivisionError: division by zero"
    ]  # fmt: skip
