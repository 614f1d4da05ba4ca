"""Whatever is killed at whatever moment: a rerun completes, and half a file is never a result."""

import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import yaml
from comparing import different, missing
from small_study import SMALL_STUDY, TOPOLOGY

SMALL_TARGETS = ("results/tables/crosscheck.csv",)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)


@dataclass
class Study:
    """A study that can be killed while it runs."""

    root: Path
    run_dir: Path
    config: Path
    targets: tuple[str, ...]
    environment: dict[str, str]
    kills: list[str] = field(default_factory=list)

    def command(self, *options: str) -> list[str]:
        place = ["--snakefile", str(self.root / "Snakefile"), "--directory", str(self.run_dir)]
        command = [sys.executable, "-m", "snakemake", *self.targets, *options, *place]
        return [*command, "--cores", "2", "--configfile", str(self.config)]

    def start(self) -> subprocess.Popen[bytes]:
        with (self.run_dir / "snakemake.log").open("ab") as log:
            return subprocess.Popen(
                self.command(), cwd=self.run_dir, env=self.environment, stdout=log, stderr=log
            )

    def finish(self) -> None:
        process = self.start()
        assert process.wait(timeout=900) == 0, (self.run_dir / "snakemake.log").read_text()[-6000:]

    def unlock(self) -> None:
        subprocess.run(
            self.command("--unlock"), cwd=self.run_dir, env=self.environment, check=True,
            capture_output=True,
        )  # fmt: skip


def scripts_of(snakemake: psutil.Process) -> list[psutil.Process]:
    """The jobs that Snakemake runs now."""
    children = snakemake.children(recursive=True)
    return [c for c in children if any(".snakemake/scripts" in word for word in _words(c))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def strike(study: Study, number: signal.Signals, whom: str, seconds: float) -> bool:
    """Start the study, kill after a while, wait for the end of all; False if it ended before."""
    process = study.start()
    deadline = time.monotonic() + seconds
    while True:
        if process.poll() is not None:
            return False
        jobs = scripts_of(psutil.Process(process.pid))
        if time.monotonic() >= deadline and (jobs or whom == "snakemake"):
            break
        time.sleep(0.02)
    with suppress(psutil.NoSuchProcess):  # it has just ended by itself
        (psutil.Process(process.pid) if whom == "snakemake" else jobs[0]).send_signal(number)
    study.kills.append(f"{number.name} to {whom}")
    process.wait(timeout=1800)  # keep-going: what does not need a killed job is finished first
    _, alive = psutil.wait_procs(jobs, timeout=15)
    assert not alive, f"{alive} outlived {number.name} to {whom}"
    return True


def survive(study: Study, reference: Path, moments: int, longest: float, seed: int) -> None:
    """Kill at random moments; after each, no result may differ from the reference; then finish."""
    chance = random.Random(seed)
    cases = [(number, whom) for whom in ("snakemake", "job") for number in SIGNALS]
    chance.shuffle(cases)
    results = study.run_dir / reference.name
    while len(study.kills) < moments:
        number, whom = cases[len(study.kills) % len(cases)]
        began = time.monotonic()
        if not strike(study, number, whom, chance.uniform(0.1, 1.0) * longest):
            longest = min(longest, time.monotonic() - began)
            subprocess.run(["rm", "-rf", str(results)], check=True)  # it was done: from nothing
            continue
        if (number, whom) == (signal.SIGKILL, "snakemake"):
            study.unlock()
        assert different(results, reference) == [], study.kills
    study.finish()
    assert different(results, reference) == [] and missing(results, reference) == []
    assert not list(results.rglob(".*.????????.*")), "temporary files are left"


def small_study(project, name: str) -> Study:
    run_dir = project.run_dir / name
    run_dir.mkdir()
    (run_dir / "net.csv").write_text(TOPOLOGY)
    config = run_dir / "my.yaml"
    config.write_text(yaml.safe_dump(SMALL_STUDY))
    return Study(project.root, run_dir, config, SMALL_TARGETS, project.environment)


def test_a_small_study_survives_three_kills(project):
    reference = small_study(project, "reference")
    began = time.monotonic()
    reference.finish()
    longest = time.monotonic() - began
    study = small_study(project, "killed")
    survive(study, reference.run_dir / "results", moments=3, longest=longest, seed=0)


@pytest.mark.slow
@pytest.mark.xdist_group("study")
def test_the_test_study_survives_twenty_kills(studied, project):
    study = Study(
        project.root, project.run_dir, project.root / "config/test.yaml", (), project.environment
    )
    reference = studied.run_dir / "results_test"
    survive(study, reference, moments=20, longest=30.0, seed=0)
