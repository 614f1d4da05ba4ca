"""Part D of the report: sentences turn when their tables turn, figures stand for any study."""

import pandas as pd
import pytest
from part_d_tables import LARGE, SMALL, SWEEP, layer, machine, only_presets, study, tables

from edgeint8.report.document import part_d
from edgeint8.report.document.summary import summary
from edgeint8.report.findings import (
    answers,
    array_answers,
    array_growth,
    array_machines,
    design_answers,
    packing_answers,
    recommended_answers,
)
from edgeint8.tables.files import with_absent


def test_incomplete_totals_are_said_beside_each_and_nothing_is_recommended():
    """The same machines with whole totals are compared, and one is called the fastest."""
    why = "incomplete: unknown work in mystery"
    for lacks in ("", why):
        rows = [machine(name, 100) | {"incomplete": lacks or None} for name in (SMALL, LARGE)]
        found = tables(dse=rows, roofline=[layer(SMALL), layer(LARGE)])
        text = "\n".join(part_d.workload_section(found, "net"))
        answer = answers.hardware_answer(found, "net")
        assert ("**Totals are incomplete: unknown work in mystery.**" in text) == bool(lacks)
        for total in ("latency (µs)", "cycles", "DRAM bytes", "energy (µJ)"):
            assert f"| {total}{' (incomplete)' if lacks else ''} |" in text
        assert ("is the fastest" in answer) != bool(lacks)
        assert ("What larger arrays win" in text) != bool(lacks)
    assert answer == f"**net**: no machine or design is recommended, the totals are {why}."


def test_arena_and_flash_stand_in_the_report():
    sizes = {"graph": "asym", "arena_bytes": 3072, "live_bytes": 2048, "flash_bytes": 25781}
    found = tables(dse=[machine(SMALL, 100)], roofline=[layer(SMALL)],
                   memory=[{"workload": "net", **sizes}])  # fmt: skip
    text = "\n".join(part_d.workload_section(found, "net"))
    assert "takes 3,072 bytes of arena, 2,048 of them live at one time, and 25,781" in text
    assert "3,072 and 25,781 bytes" in summary(found)


def test_the_gain_of_larger_arrays_follows_the_causes():
    diminishing = tables(
        dse=[machine(SMALL, 1000), machine(LARGE, 500)],
        roofline=[
            layer(SMALL, parts=(900, 50, 50, 0, 0)),
            layer(LARGE, parts=(225, 75, 200, 0, 0)),
        ],
    )
    (said,) = array_growth.array_growth(diminishing, "net")
    assert "8x8 -> 16x16 is 2.00x faster with 4x" in said
    assert "diminishes: computing falls from 90 % to 45 %" in said
    assert "fill and drain grow from 5 % to 40 %" in said
    edges = diminishing | {
        "roofline": pd.DataFrame(
            [layer(SMALL, parts=(900, 50, 50, 0, 0)), layer(LARGE, parts=(225, 200, 75, 0, 0))]
        )
    }
    assert "fold edges grow from 5 % to 40 %" in array_growth.array_growth(edges, "net")[0]


def test_pipelined_folds_are_told_apart_from_the_array():
    """8x8: 900 + 100 of fill and drain; 16x16: 225 + 275, of which pipelining saves 200."""
    roofline = [
        layer(SMALL, parts=(900, 0, 100, 0, 0)),
        layer(LARGE, parts=(225, 75, 200, 0, 0)),
    ]
    serial = tables(
        dse=[machine(SMALL, 1000, pipelined=940), machine(LARGE, 500, pipelined=350)],
        roofline=roofline,
    )
    (said,) = array_growth.array_growth(serial, "net")
    assert "With pipelined folds the steps win 2.69x; they save 6 % and 30 %" in said
    assert "16x16 needs 250 cycles more than perfect scaling from 8x8 would" in said
    assert "fill and drain +175 and fold edges +75" in said
    assert "Of these 135 come from serial folds" in said  # 150 - 60 / 4
    same = serial | {"dse": pd.DataFrame([machine(SMALL, 1000), machine(LARGE, 500)])}
    (said,) = array_growth.array_growth(same, "net")
    assert "Pipelined folds change nothing" in said and "come from serial folds" not in said


def test_an_array_that_keeps_its_gain_is_not_said_to_lose_it():
    linear = tables(
        dse=[machine(SMALL, 1000), machine(LARGE, 250)],
        roofline=[
            layer(SMALL, parts=(900, 50, 50, 0, 0)),
            layer(LARGE, parts=(240, 5, 5, 0, 0)),
        ],
    )
    assert "does not diminish" in array_growth.array_growth(linear, "net")[0]
    slower = linear | {"dse": pd.DataFrame([machine(SMALL, 1000), machine(LARGE, 1500)])}
    assert "is 1.50x slower" in array_growth.array_growth(slower, "net")[0]


