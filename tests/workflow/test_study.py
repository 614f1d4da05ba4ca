"""The test study, from nothing to the report."""

import filecmp
import json
import re

import pandas as pd
import pytest

from edgeint8.conventions import PLAIN_MACHINE, SAME_PRICE
from edgeint8.fixed_point.vectors.vectors import read_vectors
from edgeint8.tables.contents import FIGURE_TABLES, TABLES
from edgeint8.tables.files import columns_of

pytestmark = pytest.mark.xdist_group("study")
RESULTS = "results_test"
# Neither network came as a .tflite file, has depthwise or grouped layers, or a layer too large.
MADE = [name for name in TABLES if name not in ("runtimes", "runtime_rules")]
EMPTY = ("packing", "infeasible")


def results(project):
    return project.run_dir / RESULTS


def read(project, table):
    return pd.read_csv(results(project) / f"tables/{table}.csv")


def study(project, *arguments):
    """Run Snakemake on the test study of a copy of the project."""
    return project.snakemake(*arguments, "--configfile", str(project.root / "config/test.yaml"))


def plan(project):
    """Rules that a dry run would execute, and how often each."""
    output = study(project, "-n").stdout
    return {m[1]: int(m[2]) for m in re.finditer(r"^(\w+) +(\d+)$", output, re.M)}


@pytest.mark.parametrize("table", MADE)
def test_tables_have_their_columns(studied, table):
    frame = read(studied, table)
    assert len(frame) or table in EMPTY
    assert list(frame.columns)[: len(columns_of(table))] == columns_of(table)


def test_integers_equal_onnx_runtime_and_cycles_equal_scale_sim(studied):
    golden, crosscheck = read(studied, "golden"), read(studied, "crosscheck")
    assert golden["mismatches"].sum() == 0 and golden["elements"].min() > 100_000
    assert (crosscheck["difference"] == 0).all()
    assert "total_cycles" in set(crosscheck["quantity"])


def test_strategies_are_ranked_by_price_on_one_plain_machine(studied):
    rows = read(studied, "recommendation")
    assert set(rows["priced_on"]) == {PLAIN_MACHINE} and (rows["energy_pj"] > 0).all()
    for _, mine in rows.groupby("workload"):
        costs = mine[mine["rank"].notna()].sort_values("rank")["hardware_cost"]
        assert costs.iloc[0] <= costs.min() * (1 + SAME_PRICE)
    costs = rows.set_index(["workload", "strategy"])["hardware_cost"]["signal_cnn_1d"]
    assert costs["w4_channel_learned"] < costs["asym_channel_minmax"] * 0.9
    assert costs["mean45_channel"] < costs["asym_channel_minmax"]


def test_vectors_are_whole(studied):
    folders = sorted(results(studied).glob("*/*/vectors"))
    assert len(folders) == 2 and all(read_vectors(f).check_all() > 20 for f in folders)


def test_the_export_equals_torch(studied):
    assert (read(studied, "baseline")["torch_ort_max_abs_diff"] < 1e-5).all()


def test_every_row_says_that_the_images_are_a_stand_in(studied):
    for table in ("baseline", "quantization"):
        frame = read(studied, table)
        sources = frame.set_index("workload")["data_source"]
        assert set(sources.loc[["tiny_cnn_2d"]]) == {"stand_in"}
    provenance = json.loads((results(studied) / "data/cifar10/provenance.json").read_text())
    assert provenance["stand_in"] is True
    assert "Stand-in data" in (results(studied) / "report.md").read_text()


def test_the_report_links_to_files_that_exist(studied):
    text = (results(studied) / "report.md").read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links and all((results(studied) / link).is_file() for link in links)
    for figure in FIGURE_TABLES:
        assert (results(studied) / f"figures/{figure}.svg").stat().st_size > 5_000


def test_nothing_is_left_to_do(studied):
    assert plan(studied) == {}


def test_an_edit_in_the_package_reruns_what_it_touches(studied):
    module = studied.root / "edgeint8/report/document/report.py"
    original = module.read_text()
    try:
        module.write_text(original + "\n# edited\n")
        assert set(plan(studied)) == {"report_text", "report_page", "all", "total"}
        module.write_text(original)
        width = studied.root / "edgeint8/fixed_point/studies/bit_growth.py"
        kept = width.read_text()
        width.write_text(kept + "\n# edited\n")
        rerun = set(plan(studied))
        width.write_text(kept)
        assert {"bit_growth", "overflow_study", "accumulator_table"} <= rerun
        assert not rerun & {"train", "export", "calibrate", "golden_compare", "simulate"}
    finally:
        module.write_text(original)


def test_a_single_result_can_be_targeted(studied):
    target = f"{RESULTS}/signal_cnn_1d/hw/is_8x4_32kB_unlimited.csv"
    study(studied, target)
    frame = pd.read_csv(studied.run_dir / target)
    mapped = frame[frame["status"] == "ok"]
    assert len(mapped) == 4 and (mapped["scalesim_cycles"] > 0).all()
    assert frame[frame["status"] != "ok"]["reason"].notna().all()


def test_a_second_run_of_one_network_gives_the_same_files(studied, project):
    """From training to the exact widths and the best designs; the whole study in the slow tests."""
    folder = f"{RESULTS}/signal_cnn_1d"
    of_strategies = ["asym_channel_minmax/golden.csv", "w4_channel_learned/bit_growth.csv"]
    names = [*of_strategies, "best.csv", "draws.csv"]
    study(project, *(f"{folder}/{name}" for name in names))
    for name in names:
        first, second = (p.run_dir / folder / name for p in (studied, project))
        assert first.read_bytes() == second.read_bytes(), name


@pytest.mark.slow
def test_a_second_run_from_nothing_gives_the_same_tables(studied, project):
    study(project)
    for table in MADE:
        first, second = read(studied, table), read(project, table)
        stable = [c for c in first.columns if not c.startswith(("latency_", "time_"))]
        first[stable].to_csv(project.run_dir / "first.csv", index=False)
        second[stable].to_csv(project.run_dir / "second.csv", index=False)
        same = filecmp.cmp(project.run_dir / "first.csv", project.run_dir / "second.csv", False)
        assert same, table
    for figure in ("accumulator_width", "roofline", "accuracy"):
        svg = f"figures/{figure}.svg"
        assert (results(studied) / svg).read_bytes() == (results(project) / svg).read_bytes()
