"""Full disks, read-only results, two runs at once; a changed study; a deleted intermediate; an edit
in the package; and the memory that each rule declares."""

import json
import random
import re
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import yaml
from memory import peaks_mb

TEST_STUDY = "results_test"
SIGNALS = {
    "run": {"workloads": ["signal_cnn_1d"], "strategies": [], "detail_strategies": []},
    "datasets": {"synthetic_signals": {"train_samples": 2000, "test_samples": 400}},
    "hardware": {"arrays": [], "points": []},
}
ARRAYS = "results/data/synthetic_signals/arrays.npz"


def config(project, overlay) -> str:
    path = project.run_dir / "my.yaml"
    path.write_text(yaml.safe_dump(overlay))
    return str(path)


def planned(project, *arguments: str, changed: dict | None = None) -> dict[str, set[str]]:
    """Rules that a dry run of the test study would run, for the first reason that it gives each.

    A job after a changed one runs because its input is new, whatever else has changed for it.
    """
    files = [str(project.root / "config/test.yaml")]
    if changed is not None:
        files.append(config(project, changed))
    output = project.snakemake(*arguments, "-n", "--configfile", *files).stdout
    reasons = re.findall(r"^    (\S[^\n]*):\n        (\S[^\n]*)$", output, re.M)
    found = {reason: set(rules.split(", ")) - {"all"} for reason, rules in reasons}
    return {reason: rules for reason, rules in found.items() if rules}


PARAMS = "params have changed since last execution"


def rules_by_script(root: Path) -> dict[str, set[str]]:
    """Rules that run each script of the workflow."""
    rules: dict[str, set[str]] = {}
    for path in sorted((root / "workflow/rules").glob("*.smk")):
        for name, body in re.findall(
            r"^rule (\w+):\n(.*?)(?=^\S|\Z)", path.read_text(), re.M | re.S
        ):
            for script in re.findall(r'"\.\./scripts/(\w+)\.py"', body):
                rules.setdefault(script, set()).add(name)
    return rules


# ---- disks and locks -----------------------------------------------------------------------------


def test_a_full_disk_ends_in_one_line_and_leaves_nothing(project):
    """A limit on the size of a file stands for the disk: both fail in the middle of a write."""
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (200_000, 200_000))
    command = [sys.executable, "-m", "snakemake", ARRAYS, "--cores", "1"]
    command += ["--snakefile", str(project.root / "Snakefile"), "--directory", str(project.run_dir)]
    command += ["--configfile", config(project, SIGNALS)]
    result = subprocess.run(
        command, capture_output=True, text=True, env=project.environment, preexec_fn=limit
    )
    assert result.returncode != 0 and "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert lines == [f"error: File too large @ {ARRAYS}; allowed: a disk with room, which may be "
                     "written to"]  # fmt: skip
    assert not list(project.run_dir.glob("results/data/*/*"))
    project.snakemake(ARRAYS, "--configfile", config(project, SIGNALS))
    assert (project.run_dir / ARRAYS).stat().st_size > 200_000


def test_results_that_may_not_be_written(project):
    """/sys takes no new folder, not even from root."""
    overlay = SIGNALS | {"results_dir": "/sys/edgeint8"}
    result = project.snakemake(
        ARRAYS.replace("results", "/sys/edgeint8", 1), "--configfile", config(project, overlay),
        check=False,
    )  # fmt: skip
    assert result.returncode != 0 and "Traceback" not in result.stderr
    assert "Failed to create output directory /sys/edgeint8" in result.stderr


def test_a_second_run_at_once_is_refused_and_does_not_disturb_the_first(project):
    arguments = [ARRAYS, "--configfile", config(project, SIGNALS), "--cores", "1"]
    place = ["--snakefile", str(project.root / "Snakefile"), "--directory", str(project.run_dir)]
    first = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments, *place],
        env=project.environment,
        stderr=subprocess.DEVNULL,
    )
    locks = project.run_dir / ".snakemake/locks"
    while not (locks.is_dir() and any(locks.iterdir())):
        assert first.poll() is None
        time.sleep(0.02)
    first.send_signal(signal.SIGSTOP)  # so that it does not finish too early
    second = project.snakemake(*arguments, check=False)
    assert second.returncode != 0 and "--unlock" in second.stderr + second.stdout
    first.send_signal(signal.SIGCONT)
    assert first.wait(timeout=300) == 0
    assert "nothing to be done" in project.snakemake(*arguments).stderr.lower()


