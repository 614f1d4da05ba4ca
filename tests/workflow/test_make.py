"""What a newcomer asks make before running anything: what would run, and what feeds what."""

import os
import shutil
import subprocess
import sys

import pytest


def test_make_plan_tells_jobs_and_time_and_runs_nothing(project):
    lines = project.make("plan", "CONFIG=config/test.yaml").stderr.splitlines()
    assert lines[-1].endswith("on 2 cores (an estimate from measured runs)")
    assert any(line.startswith("train ") and line.endswith(" s") for line in lines)
    assert not (project.root / "results_test").exists()


def test_any_dry_run_ends_with_it(project):
    output = project.snakemake("results/tables/validation.csv", "-n").stderr.splitlines()
    assert output[-1] == "1 job, about 8 s on 1 core (an estimate from measured runs)"


def test_a_copy_of_the_project_runs_its_own_package(project):
    """Not the one that is installed, which the profile imports first to look at study files."""
    config = project.root / "edgeint8/study/config.py"
    config.write_text(config.read_text() + "\nraise ImportError('the package of the copy')\n")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-m", "snakemake", "-n", "--snakefile", project.root / "Snakefile"]
    result = subprocess.run(
        list(map(str, command)),
        cwd=project.run_dir, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode != 0 and "error: the package of the copy @ " in result.stderr


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_make_dag_draws_the_rules(project):
    project.make("dag", "CONFIG=config/test.yaml")
    drawing = (project.root / "dag.svg").read_text()
    assert drawing.rstrip().endswith("</svg>") and ">golden_compare<" in drawing
