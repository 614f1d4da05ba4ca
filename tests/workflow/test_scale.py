"""The workflow's own cost: a large study is planned quickly, and every named target plans work."""

import importlib
import sys
from pathlib import Path

import pytest
import yaml

from edgeint8.study.config import AGGREGATES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def workflow_cost():
    """benchmarks/workflow_cost.py, which makes the large study."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module("workflow_cost")


def test_a_large_study_costs_a_few_times_what_snakemake_takes_to_plan(tmp_path, workflow_cost):
    """A ratio: seconds are the machine's. benchmarks/workflow_cost.py measures them."""
    networks = {f"w{k}": {"model": "resnet8", "dataset": "cifar10"} for k in range(6)}
    counts, cpu_s = workflow_cost.plan(tmp_path, workflow_cost.large_study(networks))
    (tmp_path / "bare").mkdir()
    bare_s = workflow_cost.bare_plan(tmp_path / "bare", sum(counts.values()))
    print(f"{sum(counts.values()):,} jobs planned in {cpu_s:.1f} CPU s, bare ones in {bare_s:.1f}")
    assert counts["simulate"] == 6 * 200 and counts["quantize_strategy"] == 6 * 17
    assert cpu_s < 5 * bare_s


def test_the_cost_of_the_workflow_is_measured_on_a_small_part(tmp_path, workflow_cost):
    """All of it is kept in docs/data/benchmarks/workflow_cost.csv; here, that the parts add up."""
    planned, run = workflow_cost.measure(tmp_path, networks=1, strategies=0, machines=1, cores=2)
    print(planned, run, sep="\n")
    assert planned["jobs"] == run["jobs"] > 20
    spent = run["time_jobs_cpu_s"] + run["time_own_cpu_s"]
    assert run["time_jobs_cpu_s"] > run["jobs"] / 10, "each job starts an interpreter"
    assert run["time_own_share"] == pytest.approx(run["time_own_cpu_s"] / spent)
    assert run["time_busy_share"] == pytest.approx(spent / run["time_wall_s"] / 2)
    assert run["time_busy_share"] < 1.05


@pytest.mark.parametrize("target", [name for name in AGGREGATES if name not in ("all", "rtl")])
def test_named_targets_plan_work(tmp_path, workflow_cost, target):
    overlay = yaml.safe_load((ROOT / "config/test.yaml").read_text())
    counts, _ = workflow_cost.plan(tmp_path, overlay, target)
    assert counts.pop(target, 1) == 1 and sum(counts.values()) > 1