# ---- what reruns ---------------------------------------------------------------------------------

slow_study = pytest.mark.xdist_group("study")


@slow_study
def test_a_changed_study_reruns_what_the_change_concerns(studied):
    assert planned(studied) == {}
    found = planned(studied, changed={"overflow": {"bits": [14, 23]}})
    assert found[PARAMS] == {"overflow_study"}
    later = set().union(*found.values()) - {"overflow_study"}
    assert {"integer_table", "report_text"} <= later
    assert not later & {"train", "calibrate", "quantize_strategy", "simulate", "golden_compare"}


@slow_study
def test_another_seed_reruns_whatever_is_random(studied):
    found = planned(studied, changed={"seed": 1})
    assert found[PARAMS] == {"dataset"}
    assert {"train", "calibrate", "calibration_draws", "observe"} <= set().union(*found.values())


@slow_study
def test_a_deleted_intermediate_is_made_again_when_it_is_asked_for(studied):
    folder = f"{TEST_STUDY}/signal_cnn_1d/asym_channel_minmax"
    graph = studied.run_dir / folder / "model.onnx"
    kept = graph.rename(graph.with_name("kept.onnx"))
    try:
        assert planned(studied) == {}, "no target needs it"
        found = planned(studied, f"{folder}/model.onnx")
        assert set().union(*found.values()) == {"quantize_strategy"}
    finally:
        kept.rename(graph)


REAL_IMPORTS = """
import ast, json, pathlib, sys
tree = ast.parse(pathlib.Path(sys.argv[1]).read_text())
for node in tree.body:
    if isinstance(node, ast.Import | ast.ImportFrom):
        exec(compile(ast.Module([node], []), sys.argv[1], "exec"))
print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "edgeint8"]))
"""


def real_imports(project, script: Path) -> set[Path]:
    """Package files that Python itself loads for a script of the copied project."""
    command = [sys.executable, "-c", REAL_IMPORTS, str(script)]
    output = subprocess.run(
        command, capture_output=True, text=True, check=True, env=project.environment,
        cwd=project.run_dir,
    ).stdout  # fmt: skip
    return {Path(name).resolve() for name in json.loads(output.splitlines()[-1])}


BY_PROGRAM = {"validation_table"}  # imports benchmarks/published.py once the job has begun


def imported_inside_functions(root: Path) -> set[str]:
    """Module names that some function imports: loaded later than any import statement can show."""
    text = "\n".join(path.read_text() for path in (root / "edgeint8").rglob("*.py"))
    return set(re.findall(r"^ +from (edgeint8[\w.]*) import", text, re.M))


@pytest.mark.slow
@slow_study
def test_an_edit_in_any_module_reruns_exactly_the_rules_that_import_it(studied):
    """A dozen modules by lot; what imports them is what Python says, not what we derive."""
    rules = rules_by_script(studied.root)
    scripts = {name: studied.root / f"workflow/scripts/{name}.py" for name in rules}
    imports = {name: real_imports(studied, path) for name, path in scripts.items()}
    run = set().union(*planned(studied, "--forceall").values())
    assert len(run) > 20
    late = imported_inside_functions(studied.root)
    modules = sorted(set().union(*imports.values()))
    for module in random.Random(0).sample(modules, 12):
        name = ".".join(module.relative_to(studied.root).with_suffix("").parts)
        original = module.read_text()
        expected = {rule for script, loaded in imports.items() if module in loaded
                    for rule in rules[script]}  # fmt: skip
        try:
            module.write_text(original + "\n# edited\n")
            found = planned(studied)
        finally:
            module.write_text(original)
        changed, rerun = found.get(PARAMS, set()), set().union(*found.values())
        assert expected & run <= rerun, f"{name}: {expected & run - rerun} would keep old results"
        needless = changed - expected - BY_PROGRAM
        assert not needless or name in late, f"{name}: {needless} need not run"


# ---- memory --------------------------------------------------------------------------------------


@slow_study
def test_every_rule_stays_under_the_memory_that_it_declares(studied):
    measured = peaks_mb(studied, studied.root / "config/test.yaml")
    assert len(measured) > 20
    assert {"train", "export", "calibrate", "evaluate", "golden_compare", "simulate"} <= set(
        measured
    )
