"""Published figures of other tools: the SCALE-Sim v3 paper, one layer in five tools, Vela."""

from dataclasses import replace
from pathlib import Path

from published_check import Check, network, preset

from edgeint8.arch.cost.energy import network_energy_fj
from edgeint8.arch.cost.physical import network_cost, total_cycles
from edgeint8.arch.cost.systolic import map_layer
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.dataflow import Dataflow
from edgeint8.scale_sim.dse import replica_cycles
from edgeint8.tables.files import read_table

_WS_OS: tuple[Dataflow, Dataflow] = ("ws", "os")

# ---------------------------------------------------------------- SCALE-Sim v3


_V3 = "SCALE-Sim v3 paper"


def scale_sim_v3() -> list[Check]:
    """Statements of the paper whose conditions are only partly given."""
    return [*_v3_array_size(), *_v3_dataflow(), *_v3_stalls()]


def _v3_array_size() -> list[Check]:
    vit = network("vit_base")
    small, large = (network_cost(vit, _square("ws", size)) for size in (32, 128))
    energy = [
        sum(network_energy_fj(costs, _square("ws", size)).values())
        for costs, size in ((small, 32), (large, 128))
    ]
    conditions = "ViT-base, ws, 256 KiB, serial folds"
    return [
        Check(
            _V3,
            "speed of 128x128 over 32x32",
            "ratio",
            conditions,
            6.53,
            total_cycles(small) / total_cycles(large),
            "dataflow, buffers and memory of the paper's run are not given",
        ),
        Check(
            _V3,
            "energy of 128x128 over 32x32",
            "ratio",
            conditions,
            2.86,
            energy[1] / energy[0],
            "does not fit: the paper's action counts charge every PE a MAC in every cycle; here an "
            "idle PE pays for its clock alone",
        ),
        Check(
            _V3,
            "energy of 128x128 over 32x32, every PE a MAC a cycle",
            "ratio",
            f"{conditions}; the array alone by the paper's rule: PEs times cycles",
            2.86,
            (128 / 32) ** 2 * total_cycles(large) / total_cycles(small),
            "the paper's own speed-up of 6.53 gives 2.45 by this rule; memories are the rest",
        ),
    ]


def _v3_dataflow() -> list[Check]:
    found = []
    for size in (32, 128):
        ws, os = (
            sum(
                map_layer(layer.shape, _square(flow, size)).lines
                for layer in _six_layers()
                if layer.shape is not None
            )
            for flow in _WS_OS  # a statement about SCALE-Sim, so its own lines, without os drains
        )
        found.append(
            Check(
                _V3,
                f"compute cycles, ws over os, {size}x{size}",
                "ratio",
                "first six layers of ResNet-18, serial folds",
                1 - 0.21,
                ws / os,
                "which six layers and which array is not given",
            )
        )
    return found


def _v3_stalls() -> list[Check]:
    """The statement with stalls: the physical model, and what SCALE-Sim 3.0.0 itself says."""
    machines = [_square(flow, 32, bandwidth_bpc=1) for flow in _WS_OS]
    ws, os = (total_cycles(network_cost(_six_layers(), machine)) for machine in machines)
    quantity, published = "cycles with DRAM stalls, os over ws, 32x32", 1 - 0.301
    simulated = [replica_cycles(_six_layers(), replace(m, bandwidth_bpc=16))[0] for m in machines]
    return [
        Check(
            _V3,
            quantity,
            "ratio",
            "first six layers of ResNet-18, 256 KiB, 3 bytes a cycle on one bus",
            published,
            os / ws,
            "does not fit: both dataflows move the same tiles here, and both wait for DRAM",
        ),
        Check(
            _V3,
            f"{quantity}, by SCALE-Sim",
            "ratio",
            "the same layers, SCALE-Sim 3.0.0 in USER mode (its replica), 16 bytes a cycle a port",
            published,
            simulated[1] / simulated[0],
            "does not fit: in USER mode os refetches through SCALE-Sim's cyclic buffer; the "
            "paper's memory is Ramulator, at a bandwidth not given",
        ),
    ]


def _six_layers() -> tuple[Layer, ...]:
    return network("resnet18")[:6]


# ---------------------------------------------------------------- one layer, other tools


def one_layer() -> list[Check]:
    """Conv 3x3, 16 -> 16, 32x32, pad 1 on 16x16 INT8, as other tools count it."""
    shape = LayerShape.from_output((32, 32), (3, 3), 16, 16)
    layer = Layer("conv", "conv", shape, 1, 32 * 32 * 16, 9 * 16 * 16, 32 * 32 * 16, "one layer")
    serial = Hardware("ws", 16, 16, 64, 64, 64)
    pipelined = replace(serial, pipelined_folds=True, name="pipelined")
    ours = {machine.name: network_cost([layer], machine)[0] for machine in (serial, pipelined)}
    like = preset("ethos_u55_256_like")
    conditions = "conv 3x3, 16 -> 16, 32x32, pad 1"
    rows = (
        ("SCALE-Sim 3.0.0", "cycles, serial", "cycles", 9_629, ours[""].compute.total,
         "SCALE-Sim reports one less than its lines"),
        ("Timeloop", "cycles, fixed ws mapping", "cycles", 9_216, ours["pipelined"].compute.total,
         "Timeloop counts no fill and drain"),
        ("ZigZag", "cycles, fixed order", "cycles", 10_250, ours["pipelined"].compute.total,
         "1,025 of ZigZag's cycles load the first data and 7 stall, at a bandwidth not given"),
        ("Vela (Ethos-U55-256)", "cycles", "cycles", 14_038,
         network_cost([layer], like)[0].cycles,
         "Vela costs the blocks of the U55 datapath, which the stand-in does not have"),
        ("Timeloop", "ifmap DRAM reads", "bytes", 18_496, ours[""].ifmap_bytes,
         "Timeloop fetches the padding"),
        ("Timeloop", "filter DRAM reads", "bytes", 2_304, ours[""].filter_bytes, "agrees"),
        ("Timeloop", "ofmap DRAM writes", "bytes", 16_384, ours[""].ofmap_bytes, "agrees"),
    )  # fmt: skip
    return [
        Check(source, quantity, unit, conditions, published, value, why)
        for source, quantity, unit, published, value, why in rows
    ]


def _square(dataflow: Dataflow, size: int, bandwidth_bpc: int | None = None) -> Hardware:
    return Hardware(
        dataflow, size, size, 256, 256, 256, bandwidth_bpc, shared_bus=True, name="square"
    )


# ---------------------------------------------------------------- networks through Vela


VELA = Path(__file__).parents[1] / "docs/data/benchmarks/vela.csv"


def vela() -> list[Check]:
    """The rows that benchmarks/vela.py keeps: Vela is no part of this environment."""
    found = []
    for row in read_table(VELA).itertuples():
        words = (row.source, row.quantity, row.unit, row.conditions)
        found.append(Check(*words, row.published, row.ours, row.why))
    return found
