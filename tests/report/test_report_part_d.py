"""Part D of the report: sentences turn when their tables turn, figures stand for any study."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeint8.report.document import part_d
from edgeint8.report.document.summary import summary
from edgeint8.report.figures.figures import FIGURES, front_figures
from edgeint8.report.figures.labels import CHARACTER_WIDTH, LINE_HEIGHT, place_names, short_count
from edgeint8.report.findings import (
    answers,
    array_answers,
    array_growth,
    array_machines,
    design_answers,
    packing_answers,
    recommended_answers,
)
from edgeint8.tables.contents import FIGURE_TABLES
from edgeint8.tables.files import with_absent

FIGURES_OF_D = (
    *("cycles_by_array", "cycles_by_sram", "cycle_causes", "utilization"),
    *("roofline", "energy_by_part", "pareto_front"),
)
CAUSES = list(array_machines.CAUSES)


def machine(
    name,
    cycles,
    *,
    simulated=None,
    bound="compute",
    energy=(1, 2, 3),
    tiled=None,
    pipelined=None,
    workload="net",
):
    """A row of ``dse.csv`` from an id such as ``ws_8x8_32kB_unlimited``."""
    dataflow, array, kb, bandwidth = name.split("_")
    rows, cols = map(int, array.split("x"))
    return {
        "workload": workload,
        "hardware": name,
        "rows": rows,
        "cols": cols,
        "dataflow": dataflow,
        "sram_kb": int(kb.removesuffix("kB")),
        "bandwidth": bandwidth.removesuffix("Bpc"),
        "scalesim_cycles": cycles if simulated is None else simulated,
        "scalesim_stall_cycles": 0,
        "utilization": 0.5,
        "dram_bytes": 1000,
        "energy_pj_low": 1e6 * energy[0],
        "energy_pj": 1e6 * energy[1],
        "energy_pj_high": 1e6 * energy[2],
        "area_mm2": 1.0,
        "bound_by": bound,
        "bound_cycles": cycles,
        "schedule_cycles": cycles if tiled is None else tiled,
        "bound_pipelined_cycles": cycles if pipelined is None else pipelined,
        "model_ms": cycles / 1e6,
    }


def layer(hardware, name="conv", parts=(100, 0, 0, 0, 0), bound="compute", macs=6400, **more):
    """A row of ``roofline.csv``; parts in the order of CAUSES."""
    cycles = sum(parts)
    row = {
        "workload": "net",
        "layer": name,
        "hardware": hardware,
        "macs": macs,
        "bytes": 640,
        "intensity": macs / 640,
        "ridge": 2.0,
        "attainable": 64.0,
        "achieved": macs / cycles if cycles else 0.0,
        "bound_by": bound,
        "operator": "conv" if macs else "pool",
        "bound_cycles": cycles,
    }
    return row | {f"{c}_cycles": part for c, part in zip(CAUSES, parts, strict=True)} | more


def tables(**rows):
    return with_absent({name: pd.DataFrame(entries) for name, entries in rows.items()})


def design(name, cycles, energy, area, bandwidth="4", band=(0.5, 2.0), **more):
    """A row of ``pareto.csv``."""
    return {
        "workload": "net",
        "hardware": name,
        "rows": 8,
        "cols": 8,
        "dataflow": "os",
        "ifmap_sram_kb": 16,
        "filter_sram_kb": 16,
        "ofmap_sram_kb": 16,
        "bandwidth": bandwidth,
        "pipelined": True,
        "bound_cycles": cycles,
        "model_ms": cycles / 1e6,
        "fps": 1e9 / cycles,
        "energy_pj_low": 1e6 * energy * band[0],
        "energy_pj": 1e6 * energy,
        "energy_pj_high": 1e6 * energy * band[1],
        "area_mm2": area,
        "power_mw": 1.0,
        "dram_bytes": 1000,
        "utilization": 0.5,
        "bound_by": "compute",
        "designs": 1000,
        "feasible_designs": 900,
    } | more


SMALL, LARGE = "ws_8x8_64kB_unlimited", "ws_16x16_64kB_unlimited"


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


FRONT = [design("fast", 100, 9, 4.0), design("frugal", 900, 3, 4.0), design("small", 300, 4, 1.0)]


def test_the_front_names_fastest_most_frugal_and_knee():
    pareto = pd.DataFrame(FRONT)
    ends, knee = design_answers.front_designs(pareto)
    assert "100 cycles, 9 µJ [4.5 to 18]" in ends and "9.00x the cycles for 66.7 %" in ends
    assert "300 cycles" in knee
    turned = pd.DataFrame([FRONT[0] | {"energy_pj": 1e6}, *FRONT[1:]])
    assert "also the most frugal" in design_answers.front_designs(turned)[0]
    assert "100 cycles" in design_answers.front_designs(turned)[1]
    (size,) = design_answers.front_size(pareto)
    assert "1,000 designs" in size and "900 of them" in size and "3 of these" in size


def test_unlimited_bandwidth_is_a_knee_only_without_limited_designs():
    free = design("free", 90, 1, 0.5, bandwidth="unlimited")
    pareto = pd.DataFrame([*FRONT, free])
    assert pareto.loc[design_answers.chosen_designs(pareto)["knee"], "hardware"] == "small"
    all_free = pareto.assign(bandwidth="unlimited")
    assert pareto.loc[design_answers.chosen_designs(all_free)["knee"], "hardware"] == "free"


def recommended(name, rank, cycles, *, had=0.0, any_=1.0, simulated=100, choice=False, **more):
    """A row of ``best.csv``."""
    row = {"machine_cycles": cycles, "rank": rank, "behind_to_be_had": had, "behind_any": any_}
    row |= {"dram_gb_per_s": 24.0, "scalesim_cycles": simulated, "scalesim_choice": choice}
    return design(name, 100, 2, 1.0, **row, constraints="") | more


def test_the_recommendation_and_its_runner_up_come_from_the_table():
    first = recommended("a", 1, 110)
    second = recommended("b", 2, 220, had=0.5, any_=2.0)
    (said,) = recommended_answers.recommendation(pd.DataFrame([first, second]))
    assert "**Recommended** at 24 GB/s" in said and "(110 cycles" in said
    assert "10.0 % above the bound of 100 cycles, which" in said
    assert "runner-up, 50.00 % behind" in said and "within" not in said
    assert "No other bandwidth that is to be had gives less" in said
    assert "Beyond it, up to unlimited bandwidth, the product could fall by 50 %" in said
    turned = recommended("b", 1, 220, had=0.25, any_=0.25, constraints="area_mm2 <= 2")
    (said,) = recommended_answers.recommendation(pd.DataFrame([turned]))
    assert "(220 cycles" in said and "runner-up" not in said
    assert "waits for tiles within area_mm2 <= 2, is" in said
    assert "would lower the product by 20.0 %" in said and "Beyond it" not in said
    free = recommended("c", 1, 9, any_=0.0, dram_gb_per_s=np.inf, bandwidth="unlimited")
    (said,) = recommended_answers.recommendation(pd.DataFrame([free]))
    assert "the space has no other" in said
    bound = pd.DataFrame([recommended("d", 1, np.nan)])
    (said,) = recommended_answers.recommendation(bound)
    assert "(100 cycles" in said and "by the bound" in said and "above the bound" not in said


def test_what_scale_sim_alone_would_take_is_told_from_the_table():
    first = recommended("a", 1, 110, simulated=300)
    other = recommended("b", 7, 120, any_=1.5, simulated=200, choice=True)
    (said,) = recommended_answers.scale_sim_choice(pd.DataFrame([first, other]))
    assert "rank 7, 25.0 % more energy times delay" in said
    assert "200 USER cycles against 300" in said
    agrees = pd.DataFrame([first | {"scalesim_choice": True}, other | {"scalesim_choice": False}])
    (said,) = recommended_answers.scale_sim_choice(agrees)
    assert "the same design" in said and "rank" not in said


def band(best=("a", "a", "a"), share=(1.0, 1.0), front=(9, 9, 9), correlation=(0.99, 0.96)):
    """Rows of ``band.csv`` at low, mid and high."""
    levels = ("low", "mid", "high")
    columns = {"level": levels, "front": front, "best_hardware": best}
    columns |= {"share_of_mid": (share[0], 1.0, share[1])}
    columns |= {"rank_correlation": (correlation[0], 1.0, correlation[1])}
    return pd.DataFrame(columns)


def test_what_survives_the_energy_band_follows_the_table():
    design_, front, ranking = recommended_answers.over_the_band(band())
    assert "`a` at low, mid and high" in design_ and "That survives" in design_
    assert "100.0 % at low and 100.0 % at high" in front and "The front survives" in front
    assert "0.990 at low and 0.960 at high" in ranking and "on) survives" in ranking
    turned = band(("a", "a", "b"), (0.5, 1.0), (7, 9, 9), (0.99, 0.90))
    said = recommended_answers.over_the_band(turned)
    assert "`b` at high" in said[0] and "50.0 % at low" in said[1]
    assert all("does **not** survive" in sentence for sentence in said)
    grown = recommended_answers.over_the_band(band(front=(12, 9, 9)))
    assert "does **not** survive" in grown[1]
    assert recommended_answers.over_the_band(band(front=(0, 0, 0))) == []


def test_a_front_that_disagrees_is_not_trusted():
    check = {"hardware": ["a", "a", "b"], "difference": [0, 0, 0]}
    (said,) = recommended_answers.front_agreement(pd.DataFrame(check))
    assert said.startswith("All 3 quantities of the 2 designs")
    wrong = pd.DataFrame(check | {"difference": [0, 1, 0]})
    (said,) = recommended_answers.front_agreement(wrong)
    assert "1 of 3" in said and "cannot be trusted" in said


def witness(*differences, left=0):
    """Rows of ``front_check.csv`` that SCALE-Sim was asked for; `left` more without a value."""
    row = {"quantity": "compute_cycles_serial", "difference": 0}
    rows = [
        row | {"hardware": f"d{k}", "scalesim": 9.0, "scalesim_difference": d, "note": np.nan}
        for k, d in enumerate(differences)
    ]
    rows += [row | {"hardware": f"x{k}", "note": "too dear"} for k in range(left)]
    return pd.DataFrame(rows)


def test_the_witness_of_the_best_designs_follows_the_table():
    said = recommended_answers.front_agreement(witness(0, 0, left=1))[1]
    assert "2 of the best designs" in said and "same cycles (`d0` and `d1`)" in said
    assert "1 more was not simulated" in said
    said = recommended_answers.front_agreement(witness(0, 5))[1]
    assert "contradicts 1 of 2" in said and "more was" not in said
    assert "witnessed none of the 2 best" in recommended_answers.front_agreement(witness(left=2))[1]


def energy(int8, fp32, dram=(0.9, 0.9, 0.9)):
    """Rows of ``energy.csv`` for one machine: totals in microjoules at low, mid, high."""
    rows = []
    for number_format, totals in (("int8", int8), ("fp32", fp32)):
        for level, total, share in zip(("low", "mid", "high"), totals, dram, strict=True):
            parts = {"mac_pj": 1e6 * total * (1 - share), "dram_pj": 1e6 * total * share}
            parts |= dict.fromkeys(
                (
                    "registers_pj",
                    "clock_pj",
                    *(f"{x}_sram_pj" for x in ("ifmap", "filter", "ofmap")),
                ),
                0.0,
            )
            head = {"workload": "net", "hardware": SMALL, "number_format": number_format}
            more = {"level": level, "total_pj": 1e6 * total, "bound_cycles": 10, "area_mm2": 1.0}
            rows.append(head | more | parts)
    return pd.DataFrame(rows)


def test_number_formats_and_what_survives_the_band():
    (said,) = design_answers.number_formats(energy((1, 2, 3), (4, 8, 12)), SMALL)
    assert "more energy than INT8: 4.00x" in said and "survives" in said
    (said,) = design_answers.number_formats(energy((4, 8, 12), (1, 2, 3)), SMALL)
    assert "less energy than INT8: 0.25x" in said and "survives" in said
    (said,) = design_answers.number_formats(energy((1, 2, 3), (4, 8, 2)), SMALL)
    assert "does **not** survive" in said


def test_the_largest_consumer_over_the_band():
    (said,) = design_answers.largest_consumer(energy((1, 2, 3), (1, 2, 3)), SMALL)
    assert "DRAM 90 % at low" in said and "consumer survives" in said
    mixed = energy((1, 2, 3), (1, 2, 3), dram=(0.9, 0.4, 0.9))
    (said,) = design_answers.largest_consumer(mixed, SMALL)
    assert "mac 60 % at mid" in said and "does **not** survive" in said


def test_the_most_frugal_machine_over_the_band():
    first, second = machine(SMALL, 1, energy=(1, 2, 3)), machine(LARGE, 1, energy=(2, 3, 4))
    (said,) = design_answers.frugal_machine(pd.DataFrame([first, second]))
    assert f"`{SMALL}` at low, mid and high" in said and "That survives" in said
    turned = pd.DataFrame([first, machine(LARGE, 1, energy=(2, 3, 2.5))])
    (said,) = design_answers.frugal_machine(turned)
    assert f"`{LARGE}` at high" in said and "does **not** survive" in said


def test_the_knee_over_the_band():
    (said,) = design_answers.knee_over_band(pd.DataFrame(FRONT))
    assert "`small` at low, mid and high" in said and "That survives" in said
    turned = [*FRONT[:2], FRONT[2] | {"energy_pj_high": 1e9}]
    (said,) = design_answers.knee_over_band(pd.DataFrame(turned))
    assert "`fast` at high" in said and "does **not** survive" in said


def study(names, layers=("conv", "fc"), off=("relu",), workloads=("net",)):
    """All tables of Part D for these machines."""
    rows = {
        name: [] for name in ("dse", "roofline", "scaling", "energy", "switching", "pareto", "best")
    }
    for workload in workloads:
        mine = {"workload": workload}
        for k, name in enumerate(names):
            rows["dse"].append(machine(name, 1000 // (k + 1), tiled=1100, workload=workload))
            for j, layer_name in enumerate(layers):
                rows["roofline"].append(
                    layer(name, layer_name, (10 + j, 1, 2 + k, 0, 1), macs=100 * (j + 1)) | mine
                )
            rows["roofline"] += [
                layer(name, other, (0, 0, 0, 0, 9), "dram_bandwidth", macs=0) | mine
                for other in off
            ]
            rows["energy"] += (
                energy((1, 2, 3), (4, 8, 12)).assign(hardware=name, **mine).to_dict("records")
            )
        rows["pareto"] += [row | mine for row in FRONT]
        rows["best"] += [recommended("small", 1, 310) | mine]
    return tables(**rows)


SWEEP = [
    f"{flow}_{size}x{size}_{kb}kB_unlimited"
    for size in (8, 16, 32)
    for flow in ("ws", "os", "is")
    for kb in (32, 64)
]
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


def only_presets(*names):
    """The tables of a study of presets alone: own names, buffers one by one."""
    made = study(["ws_16x16_64kB_16Bpc", "os_8x8_64kB_8Bpc"][: len(names)])
    ids = dict(zip(made["dse"]["hardware"].unique(), names, strict=True))
    renamed = {
        table: frame.replace({"hardware": ids}) if "hardware" in frame else frame
        for table, frame in made.items()
    }
    renamed["dse"] = renamed["dse"].assign(sram_kb="128/128/64")
    return renamed


@pytest.mark.parametrize("name", FIGURES_OF_D)
def test_every_figure_stands_for_presets_alone(name):
    names = ("gemmini", "eyeriss_like")
    text, _ = words_of(name, only_presets(*names))
    assert "net" in text
    if name != "pareto_front":
        assert all(preset_name.split("_")[0] in text for preset_name in names)


def test_the_section_stands_for_presets_alone():
    text = part_d.section(only_presets("gemmini", "eyeriss_like"))
    assert "gemmini" in text and "eyeriss_like" in text


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
