"""One's own networks through a whole study: float and quantised, with data and without, broken."""

import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pandas as pd
import pytest
import yaml
from conftest import Project, copy_project
from float_networks import classifier, images, reference_outputs
from memory import peaks_mb
from messy_networks import MESSY

from edgeint8.files import absence
from edgeint8.fixed_point.vectors.vectors import read_vectors
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize

pytestmark = pytest.mark.xdist_group("own")
STRATEGY = "asym_channel_minmax"
SHAPE = {"input": [None, 3, 8, 8]}
STUDY = {
    "run": {
        "workloads": ["labelled", "unlabelled", "dataless", "qdq", "qoperator", "broken", "odd"],
        "strategies": [STRATEGY],
        "detail_strategies": [],
    },
    "workloads": {
        "labelled": {"onnx": "net.onnx", "data": "labelled.npz", "shape": SHAPE},
        "unlabelled": {"onnx": "two_inputs.onnx", "data": "two_inputs.npz"},
        "dataless": {"onnx": "net.onnx", "shape": SHAPE},
        "qdq": {"onnx": "qdq.onnx", "data": "labelled.npz"},
        "qoperator": {"onnx": "batch_of_four.onnx", "data": "batch_of_four.npz"},
        "broken": {"onnx": "broken.onnx", "data": "labelled.npz"},
        "odd": {"onnx": "odd.onnx"},  # an operator that the executor does not have
    },
    "hardware": {"arrays": [], "points": []},
    "latency": {"run": False},
    "calibration_draws": {"count": 2, "images": 20},
    "golden": {"images": 20},
    "overflow": {"bits": [14, 16], "images": 5},
    "requantize": {"images": 5},
}
# Right answers of the float network: all but every seventh label is its own.
COUNT, WRONG = 60, 7


def write_inputs(folder):
    """The networks and arrays that the study names."""
    network = classifier(seed=3)
    arrays = {"calibration": images(40)["input"], "inputs": images(COUNT, seed=2)["input"]}
    labels = reference_outputs(network, {"input": arrays["inputs"]}).argmax(axis=1)
    labels[::WRONG] = (labels[::WRONG] + 1) % 10
    np.savez(folder / "labelled.npz", labels=labels, **arrays)
    onnx.save(quantized(network, arrays["calibration"], "qdq"), folder / "qdq.onnx")
    for axis in (2, 3):
        network.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = "size"
    onnx.save(network, folder / "net.onnx")
    four, more = MESSY["fixed_batch_of_four"](), images(COUNT + 1, seed=3)["input"]
    onnx.save(quantized(four, arrays["calibration"], "qoperator"), folder / "batch_of_four.onnx")
    np.savez(folder / "batch_of_four.npz", inputs=more)
    onnx.save(MESSY["two_inputs"](), folder / "two_inputs.onnx")
    states = {f"{role}.state": images(len(a), shape=(6,))["input"] for role, a in arrays.items()}
    pictures = {f"{role}.image": array for role, array in arrays.items()}
    np.savez(folder / "two_inputs.npz", **pictures, **states)
    onnx.save(MESSY["cumulative_sum"](), folder / "odd.onnx")
    (folder / "broken.onnx").write_bytes(b"not a network")


