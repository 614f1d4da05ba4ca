"""What a user sees when something is wrong: status not 0, one clear line, nothing broken left.

The cases stand in bad_input.yaml, and docs/troubleshooting.md is written from them. Each is
provoked at the lowest level that says the same: a study in this process, as the Snakefile checks
it; files in one run of Snakemake for all of them; `make` and Snakemake where they are the ones to
speak. Cases marked ``end_to_end`` are provoked a second time through Snakemake.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import Project, copy_project
from onnx import TensorProto, helper, numpy_helper
from snakemake.utils import update_config

from edgeint8.arch.machine.hardware import load_preset
from edgeint8.arch.machine.technology import load_technology
from edgeint8.arch.network.inputs import find_hardware
from edgeint8.errors import EdgeInt8Error
from edgeint8.files import absence
from edgeint8.models.data.cifar10 import BINARY_MD5, make
from edgeint8.models.data.datasets import Request
from edgeint8.quant.strategy import Strategy
from edgeint8.study.config import load_study
from edgeint8.study.study_file import read_study_file
from tools.docs.troubleshooting import page, read_cases

ROOT = Path(__file__).parents[2]
CASES = [case for group in read_cases() for case in group["cases"]]
PRESET = "config/hardware/my_machine.yaml"
CIFAR10 = "data/cifar-10-batches-bin"


def of_kind(*keys):
    """Parametrise over the cases that have one of these keys."""
    chosen = [case for case in CASES if any(key in case for key in keys)]
    return pytest.mark.parametrize("case", chosen, ids=[case["name"] for case in chosen])


def assert_says(case, message, folder):
    """The whole message is the case's; `...` stands for any text, {run} for the folder."""
    expected = case["says"].replace("{run}", str(folder)).replace("{name}", case["name"])
    pattern = ".*".join(re.escape(part) for part in expected.split("..."))
    assert re.fullmatch(pattern, message), f"{message}\n  instead of\n{expected}"


def assert_refused(case, result, folder):
    """A finished process failed, said the one line and nothing else of ours, and left nothing."""
    assert result.returncode != 0
    lines = [text for text in result.stderr.splitlines() if text.startswith("error: ")]
    assert len(lines) == 1, result.stdout + result.stderr  # its repetition at the end is indented
    assert_says(case, lines[0], folder)
    assert "Traceback" not in result.stdout + result.stderr
    assert_nothing_left(folder)


def assert_nothing_left(folder):
    """No result, whole or broken; logs and benchmarks may stay."""
    results = (folder / "results").rglob("*") if (folder / "results").exists() else ()
    kept = [path for path in results if path.is_file()]
    assert not [path for path in kept if not {"logs", "benchmarks"} & set(path.parts)]


def write_files(case, folder):
    """Put the files of a case into the working folder."""
    files = dict(case.get("files", {}))
    if "preset" in case:
        files[PRESET] = case["preset"]
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of the project that the runs of this file share; none of them changes it."""
    root = tmp_path_factory.mktemp("bad_input") / "project"
    copy_project(root)
    return root


def snakemake(root, folder, overlay, *arguments, environment=None):
    """Run Snakemake in a folder with a study of its own."""
    (folder / "my.yaml").write_text(yaml.safe_dump(overlay))
    return snakemake_on("my.yaml", root, folder, *arguments, environment=environment)


def snakemake_on(study_file, root, folder, *arguments, environment=None):
    """Run Snakemake in a folder with a study file that is there, or is not."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", study_file]
    command += ["--snakefile", str(root / "Snakefile"), "--directory", str(folder)]
    environment = {**Project(root, folder).environment, **(environment or {})}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, timeout=900
    )


def test_there_are_forty_and_each_says_where_and_what_is_allowed():
    assert len(CASES) >= 40 and len({case["name"] for case in CASES}) == len(CASES)
    for case in CASES:
        assert "\n" not in case["says"], case["name"]
        if "foreign" not in case:  # Snakemake's own words
            assert re.fullmatch(r"error: .+ @ .+; allowed: .+", case["says"]), case["name"]


def test_the_page_is_written_from_the_cases():
    assert (ROOT / "docs/troubleshooting.md").read_text() == page(read_cases())


