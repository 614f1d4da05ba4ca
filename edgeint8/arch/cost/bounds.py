"""What no schedule can beat, and what no schedule can be worse than.

docs/physical_model.md, equations 18 and 19.
"""

from dataclasses import replace

from edgeint8.arch.cost.folds import compute_cycles
from edgeint8.arch.cost.physical import (
    DEFAULT,
    Options,
    exposed_cycles,
    streamed_bytes,
    transfer_cycles,
)
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer


def lower_bound(layer: Layer, hardware: Hardware, options: Options = DEFAULT) -> tuple[int, int]:
    """(cycles, bytes) that no schedule can beat: full array, every tensor moved once. Eq. 18."""
    moved = streamed_bytes(layer, options.element_bytes)
    ideal = -(-layer.mapped_macs // hardware.processing_elements)
    bus = replace(hardware, shared_bus=True)  # all ports busy all the time
    return max(ideal, transfer_cycles((sum(moved), 0, 0), bus)), sum(moved)


def upper_bound(layer: Layer, hardware: Hardware, options: Options = DEFAULT) -> tuple[int, int]:
    """(cycles, bytes) without any reuse or overlap and with serial folds. Equation 19."""
    element_bytes = options.element_bytes
    if layer.shape is None:
        moved = sum(streamed_bytes(layer, element_bytes))
        return transfer_cycles((moved, 0, 0), replace(hardware, shared_bus=True)), moved
    shape, runs = layer.shape, layer.separate_runs
    inputs = max(shape.macs * runs, layer.ifmap_bytes * shape.filters) + runs
    sums = shape.output_pixels * shape.filters * runs * 2 * element_bytes.accumulator
    ports = (
        inputs * element_bytes.ifmap,
        (shape.macs * runs + layer.filter_bytes) * element_bytes.filter,
        layer.ofmap_bytes * element_bytes.ofmap + sums * (shape.window - 1),
    )
    compute = compute_cycles(layer, replace(hardware, pipelined_folds=False)).total
    exposed = exposed_cycles(layer, hardware, element_bytes)
    return compute + exposed + transfer_cycles(ports, hardware), sum(ports)
