"""Figures of the hardware part, for any study."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from part_d_tables import SWEEP, machine, only_presets, study

from edgeint8.report.figures.design_figures import representatives
from edgeint8.report.figures.figures import FIGURES, front_figures
from edgeint8.report.figures.labels import CHARACTER_WIDTH, LINE_HEIGHT, place_names, short_count
from edgeint8.report.findings import (
    array_machines,
)
from edgeint8.tables.contents import FIGURE_TABLES

FIGURES_OF_D = (
    *("cycles_by_array", "cycles_by_sram", "cycle_causes", "utilization"),
    *("roofline", "energy_by_part", "pareto_front"),
)


STUDIES = {
    "one machine": {"names": ["ws_16x16_64kB_16Bpc"]},
    "the sweep and a point": {"names": [*SWEEP, "ws_16x16_64kB_4Bpc"], "workloads": ("a", "b")},
    "twenty layers": {"names": SWEEP[:6], "layers": [f"layer{k}_conv" for k in range(20)]},
    "no pools": {"names": SWEEP, "off": ()},
    "three networks": {"names": SWEEP[:2], "workloads": ("a", "b", "c")},
}


@pytest.mark.parametrize("name", FIGURES_OF_D)
@pytest.mark.parametrize("kind", STUDIES)
def test_every_figure_stands_for_any_study(kind, name):
    made = study(**STUDIES[kind])
    drawn = FIGURES[name](*(made[table] for table in FIGURE_TABLES[name]))
    titles = [ax.get_title() for ax in drawn.axes]
    for workload in STUDIES[kind].get("workloads", ("net",)):
        assert any(workload in title for title in titles)
    drawn.draw_without_rendering()
    plt.close(drawn)


@pytest.mark.parametrize("name", FIGURES_OF_D)
@pytest.mark.parametrize("its_own", [SWEEP[:2], ["os_9x9_16kB_4Bpc"]], ids=["few", "others"])
def test_every_figure_stands_where_a_network_has_its_own_machines(its_own, name):
    """As a workload's `hardware` in a study file says."""
    first, second = study(SWEEP, workloads=("a",)), study(its_own, workloads=("b",))
    made = {table: pd.concat([first[table], second[table]], ignore_index=True) for table in first}
    drawn = FIGURES[name](*(made[table] for table in FIGURE_TABLES[name]))
    titles = [ax.get_title() for ax in drawn.axes]
    assert all(any(workload in title for title in titles) for workload in ("a", "b"))
    drawn.draw_without_rendering()
    plt.close(drawn)


def test_machines_that_fewer_networks_have_do_not_stand_for_all():
    """A machine of one network has the smaller sum over networks."""
    fast, slow = machine("ws_8x8_64kB_4Bpc", 900), machine("ws_9x9_64kB_4Bpc", 500)
    only = machine("ws_7x7_64kB_4Bpc", 950)
    rows = [row | {"workload": name} for name in "ab" for row in (fast, slow)]
    dse = pd.DataFrame([*rows, only | {"workload": "a"}])
    assert representatives(dse)[0] == "ws_9x9_64kB_4Bpc"


POINT = "os_24x24_48kB_8Bpc"  # of an array, a buffer and a bandwidth that nothing else has


def words_of(name, made):
    """All text of a figure, and the abscissae of its lines."""
    drawn = FIGURES[name](*(made[table] for table in FIGURE_TABLES[name]))
    drawn.draw_without_rendering()
    text = " ".join(text.get_text() for text in drawn.findobj(plt.Text))
    lines = [np.asarray(line.get_xdata(), float) for line in drawn.findobj(plt.Line2D)]
    plt.close(drawn)
    return text, np.concatenate([line.ravel() for line in lines])


@pytest.mark.parametrize("name", FIGURES_OF_D)
def test_a_point_that_a_user_adds_stands_in_every_figure(name):
    names = [*SWEEP, "ws_16x16_64kB_4Bpc", POINT]
    made = study(names)
    text, latencies = words_of(name, made)
    if name == "pareto_front":  # machines of the study are crosses without a name
        dse = made["dse"].set_index("hardware")
        assert 1e3 * dse.loc[POINT, "model_ms"] in latencies
    else:
        assert "24x24" in text
        assert "24x24" not in words_of(name, study([n for n in names if n != POINT]))[0]


@pytest.mark.parametrize("name", FIGURES_OF_D)
def test_every_figure_stands_for_presets_alone(name):
    names = ("gemmini", "eyeriss_like")
    text, _ = words_of(name, only_presets(*names))
    assert "net" in text
    if name != "pareto_front":
        assert all(preset_name.split("_")[0] in text for preset_name in names)


def test_repetitions_of_the_sweep_are_no_single_points():
    dse = pd.DataFrame([machine(name, 10) for name in [*SWEEP, POINT, "ws_16x16_32kB_4Bpc"]])
    single = array_machines.single_points(dse)
    assert list(single["hardware"]) == [POINT, "ws_16x16_32kB_4Bpc"]
    added = ["os_24x24_32kB_unlimited", "is_20x20_64kB_unlimited"]  # to both repetitions
    dse = pd.DataFrame([machine(name, 10) for name in [*SWEEP, *added]])
    assert list(array_machines.single_points(dse)["hardware"]) == added[:1]
    few = pd.DataFrame([machine(name, 10) for name in SWEEP[:4]])
    assert len(array_machines.single_points(few)) == 2  # few machines: each stands for itself


def test_the_lower_edge_never_rises():
    rows = pd.DataFrame(
        {"latency_us": [3, 1, 2], "energy_uj_low": [4, 5, 6], "energy_uj_high": [9, 8, 7]}
    )
    latency, low, high = front_figures.lower_edge(rows)
    assert (list(latency), list(low), list(high)) == ([1, 2, 3], [5, 5, 4], [8, 7, 7])


@given(
    st.lists(st.tuples(st.floats(10, 220), st.floats(10, 160)), min_size=1, max_size=6, unique=True)
)
def test_names_do_not_cover_each_other(points):
    names = [f"layer{k}_conv" for k in range(len(points))]
    centres = place_names(points, names, (240.0, 180.0))
    width, height = CHARACTER_WIDTH * 6.5 * len(names[0]), LINE_HEIGHT * 6.5
    apart = np.abs(np.subtract.outer(np.array(centres), np.array(centres)))
    for i in range(len(points)):
        for j in range(i):
            across, up = apart[i, 0, j, 0], apart[i, 1, j, 1]
            assert across >= width - 1e-9 or up >= height - 1e-9


def test_short_counts():
    assert [short_count(n) for n in (7, 1234, 12_340_000, 2e9)] == ["7", "1.23k", "12.3M", "2G"]
