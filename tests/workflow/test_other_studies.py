"""Studies that leave parts out: a topology alone, a preset alone, float networks alone."""

import pandas as pd
import pytest
import yaml
from topology_study import POINTS, TOPOLOGY, topology_study

from edgeint8.tables.contents import FIGURE_TABLES, TABLES_OF_PART


def run(project, overlay):
    """Run a study of the copied project; returns its results directory."""
    config = project.run_dir / "my.yaml"
    config.write_text(yaml.safe_dump(overlay))
    project.snakemake("--configfile", str(config))
    return project.run_dir / "results"


@pytest.mark.xdist_group("topology")
def test_a_topology_runs_from_file_to_report(of_topology):
    assert_whole(of_topology.root / "results", POINTS)


def test_a_preset_alone_runs_from_file_to_report(project):
    (project.run_dir / "net.csv").write_text(TOPOLOGY)
    machines = {"points": [], "presets": ["cortex_m_like"]}
    assert_whole(run(project, topology_study(machines)), machines["presets"])


def assert_whole(results, machines):
    """Every table of Part D has the network on these machines, every figure is drawn."""
    crosscheck = pd.read_csv(results / "tables/crosscheck.csv")
    assert (crosscheck["difference"] == 0).all() and set(crosscheck["layer"]) == {
        *("stem", "down", "head")
    }
    for table in ("dse", "roofline", "scaling", "pareto", "front_check"):
        frame = pd.read_csv(results / f"tables/{table}.csv")
        assert len(frame) and set(frame["workload"]) == {"net"}, table
    for table in ("crosscheck", "physics", "dse", "roofline", "scaling", "energy", "switching"):
        frame = pd.read_csv(results / f"tables/{table}.csv")
        assert set(frame["hardware"]) == set(machines), table
    check = pd.read_csv(results / "tables/front_check.csv")
    witnessed = check["scalesim_difference"].dropna()
    assert (check["difference"] == 0).all() and len(witnessed) and (witnessed == 0).all()
    assert set(pd.read_csv(results / "tables/band.csv")["level"]) == {"low", "mid", "high"}
    report = (results / "report.md").read_text()
    assert "## Part D" in report and "## Part B" not in report
    assert "**Recommended** at" in report and "published figures are met" in report
    for name, tables in FIGURE_TABLES.items():
        if set(tables) <= set(TABLES_OF_PART["d"]) - {"codesign"}:
            assert (results / f"figures/{name}.png").stat().st_size > 5_000, name


def test_a_study_without_strategies_still_has_its_float_baseline(project):
    results = run(
        project,
        {
            "run": {"workloads": ["signal_cnn_1d"], "strategies": [], "detail_strategies": []},
            "workloads": {"signal_cnn_1d": {"epochs": 1}},
            "datasets": {"synthetic_signals": {"train_samples": 400, "test_samples": 100}},
            "hardware": {"arrays": [], "points": []},
        },
    )
    assert len(pd.read_csv(results / "tables/baseline.csv")) == 1
    report = (results / "report.md").read_text()
    assert "## Part A" in report and "## Part D" not in report
