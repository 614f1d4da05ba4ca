"""What several tests share: a copy of the project and the test study, run once a session."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

ROOT = Path(__file__).parents[1]
COMPILES = """
import edgeint8 as e8
network = "edgeint8/data/topologies/resnet8.csv"
e8.explore(network, (8, 8), (8, 8), sram_kb=[64], bandwidth=[4])
e8.predict_scalesim(network, "ws_8x8_64kB_8Bpc")
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

    Numba knows a source by its size and time, which a copy keeps, and a folder of its own by the
    hash of the path; each copy would otherwise compile for 20 to 40 CPU seconds.
    """
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout
    for name in names.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    compile_once()
    for cache in ROOT.glob("edgeint8/**/*.nb[ci]"):
        place = target / cache.relative_to(ROOT)
        if cache.parent.name != "__pycache__":  # .../replica/__pycache__/numba_X/replica_Y/file
            place = place.parents[1] / numba_name(place.parents[3]) / cache.name
        place.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # just replaced by another process
            shutil.copy2(cache, place)


def numba_name(source: Path) -> str:
    """What Numba calls the folder of what it compiled of a folder of sources, in a given place."""
    return f"{source.name}_{hashlib.sha1(str(source).encode()).hexdigest()}"


def compile_once() -> None:
    """Compile the walk, the sweep and the replica of SCALE-Sim in this tree, if nothing has yet."""
    with (ROOT / "edgeint8/__init__.py").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        seen = ("scale_sim/replica/**/timeline.walk*.nbi", "arch/explore/__pycache__/pareto*.nbi")
        if not all(any(ROOT.glob(f"edgeint8/{pattern}")) for pattern in seen):
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


@pytest.fixture(scope="session")
def of_topology(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project that `make snakemake-report` ran: a topology on two machines."""
    from topology_study import POINTS, TOPOLOGY, topology_study

    root = tmp_path_factory.mktemp("topology") / "project"
    copy_project(root)
    (root / "net.csv").write_text(TOPOLOGY)
    (root / "my.yaml").write_text(yaml.safe_dump(topology_study({"points": POINTS})))
    project = Project(root, root)
    project.make("snakemake-report", "CONFIG=my.yaml")
    return project
