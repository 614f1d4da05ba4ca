"""What `pip install .` gives, outside the repository and without the network."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import ROOT, copy_project
from float_networks import classifier, images
from packaging.requirements import Requirement

from edgeint8.report.document.single_page import SCRIPTS, STYLES
from tools import lock, notice

HEAVY = ("torch", "torchvision", "snakemake", "scalesim", "matplotlib", "seaborn", "onnxruntime")
NO_NETWORK = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")


def python(folder: Path) -> Path:
    return folder / "bin" / "python"


def build(folder: Path) -> tuple[Path, Path]:
    """A wheel and a source distribution of a copy of the project."""
    copy_project(folder / "project")
    for kind in ("wheel", "sdist"):
        code = (
            "from setuptools import build_meta as b; "
            f"print(b.build_{kind}({str(folder / 'dist')!r}))"
        )
        (folder / "dist").mkdir(exist_ok=True)
        subprocess.run(
            [sys.executable, "-c", code], cwd=folder / "project", check=True, capture_output=True
        )
    return next((folder / "dist").glob("*.whl")), next((folder / "dist").glob("*.tar.gz"))


def environment(folder: Path, archive: Path) -> Path:
    """A new environment with the archive in it; libraries come from this one, the project not."""
    venv.create(folder, with_pip=True)
    libraries = Path(np.__file__).parents[1]
    command = [str(python(folder)), "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    command += ["--no-build-isolation", str(archive)]
    paths = subprocess.run(
        [str(python(folder)), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    subprocess.run(
        command, check=True, capture_output=True, env=clean() | {"PYTHONPATH": str(libraries)}
    )
    for path in libraries.iterdir():  # all but the editable install of the project
        target = Path(paths) / path.name
        if "edgeint8" not in path.name and not target.exists() and path.suffix != ".pth":
            target.symlink_to(path)
    return folder


def clean() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "EDGEINT8"))}
    return kept | NO_NETWORK


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    return build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def installed(archives, tmp_path_factory):
    """The command `edgeint8` of the installed wheel."""
    folder = environment(tmp_path_factory.mktemp("wheel") / "env", archives[0])
    return folder / "bin" / "edgeint8"


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a network and its data, far from the repository."""
    folder = tmp_path_factory.mktemp("workplace")
    onnx.save(classifier(), folder / "net.onnx")
    arrays = {"calibration": images(32)["input"], "inputs": images(4, seed=1)["input"]}
    np.savez(folder / "x.npz", **arrays)
    return folder


def run(command, folder, *arguments, status=0):
    result = subprocess.run(
        [str(command), *arguments], cwd=folder, env=clean(), capture_output=True, text=True
    )
    assert result.returncode == status, result.stderr
    return result


def facts(command, folder, *arguments):
    return json.loads(run(command, folder, *arguments, "--json").stdout)["facts"]


def test_the_wheel_holds_what_it_reads(archives):
    import zipfile

    names = zipfile.ZipFile(archives[0]).namelist()
    assert sum(name.startswith("edgeint8/data/hardware/") for name in names) >= 7
    assert sum(name.startswith("edgeint8/data/topologies/") for name in names) >= 5
    assert {f"edgeint8/report/assets/{name}" for name in (*STYLES, *SCRIPTS)} <= {*names}
    assert {"edgeint8/data/study.schema.yaml", "edgeint8/py.typed", "edgeint8/__init__.pyi"} <= {
        *names
    }
    assert not any(name.startswith(("tools/", "tests/", "workflow/")) for name in names)


def test_every_verb_of_the_installed_command(installed, workplace):
    assert run(installed, workplace, "--version").stdout.strip() == "0.1.0"
    layers = facts(installed, workplace, "layers", "net.onnx")
    assert (layers["on_the_array"], layers["macs"] > 0) == (3, True)
    cost = facts(installed, workplace, "cost", "net.onnx", "--hardware", "gemmini")
    assert cost["macs"] == layers["macs"] and cost["hardware"] == "gemmini"
    arrays = ("--rows", "4", "12", "--cols", "4", "12")
    front = facts(installed, workplace, "explore", "net.onnx", *arrays)
    assert 0 < front["front"] <= front["feasible_designs"] <= front["designs"] == 9 * 9 * 3 * 84
    run(installed, workplace, "quantize", "net.onnx", "--data", "x.npz", "-o", "net.int8.onnx")
    verified = facts(installed, workplace, "verify", "net.int8.onnx", "--data", "x.npz")
    assert (verified["images"], verified["mismatches"], verified["integer_layers"]) == (4, 0, 3)
    widths = facts(installed, workplace, "widths", "net.int8.onnx")
    assert widths["bits_observed"] is None and 16 < widths["bits_guaranteed"] <= 32
    machine = ("--hardware", "ws_8x8_32kB_unlimited")
    predicted = facts(installed, workplace, "predict", "net.onnx", *machine)
    assert predicted["scalesim_cycles"] > 0
    written = facts(installed, workplace, "vectors", "net.int8.onnx", "vectors")
    assert written["layers"] == 3 and (workplace / "vectors/manifest.json").is_file()
    assert facts(installed, workplace, "hardware")["machines"] >= 7


