"""What docs/benchmarks.md quotes: kept measurements, each with its command, machine and date.

The files are written by benchmarks/*.py with ``--output`` and stand in docs/data/benchmarks; their
tables are called ``benchmark_<name>`` here, and ``benchmark_runs`` is made of their JSON files.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from edgeint8.files import read_json
from edgeint8.report.markdown import Tables, percent, table
from edgeint8.tables.files import read_table
from tools.docs import learned_quotes

KEPT = (
    *("golden", "golden_mobilenet", "scalesim", "quantize_sweep", "explore", "peers"),
    *("workflow_cost", "machine_laws", "runtimes", "runtime_speed", "vela", "four_counts"),
    *("mapping_witness", "equal", "rtl_runs", "rtl_coverage"),
    *learned_quotes.KEPT,
)
SLOWEST = 5  # cases in which the replica gains least
RUNNERS = {
    "ort_int8_batch_1": "ONNX Runtime INT8, batch 1",
    "executor_all_operators": "our executor",
    "ort_fp32_batch_1": "ONNX Runtime FP32, batch 1",
    "int32_matmul": "im2col and NumPy's int32 product",
    "onnx_reference_evaluator": "onnx.reference.ReferenceEvaluator",
    "seven_loops": "seven loops in Python",
    "executor_test_set": "our executor, a whole test set, two processes",
}


def read_benchmarks(folder: str | Path) -> dict[str, pd.DataFrame]:
    """The kept tables and their circumstances; those that are not there are left out."""
    found = [name for name in KEPT if (Path(folder) / f"{name}.csv").is_file()]
    tables = {f"benchmark_{name}": read_table(Path(folder) / f"{name}.csv") for name in found}
    runs = [{"name": name} | read_json(Path(folder) / f"{name}.json") for name in found]
    return tables | {"benchmark_runs": pd.DataFrame(runs)}


def benchmark_runs(tables: Tables) -> str:
    """Command, date, machine and load of each."""
    runs = tables["benchmark_runs"]
    frame = runs.assign(
        command=[f"`{command}`" for command in runs["command"]],
        machine=[
            f"{row.processor}, {row.cores} cores, Python {row.python}" for row in runs.itertuples()
        ],
        load=runs["load_1_minute"].map(lambda load: "not kept" if pd.isna(load) else f"{load:g}"),
    )
    headings = {
        "name": "measurement",
        "command": "command",
        "date": "date",
        "machine": "machine",
        "load": "load",
        "note": "how",
    }
    return table(frame, headings)


def executor_speed(tables: Tables) -> str:
    """The integer executor beside everything else that runs the same graph."""
    names = [f"benchmark_{name}" for name in ("golden", "golden_mobilenet")]
    rows = pd.concat([tables[name] for name in names if name in tables])
    frame = rows.assign(
        runner=rows["runner"].map(RUNNERS.__getitem__),
        time=[f"{value:.3g}" for value in rows["time_ms_per_image"]],
        ratio=[_ratio(value) for value in rows["time_ratio_to_ort_int8"]],
        control=[_ratio(value) for value in rows["time_control"]],
    )
    headings = {
        "network": "network",
        "runner": "runner",
        "time": "ms an image",
        "ratio": "speed, of ORT INT8",
        "control": "A/A control",
        "note": "note",
    }
    return table(frame, headings)


def replica_speed(tables: Tables) -> str:
    """How many times faster the replica is than SCALE-Sim."""
    rows = tables["benchmark_scalesim"]
    ratio, total = rows["time_ratio"], rows["time_scalesim_seconds"].sum()
    stopped = int(rows["stopped"].sum())
    limits = f" {stopped} of the runs were stopped at their limit." if stopped else ""
    return (
        f"In {len(rows)} cases, on which SCALE-Sim spends {total:,.0f} CPU seconds, the replica is "
        f"{ratio.median():,.0f} times faster in the median, {ratio.min():,.0f} times at least and "
        f"{ratio.max():,.0f} times at most.{limits}"
    )


def replica_slowest(tables: Tables) -> str:
    """The cases in which the replica gains least."""
    rows = tables["benchmark_scalesim"].nsmallest(SLOWEST, "time_ratio")
    frame = rows.assign(
        scalesim=[f"{value:.3g}" for value in rows["time_scalesim_seconds"]],
        replica=[f"{1000 * value:.3g}" for value in rows["time_replica_seconds"]],
        times=[f"{value:,.0f}" for value in rows["time_ratio"]],
    )
    headings = {
        "layer": "layer",
        "hardware": "machine",
        "scalesim": "SCALE-Sim (s)",
        "replica": "replica (ms)",
        "times": "times faster",
        "cause": "what the replica spends it on",
    }
    return table(frame, headings)


def sweep_speed(tables: Tables) -> str:
    """What sharing calibrations saves."""
    rows = tables["benchmark_quantize_sweep"]
    ratio, control = rows["time_ratio"], rows["time_control"]
    return (
        f"Twelve strategies take {rows['time_loop_s'].median():.1f} CPU seconds as a loop of "
        f"`quantize_static` and {rows['time_sweep_s'].median():.1f} as a sweep that observes once: "
        f"{ratio.median():.1f} times faster ({ratio.min():.1f} to {ratio.max():.1f} over "
        f"{len(rows)} rounds; sweep against sweep {control.min():.2f} to {control.max():.2f})."
    )


def explore_speed(tables: Tables) -> str:
    """Designs and layer evaluations per CPU second, front included."""
    rows = tables["benchmark_explore"]
    headings = {
        "case": "case",
        "designs": "designs",
        "front": "on the front",
        "front_differences": "differ from the full model",
        "time_cpu_s": "CPU seconds",
        "time_million_evaluations_per_cpu_s": "million layer evaluations a CPU second",
    }
    return table(rows, headings, digits=2)


def machine_laws(tables: Tables) -> str:
    """How often a law of the bound does not hold for the machine, and how far off at worst."""
    rows = tables["benchmark_machine_laws"]
    frame = rows.assign(
        share=[percent(share, 2) for share in rows["worse"] / rows["compared"]],
        worst=[percent(share, 2) for share in rows["worst"]],
    )
    headings = {
        "network": "network",
        "case": "case",
        "compared": "compared",
        "worse": "worse",
        "share": "share",
        "worst": "by at most",
    }
    return table(frame, headings)


def workflow_cost(tables: Tables) -> str:
    """What planning and running a large study costs beside its jobs."""
    cases = tables["benchmark_workflow_cost"].set_index("case")
    plan, run = cases.loc["plan"], cases.loc["run"]
    cores = f"{run['time_wall_s']:,.0f} s on {run['cores']:.0f} cores"
    return (
        f"{plan['jobs']:,.0f} jobs are planned in {plan['time_own_cpu_s']:.1f} CPU seconds. Run, "
        f"they take {run['time_jobs_cpu_s']:,.0f} CPU seconds and Snakemake itself "
        f"{run['time_own_cpu_s']:.0f}, {run['time_own_share']:.1%} of all; in {cores} that is "
        f"{run['time_busy_share']:.0%} of what these could give."
    )


def _ratio(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3g}"


def runtimes_equal(tables: Tables) -> str:
    """Elements of .tflite files that differ from each real runtime, and from the nearest wrong."""
    rows = tables["benchmark_equal"].sort_values("network", kind="stable")
    frame = rows.assign(
        runtime=[f"`{name}`" for name in rows["runtime"]],
        nearest=[f"{row.control:,} (`{row.nearest}`)" for row in rows.itertuples()],
    )
    headings = {
        "network": "network",
        "runtime": "runtime",
        "images": "inputs",
        "elements": "elements",
        "mismatches": "mismatches",
        "nearest": "nearest wrong",
    }
    return table(frame, headings)


QUOTES: dict[str, Callable[[Tables], str]] = {
    function.__name__: function
    for function in (
        *(benchmark_runs, executor_speed, replica_speed, replica_slowest),
        *(sweep_speed, explore_speed, workflow_cost, machine_laws),
        runtimes_equal,
    )
} | learned_quotes.QUOTES
