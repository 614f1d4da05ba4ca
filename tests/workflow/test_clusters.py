"""Both cluster profiles on a real Slurm, which loses a node and a job while the study runs."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest
import yaml
from comparing import different, missing
from given_networks import residual
from small_study import SMALL_STUDY, TOPOLOGY

ROOT = Path(__file__).parents[2]
SLURM_UP = Path(__file__).with_name("slurm_up.sh")
PROFILES = ("slurm", "cluster-generic")
SUBMITTED = re.compile(r"^(?:Job \S+ has been submitted|Submitted (?:group )?job)", re.M)
SMALL_TARGETS = ("results/tables/crosscheck.csv", "results/net/dse.csv")


def profile_of(name: str) -> dict:
    return yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())


# ---- what can be known without a cluster ---------------------------------------------------------


def test_the_profiles_differ_only_in_how_they_speak_to_the_cluster():
    first, second = (profile_of(name) for name in PROFILES)
    common = set(first) & set(second) - {"executor", "default-resources", "set-resources"} - {
        "__definitions__"
    }
    assert common >= {"retries", "groups", "group-components", "rerun-triggers", "resources"}
    assert {key: first[key] for key in common} == {key: second[key] for key in common}


def test_every_job_says_what_memory_it_needs_and_more_when_it_is_tried_again():
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for rule, body in re.findall(
            r"^rule (\w+):\n(.*?)(?=^\S|\Z)", path.read_text(), re.M | re.S
        ):
            assert "script:" not in body or "mem_mb=growing(" in body, rule
            assert "retries:" not in body, rule


def rule_graph(configuration: Path) -> dict[str, set[str]]:
    """Rule -> rules that use what it makes, of the whole study."""
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "--snakefile", ROOT / "Snakefile"]
    output = subprocess.run(
        [*map(str, command), "--configfile", str(configuration)],
        capture_output=True, text=True, check=True, cwd=configuration.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).stdout  # fmt: skip
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', output, re.M))
    users = defaultdict(set)
    for source, target in re.findall(r"^\s*(\d+) -> (\d+)", output, re.M):
        users[names[source]].add(names[target])
    return users


def after(rules: set[str], users: dict[str, set[str]]) -> set[str]:
    """All rules that come after any of these."""
    found: set[str] = set()
    waiting = set(rules)
    while waiting:
        new = set().union(*(users[rule] for rule in waiting)) - found
        found |= new
        waiting = new
    return found


def test_no_group_waits_for_a_job_that_waits_for_the_group(tmp_path):
    """Else the study would hang: no rule between two rules of a group may stand outside it."""
    study = yaml.safe_load((ROOT / "config/test.yaml").read_text())
    study["run"]["workloads"] = ["tiny_cnn_2d", "net"]
    study["workloads"]["net"] = {"onnx": "net.onnx", "rate": 30}  # came quantised
    study["explore"]["suite"] = {"tiny_cnn_2d": 1, "net": 1}
    onnx.save(residual(), tmp_path / "net.onnx")
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(study))
    users = rule_graph(tmp_path / "test.yaml")
    groups = defaultdict(set)
    for rule, group in profile_of("slurm")["groups"].items():
        groups[group].add(rule)
    assert len(users) > 20
    for group, members in groups.items():
        assert members <= set(users) | {"report_text"}, f"{group}: no such rule"
        outside = after(members, users) - members
        between = {rule for rule in outside if after({rule}, users) & members}
        assert not between, f"{group}: add {between} to the groups of both profiles"


@pytest.mark.parametrize(
    ("exit_file", "squeue", "printed"),
    [
        ("0", "echo never asked; exit 1", "success"),
        ("137", "echo never asked; exit 1", "failed"),
        (None, "echo COMPLETED", "success"),
        (None, "echo PENDING", "running"),
        (None, "echo RUNNING", "running"),
        (None, "echo COMPLETING", "running"),
        (None, "echo CANCELLED", "failed"),
        (None, "echo NODE_FAIL", "failed"),
        (None, "echo OUT_OF_MEMORY", "failed"),
        (None, "echo TIMEOUT", "failed"),
        (None, "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", "failed"),
        (None, "echo 'Unable to contact slurm controller' >&2; exit 1", "running"),
    ],
)
def test_the_status_script_says_one_of_three_words(tmp_path, exit_file, squeue, printed):
    left = tmp_path / ".snakemake/cluster_generic"
    left.mkdir(parents=True)
    if exit_file is not None:
        (left / "7.exit").write_text(exit_file + "\n")
    (tmp_path / "squeue").write_text(f"#!/bin/sh\n{squeue}\n")
    (tmp_path / "squeue").chmod(0o755)
    output = subprocess.run(
        [str(ROOT / "profiles/cluster-generic/status"), "7"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert output.stdout == f"{printed}\n"


def minutes_of(text: str) -> int:
    return int(re.search(r"^  - minutes = (\d+)", text, re.M).group(1))


def test_no_rule_and_no_group_asks_for_more_than_the_one_number():
    """Snakemake adds up the minutes of a group whose jobs run one after another."""
    text = (ROOT / "profiles/slurm/config.yaml").read_text()
    limit, profile = minutes_of(text), profile_of("slurm")
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        assert "runtime=" not in path.read_text(), f"{path.name}: minutes are the profile's"
    asked = {
        rule: eval(str(given["runtime"]).removeprefix("?"), {"minutes": limit})
        for rule, given in profile["set-resources"].items()
        if "runtime" in given
    }
    assert set(asked) <= set(profile["groups"])
    members = defaultdict(list)
    for rule, group in profile["groups"].items():
        members[group].append(asked.get(rule, limit))
    times = {**dict.fromkeys(members, 1), **profile["group-components"]}
    assert {group: times[group] * sum(each) for group, each in members.items()} == dict.fromkeys(
        members, limit
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_the_cluster_is_asked_for_the_one_number_and_its_refusal_reaches_the_user(profile, project):
    """A stand-in for sbatch notes what it is asked for, and refuses in Slurm's words."""
    if importlib.util.find_spec(f"snakemake_executor_plugin_{profile.replace('-', '_')}") is None:
        pytest.skip("envs/requirements-cluster.txt is not installed")
    refusal = "sbatch: error: Requested time limit is invalid (missing or exceeds some limit)"
    (project.run_dir / "bin").mkdir()
    noted = f'echo "$@" "$SBATCH_TIMELIMIT" >> {project.run_dir}/asked'
    sbatch = f'{noted}\necho "{refusal}" >&2; exit 1'
    for name, body in (("sbatch", sbatch), ("sinfo", "echo main*")):
        path = project.run_dir / "bin" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    settings = project.root / "profiles" / profile / "config.yaml"
    settings.write_text(settings.read_text().replace("minutes = 60", "minutes = 30"))
    ended = subprocess.run(
        [sys.executable, "-m", "snakemake", *small_study(project, "results"), "--retries", "0",
         "--snakefile", str(project.root / "Snakefile"), "--directory", str(project.run_dir),
         "--profile", str(settings.parent)],
        capture_output=True, text=True, cwd=project.run_dir,
        env={**project.environment, "PATH": f"{project.run_dir}/bin:{os.environ['PATH']}"},
    )  # fmt: skip
    assert ended.returncode == 1
    asked = (project.run_dir / "asked").read_text().splitlines()
    wanted = r"--time=30\b" if profile == "cluster-generic" else r"-t '?30'? .* 30$"
    assert asked and all(re.search(wanted, line) for line in asked), asked
    summary = ended.stderr[ended.stderr.index("failed:") :]
    assert refusal in summary, summary


