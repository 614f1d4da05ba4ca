"""The same layers on the same array through ZigZag: cycles, accesses, evaluations per second.

    python -m venv .zigzag && .zigzag/bin/pip install zigzag-dse==3.9.1 six
    python benchmarks/peers.py --zigzag .zigzag/bin/python [--output docs/data/benchmarks/peers.csv]

ZigZag needs an environment of its own (its NumPy and ours exclude each other; it also needs `six`
and does not ask for it). The machine: weight-stationary, 16x16, 64 KiB per operand, 48 bytes a
cycle to one DRAM, the next weights loaded while the present ones compute. ZigZag searches the loop
order by energy times delay; ours is the physical model. Nothing is fitted.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keep import circumstances, keep

from edgeint8.arch.cost.energy import count_accesses
from edgeint8.arch.cost.physical import layer_cost
from edgeint8.arch.cost.systolic import map_layer, sram_accesses
from edgeint8.arch.explore.design_space import DesignSpace
from edgeint8.arch.explore.explore import explore
from edgeint8.arch.machine.constants import DRAM_PER_BYTE, mac_fj, sram_fj_per_byte
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer, LayerShape

HERE = Path(__file__).parent
HARDWARE = Hardware(
    "ws", 16, 16, 64, 64, 64, 16, shared_bus=True, pipelined_folds=True, name="peer"
)
DRAM_BITS = 3 * 16 * 8
KIB_BITS = 1024 * 8
REPEATS = 200
# (name, output edge, window edge, channels, filters)
LAYERS = (
    ("16-channel conv", 32, 3, 16, 16),
    ("tiny_cnn_2d conv1", 32, 3, 3, 32),
    ("tiny_cnn_2d conv2", 16, 3, 32, 64),
    ("tiny_cnn_2d conv3", 8, 3, 64, 128),
    ("tiny_cnn_2d fc", 1, 1, 128, 10),
    ("resnet18 layer3", 14, 3, 256, 256),
)
WHY = {
    "cycles": "ZigZag counts no fill and drain and shifts no weights in; it counts the load of the "
    "first data whole",
    "ifmap SRAM reads": "ours streams once for every column fold; ZigZag may hold an input longer",
    "filter SRAM reads": "ours loads each tile once; ZigZag as its loop order asks",
    "sums into the ofmap SRAM": "ours sends one for each row fold; ZigZag may add row folds in the "
    "register at the column's end, with new weights every cycle",
    "ifmap DRAM reads": "ours keeps half of each buffer for the next tile and takes any tile size; "
    "ZigZag tiles by prime factors",
    "filter DRAM reads": "ours keeps half of each buffer for the next tile and takes any tile "
    "size; ZigZag tiles by prime factors",
    "ofmap DRAM writes": "each output once",
}


@dataclass(frozen=True)
class Peer:
    """One layer in one form: as a convolution, or as the matrix product it is made of."""

    name: str
    form: str
    edge: int
    window: int
    channels: int
    filters: int

    @property
    def layer(self) -> Layer:
        """Ours; a convolution is padded so that it keeps its size, padding is not fetched."""
        side = (self.edge, self.edge)
        shape = LayerShape.from_output(
            side, (self.window, self.window), self.channels, self.filters
        )
        pixels, k = shape.output_pixels, shape.window
        ifmap = pixels * self.channels
        if self.form == "matrix product":
            shape = LayerShape.from_output((pixels, 1), (1, 1), k, self.filters)
            ifmap = pixels * k
        sizes = (ifmap, k * self.filters, pixels * self.filters)
        return Layer(self.name, "conv", shape, 1, *sizes, "peers")

    def request(self) -> dict[str, Any]:
        """ZigZag's workload and mapping: the rows hold the sum's dimension, the columns filters."""
        conv = self.form == "convolution"
        workload = self._convolution() if conv else self._product()
        rows, cols = ("C", "K") if conv else ("D1", "D2")
        mapping = {
            "name": "default",
            "spatial_mapping": {
                "D1": [f"{rows}, {HARDWARE.rows}"],
                "D2": [f"{cols}, {HARDWARE.cols}"],
            },
            "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"},
        }
        operands = {
            "operand_precision": {"O": 32, "O_final": 8, "W": 8, "I": 8},
            "operand_source": {"I": 0, "W": 0},
        }
        head = {"id": 0, "name": "layer"}
        return {
            "name": self.name,
            "form": self.form,
            "workload": [head | workload | operands],
            "mapping": [mapping],
        }

    def _convolution(self) -> dict[str, Any]:
        pad = self.window // 2
        loops = {"B": 1, "K": self.filters, "G": 1, "OX": self.edge, "OY": self.edge}
        loops |= {"C": self.channels, "FX": self.window, "FY": self.window}
        return {
            "operator_type": "Conv",
            "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
            "dimension_relations": ["ix=1*ox+1*fx", "iy=1*oy+1*fy"],
            "loop_dims": list(loops),
            "loop_sizes": list(loops.values()),
            "pr_loop_dims": ["IX", "IY"],
            "pr_loop_sizes": [self.edge, self.edge],
            "padding": [[pad, pad], [pad, pad]],
        }

    def _product(self) -> dict[str, Any]:
        pixels, k = self.edge**2, self.window**2 * self.channels
        return {
            "operator_type": "Gemm",
            "equation": "O[d0][d2]+=I[d0][d1]*W[d1][d2]",
            "loop_dims": ["D0", "D1", "D2"],
            "loop_sizes": [pixels, k, self.filters],
        }


def peers() -> list[Peer]:
    """Every layer as a product; as a convolution where its channels fill the rows."""
    found = [Peer(name, "matrix product", *sizes) for name, *sizes in LAYERS]
    fits = [layer for layer in LAYERS if layer[3] % HARDWARE.rows == 0 and layer[2] > 1]
    return found + [Peer(name, "convolution", *sizes) for name, *sizes in fits]


def accelerator() -> dict[str, Any]:
    """`HARDWARE` in ZigZag's format, memories from the array outwards.

    Registers hold two weights (one in use, one arriving) and the sum at the end of each column.
    """
    both, rows, cols = ["D1", "D2"], HARDWARE.rows, HARDWARE.cols
    ifmap_kb, filter_kb, ofmap_kb = HARDWARE.sram_kb
    once = [("r", 8 * rows, ["tl"]), ("w", DRAM_BITS, ["fh"])]
    sums = [("r", 32 * cols, ["tl", "th"]), ("w", 32 * cols, ["fh", "fl"])]
    column = [("r", 32, ["tl"]), ("r", 32, ["th"]), ("w", 32, ["fh"]), ("w", 32, ["fl"])]
    every = ["fh", "tl", "fl", "th"]
    memories = {
        "weights": memory(["I2"], 2 * 8, 0.0, [("r", 8, ["tl"]), ("w", 8, ["fh"])], []),
        "sums": memory(["O"], 32, 0.0, column, ["D1"]),
        "ifmap_sram": memory(["I1"], ifmap_kb * KIB_BITS, sram_pj(ifmap_kb), once, both),
        "filter_sram": memory(["I2"], filter_kb * KIB_BITS, sram_pj(filter_kb), once, both),
        "ofmap_sram": memory(["O"], ofmap_kb * KIB_BITS, sram_pj(ofmap_kb), sums, both),
        "dram": memory(
            ["I1", "I2", "O"], 10**12, DRAM_PER_BYTE.mid / 1000, [("rw", DRAM_BITS, every)], both
        ),
    }
    array = {"unit_energy": mac_fj("mid", "int8") / 1000, "unit_area": 1}
    array |= {"dimensions": both, "sizes": [rows, cols]}
    return {"name": "ws_16x16", "memories": memories, "operational_array": array}


def sram_pj(kb: int) -> float:
    """Picojoules a byte, of a 64-bit port: what ZigZag was given when it was run."""
    return sram_fj_per_byte(kb, 8, "mid") / 1000


def memory(
    operands: Sequence[str],
    bits: int,
    pj_per_byte: float,
    ports: Sequence[tuple[str, int, Sequence[str]]],
    served: Sequence[str],
) -> dict[str, Any]:
    """One memory; a port is (r, w or rw, its width in bits, the ways its operands take)."""
    kinds = {"r": "read", "w": "write", "rw": "read_write"}
    entries = []
    for place, (letters, width, ways) in enumerate(ports):
        number = 1 + sum(letters == earlier for earlier, _, _ in ports[:place])
        allocation = [
            f"{operand}, {way}"
            for operand in operands
            for way in ways
            if operand == "O" or way in ("fh", "tl")  # inputs only come down
        ]
        head = {"name": f"{letters}_port_{number}", "type": kinds[letters]}
        entries.append(
            head | {"bandwidth_min": 8, "bandwidth_max": width, "allocation": allocation}
        )
    price = pj_per_byte * ports[0][1] / 8  # an access of the port's width
    head = {"size": bits, "r_cost": price, "w_cost": price, "area": 0, "latency": 1}
    return head | {
        "operands": list(operands),
        "ports": entries,
        "served_dimensions": list(served),
    }


def compared(peer: Peer, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of one layer, ZigZag's and ours; elements are bytes, except sums."""
    layer = peer.layer
    assert layer.shape is not None
    cost = layer_cost(layer, HARDWARE)
    ifmap, filter_, sums = sram_accesses(map_layer(layer.shape, HARDWARE))
    moved = answer["elements"]
    outputs = moved["O"]
    quantities = {
        "cycles": ("cycles", answer["cycles"], cost.cycles),
        "ifmap SRAM reads": ("bytes", moved["I"][0]["read_down"], ifmap),
        "filter SRAM reads": ("bytes", moved["W"][1]["read_down"], filter_),
        "sums into the ofmap SRAM": ("sums", outputs[1]["written_from_below"], sums),
        "ifmap DRAM reads": ("bytes", moved["I"][-1]["read_down"], cost.ifmap_bytes),
        "filter DRAM reads": ("bytes", moved["W"][-1]["read_down"], cost.filter_bytes),
        "ofmap DRAM writes": ("bytes", outputs[-1]["written_from_below"], cost.ofmap_bytes),
    }
    head = {"layer": peer.name, "form": peer.form}
    return [
        head
        | {"quantity": name, "unit": unit, "zigzag": theirs, "ours": ours}
        | {"ratio": ours / theirs, "why": "agrees" if ours == theirs else WHY[name]}
        for name, (unit, theirs, ours) in quantities.items()
    ]


