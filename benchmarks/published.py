"""Published figures against the physical model: what fits, what does not, and why.

    python benchmarks/published.py [--output validation.csv]

Machines are the presets of config/hardware, networks the topologies beside this file; nothing is
fitted. Published figures: Jouppi et al., ISCA 2017 (TPU v1); NVDLA performance sheet; Chen et
al., JSSC 2017 (Eyeriss); SCALE-Sim v3 paper.
"""

import argparse
import csv
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from edgeint8.arch.energy import count_accesses, network_energy_fj
from edgeint8.arch.hardware import PORTS, Dataflow, Hardware, load_preset
from edgeint8.arch.layers import Layer, LayerShape
from edgeint8.arch.physical import (
    LayerCost,
    Options,
    dram_bytes_per_cycle,
    network_cost,
    total_cycles,
)
from edgeint8.arch.study import replica_cycles
from edgeint8.arch.tile_space import ElementBytes
from edgeint8.arch.topology import TopologyWarning, layers_from_topology
from edgeint8.files import atomic_path

HERE = Path(__file__).parent
HARDWARE = HERE.parent / "config" / "hardware"
_WS_OS: tuple[Dataflow, Dataflow] = ("ws", "os")


@dataclass(frozen=True)
class Check:
    """One published figure. `error` is ours over published, less one."""

    source: str
    quantity: str
    unit: str
    conditions: str
    published: float
    ours: float
    why: str

    @property
    def error(self) -> float:
        return self.ours / self.published - 1


def checks() -> list[Check]:
    return [
        *bandwidths(),
        *tpu_v1(),
        *nvdla(),
        *nvdla_second_memory(),
        *eyeriss(),
        *scale_sim_v3(),
        *one_layer(),
    ]


def validation_rows() -> list[dict[str, str | float]]:
    """Rows of ``validation.csv``."""
    return [
        {
            "source": check.source,
            "quantity": check.quantity,
            "unit": check.unit,
            "conditions": check.conditions,
            "published": check.published,
            "ours": check.ours,
            "error": check.error,
            "why": check.why,
        }
        for check in checks()
    ]


def preset(name: str) -> Hardware:
    return load_preset(HARDWARE / f"{name}.yaml")


def network(name: str) -> tuple[Layer, ...]:
    """The rows beside this file; halves of groups and branches do not chain, as they should not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TopologyWarning)
        return layers_from_topology(HERE / "topologies" / f"{name}.csv")


def milliseconds(costs: Iterable[LayerCost], hardware: Hardware) -> float:
    return sum(cost.cycles for cost in costs) / hardware.clock_hz * 1e3


# ---------------------------------------------------------------- presets


def bandwidths() -> list[Check]:
    """What is left of each preset's DRAM bandwidth in whole bytes a cycle and port."""
    found = []
    for path in sorted(HARDWARE.glob("*.yaml")):
        hardware = load_preset(path)
        given = yaml.safe_load(path.read_text(encoding="utf-8"))["dram_gb_per_s"]
        if given is None:
            continue
        ours = dram_bytes_per_cycle(hardware) * hardware.clock_hz / 1e9
        exact = given * 1e9 / hardware.clock_hz
        found.append(
            Check(
                f"preset {path.stem}",
                "DRAM bandwidth",
                "GB/s",
                f"{hardware.clock_hz / 1e6:g} MHz, {PORTS} ports",
                given,
                ours,
                f"whole bytes a cycle and port, at least one: {hardware.bandwidth_bpc} for "
                f"{exact / PORTS:.2f}",
            )
        )
    return found


# ---------------------------------------------------------------- TPU v1

