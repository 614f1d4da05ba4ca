"""Random layers for the machine in RTL, with operands and the outputs of Part C's kernels."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from edgeint8.arch.cost.loops import Loops
from edgeint8.arch.cost.machine.candidates import Cuts, candidates
from edgeint8.arch.cost.machine.program import Dram, engine_of, program_of, run
from edgeint8.arch.cost.machine.walk import Engine
from edgeint8.arch.cost.tiling import Storage
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.errors import HardwareError
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import Scheme, requantize
from edgeint8.fixed_point.runtimes.known import ORT, TFLM
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.rtl.image import CONSTANT_BYTES, Image, image_of
from edgeint8.rtl.layer import RtlLayer, rescale_of
from edgeint8.rtl.simulator import build, outputs, simulate

Array = np.ndarray
BUSES = [0, 1, 3, 7, 12, 64]
MANY = 100
"""Random layers on each of `SMALL_MACHINES`."""
SMALL_MACHINES = [
    (Hardware(flow, *array, *[kilobytes] * 3, 1, pipelined_folds=True), scheme, runtime)
    for flow, array, kilobytes, scheme, runtime in (
        ("ws", (4, 3), 8, Scheme.ORT_FLOAT32, ORT),
        ("ws", (4, 3), 8, Scheme.INT32_HALF_EVEN, ORT),
        ("ws", (4, 4), 32, Scheme.ORT_FLOAT32, ORT),
        ("ws", (8, 8), 32, Scheme.ORT_FLOAT32, ORT),
        ("os", (3, 4), 8, Scheme.GEMMLOWP, ORT),
        ("os", (8, 8), 32, Scheme.ORT_FLOAT32, ORT),
        ("is", (4, 3), 8, Scheme.GEMMLOWP, TFLM),
    )
]
"""Machines that other tests and examples build as well, so that each is built once."""


def random_zero(rng: np.random.Generator, low: int) -> int:
    """Any zero-point, but often the ends of the codes and the one with codes -128 to 127."""
    ends = [low, low + 128, low + 255]
    return int(rng.choice(ends) if rng.integers(2) else rng.integers(low, low + 256))


def random_layer(rng: np.random.Generator, scheme: Scheme) -> tuple[RtlLayer, Array, Array, Array]:
    """(layer, input codes (C, H, W), accumulators (H, W, M), output codes (H, W, M)).

    The layer's rescale follows from float32 scales: `scales_of` gives them again.
    """
    kernel = tuple(int(rng.integers(1, 4)) for _ in range(2))
    strides = tuple(int(rng.integers(1, 4)) for _ in range(2))
    dilations = tuple(int(d) for d in rng.choice([1, 1, 2], 2))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    begin, end = (tuple(int(rng.integers(0, s)) for s in spans) for _ in range(2))
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    channels, filters = (int(rng.integers(1, 13 if groups == 1 else 4)) for _ in range(2))
    height, width = (int(rng.integers(s, 10)) for s in spans)
    if rng.integers(8) == 0:  # one fold of a small array
        kernel, strides, dilations, begin, end = (1, 1), (1, 1), (1, 1), (0, 0), (0, 0)
        groups, channels, filters, height, width = 1, 3, int(rng.integers(1, 4)), 1, 2
    dtype = np.uint8 if rng.integers(2) else np.int8
    low = 0 if dtype == np.uint8 else -128
    x = rng.integers(low, low + 256, (1, groups * channels, height, width)).astype(dtype)
    w = rng.integers(-128, 128, (groups * filters, channels, *kernel)).astype(np.int8)
    bias = rng.integers(-5000, 5000, groups * filters)
    zero_in, zero_out = random_zero(rng, low), random_zero(rng, low)
    geometry = ConvGeometry(kernel, strides, dilations, begin, end, groups)
    operands = Operands(x, w, zero_in, np.zeros((), np.int8), bias, geometry)
    acc = accumulate(operands).astype(np.int64)  # (1, H, W, M)
    scale = (2.0 ** rng.uniform(-14, -7, groups * filters)).astype(np.float32)
    if rng.integers(3) == 0:
        scale = (2.0 ** -rng.integers(6, 13, groups * filters)).astype(np.float32)  # many ties
    real = scale if scheme is Scheme.ORT_FLOAT32 else scale.astype(np.float64)
    codes = requantize(acc, real, zero_out, dtype, scheme)[0]
    loops = Loops(
        *(codes.shape[0], codes.shape[1], channels, filters),
        *(*kernel, *strides, height, width, *begin),
        *(height * width * channels, w[0].size * filters, codes[..., 0].size * filters),
        1,
        *dilations,
    )
    stored = w.reshape(groups, filters, channels, -1).transpose(0, 3, 2, 1)
    layer = RtlLayer(
        *("random", loops, groups, "x", "y", zero_in, zero_out, np.dtype(dtype)),
        *(stored.reshape(groups, -1, filters), bias, rescale_of(scheme, real, len(bias))),
    )
    return layer, x[0], acc[0], codes


def scales_of(layer: RtlLayer, scheme: Scheme) -> Array:
    """S of each filter, float64."""
    assert layer.rescale is not None
    if scheme is Scheme.ORT_FLOAT32:
        return layer.rescale.factor.view(np.float32).astype(np.float64)
    return layer.rescale.factor / 2.0**layer.rescale.shift


class RandomRun(NamedTuple):
    """A random layer on a machine: what it was, and what RTL made of it."""

    layer: RtlLayer
    image: Image
    engine: Engine
    acc: Array
    mismatches: int
    rtl_cycles: int
    rtl_dram_bytes: int


def run_random_layers(
    count: int, seed: int, hardware: Hardware, scheme: Scheme, runtime: Runtime = ORT
) -> Iterator[RandomRun]:
    """Random layers in random tilings on one machine, each on a bus and a DRAM of its own."""
    built = build(hardware, scheme, runtime=runtime.name)
    rng = np.random.default_rng(seed)
    for _ in range(count):
        layer, image, engine, want, acc = random_case(rng, hardware, scheme)
        found = simulate(built, image, engine=engine)
        (got,) = outputs(image, found, [layer.dtype])
        wrong = int((got != want).sum())
        moved = sum(found.bytes_moved[0])
        yield RandomRun(layer, image, engine, acc, wrong, found.cycles[0], moved)


def random_case(
    rng: np.random.Generator, hardware: Hardware, scheme: Scheme
) -> tuple[RtlLayer, Image, Engine, Array, Array]:
    """(layer, image, engine, wanted codes, accumulators): a random tiling that fits."""
    while True:
        layer, x, acc, want = random_layer(rng, scheme)
        sizes = [int(rng.choice([64, 128, 300, 600, 1500, 6000])) for _ in range(3)]
        order = rng.integers(6)
        try:
            found = candidates(layer.loops, Storage(*sizes), layer.groups)
        except HardwareError:
            continue
        places = np.flatnonzero(found.order == order)
        if len(places):
            break
    tile = found.tile(int(rng.choice(places)))
    dram = Dram(int(rng.choice([0, 0, 5, 40])), int(rng.choice([1, 1, 4, 16])))
    folds = replace(hardware, pipelined_folds=bool(rng.integers(2)))
    engine = engine_of(folds, dram)._replace(bus=int(rng.choice(BUSES)))
    grouped = layer.groups > 1
    nest = Cuts(layer.loops).nest(tile, layer.groups, grouped, CONSTANT_BYTES[scheme])
    timed = run(program_of(nest), engine)
    image = image_of([layer], x, folds, scheme, dram, [(nest, timed)])
    return layer, image, engine, want, acc
