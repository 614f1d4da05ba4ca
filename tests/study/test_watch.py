"""A job ends with its Snakemake, and cleans up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeint8.study.watch import SNAKEMAKE_PID

JOB = """
import sys, time
from edgeint8.files import atomic_path
from edgeint8.study.watch import end_with_snakemake
end_with_snakemake()
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def start_job(target: Path, snakemake_pid: int) -> subprocess.Popen[str]:
    """A process that has written half of `target` when this returns."""
    job = subprocess.Popen(
        [sys.executable, "-c", JOB, str(target)],
        env={**os.environ, SNAKEMAKE_PID: str(snakemake_pid)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert job.stdout is not None and job.stdout.readline() == "writing\n"
    return job


def test_a_job_whose_snakemake_is_killed_leaves_and_cleans_up(tmp_path):
    snakemake = subprocess.Popen(["sleep", "60"])
    job = start_job(tmp_path / "table.csv", snakemake.pid)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["half"]
    snakemake.kill()
    snakemake.wait()
    assert job.wait(timeout=10) == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


def test_a_job_that_is_terminated_cleans_up(tmp_path):
    job = start_job(tmp_path / "table.csv", os.getpid())
    time.sleep(1.2)  # more than one look: the test, which stands for Snakemake, is alive
    assert job.poll() is None
    job.terminate()
    assert job.wait(timeout=10) == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("killed_first", [True, False])
def test_what_a_killed_writer_left_is_removed_and_a_living_writers_file_is_not(
    tmp_path, killed_first
):
    first = start_job(tmp_path / "table.csv", os.getpid())
    other = tmp_path / ".table.b.12345678.csv"  # of table.b.csv
    other.write_text("not ours")
    if killed_first:
        first.kill()
        first.wait()
    second = start_job(tmp_path / "table.csv", os.getpid())
    assert len(list(tmp_path.iterdir())) == 1 + (1 if killed_first else 2)
    for job in (first, second):
        job.terminate()
        job.wait(timeout=10)
    assert list(tmp_path.iterdir()) == [other]