# ---- on a cluster --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A throw-away Slurm of three nodes on this machine."""
    for plugin in ("slurm", "cluster_generic"):
        if importlib.util.find_spec(f"snakemake_executor_plugin_{plugin}") is None:
            pytest.skip("envs/requirements-cluster.txt is not installed")
    if os.geteuid() != 0 or not shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin"):
        pytest.skip("no Slurm here: as root, tests/workflow/slurm_up.sh install")
    subprocess.run([SLURM_UP, "up"], check=True)
    yield
    subprocess.run([SLURM_UP, "down"], check=True)


@dataclass
class ClusterRun:
    """A study that runs through a profile; its output is in `log`."""

    process: subprocess.Popen[bytes]
    log: Path

    def output(self) -> str:
        return self.log.read_text()

    def finish(self, seconds: float) -> str:
        try:
            assert self.process.wait(timeout=seconds) == 0, self.output()[-6000:]
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the study hangs:\n" + self.output()[-6000:]) from None
        return self.output()


def submit(project, profile: str, *arguments: str) -> ClusterRun:
    """Start the study of a copied project through a profile, which is told to look more often."""
    quick = {"slurm": ["--slurm-init-seconds-before-status-checks", "3"], "cluster-generic": []}
    command = [sys.executable, "-m", "snakemake", *arguments, *quick[profile]]
    command += ["--snakefile", str(project.root / "Snakefile"), "--directory", str(project.run_dir)]
    command += ["--profile", str(project.root / "profiles" / profile), "--latency-wait", "5"]
    command += ["--seconds-between-status-checks", "3"]
    log = project.run_dir / "snakemake.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=project.run_dir, env=project.environment, stdout=file, stderr=file
        )
    return ClusterRun(process, log)


