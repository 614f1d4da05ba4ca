"""Studies that leave parts out: a topology alone, a preset alone, float networks alone."""

import pandas as pd
import pytest
import yaml

from edgeint8.tables.contents import FIGURE_TABLES, TABLES_OF_PART

TOPOLOGY = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
stem, 10, 10, 3, 3, 3, 8, 1,
down, 8, 8, 3, 3, 8, 16, 2,
head, 1, 1, 1, 1, 144, 10, 1,
"""


def run(project, overlay):
    """Run a study of the copied project; returns its results directory."""
    (project.run_dir / "net.csv").write_text(TOPOLOGY)
    config = project.run_dir / "my.yaml"
    config.write_text(yaml.safe_dump(overlay))
    project.snakemake("--configfile", str(config))
    return project.run_dir / "results"


@pytest.mark.parametrize(
    "hardware",
    [
        {"points": ["ws_4x4_1kB_unlimited", "os_4x8_1kB_2Bpc"]},
        {"points": [], "presets": ["cortex_m_like"]},
    ],
    ids=["points", "preset"],
)
def test_a_topology_runs_from_file_to_report(project, hardware):
    results = run(
        project,
        {
            "run": {"workloads": ["net"], "strategies": [], "detail_strategies": []},
            "workloads": {"net": {"topology": "net.csv"}},
            "hardware": {"arrays": [], "points": [], **hardware},
            "explore": {"rows": [2, 9], "cols": [2, 9], "sram_kb": [1, 4]},
        },
    )
    crosscheck = pd.read_csv(results / "tables/crosscheck.csv")
    assert (crosscheck["difference"] == 0).all() and set(crosscheck["layer"]) == {
        *("stem", "down", "head")
    }
    for table in ("dse", "roofline", "scaling", "pareto", "front_check"):
        frame = pd.read_csv(results / f"tables/{table}.csv")
        assert len(frame) and set(frame["workload"]) == {"net"}, table
    named = {*hardware["points"], *hardware.get("presets", ())}
    for table in ("crosscheck", "physics", "dse", "roofline", "scaling", "energy", "switching"):
        frame = pd.read_csv(results / f"tables/{table}.csv")
        assert set(frame["hardware"]) == named, table
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
