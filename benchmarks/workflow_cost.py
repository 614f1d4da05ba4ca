"""What the workflow itself costs: a large study is planned, and run on all cores.

The study has 6 networks, 17 strategies and 200 machines. The networks are tiny, and inputs random:
most jobs take about a second, so that what lies between jobs weighs most. Planning is a dry run.
The run says itself how many CPU seconds its jobs and Snakemake took
(`edgeint8/study/run_summary.py`).

Usage: python benchmarks/workflow_cost.py [--networks N] [--strategies N] [--machines N] [--cores N]
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from keep import circumstances, keep
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[1]
NETWORKS, STRATEGIES, MACHINES = 6, 17, 200
SUMMARY = re.compile(
    r"^\d+ s on \d+ cores?: \d+ CPU s in jobs and (?P<own>[\d.]+) in Snakemake", re.MULTILINE
)
SIZES = {
    "arrays": ["4x4", "8x8", "16x16", "32x32", "64x64"],
    "dataflows": ["ws", "os"],
    "sram_kb": [16, 32, 64, 128, 256],
    "bandwidth": ["unlimited", 2, 4, 8],
}


def job_counts(dry_run: str) -> dict[str, int]:
    """Jobs by rule, from what a dry run prints."""
    found = re.findall(r"^(\w+) +(\d+)$", dry_run, re.MULTILINE)
    return {rule: int(count) for rule, count in found if rule not in ("total", "all")}


def named_strategies(count: int) -> dict[str, dict[str, Any]]:
    """At most seventeen strategies, each with a calibration of its own."""
    methods = ["minmax", "percentile", "entropy", "mse"]
    choices = [(False, True, "minmax"), *product([False, True], [False, True], methods)]
    keys = ("symmetric", "per_channel", "calibration", "calibration_samples")
    return {
        f"s{k}": dict(zip(keys, (*choice, 8 + k), strict=True))
        for k, choice in enumerate(choices[:count])
    }


def large_study(
    networks: dict[str, dict[str, Any]], machines: int = MACHINES, strategies: int = STRATEGIES
) -> dict[str, Any]:
    """The study of these networks under the first so many strategies and machines."""
    named = named_strategies(strategies)
    points = [
        f"{dataflow}_{array}_{kb}kB_{width if width == 'unlimited' else f'{width}Bpc'}"
        for array, dataflow, kb, width in product(*SIZES.values())
    ]
    run = {"workloads": [*networks], "strategies": [*named], "detail_strategies": []}
    hardware = {"arrays": [], "points": points[:machines]}
    return {
        "run": run,
        "workloads": networks,
        "strategies": named,
        "hardware": hardware,
        "explore": {"rows": [4, 16], "cols": [4, 16], "sram_kb": [16]},
    }


def network(index: int) -> onnx.ModelProto:
    """Two convolutions and a classifier; no two networks have a layer shape in common."""
    rng, filters = np.random.default_rng(index), 4 + index
    shapes = {"w": (filters, 3, 3, 3), "v": (8, filters, 3, 3), "d": (5 + index, 8)}
    stored = [
        numpy_helper.from_array(rng.standard_normal(shape, dtype=np.float32), name)
        for name, shape in shapes.items()
    ]
    node = helper.make_node
    nodes = [
        node("Conv", ["input", "w"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "v"], ["c"]),
        node("GlobalAveragePool", ["c"], ["e"]),
        node("Flatten", ["e"], ["f"]),
        node("Gemm", ["f", "d"], ["scores"], transB=1),
    ]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 8, 8])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 5 + index])
    graph = helper.make_graph(nodes, "tiny", [image], [scores], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def snakemake(
    folder: Path, *options: str, snakefile: Path = ROOT / "Snakefile"
) -> tuple[str, float, float]:
    """(output, wall seconds, CPU seconds of everything) of a run of the study in `folder`."""
    command = [sys.executable, "-m", "snakemake", *options, "--configfile", "my.yaml"]
    command += ["--snakefile", str(snakefile), "--directory", str(folder)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode:
        raise SystemExit(result.stderr[-4000:])
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result.stdout + result.stderr, wall, spent


def plan(folder: Path, study: dict[str, Any], *targets: str) -> tuple[dict[str, int], float]:
    """(jobs by rule, CPU seconds) of a dry run of a study that is written into `folder`."""
    (folder / "my.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    output, _, cpu = snakemake(folder, *targets, "--dry-run")
    return job_counts(output), cpu


def bare_plan(folder: Path, jobs: int) -> float:
    """CPU seconds of planning as many jobs of one rule that knows nothing: what Snakemake takes."""
    (folder / "my.yaml").write_text("{}", encoding="utf-8")
    (folder / "Snakefile").write_text(
        f"rule all:\n    input: expand('{{k}}.txt', k=range({jobs}))\n"
        "rule one:\n    output: '{k}.txt'\n    shell: 'touch {output}'\n",
        encoding="utf-8",
    )
    return snakemake(folder, "--dry-run", snakefile=folder / "Snakefile")[2]


def measure(
    folder: Path, networks: int, strategies: int, machines: int, cores: int
) -> list[dict[str, Any]]:
    """Two rows: the dry run of the study, made in `folder`, and the run."""
    names = [f"net{index}" for index in range(networks)]
    for index, name in enumerate(names):
        onnx.save(network(index), folder / f"{name}.onnx")
    study = large_study({name: {"onnx": f"{name}.onnx"} for name in names}, machines, strategies)
    counts, cpu = plan(folder, study)
    jobs = sum(counts.values())
    planned = {"case": "plan", "jobs": jobs, "cores": 1, "time_own_cpu_s": cpu}
    output, wall, cpu = snakemake(folder, "--cores", str(cores))
    found = SUMMARY.search(output)
    if found is None:
        raise SystemExit("the run does not say how busy it was")
    own = float(found["own"])
    run = {"case": "run", "jobs": jobs, "cores": cores, "time_wall_s": wall, "time_own_cpu_s": own}
    shares = {"time_own_share": own / cpu, "time_busy_share": cpu / (wall * cores)}
    return [planned, run | {"time_jobs_cpu_s": cpu - own} | shares]


def main() -> None:
    """Make the study in a temporary folder, measure, print, write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=NETWORKS)
    parser.add_argument("--strategies", type=int, default=STRATEGIES)
    parser.add_argument("--machines", type=int, default=MACHINES)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/workflow_cost.csv"))
    options = parser.parse_args()
    counts = (options.networks, options.strategies, options.machines)
    size = "{} networks x {} strategies x {} machines".format(*counts)
    found = circumstances(f"{size}; tiny networks, random inputs")
    with tempfile.TemporaryDirectory() as folder:
        planned, run = measure(Path(folder), *counts, options.cores)
    print(f"{size}: {run['jobs']:,} jobs")
    print(f"  planned in {planned['time_own_cpu_s']:.1f} CPU s")
    print(f"  run in {run['time_wall_s']:.0f} s on {run['cores']} cores")
    print(f"  busy: {run['time_busy_share']:.0%} of what they could give")
    print(f"  in Snakemake itself: {run['time_own_share']:.1%} of the CPU time")
    keep(options.output, [planned, run], found)


if __name__ == "__main__":
    main()
