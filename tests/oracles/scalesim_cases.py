"""Random (layer shape, machine) cases for the comparison with SCALE-Sim."""

import random

from edgeint8.arch.cost.systolic import map_layer
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.network.layers import LayerShape
from edgeint8.dataflow import DATAFLOWS

_EXTENTS = (1, 2, 3, 4, 5, 7, 8, 12, 16, 24, 32, 64, 96, 128)
_SRAM_KB = (1, 1, 1, 2, 3, 4, 8, 16, 64)
_BANDWIDTHS = (1, 2, 3, 4, 7, 10, 16, 33, 64, 200)


def random_shape(rng: random.Random) -> LayerShape:
    """A 2-D convolution, a 1-D convolution, a fully connected layer or a matrix product."""
    kind = rng.choice(("conv", "conv", "conv", "conv1d", "fc", "gemm"))
    channels = rng.choice((1, 2, 3, 4, 8, 13, 16, 32))
    filters = rng.choice((1, 2, 5, 8, 16, 17, 40))
    if kind == "fc":
        return LayerShape.from_gemm(1, rng.randint(1, 300), rng.randint(1, 600))
    if kind == "gemm":
        return LayerShape.from_gemm(rng.randint(2, 60), rng.randint(1, 60), rng.randint(1, 90))
    if kind == "conv1d":
        return LayerShape.from_output(
            (1, rng.randint(1, 120)),
            (1, rng.randint(1, 9)),
            channels,
            filters,
            (1, rng.randint(1, 4)),
        )
    return LayerShape.from_output(
        (rng.randint(1, 14), rng.randint(1, 14)),
        (rng.randint(1, 5), rng.randint(1, 5)),
        channels,
        filters,
        (rng.randint(1, 3), rng.randint(1, 3)),
    )


def random_hardware(rng: random.Random) -> Hardware:
    """Square and not, from one cell to 128 x 128, SRAM from tiny to ample, any bandwidth."""
    dataflow = rng.choice(DATAFLOWS)
    rows, cols = rng.choice(_EXTENTS), rng.choice(_EXTENTS)
    bandwidth = None if rng.random() < 0.35 else rng.choice(_BANDWIDTHS)
    if rng.random() < 0.7:
        ending = "unlimited" if bandwidth is None else f"{bandwidth}Bpc"
        return parse_hardware_id(f"{dataflow}_{rows}x{cols}_{rng.choice(_SRAM_KB)}kB_{ending}")
    sram_kb = [rng.choice(_SRAM_KB) for _ in range(3)]
    return Hardware(dataflow, rows, cols, *sram_kb, bandwidth, name="unequal_buffers")


def random_cases(count: int, seed: int, most_cells: int) -> list[tuple[LayerShape, Hardware]]:
    """Cases that SCALE-Sim finishes soon: at most `most_cells` (lines x array edges)."""
    rng = random.Random(seed)
    cases: list[tuple[LayerShape, Hardware]] = []
    while len(cases) < count:
        shape, hardware = random_shape(rng), random_hardware(rng)
        mapping = map_layer(shape, hardware)
        cells = mapping.lines * (mapping.rows + mapping.cols)
        if mapping.lines > 1 and cells <= most_cells:
            cases.append((shape, hardware))
    return cases