@of_kind("study", "preset")
def test_a_wrong_study_is_refused(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files(case, tmp_path)
    with pytest.raises(EdgeInt8Error) as caught:
        if "preset" in case:
            load_preset(PRESET)
        entries = read_study_file(ROOT / "config/config.yaml")
        update_config(entries, case["study"])
        study = load_study(entries, ROOT / "edgeint8/data/study.schema.yaml")
        for name, options in study.strategies.items():
            Strategy.from_mapping(name, options)
        for name in study.hardware:
            find_hardware(name, where="$.hardware")
        if study.technology is not None:
            load_technology(study.technology)
    assert_says(case, f"error: {caught.value}", tmp_path)


@of_kind("end_to_end")
def test_snakemake_refuses_it_too(case, copied, tmp_path):
    write_files(case, tmp_path)
    overlay = case.get("study", {"hardware": {"presets": ["my_machine"]}})
    assert_refused(case, snakemake(copied, tmp_path, overlay, "-n"), tmp_path)


@of_kind("study_file")
def test_a_study_file_that_cannot_be_read_is_refused(case, copied, tmp_path):
    write_files(case, tmp_path)
    assert_refused(case, snakemake_on(case["study_file"], copied, tmp_path, "-n"), tmp_path)


def pretender(version):
    """A shell script that runs Python code as an interpreter of that version would see itself."""
    code = f"import sys; sys.version = {version!r}; sys.version_info = "
    code += f"(*map(int, {version!r}.split('.')),); exec(sys.argv[1])"
    return f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$2"\n'


@of_kind("make")
def test_make_says_what_the_machine_lacks(case, copied, tmp_path):
    write_files(case, tmp_path)
    if "python" in case:
        (tmp_path / "python").write_text(pretender(case["python"]))
        (tmp_path / "python").chmod(0o755)
    command = ["make", "--no-print-directory", "--file", str(copied / "Makefile"), *case["make"]]
    command += [f"VENV={tmp_path}/venv", f"BIN={Path(sys.executable).parent}"]
    for name in ("envs", "pyproject.toml"):
        (tmp_path / name).symlink_to(copied / name)
    environment = {**os.environ, "PYTHONPATH": str(copied)}
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60
    )
    assert_refused(case, result, tmp_path)
    assert not (tmp_path / "venv").exists()


@of_kind("snakemake")
def test_snakemake_says_what_is_wrong_with_the_call(case, copied, tmp_path):
    environment = None
    if "hidden_package" in case:
        hidden = tmp_path / "hidden" / case["hidden_package"]
        hidden.mkdir(parents=True)
        reason = f"No module named {case['hidden_package']!r}"
        (hidden / "__init__.py").write_text(f"raise ModuleNotFoundError({reason!r})\n")
        environment = {"PYTHONPATH": f"{hidden.parent}:{copied}"}
    result = snakemake(copied, tmp_path, {}, *case["snakemake"], environment=environment)
    if "foreign" in case:
        output = result.stdout + result.stderr
        assert result.returncode != 0 and case["says"] in output and "Traceback" not in output
        assert_nothing_left(tmp_path)
    else:
        assert_refused(case, result, tmp_path)


