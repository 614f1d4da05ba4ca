"""The plan: jobs counted, priced and added up; seconds read from a run's log."""

import csv
import re
from pathlib import Path

import pytest

from edgeint8.study.plan import (
    COLUMNS,
    DURATIONS,
    LARGER,
    durations,
    estimate,
    is_short,
    keep_durations,
    measured_seconds,
    plan,
)
from edgeint8.study.study_file import read_study_file

ROOT = Path(__file__).parents[2]
LOG = """\
[Sat Nov 21 23:59:50 2026]
localrule train:
    input: a
    jobid: 3
    wildcards: workload=x
[Sat Nov 21 23:59:51 2026]
rule figure:
    output: b
    jobid: 4
[Sun Nov 22 00:00:00 2026]
Finished jobid: 4 (Rule: figure)
[Sun Nov 22 00:01:50 2026]
Finished jobid: 3 (Rule: train)
[Sun Nov 22 00:01:51 2026]
rule figure:
    jobid: 5
[Sun Nov 22 00:01:56 2026]
Finished jobid: 5 (Rule: figure)
[Sun Nov 22 00:01:56 2026]
rule train:
    jobid: 6
"""


def test_targets_are_no_work():
    study = read_study_file(ROOT / "config/config.yaml")
    assert plan({"all": 1, "part_a": 1}, study, cores=1) == []
    lines = plan({"all": 1, "figure": 2}, study, cores=1)
    assert lines[1].startswith("figure ") and lines[-1].startswith("2 jobs, about ")


def test_a_network_of_ones_own_is_said_to_take_longer():
    built_in = {"run": {"workloads": ["a"]}, "workloads": {"a": {"model": "m"}, "b": {"onnx": "n"}}}
    assert LARGER not in plan({"figure": 1}, built_in, cores=1)
    own = built_in | {"run": {"workloads": ["a", "b"]}}
    assert plan({"figure": 1}, own, cores=1)[-1] == LARGER


def test_seconds_are_means_of_finished_jobs():
    assert measured_seconds(LOG) == {"train": 120.0, "figure": 7.0}


def test_time_is_shared_by_cores_and_no_shorter_than_the_longest_job():
    seconds = {"train": 100.0, "figure": 2.0}
    lines = estimate({"train": 2, "figure": 10}, seconds, cores=2)
    assert lines[1].split() == ["train", "2", "3", "min"]
    assert lines[2].split() == ["figure", "10", "20", "s"]
    assert "12 jobs, about 110 s on 2 cores" in lines[-1]
    assert "about 100 s on 64 cores" in estimate({"train": 2}, seconds, cores=64)[-1]


def test_a_measured_column_replaces_and_the_other_fills_gaps(tmp_path):
    table = tmp_path / "durations.csv"
    table.write_text("rule,default_s,test_s\nfigure,3.0,1.0\nvectors,,4.0\n")
    keep_durations({"figure": 2.0, "train": 60.0}, "default_s", table)
    assert durations("default_s", table) == {"figure": 2.0, "train": 60.0, "vectors": 4.0}
    assert durations("test_s", table) == {"figure": 1.0, "train": 60.0, "vectors": 4.0}


def test_the_test_study_is_short_and_the_default_study_is_not():
    assert is_short(read_study_file(ROOT / "config/test.yaml"))
    assert not is_short(read_study_file(ROOT / "config/config.yaml"))


def test_measured_rules_exist():
    rules = {
        name
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for name in re.findall(r"^ *rule (\w+):", path.read_text(), re.M)
    }
    with DURATIONS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["rule"] for row in rows} <= rules
    assert all(float(row[c]) >= 0 for row in rows for c in COLUMNS if row[c])


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_prices_every_rule(column):
    assert min(durations(column).values()) >= 0 and durations(column)["train"] > 1
