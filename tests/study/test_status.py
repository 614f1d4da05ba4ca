"""A network that cannot run leaves its reason, hands it on, and ends the run with status 1."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgeint8.errors import (
    ConfigError,
    DataError,
    HardwareError,
    ModelError,
    ResourceError,
    SimulationError,
    model_error,
)
from edgeint8.files import absence, write_absence
from edgeint8.study.job import STRICT, job
from edgeint8.study.status import failures, main, status_rows, write_status
from edgeint8.tables.files import concatenate, read_table, write_table


def snakemake(tmp_path, inputs=(), workload=True):
    """What a script gets from Snakemake: inputs by name, two outputs, a folder among them."""
    return SimpleNamespace(
        log=[str(tmp_path / "logs/job.log")],
        input=dict(inputs),
        output=[str(tmp_path / "table.csv"), str(tmp_path / "vectors")],
        wildcards={"workload": "net"} if workload else {},
    )


def run(script, body):
    """The exit status of a job with this body; 0 where it ends by itself."""
    try:
        with job(script):
            body()
    except SystemExit as end:
        return end.code
    return 0


def refuse(kind, message="bad\nnetwork"):
    def body():
        raise kind(message)

    return body


def test_a_network_that_cannot_run_leaves_one_line_as_every_output(tmp_path):
    assert run(snakemake(tmp_path), refuse(ModelError)) == 0
    assert absence(tmp_path / "table.csv") == absence(tmp_path / "vectors") == "bad network"
    assert "left out: bad" in (tmp_path / "logs/job.log").read_text()


def test_a_simulator_that_fails_on_a_network_stops_no_other(tmp_path):
    assert run(snakemake(tmp_path), refuse(SimulationError)) == 0
    assert absence(tmp_path / "table.csv") == "bad network"


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (MemoryError, "error: bad network @ {}; allowed: a job with more memory (mem_mb)"),
        (ResourceError, "error: bad network"),
    ],
)
def test_too_small_a_machine_fails_the_job_so_that_it_is_tried_again(tmp_path, capfd, kind, line):
    """A reason in the place of the outputs would stay there for good."""
    assert run(snakemake(tmp_path), refuse(kind, "bad network")) == 1
    assert capfd.readouterr().err.strip() == line.format(tmp_path / "table.csv")
    assert not (tmp_path / "table.csv").exists()


def test_a_log_on_a_full_disk_ends_in_one_line(tmp_path, capfd):
    script = snakemake(tmp_path)
    script.log = ["/dev/full"]
    assert run(script, lambda: print("a word")) == 1
    assert capfd.readouterr().err == (
        "error: No space left on device @ /dev/full; "
        "allowed: a disk with room, which may be written to\n"
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("[ONNXRuntimeError] : 6 : std::bad_alloc"), ResourceError),
        (RuntimeError("Failed to allocate memory for requested buffer of size 9"), ResourceError),
        (OSError(28, "No space left on device"), ResourceError),
        (MemoryError(), ResourceError),
        (RuntimeError("No Op registered for Wavelet"), ModelError),
    ],
)
def test_a_library_that_ran_out_of_memory_or_disk_says_nothing_of_the_network(error, kind):
    assert type(model_error(error, f"it fails ({error})", where="graph")) is kind


@pytest.mark.parametrize("kind", [DataError, ConfigError, HardwareError])
def test_whatever_a_workload_cannot_do_stops_no_other(tmp_path, kind):
    assert run(snakemake(tmp_path), refuse(kind)) == 0
    assert absence(tmp_path / "table.csv") == "bad network"


def test_bad_input_of_no_workload_fails(tmp_path, capfd):
    assert run(snakemake(tmp_path, workload=False), refuse(ModelError)) == 1
    assert capfd.readouterr().err.count("error: bad") == 1
    assert not (tmp_path / "table.csv").exists()


def divide():
    return 1 / 0


def test_a_fault_of_ours_leaves_its_name_and_its_log(tmp_path, monkeypatch):
    monkeypatch.delenv(STRICT, raising=False)
    script = snakemake(tmp_path)
    assert run(script, divide) == 0
    reason = f"internal error: ZeroDivisionError: division by zero @ {script.log[0]}"
    assert absence(tmp_path / "table.csv") == absence(tmp_path / "vectors") == reason
    log = Path(script.log[0]).read_text()
    assert "Traceback" in log and log.endswith(f"left out: {reason}\n")
    assert run(snakemake(tmp_path), refuse(FileNotFoundError, "no such thing")) == 0
    assert "FileNotFoundError: no such thing" in absence(tmp_path / "table.csv")


def test_a_fault_in_a_table_of_all_workloads_leaves_it_out_and_in_the_report_none(
    tmp_path, monkeypatch
):
    monkeypatch.delenv(STRICT, raising=False)
    script = snakemake(tmp_path, workload=False)
    script.output = [str(tmp_path / "golden.csv")]
    assert run(script, divide) == 0
    assert "internal error" in absence(tmp_path / "golden.csv")
    script.output = [str(tmp_path / "report.md")]
    with pytest.raises(ZeroDivisionError):
        run(script, divide)
    assert not (tmp_path / "report.md").exists()


def test_a_fault_of_ours_is_raised_where_the_tests_ask_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv(STRICT, "1")
    with pytest.raises(ZeroDivisionError):
        run(snakemake(tmp_path), divide)
    with pytest.raises(FileNotFoundError):
        run(snakemake(tmp_path), refuse(FileNotFoundError))
    assert not (tmp_path / "table.csv").exists()


def test_a_workload_that_cannot_be_prepared_says_so_in_its_status(tmp_path):
    script = snakemake(tmp_path)
    script.output, script.params = [str(tmp_path / "status.json")], SimpleNamespace(kind="onnx")
    assert run(script, refuse(ModelError)) == 0
    status = json.loads((tmp_path / "status.json").read_text())
    assert status == {"kind": "onnx", "status": "failed", "reason": "bad network"}


def test_a_reason_is_handed_on_without_running_the_job(tmp_path):
    write_absence(tmp_path / "model.onnx", "bad network")
    (tmp_path / "whole.csv").write_text("not computed yet\n1\n")

    def never():
        raise AssertionError

    script = snakemake(tmp_path, {"model": str(tmp_path / "model.onnx")})
    assert run(script, never) == 0
    assert absence(tmp_path / "table.csv") == "bad network"
    ran = []
    lists = {"files": [str(tmp_path / "model.onnx")], "whole": str(tmp_path / "whole.csv")}
    assert run(snakemake(tmp_path, lists), lambda: ran.append(1)) == 0 and ran == [1]


def test_gathered_tables_leave_it_out(tmp_path):
    write_table(tmp_path / "one.csv", [{"a": 1}])
    write_absence(tmp_path / "two.csv", "bad network")
    assert concatenate([tmp_path / "one.csv", tmp_path / "two.csv"]) == [{"a": 1}]
    assert read_table(tmp_path / "two.csv").empty


def test_the_table_of_what_ran_groups_parts_by_reason(tmp_path):
    kinds = (("good", "onnx", None), ("bad", "topology", "no\nrows"), ("own", "trained", None))
    for name, kind, reason in kinds:
        write_status(tmp_path / f"{name}.json", kind, reason)
    statuses = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name, *_ in kinds}
    assert statuses["bad"] == {"kind": "topology", "status": "failed", "reason": "no rows"}
    for file in ("golden", "overflow"):
        write_absence(tmp_path / file, "no operator")
    write_absence(tmp_path / "layers.csv", "no rows")
    (tmp_path / "fine.csv").write_text("a\n1\n")
    rows = status_rows(
        statuses,
        [
            ("good", "s", "golden", tmp_path / "golden"),
            ("good", "s", "overflow", tmp_path / "overflow"),
            ("good", "t", "golden", tmp_path / "fine.csv"),
            ("bad", "", "layers", tmp_path / "layers.csv"),
            ("own", "s", "golden", tmp_path / "golden"),
        ],
    )
    found = [(r["workload"], r["strategy"], r["status"], r["parts"], r["reason"]) for r in rows]
    assert found == [
        ("good", None, "ok", None, None),
        ("good", "s", "left_out", "golden overflow", "no operator"),
        ("bad", None, "failed", None, "no rows"),
        ("own", None, "ok", None, None),
        ("own", "s", "left_out", "golden", "no operator"),
    ]
    write_table(tmp_path / "tables/status.csv", rows)
    assert failures(tmp_path) == [
        "error: bad could not run: no rows",
        "error: own left out golden of s: no operator",
    ]


def test_a_fault_of_ours_and_a_table_that_is_missing_end_the_run_with_status_1(tmp_path):
    statuses = {"net": {"kind": "onnx", "status": "ok", "reason": None}}
    for name, reason in (("golden", "internal error: KeyError: 'a' @ log"), ("draws", "no data")):
        write_absence(tmp_path / f"{name}.csv", reason)
    parts = [("net", "s", name, tmp_path / f"{name}.csv") for name in ("golden", "draws")]
    tables = [tmp_path / "golden.csv", tmp_path / "whole.csv"]
    rows = status_rows(statuses, parts, tables)
    assert rows[-1] == {
        "workload": "study", "kind": "study", "strategy": None, "status": "left_out",
        "parts": "golden", "reason": "internal error: KeyError: 'a' @ log",
    }  # fmt: skip
    write_table(tmp_path / "tables/status.csv", rows)
    assert failures(tmp_path) == [
        "error: net left out golden of s: internal error: KeyError: 'a' @ log",
        "error: study left out golden of all workloads: internal error: KeyError: 'a' @ log",
    ]


def test_the_command_reads_where_the_study_writes(tmp_path, capsys):
    first, second = tmp_path / "config.yaml", tmp_path / "my.yaml"
    first.write_text("results_dir: elsewhere\n")
    second.write_text(f"results_dir: {tmp_path}\n")
    assert main([str(first), str(second)]) == 1
    assert "no table of what ran" in capsys.readouterr().err
    statuses = {"net": {"kind": "onnx", "status": "ok", "reason": None}}
    write_table(tmp_path / "tables/status.csv", status_rows(statuses, []))
    assert main([str(first), str(second)]) == 0
    assert main([]) == 2
