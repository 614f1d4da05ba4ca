"""What several tests share: a copy of the project and the test study, run once a session."""

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]
COMPILES = """
import edgeint8 as e8
e8.explore("edgeint8/data/topologies/resnet8.csv", (8, 8), (8, 8), sram_kb=[64], bandwidth=[4])
"""

# Anew each time on a developer's machine; in continuous integration the same cases every time, so
# that a change is judged by what it changed.
settings.register_profile("same", derandomize=True)
if "CI" in os.environ:
    settings.load_profile("same")


@dataclass(frozen=True)
class Project:
    """A copy of the working tree, and a directory where its studies run."""

    root: Path
    run_dir: Path

    def snakemake(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake of this copy in the run directory; targets go before options."""
        command = [sys.executable, "-m", "snakemake", *arguments]
        command += ["--snakefile", str(self.root / "Snakefile"), "--directory", str(self.run_dir)]
        command += [] if any(a in ("--cores", "-n") for a in arguments) else ["--cores", "2"]
        result = subprocess.run(
            command, capture_output=True, text=True, env=self.environment, cwd=self.run_dir
        )
        if check and result.returncode:
            raise AssertionError(result.stdout[-4000:] + result.stderr[-8000:])
        return result

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run make in this copy, with the environment of these tests; results stay in the copy."""
        stamp = ".venv/run.stamp"
        command = ["make", *words, f"BIN={Path(sys.executable).parent}", "CORES=2"]
        result = subprocess.run(
            [*command, "--assume-old", stamp],
            capture_output=True, text=True, env=self.environment, cwd=self.root,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-8000:]
        return result

    @property
    def environment(self) -> dict[str, str]:
        """The scripts of the copy import the package of the copy, and raise their own faults."""
        return {"EDGEINT8_STRICT": "1", **os.environ, "PYTHONPATH": str(self.root)}


def copy_project(target: Path) -> None:
    """Copy every file that git tracks or would track, and what Numba compiled of it.

    Numba knows a source by its size and time, which a copy keeps; each copy would otherwise compile
    for 10 to 20 CPU seconds.
    """
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout
    for name in names.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    compile_once()
    for cache in ROOT.glob("edgeint8/**/__pycache__/*.nb[ci]"):
        place = target / cache.relative_to(ROOT)
        place.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # just replaced by another process
            shutil.copy2(cache, place)


def compile_once() -> None:
    """Compile the machine's walk and the sweep of designs in this tree, if nothing has yet."""
    if any(ROOT.glob("edgeint8/arch/explore/__pycache__/pareto*.nbi")):
        return
    with (ROOT / "edgeint8/__init__.py").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not any(ROOT.glob("edgeint8/arch/explore/__pycache__/pareto*.nbi")):
            subprocess.run([sys.executable, "-c", COMPILES], cwd=ROOT, check=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests that share a study go first; at the end one worker would run them, one would wait."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def pytest_collection_finish(session):
    """Each worker would run every study that tests share if groups were lost, as by pytest 9.2."""
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if session.config.getoption("loadgroup", False):
        assert all("@" in item.nodeid for item in grouped), "pytest-xdist lost its groups"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where EDGEINT8_REQUIRE_ALL=1 (continuous integration) a skip is a failure."""
    report = yield
    expected = hasattr(report, "wasxfail")
    if report.skipped and not expected and os.environ.get("EDGEINT8_REQUIRE_ALL") == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr[-1]}"
    return report


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh copy of the project in which nothing has run."""
    copy_project(tmp_path / "project")
    (tmp_path / "run").mkdir()
    return Project(tmp_path / "project", tmp_path / "run")


@pytest.fixture(scope="session")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project in which the test study has run. Do not change its results."""
    folder = tmp_path_factory.mktemp("studied")
    copy_project(folder / "project")
    (folder / "run").mkdir()
    project = Project(folder / "project", folder / "run")
    project.snakemake("--configfile", str(project.root / "config/test.yaml"))
    return project
