"""The workflow's own cost: a large study is planned quickly, and every named target plans work."""

import resource
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import yaml

from edgeint8.config import AGGREGATES
from edgeint8.plan import job_counts

ROOT = Path(__file__).parents[2]


def plan(folder, overlay, *targets):
    """(jobs by rule, CPU seconds) of a dry run of a study."""
    (folder / "my.yaml").write_text(yaml.safe_dump(overlay))
    command = [sys.executable, "-m", "snakemake", *targets, "--dry-run", "--configfile", "my.yaml"]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return job_counts(result.stdout + result.stderr), spent


def test_a_large_study_is_planned_within_ten_cpu_seconds(tmp_path):
    strategies = {
        f"s{k}": {"symmetric": a, "per_channel": b, "calibration": c, "calibration_samples": 8 + k}
        for k, (a, b, c) in enumerate(
            [
                (False, True, "minmax"),
                *product([False, True], [False, True], ["minmax", "percentile", "entropy", "mse"]),
            ]
        )
    }
    networks = {f"w{k}": {"model": "resnet8", "dataset": "cifar10"} for k in range(6)}
    overlay = {
        "run": {"workloads": [*networks], "strategies": [*strategies], "detail_strategies": []},
        "workloads": networks,
        "strategies": strategies,
        "hardware": {
            "arrays": ["4x4", "8x8", "16x16", "32x32", "64x64"],
            "dataflows": ["ws", "os"],
            "sram_kb": [16, 32, 64, 128, 256],
            "bandwidth": ["unlimited", 2, 4, 8],
            "points": [],
        },
    }
    counts, cpu_s = plan(tmp_path, overlay)
    print(f"{sum(counts.values()):,} jobs planned in {cpu_s:.1f} CPU s")
    assert counts["simulate"] == 6 * 200 and counts["quantize_strategy"] == 6 * 17
    assert cpu_s < 10


@pytest.mark.parametrize("target", [name for name in AGGREGATES if name not in ("all", "rtl")])
def test_named_targets_plan_work(tmp_path, target):
    overlay = yaml.safe_load((ROOT / "config/test.yaml").read_text())
    counts, _ = plan(tmp_path, overlay, target)
    assert sum(counts.values()) > 0
