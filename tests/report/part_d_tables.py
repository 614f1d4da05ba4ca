"""Small tables of the hardware part, as the tests of its report need them."""

import pandas as pd

from edgeint8.report.findings import (
    array_machines,
)
from edgeint8.tables.files import with_absent

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


FRONT = [design("fast", 100, 9, 4.0), design("frugal", 900, 3, 4.0), design("small", 300, 4, 1.0)]


def recommended(name, rank, cycles, *, had=0.0, any_=1.0, simulated=100, choice=False, **more):
    """A row of ``best.csv``."""
    row = {"machine_cycles": cycles, "rank": rank, "behind_to_be_had": had, "behind_any": any_}
    row |= {"dram_gb_per_s": 24.0, "scalesim_cycles": simulated, "scalesim_choice": choice}
    return design(name, 100, 2, 1.0, **row, constraints="") | more


def band(best=("a", "a", "a"), share=(1.0, 1.0), front=(9, 9, 9), correlation=(0.99, 0.96)):
    """Rows of ``band.csv`` at low, mid and high."""
    levels = ("low", "mid", "high")
    columns = {"level": levels, "front": front, "best_hardware": best}
    columns |= {"share_of_mid": (share[0], 1.0, share[1])}
    columns |= {"rank_correlation": (correlation[0], 1.0, correlation[1])}
    return pd.DataFrame(columns)


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
                    "sram_leakage_pj",
                    *(f"{x}_sram_pj" for x in ("ifmap", "filter", "ofmap")),
                ),
                0.0,
            )
            head = {"workload": "net", "hardware": SMALL, "number_format": number_format}
            more = {"level": level, "total_pj": 1e6 * total, "bound_cycles": 10, "area_mm2": 1.0}
            rows.append(head | more | parts)
    return pd.DataFrame(rows)


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