def quantized(network, inputs, form):
    """A network as another tool would hand it over."""
    prepared = prepare_model(network)
    calibration = calibrate(prepared, {"input": inputs}, "minmax")
    return quantize(prepared, calibration, Strategy("s", format=form)).model


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A copy of the project in which the study above has run."""
    folder = tmp_path_factory.mktemp("own")
    copy_project(folder / "project")
    (folder / "run").mkdir()
    write_inputs(folder / "run")
    (folder / "run/my.yaml").write_text(yaml.safe_dump(STUDY))
    project = Project(folder / "project", folder / "run")
    project.snakemake("report", "--configfile", str(folder / "run/my.yaml"))
    return project


def read(project, table):
    return pd.read_csv(project.run_dir / f"results/tables/{table}.csv")


def test_every_workload_is_accounted_for(own):
    status = read(own, "status")
    whole = status[status["strategy"].isna() & status["parts"].isna()]
    assert dict(zip(whole["workload"], whole["status"], strict=True)) == {
        name: "failed" if name == "broken" else "ok" for name in STUDY["run"]["workloads"]
    }
    parts = status[status["status"] == "left_out"].set_index("workload")["parts"]
    assert set(parts.index) == {"dataless", "odd"} and parts["dataless"] == "recommendation"
    reason = status.set_index("workload").loc["broken", "reason"]
    assert "not a readable ONNX file" in reason and "broken.onnx" in reason


def test_the_float_network_has_its_accuracy_on_what_did_not_choose(own):
    baseline = read(own, "baseline").set_index("workload")
    assert list(baseline.index) == ["labelled", "unlabelled", "dataless", "odd"]
    reported = COUNT * 4 // 5
    right = reported - len(range(0, reported, WRONG))
    assert baseline.loc["labelled", "accuracy"] == pytest.approx(right / reported)
    assert baseline.loc["labelled", "test_samples"] == reported
    assert baseline.loc[["unlabelled", "dataless"], "accuracy"].isna().all()
    assert list(baseline["data_source"]) == ["own", "own", "random", "random"]
    assert (baseline["torch_ort_max_abs_diff"] < 1e-4).all()


def test_nothing_is_timed_where_nobody_asked(own):
    table, baseline = read(own, "quantization"), read(own, "baseline")
    assert table["latency_ratio"].isna().all() and table["latency_ms_median"].isna().all()
    assert baseline["latency_ms_median"].isna().all()
    assert not (own.run_dir / "results/figures/latency.svg").exists()
    assert "### Latency" not in (own.run_dir / "results/report.md").read_text()


def test_the_reports_last_line_works_where_the_study_stands(own):
    text = (own.run_dir / "results/report.md").read_text()
    (command,) = re.findall(r"```sh\n(snakemake .*)\n```", text)
    result = subprocess.run(
        [sys.executable, "-m", *command.split(), "--dry-run"], cwd=own.run_dir,
        capture_output=True, text=True, env=own.environment,
    )  # fmt: skip
    assert result.returncode == 0 and "nothing to be done" in result.stdout.lower(), result.stderr


def test_strategies_have_what_their_data_allow(own):
    table = read(own, "quantization").set_index(["workload", "strategy"])
    floats = [(name, STRATEGY) for name in ("labelled", "unlabelled", "dataless", "odd")]
    given = [("qdq", "given"), ("qoperator", "given")]
    assert set(table.index) == {*floats, *given}
    assert table.loc[floats, "sqnr_db"].gt(20).all() and table.loc[given, "sqnr_db"].isna().all()
    assert table["accuracy"].notna().to_dict() == {
        key: key[0] in ("labelled", "qdq") for key in table.index
    }
    assert table.loc[[("unlabelled", STRATEGY)], "agreement"].notna().all()
    assert (table.loc[given, "images"] == COUNT).all()
    assert list(table.loc[given, "format"]) == ["qdq", "qoperator"]
    assert list(table.loc[floats[:2], "calibration_samples"]) == [40, 40]


def test_only_data_of_ones_own_recommend(own):
    rows = read(own, "recommendation")
    assert set(rows["workload"]) == {"labelled", "unlabelled"} and rows["recommended"].all()
    assert "priced_on" not in rows, "this study has no machines"
    assert rows.set_index("workload").loc["unlabelled", "holdout_accuracy"] > 0.5
    assert "which has no labels" in rows.set_index("workload").loc["unlabelled", "reasoning"]


def test_integers_equal_onnx_runtime_or_say_why_not(own):
    golden = read(own, "golden").set_index("workload")
    run = golden.drop(index="odd")
    assert (run["mismatches"] == 0).all() and run["elements"].min() > 5_000
    assert run["note"].isna().all() and set(run.index) == {
        *("labelled", "unlabelled", "dataless", "qdq", "qoperator")
    }
    assert pd.isna(golden.loc["odd", "mismatches"])
    assert "CumSum" in golden.loc["odd", "note"]
    for table in ("bit_growth", "accumulator"):
        assert set(read(own, table)["workload"]) == set(run.index)
    for table in ("overflow", "requantize"):
        assert set(read(own, table)["workload"]) == {"qdq", "qoperator"}
    for name in ("qdq", "qoperator"):
        folder = own.run_dir / f"results/{name}/given"
        own.snakemake(f"results/{name}/given/vectors", "--configfile", "my.yaml")
        assert read_vectors(folder / "vectors").check_all() > 20


def test_the_report_warns_before_it_answers(own):
    text = (own.run_dir / "results/report.md").read_text()
    head = text[: text.index("## The three answers")]
    assert "**Not run**" in head and "**broken**: not a readable ONNX file" in head
    assert "**Random inputs.** No data were given for dataless, odd" in head
    assert "**qdq** came quantised: nothing was left to choose. It reaches" in text
    assert "**dataless**: no strategy is recommended: random inputs" in text
    assert "recommended by agreement with FP32" in text
    assert "Its inputs have no labels" in text and "nan" not in text.lower().split()
    assert "was trained once" not in text


def test_the_run_ends_with_status_1_and_the_reason(own):
    command = [sys.executable, "-m", "edgeint8.study.status"]
    command += [str(own.root / "config/config.yaml"), str(own.run_dir / "my.yaml")]
    ended = subprocess.run(
        command, cwd=own.run_dir, env=own.environment, capture_output=True, text=True
    )
    assert ended.returncode == 1
    lines = ended.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: broken could not run: not a readable")


def test_what_one_network_raises_costs_no_other_its_rows(own, tmp_path):
    """Scores of one network that nobody can read, in a copy of the finished study."""
    shutil.copytree(own.run_dir, tmp_path / "run")
    copy = Project(own.root, tmp_path / "run")
    network = copy.run_dir / "results/unlabelled"
    (network / STRATEGY / "logits.npz").write_bytes(b"broken")
    tables = ("quantization", "outputs", "low_sqnr")
    targets = [f"results/tables/{name}.csv" for name in tables]
    copy.snakemake(*targets, "--configfile", str(copy.run_dir / "my.yaml"))
    for name in tables:
        assert "unlabelled/" in absence(network / f"{name}.csv")
        before, after = read(own, name), read(copy, name)
        pd.testing.assert_frame_equal(
            after, before[before["workload"] != "unlabelled"].reset_index(drop=True)
        )
    assert "unlabelled" in set(read(own, "quantization")["workload"])


def test_every_rule_stays_under_the_memory_that_it_declares(own):
    measured = peaks_mb(own, own.run_dir / "my.yaml")
    assert {"prepare_network", "quantize_strategy", "golden_compare"} <= set(measured)


def test_layers_come_from_the_prepared_network_and_a_bad_topology_stops_nothing(project):
    write_inputs(project.run_dir)
    (project.run_dir / "bad.csv").write_text("Layer name, IFMAP Height,\nstem, many,\n")
    study = {
        "run": {"workloads": ["qdq", "table", "broken"], "strategies": []},
        "workloads": {
            "qdq": {"onnx": "qdq.onnx"},
            "table": {"topology": "bad.csv"},
            "broken": {"onnx": "broken.onnx"},
        },
        "hardware": {"arrays": [], "points": ["ws_4x4_4kB_8Bpc"]},
    }
    study["run"]["detail_strategies"] = []
    (project.run_dir / "my.yaml").write_text(yaml.safe_dump(study))
    targets = ["results/tables/dse.csv", "results/tables/crosscheck.csv"]
    targets += [f"results/{name}/status.json" for name in study["workloads"]]
    project.snakemake(*targets, "--configfile", "my.yaml")
    dse, crosscheck = read(project, "dse"), read(project, "crosscheck")
    assert set(dse["workload"]) == set(crosscheck["workload"]) == {"qdq"}
    assert set(crosscheck["layer"]) == {"conv_a+pool", "conv_b+average", "dense"}  # pools fuse
    assert (crosscheck["difference"] == 0).all()
    assert "bad.csv" in (project.run_dir / "results/table/status.json").read_text()
