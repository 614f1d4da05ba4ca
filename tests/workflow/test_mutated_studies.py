"""Networks changed by lot in whole studies, beside a healthy one: a report, always."""

from dataclasses import replace

import numpy as np
import onnx
import pandas as pd
import pytest
import yaml
from float_networks import classifier, images
from mutated_networks import mutated

STUDIES, NETWORKS = 20, 50
SHARE = 0.7  # of the networks that must go through all parts: refusing is no way out
HEALTHY, STRATEGY = "healthy", "asym_channel_minmax"
BY_DESIGN = {"recommendation"}  # nobody gave data, and random inputs recommend nothing


def study_of(folder, seeds):
    """The files of a study, and its overlay: a workload a seed, and the healthy one."""
    workloads = {}
    for seed in seeds:
        onnx.save(mutated(seed), folder / f"n{seed}.onnx")
        workloads[f"n{seed}"] = {"onnx": f"n{seed}.onnx"}
    onnx.save(classifier(), folder / "healthy.onnx")
    arrays = {"calibration": images(20)["input"], "inputs": images(60, seed=3)["input"]}
    np.savez(folder / "healthy.npz", **arrays)
    workloads[HEALTHY] = {"onnx": "healthy.onnx", "data": "healthy.npz"}
    return {
        "run": {"workloads": [*workloads], "strategies": [STRATEGY], "detail_strategies": []},
        "workloads": workloads,
        "strategies": {STRATEGY: {"calibration_samples": 16}},
        "hardware": {"arrays": [], "points": []},
        "calibration_draws": {"count": 2, "images": 20},
        "golden": {"images": 8},
        "latency": {"run": False},
        "rtl": {"hardware": []},
    }


def check_study(project, seeds):
    """Run it: no job breaks, the report accounts for all. Which networks lack a part, and why."""
    path = project.run_dir / "my.yaml"
    path.write_text(yaml.safe_dump(study_of(project.run_dir, seeds)))
    result = project.snakemake("report", "--configfile", str(path), check=False)
    results = project.run_dir / "results"
    said = result.stdout + result.stderr  # a fault of ours is raised: see `Project.environment`
    assert "Traceback" not in said, said[-8000:]
    report = results / "report.md"
    assert report.is_file() and (results / "report.html").is_file(), said[-4000:]

    status = pd.read_csv(results / "tables/status.csv")
    names = [f"n{seed}" for seed in seeds]
    assert set(status["workload"]) == {*names, HEALTHY}
    assert status.loc[status["status"] != "ok", "reason"].notna().all()
    assert not status["reason"].astype(str).str.contains("internal error").any()
    assert list(status.loc[status["workload"] == HEALTHY, "status"]) == ["ok"]
    golden = pd.read_csv(results / "tables/golden.csv").set_index("workload")
    assert golden["mismatches"].dropna().eq(0).all() and golden.loc[HEALTHY, "elements"] > 0
    chosen = pd.read_csv(results / "tables/recommendation.csv")
    assert list(chosen.loc[chosen["recommended"], "workload"]) == [HEALTHY]

    left = status[status["status"] == "left_out"]
    lacking = {w for w, parts in zip(left["workload"], left["parts"], strict=True)
               if set(str(parts).split()) - BY_DESIGN}  # fmt: skip
    lacking |= set(status.loc[status["status"] == "failed", "workload"])
    return status.loc[status["workload"].isin(lacking), ["workload", "reason"]].dropna()


@pytest.mark.slow
def test_studies_of_changed_networks_end_in_a_report(project):
    """No two studies, nor the walks of tests/quant, have a network in common."""
    lacking = []
    for study in range(STUDIES):
        first = 10_000 + study * NETWORKS
        folder = project.run_dir / f"study{study}"
        folder.mkdir()
        lacking.append(
            check_study(replace(project, run_dir=folder), range(first, first + NETWORKS))
        )
    said = pd.concat(lacking)
    complete = 1 - said["workload"].nunique() / (STUDIES * NETWORKS)
    assert complete >= SHARE, (complete, said["reason"].value_counts().head(20))