def speeds(found: list[Peer], answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Evaluations per CPU second: of ZigZag's cost model, its searches, our model and sweep."""
    seconds = sum(answer["cpu_seconds"] for answer in answers)
    searches = len(answers) / seconds
    layers = [peer.layer for peer in found]
    start = time.process_time()
    for _ in range(REPEATS):
        for layer in layers:
            count_accesses(layer_cost(layer, HARDWARE), HARDWARE)
    ours = REPEATS * len(layers) / (time.process_time() - start)
    space = DesignSpace(tuple(range(4, 257)), tuple(range(4, 257)), ((64, 64, 64),), (16,))
    explore(layers, space)  # compiles what is compiled
    start = time.process_time()
    swept = explore(layers, space).layer_evaluations / (time.process_time() - start)
    mappings = sum(answer["mappings"] for answer in answers) / seconds
    rows = (
        ("layers mapped and costed", searches, ours, "ZigZag searches loop orders; ours tiles"),
        ("cost evaluations", mappings, swept, "ZigZag: mappings; ours: layers of designs, swept"),
    )
    return [
        {"layer": "all", "form": "all", "quantity": f"time: {name} per CPU second"}
        | {"unit": "1/s", "zigzag": theirs, "ours": mine, "ratio": mine / theirs, "why": why}
        for name, theirs, mine, why in rows
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--zigzag", required=True, help="the Python of ZigZag's environment")
    parser.add_argument("--output", type=Path, help="write the rows to this CSV file")
    options = parser.parse_args(arguments)
    found = peers()
    request = {"accelerator": accelerator(), "layers": [peer.request() for peer in found]}
    process = subprocess.run(
        [options.zigzag, str(HERE / "peer_zigzag.py")],
        input=json.dumps(request),
        capture_output=True,
        text=True,
    )
    if process.returncode:
        print(f"error: ZigZag failed: {process.stderr[-2000:]}", file=sys.stderr)
        return 1
    answers = json.loads(process.stdout[process.stdout.index("[{") :])
    rows = [row for pair in zip(found, answers, strict=True) for row in compared(*pair)]
    rows += speeds(found, answers)
    for row in rows:
        print(
            f"{row['layer']:<20} {row['form']:<15} {row['quantity']:<42} {row['zigzag']:>14,.1f} "
            f"{row['ours']:>16,.1f} {row['ratio']:>9.3g}"
        )
    if options.output is not None:
        keep(options.output, rows, circumstances("zigzag-dse 3.9.1 in its own environment"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