def network(how):
    """A small network, with what is wrong about it."""
    free, place = how == "free size", {"data outside": "../w.bin", "data missing": "w.bin"}
    node = helper.make_node("Wavelet" if how == "unknown operator" else "Conv", "iw", "o")
    node.input[:], node.output[:] = ["image", "weights"], ["scores"]
    weights = numpy_helper.from_array(np.ones((4, 3, 8, 8), np.float32), "weights")
    if how in place:
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=place[how])
    image = helper.make_tensor_value_info("image", 1, ["N", 3, "H" if free else 8, 8])
    scores = helper.make_tensor_value_info("scores", 1, ["N", 4, 1, 1])
    graph = helper.make_graph([node], "g", [image], [scores], [weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def write_network(path, how):
    """The ONNX file of a case."""
    content = b"this is text" if how == "text" else network(how).SerializeToString()
    path.write_bytes(content[: len(content) // 2] if how == "cut off" else content)


def write_arrays(path, arrays):
    """The NPZ file of a case: text, a pickle, or arrays of (dtype, shape, first element)."""
    if arrays == "text":
        path.write_text("not arrays")
    elif arrays == "objects":
        np.savez(path, inputs=np.array([{"image": 1}], dtype=object))
    else:
        made = {name: np.ones(shape, dtype) for name, (dtype, shape, *_) in arrays.items()}
        for name, (*_, first) in ((n, a) for n, a in arrays.items() if len(a) == 3):
            made[name].flat[0] = first
        np.savez(path, **made)


def workload_of(case, folder):
    """The entry of a case in the study file, after writing its files."""
    name = case["name"]
    if "topology" in case:
        text = case["topology"].encode(case.get("encoding", "utf-8"))
        (folder / f"{name}.csv").write_bytes(text)
        return {"topology": f"{name}.csv"}
    write_network(folder / f"{name}.onnx", case["onnx"])
    entry = {"onnx": f"{name}.onnx", **case.get("options", {})}
    if "npz" in case:
        write_arrays(folder / f"{name}.npz", case["npz"])
        entry["data"] = f"{name}.npz"
    return entry


@pytest.fixture(scope="module")
def failed_workloads(copied, tmp_path_factory):
    """One study of all workloads that cannot run and a good one: what its end says of each."""
    folder = tmp_path_factory.mktemp("workloads")
    good = {"name": "good", "onnx": "good"}
    cases = [good, *(case for case in CASES if "topology" in case or "onnx" in case)]
    workloads = {case["name"]: workload_of(case, folder) for case in cases}
    overlay = {
        "run": {"workloads": list(workloads), "strategies": [], "detail_strategies": []},
        "workloads": workloads,
        "hardware": {"arrays": [], "points": []},
    }
    run = snakemake(copied, folder, overlay, "results/tables/status.csv", "--cores", "1")
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    told = re.findall(r"^not complete: (\w+) could not run: ", run.stderr, re.MULTILINE)
    assert sorted(told) == sorted(set(workloads) - {"good"})
    command = [sys.executable, "-m", "edgeint8.study.status", "my.yaml"]
    environment = Project(copied, folder).environment
    end = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert end.returncode != 0 and "Traceback" not in end.stderr
    assert "error: good " not in end.stderr
    return {line.split()[1]: line for line in end.stderr.splitlines()}, folder


@of_kind("topology", "onnx")
@pytest.mark.xdist_group("bad_workloads")
def test_a_workload_that_cannot_run_is_named_at_the_end(case, failed_workloads):
    lines, folder = failed_workloads
    assert_says(case, lines[case["name"]], folder)
    model = folder / "results" / case["name"] / "model.onnx"
    assert not model.exists() or absence(model)


def damage_cifar10(folder, how):
    """Write six files that are not CIFAR-10."""
    if how == "absent":
        return
    (folder / CIFAR10).mkdir(parents=True)
    for name in BINARY_MD5:
        with (folder / CIFAR10 / name).open("wb") as file:
            file.truncate(30_730_000 if how == "altered" else 999)
    if how == "missing":
        (folder / CIFAR10 / "data_batch_1.bin").unlink()


@of_kind("cifar10")
def test_damaged_data_is_refused(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    damage_cifar10(tmp_path, case["cifar10"])
    with pytest.raises(EdgeInt8Error) as caught:
        make(Request(Path("data"), 0, ("data_dir",)))
    assert_says(case, f"error: {caught.value}", tmp_path)


def test_a_job_that_meets_damaged_data_leaves_nothing(copied, tmp_path):
    case = next(case for case in CASES if case["name"] == "data_cut_off")
    damage_cifar10(tmp_path, case["cifar10"])
    target = "results/data/cifar10/arrays.npz"
    result = snakemake(copied, tmp_path, {}, target, "--cores", "1")
    assert_refused(case, result, tmp_path)
    summary = result.stderr.partition("1 job failed:\n")[2].splitlines()
    assert summary[0] == "  dataset: results/logs/dataset/cifar10.log"
    assert_says(case, summary[1].strip(), tmp_path)
