"""What mapping_witness.py sends, read back as loops and walked element by element."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import yaml

OPERANDS = {"ifmap": "cpqrs", "filter": "mcrs", "ofmap": "mpq"}
NAMES = {"I": "ifmap", "W": "filter", "O": "ofmap"}


@dataclass(frozen=True)
class Walk:
    """Loops from the outside in, (dimension, step, rounds); `outside` counts those of a buffer.

    `folds` of them stand outside one fold of the array.
    """

    loops: list[tuple[str, int, int]]
    outside: dict[str, int]
    folds: int


def walked(walk: Walk, extents: dict[str, int], stride: tuple[int, int]) -> dict[str, int]:
    """Elements that enter each buffer and each fold, and MACs, one round of the loops at a time.

    A buffer that gets what it holds is not filled; a fold always is.
    """
    found: Counter = Counter()
    places = {(name, "DRAM"): walk.outside[name] for name in OPERANDS}
    places |= {(name, "SRAM"): walk.folds for name in OPERANDS}
    at: dict[tuple[str, str], tuple[int, ...]] = {}
    now: dict[tuple[str, str], set] = {key: set() for key in places}
    last: dict[str, set] = {name: set() for name in OPERANDS}

    def close(key: tuple[str, str]) -> None:
        name, level = key
        if level == "SRAM" or now[key] != last[name]:
            found[f"{name} {level}"] += len(now[key])
        if level == "DRAM":
            last[name] = now[key]
        now[key] = set()

    for rounds in product(*(range(count) for _, _, count in walk.loops)):
        index = dict.fromkeys(extents, 0)
        for (dimension, step, _), turn in zip(walk.loops, rounds, strict=True):
            index[dimension] += step * turn
        if any(index[name] >= extent for name, extent in extents.items()):
            continue
        for key, place in places.items():
            if at.setdefault(key, rounds[:place]) != rounds[:place]:
                close(key)
                at[key] = rounds[:place]
            name, level = key
            taps = tuple(index[dimension] for dimension in OPERANDS[name])
            now[key].add(taps if level == "SRAM" else element(name, index, stride))
        found["macs"] += 1
    for key in places:
        close(key)
    return dict(found)


def element(name: str, index: dict[str, int], stride: tuple[int, int]) -> tuple:
    """What an operand holds: an input is met by several windows."""
    if name != "ifmap":
        return tuple(index[dimension] for dimension in OPERANDS[name])
    return index["c"], stride[0] * index["p"] + index["r"], stride[1] * index["q"] + index["s"]


class Loader(yaml.SafeLoader):
    """Tags as AccelForge's examples write them become the kind of a node."""


for tag in ("Storage", "Temporal", "Spatial", "Compute", "Memory", "Container"):
    Loader.add_constructor(
        f"!{tag}",
        lambda loader, node, kind=tag: {"kind": kind} | loader.construct_mapping(node, deep=True),
    )


def accelforge_walk(nest, mapping: str) -> Walk:
    """The loops of AccelForge's mapping; every tile has to divide."""
    nodes = yaml.load(mapping, Loader)["mapping"]["nodes"]
    shape = {name: Fraction(cut.extent) for name, cut in nest.cuts.items()}
    loops, outside, folds = [], {}, None
    for node in nodes:
        if node["kind"] == "Spatial" or node.get("component") == "cell":
            folds = len(loops) if folds is None else folds
        if node.get("component", "").endswith("_sram"):
            outside[NAMES[node["tensors"][0]]] = len(loops)
        if node["kind"] in ("Temporal", "Spatial"):
            name, tile = node["rank_variable"], Fraction(node["tile_shape"])
            loops.append((name, int(tile), int(shape[name] / tile)))
            assert shape[name] % tile == 0 and tile.denominator == 1, "take a layer that divides"
            shape[name] = tile
    assert set(shape.values()) == {1}
    return Walk(loops, outside, folds)


FACTOR = re.compile(r"([A-Za-z]+)[ ]*=*[ ]*([0-9]+)(,([0-9]+))?")  # mapping/parser.cpp
BUFFERS = ("DRAM", "SRAM", "regfile", "smartbuffer", "storage")  # model/topology.hpp
COMPUTE = ("mac", "intmac", "fpmac", "compute")


def storages(architecture: dict) -> dict[str, tuple[dict, int]]:
    """Attributes and instances of the memories, outermost first: one subtree a level."""
    found, instances, node = {}, 1, architecture
    while "subtree" in node:
        (node,) = node["subtree"]
        size = re.search(r"\[0\.\.(\d+)\]$", node["name"])
        instances *= int(size[1]) + 1 if size else 1
        for part in node["local"]:
            attributes = part["attributes"]
            if any(name in part["class"] for name in BUFFERS):
                found[part["name"]] = attributes, instances
            else:
                assert any(name in part["class"] for name in COMPUTE)
    return found


def loops_of(memories: dict, mapping: list[dict]) -> Iterator[tuple[str, str, str, int, int]]:
    """(level, kind, dimension, rounds, rounds of the last) from the inside out.

    Below a memory lie its lanes, above them its loops in time; a permutation begins inside.
    """
    read = {(one["target"], one["type"]): one for one in mapping}
    for level in reversed(memories):
        for kind in ("spatial", "temporal"):
            one = read.get((level, kind), {"factors": "", "permutation": ""})
            factors = {match[1]: match for match in FACTOR.finditer(one["factors"])}
            assert sorted(factors) == sorted(one["permutation"])
            for name in one["permutation"]:
                size, last = int(factors[name][2]), int(factors[name][4] or factors[name][2])
                yield level, kind, name, size, last


def timeloop_walk(memories: dict, mapping: list[dict]) -> Walk:
    """The loops of Timeloop's mapping; a buffer lies above the loops of its level."""
    step: Counter = Counter()
    loops, outside = [], {}
    for level, kind, name, size, _ in loops_of(memories, mapping):
        if size > 1:
            loops.append((name.lower(), step[name] or 1, size))
        step[name] = (step[name] or 1) * size
        outside[level, kind] = len(loops)
    places = {name: len(loops) - outside[f"{name}_sram", "temporal"] for name in OPERANDS}
    return Walk(loops[::-1], places, len(loops) - outside["folds", "spatial"])