@pytest.mark.parametrize(
    ("parts", "bound", "expected"),
    [
        ((90, 0, 0, 0, 10), "compute", "is compute-bound"),
        ((10, 0, 0, 0, 90), "dram_bandwidth", "is memory-bound"),
        ((10, 0, 0, 90, 0), "stalls", "is memory-bound"),
        ((10, 0, 90, 0, 0), "fill_drain", "array's fill and drain"),
    ],
)
def test_memory_or_compute_follows_the_bound(parts, bound, expected):
    name = "ws_8x8_64kB_4Bpc"
    rows = [layer(name, parts=parts, bound=bound)]
    (said,) = array_answers.memory_or_compute(
        tables(dse=[machine(name, 100)], roofline=rows), "net"
    )
    assert expected in said
    assert ("1 of 1 layers on the array" in said) == (expected == "is memory-bound")


def test_unlimited_bandwidth_is_called_no_evidence_about_memory():
    said = array_answers.memory_or_compute(
        tables(dse=[machine(SMALL, 100)], roofline=[layer(SMALL)]), "net"
    )
    assert "memory binds no layer" in said[0] and "compute-bound" in said[1]


def sram_series(bounds, cycles, simulated):
    return tables(
        dse=[
            machine(f"ws_8x8_{kb}kB_4Bpc", c, simulated=s, bound=bound)
            for kb, bound, c, s in zip((32, 64, 128), bounds, cycles, simulated, strict=True)
        ]
    )


def test_the_bottleneck_moves_only_where_it_does():
    moved = sram_series(["dram_bandwidth", "compute", "compute"], [200, 120, 100], [9, 9, 9])
    said = " ".join(array_answers.sram_size(moved, "net"))
    assert "from DRAM bandwidth to computing at 64 kB" in said and "at most 50.0 %" in said
    assert "never rise with SRAM" in said
    still = sram_series(["compute"] * 3, [100, 100, 100], [9, 9, 10])
    said = " ".join(array_answers.sram_size(still, "net"))
    assert "moves in none of 1 series" in said and "at most 0.0 %" in said
    assert "rise with more SRAM in 1 of 1" in said


def switching(best, fixed_cycles=(100, 200)):
    """Two layers; `best` of the first one; os is best for the network."""
    ws, os_ = fixed_cycles
    name = "os_8x8_64kB_4Bpc"
    rows = [
        {
            "layer": "first",
            "bound_cycles_ws": ws,
            "bound_cycles_os": os_,
            "bound_cycles_is": 900,
            "best": best,
        },
        {
            "layer": "second",
            "bound_cycles_ws": 900,
            "bound_cycles_os": 300,
            "bound_cycles_is": 950,
            "best": "os",
        },
        {
            "layer": "total",
            "bound_cycles_ws": 1000,
            "bound_cycles_os": 500,
            "bound_cycles_is": 1850,
            "best": "os",
        },
    ]
    reached = (min(ws, os_), 300, min(ws, os_) + 300)
    rows = [
        row | {"bound_cycles_best": cycles, "workload": "net", "hardware": name}
        for row, cycles in zip(rows, reached, strict=True)
    ]
    twin = name.replace("os", "ws")
    roofline = [
        layer(name, "first", (50, 0, 150, 0, 0)),
        layer(twin, "first", (50, 0, 50, 0, 0)),
    ]
    dse = [machine(name, 500), machine(twin, 1000)]
    return tables(switching=rows, roofline=roofline, dse=dse)


def test_the_dataflow_of_each_layer_follows_the_table():
    (said,) = array_answers.dataflow_by_layer(switching("ws"), "net")
    assert "**os** is the best dataflow" in said and "save 20.0 %" in said
    assert "`first` under ws (100 instead of 200 cycles; 100 fewer in fill and drain)" in said
    (said,) = array_answers.dataflow_by_layer(switching("os", (300, 200)), "net")
    assert "no layer is faster under another" in said and "`first`" not in said


def doublings(rows, cols, sram):
    name = "ws_8x8_64kB_unlimited"
    return tables(
        dse=[machine(name, 100)],
        scaling=[
            {"workload": "net", "hardware": hardware, "resource": resource}
            | {"bound_cycles_now": 100, "bound_cycles_doubled": cycles}
            for hardware in (name, "os_8x8_64kB_unlimited")
            for resource, cycles in (("rows", rows), ("cols", cols), ("sram", sram))
        ],
    )


def test_doubling_names_what_buys_most_and_what_buys_nothing():
    said = " ".join(array_answers.doubling(doublings(50, 80, 100), "net"))
    assert "rows 2.00x, columns 1.25x and SRAM 1.00x" in said
    assert "Twice the SRAM helps none of 2 machines" in said and "twice the rows, on 2 of 2" in said
    said = " ".join(array_answers.doubling(doublings(100, 100, 50), "net"))
    assert "SRAM 2.00x" in said and "twice the SRAM, on 2 of 2" in said
    assert "Twice the rows or columns helps none" in said


@pytest.mark.parametrize(
    ("other", "expected", "spread"),
    [(200, "as the physical", "1.00 to 1.33"), (50, "model `ws_8x8", "0.33 to 1.00")],
)
def test_scale_sim_alone_is_compared_with_the_model(other, expected, spread):
    dse = [
        machine("ws_8x8_64kB_4Bpc", 100, simulated=100),
        machine("os_8x8_64kB_4Bpc", 150, simulated=other),
    ]
    (said,) = array_answers.scale_sim_alone(tables(dse=dse), "net")
    assert expected in said and spread in said


