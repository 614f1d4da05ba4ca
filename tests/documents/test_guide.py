"""Commands of the documents run, plan or exist; numbers of the guide that are not generated."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from edgeint8.arch.machine.constants import mac_area_um2, mac_fj
from edgeint8.fixed_point.studies.bit_growth import textbook_width, worst_case_width
from edgeint8.study.config import load_study

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
INLINE = r"`(python -m edgeint8[^`]*)`"
WRITES_PAGES = ("tools.docs.documents", "tools.docs.api")


def fenced(language):
    """Blocks of code in `language` of all pages."""
    pattern = rf"^```{language}\n(.*?)^```$"
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        yield from re.findall(pattern, text, re.DOTALL | re.MULTILINE)


def commands(word):
    """Command lines of all pages in which `word` is called, each once."""
    lines = [
        line.partition("  #")[0].strip() for block in fenced("sh") for line in block.splitlines()
    ]
    lines += [line for page in PAGES for line in re.findall(INLINE, page.read_text("utf-8"))]
    found = dict.fromkeys(line for line in lines if re.search(rf"(^|/){word}\b", line))
    return list(found)


def modules():
    """Commands of the package that are whole, and no more than named."""
    return [
        line
        for line in commands("python")
        if "-m edgeint8" in line and "..." not in line and "<" not in line
    ]


@pytest.mark.parametrize("line", modules())
def test_a_module_command_runs(line, tmp_path):
    words = shlex.split(line)
    if words[2] in WRITES_PAGES:  # see that there is nothing to write, and write nothing
        words = [word for word in words if word not in ("--snapshot", "results/tables", "--check")]
        words.append("--check")
    if "net.onnx" in words or "model.onnx" in words:
        words = [str(tiny_network(tmp_path)) if word.endswith(".onnx") else word for word in words]
    result = subprocess.run(
        [sys.executable, *words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout or "--check" in words


def tiny_network(folder):
    """An ONNX file with one dense layer."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [weight],
    )
    path = folder / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.mark.parametrize("line", commands("snakemake"))
def test_a_workflow_command_plans(line, tmp_path):
    words = shlex.split(line)[1:]
    if "--profile" in words:  # needs a cluster's plugin: tests/workflow/test_clusters.py runs these
        profile = ROOT / words[words.index("--profile") + 1]
        assert yaml.safe_load((profile / "config.yaml").read_text(encoding="utf-8"))
        return
    command = [sys.executable, "-m", "snakemake", *words, "--dry-run", "--quiet"]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in commands("make"):
        target = line.split()[1]
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), line


def test_pages_name_files_that_exist():
    """`tests/...`, `benchmarks/...`, `config/...` in backticks."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"`((?:tests|benchmarks|config|workflow|edgeint8)/[\w/.]+)`", text):
            assert (ROOT / name).exists(), f"{page.name}: {name}"


@pytest.mark.parametrize("block", list(fenced("yaml")))
def test_study_files_are_accepted(block, tmp_path, monkeypatch):
    overlay = yaml.safe_load(block)
    if not isinstance(overlay, dict) or not {"run", "workloads"} <= set(overlay):
        return
    monkeypatch.chdir(tmp_path)
    for workload in overlay["workloads"].values():
        for file in (workload[key] for key in ("onnx", "data", "topology") if key in workload):
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_bytes(b"")
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    merged = merge(config, overlay)
    study = load_study(merged, ROOT / "edgeint8/data/study.schema.yaml")
    assert set(overlay["run"]["workloads"]) == set(study.names)


def merge(old, new):
    """As Snakemake merges study files: maps merge, the rest replaces."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {key: merge(old.get(key), new.get(key, old.get(key))) for key in {**old, **new}}


def test_guide_sum_of_576_products():
    s8, u8, weight = (-128, 127), (0, 255), (-127, 127)
    assert textbook_width(576) == 26 and "**26 bits**" in GUIDE
    assert worst_case_width(576, s8, weight) == 25 and "25 are enough" in GUIDE
    assert worst_case_width(576, u8, weight) == 26
    assert worst_case_width(131_071, s8, s8) == 32 < worst_case_width(131_072, s8, s8)
    assert "131,071 products" in GUIDE


def test_guide_cost_of_a_multiplication():
    int8, fp32 = (mac_fj("mid", name) for name in ("int8", "fp32"))
    assert (int8, fp32) == (300, 4600) and "0.3 pJ" in GUIDE and "4.6 pJ" in GUIDE
    assert f"{fp32 / int8:.0f} times the energy" in GUIDE
    areas = [mac_area_um2("low", name) for name in ("int8", "fp32")]
    assert "419 um2" in GUIDE and "11,884 um2" in GUIDE and areas == [419, 11_884]
    assert f"{areas[1] / areas[0]:.0f} times the area" in GUIDE
