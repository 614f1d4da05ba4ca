"""Sentences and figure of the account follow ``physics.csv`` and nothing else."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from edgeint8.arch.machine.hardware import uniform_hardware
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.report.figures.account_figures import account
from edgeint8.report.findings.account_answers import TERMS, WORDS, account_answers
from edgeint8.scale_sim.account.account import QUANTITIES, account_rows
from edgeint8.tables.files import columns_of

BYTES = QUANTITIES[2:]
NO_DSE = pd.DataFrame(columns=columns_of("dse"))


def rows(hardware, quantity, physics, mode="user", layer="conv", **terms):
    """One account; `scalesim` is its sum."""
    keys = {"workload": "net", "layer": layer, "hardware": hardware, "quantity": quantity}
    keys |= {"mode": mode, "scalesim": physics + sum(terms.values())}
    return [{**keys, "term": term, "value": value} for term, value in
            {"physics": physics, **terms}.items()]  # fmt: skip


def machine(kb, physics=1_000, mode="user", **terms):
    """All quantities of one machine; `terms` are of the cycles."""
    name = f"os_16x16_{kb}kB_" + ("16Bpc" if mode == "user" else "unlimited")
    made = rows(name, "total_cycles", physics, mode, **terms)
    made += rows(name, "total_cycles_pipelined", physics // 2, mode, serial_folds=physics // 2)
    for quantity in BYTES:
        made += rows(name, quantity, 100, mode, padding=20)
    return made


def text(*machines):
    return "\n".join(account_answers(pd.DataFrame([row for each in machines for row in each])))


def test_the_worst_step_is_told_term_by_term():
    told = text(
        machine(64), machine(128, cyclic_refetch=3_500, double_counted_stalls=500), machine(256)
    )
    assert "Of 2 steps to a larger SRAM SCALE-Sim says that 1 make a layer slower" in told
    assert "the physical model 0" in told
    assert "At 128 kB SCALE-Sim says 5x as many cycles as at 64 kB (5,000 against 1,000)" in told
    assert "Of the 4,000 added cycles 3,500 are `cyclic_refetch`" in told
    assert "500 are `double_counted_stalls`" in told
    assert "The physical model says equal (1,000 cycles)." in told


def test_the_reversed_table_says_the_reverse():
    """Slower with less SRAM is no fault; a physical model that slows down is told as slower."""
    told = text(machine(64, cyclic_refetch=4_000), machine(128))
    assert "that 0 make a layer slower" in told and "The worst step" not in told
    told = text(machine(64), machine(128, physics=1_500, partial_sum_writes=500))
    assert "slower (1,500 against 1,000 cycles)" in told
    assert "500 are `partial_sum_writes`" in told and "cyclic_refetch" not in told


def test_the_largest_term_is_the_largest_in_the_table():
    told = text(machine(64, cyclic_refetch=30, double_counted_stalls=970))
    assert "Of the difference 970 are `double_counted_stalls`" in told
    told = text(machine(64, cyclic_refetch=970, double_counted_stalls=30))
    assert "Of the difference 970 are `cyclic_refetch`" in told
    assert "2x the cycles of the physical model" in told


def test_modes_are_told_apart():
    told = text(machine(64, off_by_one=-1), machine(64, mode="calc", off_by_one=-2))
    assert "With unlimited bandwidth SCALE-Sim counts almost exactly the cycles" in told
    assert "-2 are `off_by_one`" in told and "-1 are `off_by_one`" in told
    assert "1.2x the input bytes" in told


def test_serial_folds_are_told_against_pipelined_ones():
    assert "Serial folds cost 500 cycles over all layers and machines, 100 %" in text(machine(64))


def test_an_account_that_does_not_add_up_is_not_hidden():
    table = pd.DataFrame(machine(64, cyclic_refetch=5))
    assert "In all 5 accounts" in account_answers(table)[0]
    table.loc[table["term"] == "cyclic_refetch", "value"] += 1
    assert "**1 of 5 accounts do not add up.**" in account_answers(table)


def test_no_rows_no_sentence():
    empty = pd.DataFrame(columns=columns_of("physics"))
    assert account_answers(empty) == []
    plt.close(account(empty, NO_DSE))


def study(*hardware):
    shape = LayerShape.from_output((8, 8), (3, 3), 16, 16)
    layer = Layer("net/conv/Conv", "conv", shape, 1, 1024, 2304, 1024, "test")
    return [row for each in hardware for row in account_rows("net", [layer], each)]


def test_every_term_of_a_real_account_has_words():
    """The promised columns are there, and report and account name the same terms."""
    made = pd.DataFrame(study(uniform_hardware("ws", 8, 8, 1, 2), uniform_hardware("is", 4, 4, 1)))
    assert list(made.columns)[: len(columns_of("physics"))] == columns_of("physics")
    assert set(made["term"]) <= {"physics", *TERMS}
    assert set(WORDS) | {"total_cycles_pipelined"} == set(QUANTITIES) == set(made["quantity"])


@pytest.mark.parametrize("kbs", [(1,), (1, 2, 4)])
@pytest.mark.parametrize("bandwidth", [None, 4])
def test_bars_end_at_scale_sim(kbs, bandwidth):
    """With one machine or more, the stacked heights of each bar add up to SCALE-Sim's value."""
    machines = [uniform_hardware("ws", 8, 8, kb, bandwidth) for kb in kbs]
    table = pd.DataFrame(study(*machines))
    figure = account(table, NO_DSE)
    values = table.drop_duplicates(["hardware", "quantity"])
    for ax, quantities in zip(figure.axes, (["total_cycles"], list(BYTES)), strict=True):
        expected = values[values["quantity"].isin(quantities)].groupby("hardware", sort=False)
        heights = {}
        for bar in ax.patches:
            middle = round(bar.get_x() + bar.get_width() / 2)
            sign = -1 if bar.get_y() < 0 else 1
            heights[middle] = heights.get(middle, 0) + sign * bar.get_height()
        assert list(heights.values()) == pytest.approx(expected["scalesim"].sum().tolist())
    plt.close(figure)


def test_a_preset_alone_is_drawn_under_its_name():
    table = pd.DataFrame(machine(64)).assign(hardware="eyeriss")
    figure = account(table, NO_DSE)
    assert "eyeriss" in figure.axes[0].get_title()
    plt.close(figure)


def test_a_point_that_a_user_adds_has_a_bar_under_its_name():
    """Beside the family of SRAM sizes; a machine of the family is not drawn twice."""
    names = ["os_16x16_64kB_16Bpc", "os_16x16_128kB_16Bpc", "ws_7x9_40kB_3Bpc"]
    dse = pd.DataFrame(
        {"hardware": name, "rows": 16, "cols": 16, "dataflow": name[:2], "sram_kb": 64}
        | {"bandwidth": "16", "model_ms": 1.0}
        for name in names
    )
    table = pd.DataFrame(machine(64) + machine(128) + rows(names[2], "total_cycles", 700))
    figure = account(table, dse)
    labels = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert labels == ["64 kB", "128 kB", "ws\n7x9\n40kB\n3Bpc"]
    assert max(bar.get_height() for bar in figure.axes[0].patches) == 1_000
    plt.close(figure)
