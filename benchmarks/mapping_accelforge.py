"""A nest as AccelForge's input: architecture, workload and mapping in its YAML.

Energies are of this model: femtojoules a byte, a MAC and a cycle. An action is one element; a sum
in the ofmap SRAM has four bytes. Time is counted in cycles, so power is femtojoules a cycle.
AccelForge takes a loop that does not divide as a mean (`use_average_tiles` in its
model/_looptree/reuse/symbolic/_common.py), so sizes are means: trips and folds stay whole.
"""

from collections.abc import Iterator
from fractions import Fraction

from mapping_nest import OPERANDS, ROWS, STATIONARY, STREAM, Nest, Operand

TENSOR: dict[Operand, str] = {"ifmap": "I", "filter": "W", "ofmap": "O"}
SUM_BYTES = 4
PORTS = 3  # of an id's bytes a cycle


def memory(
    name: str, tensors: str, energy: float, rate: float | str = "inf", power: float = 0
) -> str:
    """One memory without a limit to what it holds: what fits is decided before."""
    actions = "".join(
        f"    - {{name: {way}, energy: {energy:.12g}, throughput: {rate}, bits_per_action: 8}}\n"
        for way in ("read", "write")
    )
    return (
        f"  - !Memory\n    name: {name}\n    size: inf\n    leak_power: {power:.12g}\n    area: 0\n"
        f'    tensors: {{keep: "{tensors}", may_keep: "{tensors}"}}\n    actions:\n{actions}'
    )


def architecture(nest: Nest, energy: dict[str, float]) -> str:
    """DRAM, the three SRAMs in the order in which the mapping nests them, and the array.

    `energy` is `mapping_witness.prices`; what every cycle costs stands as DRAM's leakage.
    """
    hardware = nest.hardware
    rate = PORTS * hardware.bandwidth_bpc if hardware.bandwidth_bpc else "inf"
    nodes = [memory("DRAM", "All", energy["dram"], rate, energy["cycle"])]
    for operand in nest.buffers:
        size = SUM_BYTES if operand == "ofmap" else 1
        price = size * energy[operand]
        nodes.append(memory(f"{operand}_sram", TENSOR[operand], price))
    axes = {"cols": hardware.cols, "rows": hardware.rows}
    fanout = "".join(f"    - {{name: {axis}, fanout: {n}}}\n" for axis, n in axes.items())
    nodes.append(f"  - !Container\n    name: PE\n    spatial:\n{fanout}")
    nodes.append(memory("cell", TENSOR[STATIONARY[hardware.dataflow]], 0))
    nodes.append(
        "  - !Compute\n    name: MAC\n    leak_power: 0\n    area: 0\n    actions:\n"
        f"    - {{name: compute, energy: {energy['mac']:.12g}, throughput: 1}}\n"
    )
    return "arch:\n  nodes:\n" + "".join(nodes)


def workload(nest: Nest) -> str:
    """The layer as a convolution of one image, all its runs one after another."""
    space = "".join(f"    {name}: 0 <= {name} < {cut.extent}\n" for name, cut in nest.cuts.items())
    height = f"{nest.loops.stride_h} * p + r"
    width = f"{nest.loops.stride_w} * q + s"
    return (
        f"workload:\n  iteration_space_shape:\n{space}  bits_per_value: {{All: 8}}\n"
        f"  einsums:\n  - name: Layer\n    n_instances: {nest.layer.runs}\n    tensor_accesses:\n"
        f"    - {{name: I, projection: {{C: c, H: {height}, X: {width}}}}}\n"
        "    - {name: W, projection: {M: m, C: c, R: r, S: s}}\n"
        "    - {name: O, projection: {M: m, P: p, Q: q}, output: True}\n"
    )


def case(nest: Nest, energy: dict[str, float]) -> dict[str, str]:
    """One request of witness_accelforge.py."""
    return {
        "arch": architecture(nest, energy),
        "workload": workload(nest),
        "mapping": mapping(nest),
    }


def mapping(nest: Nest) -> str:
    """Tile loops with the buffers between them, folds, rows and columns, the cell, the stream."""
    return "mapping:\n  nodes:\n" + "".join(f"  - {node}\n" for node in _nodes(nest))


def _nodes(nest: Nest) -> Iterator[str]:
    dataflow, cuts = nest.hardware.dataflow, nest.cuts
    yield "!Storage {tensors: [I, W, O], component: DRAM}"
    for place in range(4):
        for operand in OPERANDS:
            if nest.depth[operand] == place:
                yield f"!Storage {{tensors: [{TENSOR[operand]}], component: {operand}_sram}}"
        for name in nest.loops_at(place) if place < 3 else ():
            yield from _temporal(name, Fraction(cuts[name].extent), cuts[name].mean_tile)
    on_array = "m" + ROWS[dataflow]
    for name in on_array:
        yield from _temporal(name, cuts[name].mean_tile, cuts[name].mean_fold)
    for name in on_array:
        if cuts[name].mean_fold > 1:
            axis = "cols" if name == "m" else "rows"
            yield f"!Spatial {{rank_variable: {name}, name: {axis}, component: PE, tile_shape: 1}}"
    yield f"!Storage {{tensors: [{TENSOR[STATIONARY[dataflow]]}], component: cell}}"
    for name in STREAM[dataflow]:
        yield from _temporal(name, cuts[name].mean_tile, Fraction(1))
    yield "!Compute {einsum: Layer, component: MAC}"


def _temporal(name: str, outer: Fraction, inner: Fraction) -> Iterator[str]:
    if inner < outer:
        yield f'!Temporal {{rank_variable: {name}, tile_shape: "{inner}"}}'