# Application: (MACs per weight byte, measured TOPS), ISCA 2017 tables 1 and 3.
_TPU_APPLICATIONS = {
    "MLP0": (200, 12.3),
    "MLP1": (168, 9.7),
    "LSTM0": (64, 3.7),
    "LSTM1": (96, 2.8),
    "CNN0": (2888, 86.0),
    "CNN1": (1750, 14.1),
}
_TPU_WHY = {
    "LSTM0": "the roof itself: dependent steps, vector work and refills are not in it",
    "LSTM1": "the roof itself: small matrices leave much of the array and of each load idle",
    "CNN1": "the roof itself: by the paper's own count shallow layers leave half of the array "
    "idle, and four dense layers of 32 MACs a byte wait for weights",
}


def tpu_v1() -> list[Check]:
    """Peak, ridge, and where the roofline puts six applications against what was measured."""
    hardware = preset("tpu_v1")
    peak = 2 * hardware.processing_elements * hardware.clock_hz / 1e12
    bandwidth = dram_bytes_per_cycle(hardware)
    ridge = hardware.processing_elements / bandwidth
    floor = (
        "a preset's bandwidth is a whole number of bytes a cycle and port: "
        f"{bandwidth:g} bytes a cycle here, {34e9 / hardware.clock_hz:.2f} in the paper"
    )
    source = "TPU v1 (ISCA 2017)"
    found = [
        Check(source, "peak", "TOPS", "65,536 MACs, 700 MHz", 92.0, peak, "rounding"),
        Check(source, "ridge", "MAC per weight byte", "34 GB/s", 1350.0, ridge, floor),
    ]
    for name, (intensity, measured) in _TPU_APPLICATIONS.items():
        roof = 2 * min(hardware.processing_elements, intensity * bandwidth) * hardware.clock_hz
        conditions = f"roofline at {intensity} MAC per weight byte against measured"
        why = _TPU_WHY.get(name, "the roof itself: a measured program stays below it")
        found.append(
            Check(source, f"{name} throughput", "TOPS", conditions, measured, roof / 1e12, why)
        )
    return found


# ---------------------------------------------------------------- NVDLA

_NVDLA_MS = {"alexnet": 0.8954, "googlenet": 1.2221, "resnet50": 7.1137}
_NVDLA_WHY = {
    "alexnet": "pooling and normalisation count as free; 9 bytes a cycle here for the sheet's 10",
    "googlenet": "the input of a block is fetched for each of its four branches here; 9 bytes a "
    "cycle here for the sheet's 10",
    "resnet50": "the 16 additions of branches and the pools are not in the topology; the sheet's "
    "tiling of the 512 KB buffer is not published",
}


def nvdla() -> list[Check]:
    """Network times of the performance sheet: INT8, one image, dense layers at batch 16."""
    hardware = preset("nvdla_large")
    found = []
    for name, published in _NVDLA_MS.items():
        layers = network(name)
        spatial = [layer for layer in layers if not layer.name.startswith("fc")]
        dense = [_batched(layer, 16) for layer in layers if layer.name.startswith("fc")]
        time = milliseconds(network_cost(spatial, hardware), hardware)
        time += milliseconds(network_cost(dense, hardware), hardware) / 16
        conditions = "2,048 INT8 MACs, 1 GHz, 512 KB, 10 GB/s, dense layers at batch 16"
        source = "NVDLA performance sheet"
        found.append(
            Check(source, f"{name} time", "ms", conditions, published, time, _NVDLA_WHY[name])
        )
    return found


def nvdla_second_memory() -> list[Check]:
    """The sheet's AlexNet with a second SRAM of 4 MB: tensors between layers stay on chip."""
    hardware = replace(preset("nvdla_large"), ifmap_sram_kb=256 + 4096)
    layers = network("alexnet")
    spatial = [layer for layer in layers if not layer.name.startswith("fc")]
    dense = [_batched(layer, 16) for layer in layers if layer.name.startswith("fc")]
    options = Options(on_chip=True)
    time = milliseconds(network_cost(spatial, hardware, options), hardware)
    time += milliseconds(network_cost(dense, hardware, options), hardware) / 16
    return [
        Check(
            "NVDLA performance sheet",
            "alexnet time with a second SRAM",
            "ms",
            "as above, and 4 MB of second SRAM",
            0.5915,
            time,
            "only tensors of two layers that follow each other stay on chip here, and the halves "
            "of AlexNet's grouped convolutions do not chain; weights are not kept",
        )
    ]