def test_a_bad_call_of_the_installed_command_is_one_line(installed, workplace):
    result = run(installed, workplace, "cost", "net.onnx", "--hardware", "gemini", status=2)
    assert result.stderr.count("\n") == 1 and "allowed: " in result.stderr
    assert "gemmini" in result.stderr  # the presets are there


def test_the_source_distribution_installs_too(archives, workplace, tmp_path):
    command = environment(tmp_path / "env", archives[1]) / "bin" / "edgeint8"
    assert facts(command, workplace, "hardware", "tpu_v1")["machines"] == 1


@pytest.mark.parametrize("verb", [(), ("layers",), ("cost",)])
def test_questions_of_the_core_import_nothing_heavy(workplace, verb):
    """`import edgeint8` imports nothing at all; layers and cost run without the extras."""
    code = "import sys, edgeint8; before = set(sys.modules); "
    code += "".join(f"edgeint8.{name}('net.onnx'); " for name in verb)
    code += "print(sorted({name.split('.')[0] for name in sys.modules}))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=workplace, env=environment, capture_output=True, text=True
    )
    assert loaded.returncode == 0, loaded.stderr
    names = set(eval(loaded.stdout))
    assert names.isdisjoint(set(HEAVY) - ({"onnxruntime"} if verb else set()))
    assert verb or names.isdisjoint({"numpy", "pandas", "onnx", "numba"})


def test_pyproject_requirements_and_lock_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {**lock.pins(lock.ENVS / lock.PINNED[0]), **lock.pins(lock.ENVS / lock.PINNED[1])}
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    for text in [*project["dependencies"], *extras]:
        requirement = Requirement(text)
        if requirement.name in ("edgeint8", "pre-commit"):
            continue
        version = str(next(iter(pinned[requirement.name].specifier)).version)
        assert requirement.specifier.contains(version), text


def test_the_lock_holds_every_package_and_conda_and_make_use_it():
    locked = lock.pins(lock.LOCK)
    direct = {}
    for file in lock.PINNED:
        direct |= lock.pins(lock.ENVS / file)
    for name, requirement in direct.items():
        assert locked[name].specifier == requirement.specifier, name
    noted = notice.NOTICE.read_text(encoding="utf-8")
    for name, version in lock.closure(set(direct)).items():
        assert str(locked[name].specifier) == f"=={version}", "write it: python -m tools.lock"
        assert f"\n{name}: " in noted, "write it: python -m tools.notice"
    assert "-c lock.txt" in (lock.ENVS / "edgeint8.yaml").read_text()
    assert "--constraint envs/lock.txt" in (ROOT / "Makefile").read_text()


def test_version_and_citation_agree():
    citation = (ROOT / "CITATION.cff").read_text()
    changelog = (ROOT / "CHANGELOG.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    import edgeint8

    assert f"version: {project['version']}" in citation and "date-released: " in citation
    assert f"\n## {project['version']} - " in changelog
    assert edgeint8.__version__ == project["version"]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("python3.13"), reason="no python3.13")
def test_what_needs_no_torch_passes_on_python_3_13(tmp_path):
    """The core and the tests of layers, machines and integers, in an environment of their own."""
    subprocess.run(["python3.13", "-m", "venv", str(tmp_path / "env")], check=True)
    pip = [str(python(tmp_path / "env")), "-m", "pip", "install", "--quiet"]
    pip += ["--constraint", str(lock.LOCK)]
    subprocess.run([*pip, "pytest", "hypothesis", "scalesim", "packaging"], check=True)
    copy_project(tmp_path / "project")
    subprocess.run([*pip, str(tmp_path / "project")], check=True)
    tests = ["tests/arch", "tests/tables", "tests/face/test_api.py", "tests/fixed_point"]
    command = [str(python(tmp_path / "env")), "-m", "pytest", "-m", "not slow", "-q", *tests]
    environment = {**clean(), "PYTHONPATH": str(tmp_path / "project")}
    result = subprocess.run(
        command, cwd=tmp_path / "project", env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-4000:]
