"""A nest as Timeloop's input, and its statistics read back; run where `timeloop-model` is on PATH.

What the program itself takes: an architecture of version 0.3 as `subtree` and `local`, a problem,
a list of mapping directives, and an energy reference table, so that no Accelergy is needed. Rules
are those of Timeloop's src/mapping/parser.cpp, src/model/topology.cpp, src/model/buffer.cpp and
src/workload/shape-models/problem-shape.cpp:
loops of one letter; `factors` of all levels multiply up to the extent as mixed radix, `D=n,last`
where the last round is shorter; `permutation` from the inside out; the first `split` loops of a
spatial directive on X, the others on Y.
Lanes and tiles are whole here: a tile is a whole number of folds, so where ours is not it is a
little larger.
"""

import math
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mapping_nest import BOUND, ENERGY, OPERANDS, ROWS, STATIONARY, STREAM, TILED, Nest, Operand

from edgeint8.errors import DataError

NAMES: dict[Operand, str] = {"ifmap": "Inputs", "filter": "Weights", "ofmap": "Outputs"}
DIMENSIONS = "MCRSPQG"
BITS = {"ifmap": 8, "filter": 8, "ofmap": 32}
FILES = ("architecture", "problem", "mapping", "ERT")
KIB_BITS = 8 * 1024
PORTS = 3
LEVEL = re.compile(r"=== (?P<name>\S+) ===")
SPACE = re.compile(r"(?P<name>Inputs|Weights|Outputs):$")
COUNT = re.compile(
    r"(?:Actual s|S)calar (?P<way>reads|fills|updates) \(per-instance\)\s*: (?P<count>\d+)$"
)
INSTANCES = re.compile(r"Utilized instances \(max\)\s*: (?P<count>\d+)$")
SUMMARY = re.compile(r"(?P<name>Cycles|Energy): (?P<value>[0-9.e+]+)(?: uJ)?$")


@dataclass(frozen=True)
class Split:
    """One dimension from the inside out: lanes on the array, folds of a tile, tiles."""

    extent: int
    lanes: int
    folds: int
    tiles: int
    stream: int

    @property
    def factors(self) -> dict[str, tuple[int, int]]:
        """(rounds, rounds of the last one) by level: digits of extent - 1, each plus one."""
        left, found = self.extent - 1, {}
        for level in ("stream", "lanes", "folds", "tiles"):
            size = getattr(self, level)
            found[level] = (size, left % size + 1)
            left //= size
        return found