def _batched(layer: Layer, batch: int) -> Layer:
    """A dense layer for `batch` inputs at once, which share its weights."""
    assert layer.shape is not None
    shape = LayerShape.from_output((batch, 1), (1, 1), layer.shape.window, layer.shape.filters)
    return replace(
        layer,
        shape=shape,
        ifmap_bytes=layer.ifmap_bytes * batch,
        ofmap_bytes=layer.ofmap_bytes * batch,
    )


# ---------------------------------------------------------------- Eyeriss

# JSSC 2017, AlexNet, batch 4: (processing ms, DRAM MB, global buffer MB).
_EYERISS = {
    "conv1": (16.5, 5.0, 18.5),
    "conv2": (39.2, 4.0, 77.6),
    "conv3": (21.8, 3.0, 50.2),
    "conv4": (16.0, 2.1, 37.4),
    "conv5": (10.0, 1.3, 24.9),
}
_WORDS_16_BIT = ElementBytes(2, 2, 2, 4)


def eyeriss() -> list[Check]:
    """Layer times and DRAM traffic of AlexNet, four images, words of 16 bits."""
    hardware = preset("eyeriss_like")
    options = Options(elements=_WORDS_16_BIT)
    costs = network_cost(network("alexnet"), hardware, options)
    found = []
    for name, (published_ms, published_mb, buffer_mb) in _EYERISS.items():
        parts = [cost for cost in costs if cost.layer.name.startswith(name)]
        conditions = "AlexNet, batch 4, 16 bit, 200 MHz, 168 PEs; output-stationary stand-in"
        source = "Eyeriss (JSSC 2017)"
        found.append(
            Check(
                source,
                f"{name} time",
                "ms",
                conditions,
                published_ms,
                4 * milliseconds(parts, hardware),
                "row-stationary folding and its ramps are not modelled",
            )
        )
        found.append(
            Check(
                source,
                f"{name} DRAM traffic",
                "MB",
                conditions,
                published_mb,
                4 * sum(cost.dram_bytes for cost in parts) / 1e6,
                "the chip compresses its traffic and reuses weights over the four images; here "
                "each image is tiled alone, with 8 KiB for weights, and nothing is compressed",
            )
        )
        found.append(
            Check(
                source,
                f"{name} global buffer traffic",
                "MB",
                conditions,
                buffer_mb,
                4 * sum(_buffer_bytes(cost, hardware) for cost in parts) / 1e6,
                "does not fit: row-stationary reuses inputs and sums inside the array, which the "
                "output-stationary stand-in streams anew for every fold",
            )
        )
    return found


def _buffer_bytes(cost: LayerCost, hardware: Hardware) -> int:
    """Bytes through the buffers of inputs and sums, as the chip's global buffer holds these."""
    accesses = count_accesses(cost, hardware, _WORDS_16_BIT)
    return accesses.ifmap_sram_bytes + accesses.ofmap_sram_bytes


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
            "does not fit: counted accesses fall with a larger array; leakage and idle cells, "
            "which grow with it, are not counted for want of a source",
        ),
    ]


def _v3_dataflow() -> list[Check]:
    found = []
    for size in (32, 128):
        ws, os = (
            sum(cost.compute.total for cost in network_cost(_six_layers(), _square(flow, size)))
            for flow in _WS_OS
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


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, help="write the rows to this CSV file")
    options = parser.parse_args(arguments)
    rows = validation_rows()
    for row in rows:
        print(
            f"{row['source']:<24} {row['quantity']:<44} {row['published']:>10.4g} "
            f"{row['ours']:>10.4g} {row['error']:>+8.1%}  {row['unit']}"
        )
        print(f"{'':<24} {row['why']}")
    if options.output is not None:
        with atomic_path(options.output) as path, path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