def test_the_section_stands_for_presets_alone():
    text = part_d.section(only_presets("gemmini", "eyeriss_like"))
    assert "gemmini" in text and "eyeriss_like" in text


def preset(name, cycles):
    return machine("ws_16x16_64kB_16Bpc", cycles) | {"hardware": name, "sram_kb": "64/64/128"}


def test_a_preset_stands_beside_the_sweep_and_never_in_it():
    dse = pd.DataFrame([machine(SMALL, 10), machine(LARGE, 5), preset("gemmini", 3)])
    assert list(array_machines.sweep(dse)["hardware"]) == [SMALL, LARGE]
    assert list(array_machines.array_axis(dse)["tick"]) == ["8x8", "16x16", "gemmini"]
    assert array_machines.twin(dse, "gemmini", "os") is None
    assert array_machines.reference(dse) == "gemmini"


def test_machines_with_their_own_clocks_are_ranked_by_time():
    slow_clock = preset("gemmini", 3) | {"model_ms": 1.0}
    dse = pd.DataFrame([machine("ws_16x16_64kB_16Bpc", 10), slow_clock])
    assert array_machines.reference(dse) == "ws_16x16_64kB_16Bpc"
    (said,) = array_answers.scale_sim_alone(tables(dse=dse.to_dict("records")), "net")
    assert "would choose `ws_16x16_64kB_16Bpc`" in said


def test_a_sweep_differs_in_array_and_dataflow_only():
    dse = pd.DataFrame([machine(name, 10) for name in [*SWEEP, "ws_64x64_64kB_4Bpc"]])
    swept = array_machines.sweep(dse)
    assert len(swept) == 9 and set(swept["sram_kb"]) == {"64"}
    assert array_machines.sram_sweep(dse)["sram_kb"].nunique() == 2


def test_the_section_shows_machines_layers_and_what_is_not_on_the_array():
    made = study(SWEEP)
    text = part_d.section(made)
    assert "pool (compares or adds, nothing to multiply): `relu`" in text
    assert "12" not in text.split("machines; all are in")[0][-4:]  # nine ticks are shown, not 12
    assert "9 of 18 machines; all are in [tables/dse.csv]" in text
    assert "**36 of 36** layers on machines were not compared" in text
    keys = made["roofline"].query("macs > 0")[["workload", "layer", "hardware"]]
    complete = made | {
        "crosscheck": keys.assign(mode="calc", quantity="q", simulated=1, predicted=1, difference=0)
    }
    text = part_d.section(complete)
    assert "All 36 quantities equal" in text and "were not compared" not in text


def test_tables_without_the_needed_rows_give_no_sentence():
    nothing = with_absent({})
    for answer in (
        array_growth.array_growth,
        array_answers.memory_or_compute,
        array_answers.sram_size,
        array_answers.dataflow_by_layer,
        array_answers.doubling,
        array_answers.scale_sim_alone,
    ):
        assert answer(nothing, "net") == []
    empty = nothing["pareto"]
    assert design_answers.front_size(empty) == design_answers.front_designs(empty) == []
    assert recommended_answers.recommendation(nothing["best"]) == []
    assert design_answers.number_formats(nothing["energy"], SMALL) == []
    assert recommended_answers.front_agreement(nothing["front_check"]) == []
    alone = tables(dse=[machine(SMALL, 10)], roofline=[layer(SMALL)])
    assert array_growth.array_growth(alone, "net") == []
    assert array_answers.sram_size(alone, "net") == []
    assert design_answers.frugal_machine(alone["dse"]) == []


def packed(cycles_packed, utilization_packed, together, name="dw"):
    """A row of ``packing.csv``: alone 1,000 cycles at 3.5 %."""
    return {
        "workload": "net",
        "layer": name,
        "hardware": LARGE,
        "operator": "depthwise",
        "groups": 32,
        "bound_cycles_alone": 1000,
        "utilization_alone": 0.035,
        "groups_together": together,
        "bound_cycles_packed": cycles_packed,
        "utilization_packed": utilization_packed,
    }


def test_packing_is_told_with_what_it_wins_or_does_not():
    dse = [machine(LARGE, 500)]
    (wins,) = packing_answers.packing(tables(dse=dse, packing=[packed(500, 0.07, 16)]), "net")
    assert "the 1 layer of this kind keep 3.5 %" in wins
    assert "up to 16 groups at once, they keep 7.0 % at work and take 500 instead of 1,000" in wins
    assert "2.00x faster" in wins
    two = [packed(1000, 0.035, 1), packed(1000, 0.035, 1, name="dw2")]
    (nothing,) = packing_answers.packing(tables(dse=dse, packing=two), "net")
    assert "2 layers of this kind keep 3.5 %" in nothing and "wins nothing" in nothing
    assert packing_answers.packing(tables(dse=dse), "net") == []