def running_jobs() -> list[tuple[str, str]]:
    """Job id and node of every job that runs."""
    command = ["squeue", "--noheader", "--states=running", "--format=%A %N"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [(line.split()[0], line.split()[1]) for line in output.splitlines()]


def wait_for_a_job(run: ClusterRun, after_submissions: int) -> tuple[str, str]:
    """The first job that runs once so many have been submitted."""
    while True:
        assert run.process.poll() is None, run.output()[-6000:]
        if len(SUBMITTED.findall(run.output())) >= after_submissions and (jobs := running_jobs()):
            return jobs[0]
        time.sleep(0.2)


def lose_a_job_and_a_node(run: ClusterRun) -> None:
    """Cancel a job, crash the node of another, and bring that node back."""
    cancelled, _ = wait_for_a_job(run, after_submissions=2)
    subprocess.run(["scancel", cancelled], check=True)
    submitted = len(SUBMITTED.findall(run.output()))
    _, node = wait_for_a_job(run, after_submissions=submitted + 2)
    subprocess.run([SLURM_UP, "crash", node], check=True)
    submitted = len(SUBMITTED.findall(run.output()))
    wait_for_a_job(run, after_submissions=submitted + 1)
    subprocess.run([SLURM_UP, "repair", node], check=True)


def small_study(project, name: str) -> tuple[str, ...]:
    (project.run_dir / "net.csv").write_text(TOPOLOGY)
    (project.run_dir / "my.yaml").write_text(yaml.safe_dump(SMALL_STUDY | {"results_dir": name}))
    targets = (target.replace("results", name, 1) for target in SMALL_TARGETS)
    return (*targets, "--configfile", str(project.run_dir / "my.yaml"))


@pytest.mark.xdist_group("cluster")
def test_a_small_study_gives_the_same_files_through_both_profiles(cluster, project):
    """Through the first a node goes down, through the second a job is cancelled, as it runs."""
    project.snakemake(*small_study(project, "local"))
    for profile in PROFILES:
        name = profile.replace("-", "_")
        run = submit(project, profile, *small_study(project, name))
        job, node = wait_for_a_job(run, after_submissions=1)
        if profile == "cluster-generic":
            subprocess.run(["scancel", job], check=True)
        else:
            subprocess.run([SLURM_UP, "crash", node], check=True)
            subprocess.run([SLURM_UP, "repair", node], check=True)
        output = run.finish(300)
        local, remote = project.run_dir / "local", project.run_dir / name
        assert different(remote, local) == [] and missing(remote, local) == []
        assert "Trying to restart" in output
        assert "simulations" in output, "the simulations travelled in a group"


@pytest.mark.slow
@pytest.mark.xdist_group("study")
@pytest.mark.parametrize("profile", PROFILES)
def test_the_test_study_survives_a_lost_node_and_a_cancelled_job(
    cluster, studied, project, profile
):
    run = submit(project, profile, "--configfile", str(project.root / "config/test.yaml"))
    lose_a_job_and_a_node(run)
    output = run.finish(3000)
    assert output.count("Trying to restart") >= 2
    local, remote = studied.run_dir / "results_test", project.run_dir / "results_test"
    assert different(remote, local) == [] and missing(remote, local) == []