def splits(nest: Nest) -> dict[str, Split]:
    """Whole lanes, folds and tiles of every dimension; `G` counts the runs."""
    hardware, cuts, found = nest.hardware, nest.cuts, {}
    free = {"m": hardware.cols} | dict.fromkeys(ROWS[hardware.dataflow], hardware.rows)
    for name in ("m", *ROWS[hardware.dataflow]):
        tile = min(cuts[name].tile, cuts[name].extent)
        folds = -(-tile // free[name])
        lanes = -(-tile // folds)
        found[name] = Split(
            cuts[name].extent, lanes, folds, -(-cuts[name].extent // (lanes * folds)), 1
        )
        if name != "m":
            free |= dict.fromkeys(ROWS[hardware.dataflow], free[name] // lanes)
    for name in STREAM[hardware.dataflow]:
        cut = cuts[name]
        found[name] = Split(cut.extent, 1, 1, -(-cut.extent // cut.tile), cut.tile)
    return {name.upper(): split for name, split in found.items()} | {
        "G": Split(nest.layer.runs, 1, 1, nest.layer.runs, 1)
    }


def exact(nest: Nest) -> bool:
    """Whether every tile and every fold is ours to the element."""
    dims = splits(nest)
    return all(
        dims[name.upper()].lanes == cut.mean_fold and cut.mean_tile == cut.tile
        for name, cut in nest.cuts.items()
        if name not in STREAM[nest.hardware.dataflow]
    )


def directive(
    target: str, kind: str, level: str, order: str, nest: Nest, **more: int
) -> dict[str, Any]:
    """Loops of one level, given from the outside in."""
    dims = splits(nest)
    factors = {name: dims[name].factors[level] if name in order else (1, 1) for name in DIMENSIONS}
    text = " ".join(
        f"{name}={size}" if size == last else f"{name}={size},{last}"
        for name, (size, last) in factors.items()
    )
    rest = "".join(name for name in DIMENSIONS if name not in order)
    return {
        "target": target,
        "type": kind,
        "factors": text,
        "permutation": order[::-1] + rest,
    } | more


def mapping(nest: Nest) -> list[dict[str, Any]]:
    """Tile loops at the level whose data they walk, folds, lanes, stream; then who keeps what."""
    dataflow = nest.hardware.dataflow
    levels = ["DRAM", *(f"{operand}_sram" for operand in nest.buffers)]
    loops = dict.fromkeys(levels, "")
    loops["DRAM"] = "G"
    for place in range(3):
        inside = [operand for operand in nest.buffers if nest.depth[operand] <= place]
        level = f"{inside[-1]}_sram" if inside else "DRAM"
        loops[level] += "".join(nest.loops_at(place)).upper()
    on_rows = ROWS[dataflow].upper()
    found = [directive(level, "temporal", "tiles", order, nest) for level, order in loops.items()]
    found.append(directive("folds", "temporal", "folds", on_rows + "M", nest))
    found.append(directive("folds", "spatial", "lanes", on_rows + "M", nest, split=1))
    found.append(directive("cell", "temporal", "stream", STREAM[dataflow].upper(), nest))
    kept = {"DRAM": list(OPERANDS), "folds": [], "cell": [STATIONARY[dataflow]]}
    kept |= {f"{operand}_sram": [operand] for operand in OPERANDS}
    for level, operands in kept.items():
        keep = [NAMES[operand] for operand in operands]
        bypass = [name for name in NAMES.values() if name not in keep]
        found.append({"target": level, "type": "bypass", "keep": keep, "bypass": bypass})
    return found


def architecture(nest: Nest) -> dict[str, Any]:
    """DRAM, then the SRAMs in the order of the nest, a level that only holds loops, the array."""
    hardware = nest.hardware
    kib = dict(zip(OPERANDS, hardware.sram_kb, strict=True))
    dram: dict[str, Any] = {"width": 8, "datawidth": 8}
    if hardware.bandwidth_bpc:
        dram["shared_bandwidth"] = PORTS * hardware.bandwidth_bpc
    srams = [
        _part(f"{name}_sram", "SRAM", depth=kib[name] * KIB_BITS // BITS[name], width=BITS[name])
        for name in nest.buffers
    ]
    held = BITS[STATIONARY[hardware.dataflow]]
    mesh = {"meshX": hardware.cols}
    array = {
        "name": f"PE[0..{hardware.processing_elements - 1}]",
        "local": [
            _part("cell", "regfile", depth=1, width=held, **mesh),
            _part("mac", "intmac", width=8, **mesh),
        ],
    }
    chip = {
        "name": "chip",
        "local": [*srams, _part("folds", "regfile", depth=1, width=8)],
        "subtree": [array],
    }
    memory = {"name": "DRAM", "class": "DRAM", "attributes": dram}
    return {"version": "0.3", "subtree": [{"name": "system", "local": [memory], "subtree": [chip]}]}


def _part(name: str, kind: str, width: int, **attributes: int) -> dict[str, Any]:
    words = {"datawidth": width} if kind == "intmac" else {"width": width, "datawidth": width}
    return {"name": name, "class": kind, "attributes": words | attributes}


def problem(nest: Nest) -> dict[str, Any]:
    """The layer as a convolution; `G` counts its runs, each with operands of its own."""
    loops, dims = nest.loops, splits(nest)
    height, width = [["P", "Ystride"], ["R"]], [["Q", "Xstride"], ["S"]]
    spaces = {
        "Weights": [[["G"]], [["M"]], [["C"]], [["R"]], [["S"]]],
        "Inputs": [[["G"]], [["C"]], height, width],
        "Outputs": [[["G"]], [["M"]], [["P"]], [["Q"]]],
    }
    shape = {
        "name": "convolution",
        "dimensions": list(DIMENSIONS),
        "coefficients": [{"name": f"{axis}stride", "default": 1} for axis in "YX"],
        "data_spaces": [
            {"name": name, "projection": terms}
            | ({"read_write": True} if name == "Outputs" else {})
            for name, terms in spaces.items()
        ],
    }
    strides = {"Ystride": loops.stride_h, "Xstride": loops.stride_w}
    return {"shape": shape, "instance": {name: dims[name].extent for name in DIMENSIONS} | strides}


def energy_table(nest: Nest, energy: dict[str, float]) -> dict[str, Any]:
    """`mapping_witness.prices` in picojoules a word; registers are in the MAC."""
    words = {"system.DRAM": energy["dram"], "system.chip.folds": 0.0}
    for operand in OPERANDS:
        words[f"system.chip.{operand}_sram"] = energy[operand] * BITS[operand] / 8
    array = f"system.chip.PE[0..{nest.hardware.processing_elements - 1}]"
    words[f"{array}.cell"] = 0.0
    tables = [
        {"name": name, "actions": [_action(way, value) for way in ("read", "write", "update")]}
        for name, value in words.items()
    ]
    tables.append({"name": f"{array}.mac", "actions": [_action("compute", energy["mac"])]})
    return {"version": 0.3, "tables": tables}


def _action(name: str, femtojoules: float) -> dict[str, Any]:
    return {"name": name, "energy": femtojoules / 1000}


def write(nest: Nest, energy: dict[str, float], folder: Path) -> None:
    """The four files of one case, by the names of `FILES`."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = (architecture(nest), problem(nest), mapping(nest), energy_table(nest, energy))
    for name, content in zip(FILES, parts, strict=True):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({name: content}, sort_keys=False))


def run(program: str, folder: Path) -> dict[str, float]:
    """What Timeloop counts for the files in `folder`. Raises `DataError` when it refuses them."""
    command = [program, *(str(folder / f"{name}.yaml") for name in FILES), "-o", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    stats = folder / "timeloop-model.stats.txt"
    if done.returncode or not stats.is_file():
        said = (done.stdout + done.stderr).strip().splitlines()
        raise DataError(f"Timeloop refused the mapping: {said[-1:]}", where=str(folder))
    return read_stats(stats.read_text())


def read_stats(text: str) -> dict[str, float]:
    """Elements by operand and level, cycles and femtojoules in a `timeloop-model.stats.txt`."""
    found: dict[str, float] = {}
    level = space = ""
    instances = 1
    for line in map(str.strip, text.splitlines()):
        if match := LEVEL.match(line):
            level, space = match["name"], ""
        elif match := SPACE.match(line):
            space, instances = match["name"], 1
        elif match := INSTANCES.match(line):
            instances = int(match["count"])
        elif (match := COUNT.match(line)) and space:
            key = (level, space, match["way"])
            found[".".join(key)] = instances * int(match["count"])
        elif match := SUMMARY.match(line):
            found[match["name"]] = float(match["value"])
    if "Cycles" not in found:
        raise DataError("no cycles in Timeloop's statistics", allowed="a timeloop-model.stats.txt")
    return _quantities(found)


def _quantities(found: dict[str, float]) -> dict[str, float]:
    """Writes into a memory are fills from outside and updates from inside."""
    quantities = {}
    for operand, space in NAMES.items():
        for level, name in (("DRAM", "DRAM"), ("SRAM", f"{operand}_sram")):
            ways = {
                way: found.get(f"{name}.{space}.{way}", 0.0)
                for way in ("reads", "fills", "updates")
            }
            quantities[f"{operand} {level} reads"] = ways["reads"]
            quantities[f"{operand} {level} writes"] = ways["fills"] + ways["updates"]
    microjoules = found.get("Energy", math.nan)
    cycles = dict.fromkeys((BOUND, TILED), found["Cycles"])
    return quantities | cycles | {ENERGY: microjoules * 1e9}
