"""Runs that reach as much of the RTL as they can, each held against the executor.

On arrays of a few elements: those of a larger one are counted as one, and counters make its build
several times longer.
"""

import numpy as np
import onnx
import test_additions
import test_averages
import test_network
from onnx import numpy_helper

from edgeint8.arch.cost.loops import Loops
from edgeint8.arch.cost.machine.program import Dram, Tile, engine_of, program_of, run
from edgeint8.arch.cost.machine.search import Cuts
from edgeint8.arch.cost.machine.walk import TILE, WHOLE, Engine
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import Scheme, requantize
from edgeint8.fixed_point.runtimes.known import ORT, TFLM
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.rtl.compare import run_network
from edgeint8.rtl.image import CONSTANT_BYTES, Image, image_of
from edgeint8.rtl.layer import RtlLayer, Unit, as_nhwc, rescale_of
from edgeint8.rtl.simulator import Built, build, outputs, simulate

EXPONENTS = -16, 6
WS, OS, IS = (
    Hardware(flow, *sizes, 8, 8, 8, 1, pipelined_folds=True, name=f"{flow}_least")
    for flow, sizes in (("ws", (3, 2)), ("os", (2, 2)), ("is", (2, 3)))
)
MACHINES = [
    (WS, Scheme.ORT_FLOAT32, ORT),
    (OS, Scheme.INT32_HALF_EVEN, ORT),
    (IS, Scheme.GEMMLOWP, TFLM),
]


LONG = (  # height, width, channels, filters of one tile: each loop once as long as it may be
    *((1, 1, 8100, 1), (1, 1, 1, 2040), (1, 2040, 1, 1), (2040, 1, 1, 1)),
    *((45, 45, 1, 1), (1, 1, 300, 20)),
)
BITS = (  # of bus, latency, burst: all of the even places, and of the odd ones
    *((0x555, 0x155, 0x55), (0xAAA, 0x2AA, 0xAA)),
)
WINDOWS = (  # output height, width, channels, window height, width
    *((1, 2040, 1, 1, 1), (1, 1, 2040, 1, 1), (1, 1, 1, 1, 4000), (1, 1, 1, 4000, 1)),
    (4200, 1, 1, 1, 1),
)


def reach() -> None:
    """All runs; a mismatch fails."""
    for machine in MACHINES:
        reach_on(*machine)


def reach_on(hardware: Hardware, scheme: Scheme, runtime: Runtime) -> None:
    """All runs on one machine; windows, additions and averages once for each runtime."""
    rng = np.random.default_rng(12)
    machine = hardware, scheme, runtime
    for sizes in LONG:
        hold_long_layer(rng, sizes, machine, sizes)
    for tiles in (3999, 4200):
        hold_long_layer(rng, (1, tiles, 1, 1), machine, (1, 1, 1, 1))
    for bits in BITS:
        hold_long_layer(rng, (1, 40, 7, 3), machine, (1, 20, 7, 3), bits)
    test_network.test_a_network_runs_from_codes_to_codes(*machine)
    test_network.test_a_mean_over_the_image_runs_in_the_machine(*machine)
    test_network.hold_random_layers(30, 3, *machine)
    if hardware is WS:
        for windows in WINDOWS:
            hold_long_pool(rng, windows)
    if hardware is not OS:
        for dtype in (np.int8, np.uint8):
            test_averages.test_averages_run_from_codes_to_codes(hardware, runtime, dtype)
        for _ in range(20):
            hold_extreme_scales(rng, hardware, runtime)


def hold_long_layer(
    rng: np.random.Generator,
    sizes: tuple[int, int, int, int],
    machine: tuple[Hardware, Scheme, Runtime],
    tile: tuple[int, int, int, int],
    bits: tuple[int, int, int] = (1, 0, 1),
) -> None:
    """A convolution of single pixels (height, width, channels, filters) in tiles of one size.

    Every other filter is its bias alone, next to a power of two; scales are any below 1.
    """
    hardware, scheme, runtime = machine
    height, width, channels, filters = sizes
    x = rng.integers(-128, 128, (channels, height, width)).astype(np.int8)
    w = rng.integers(-128, 128, (channels, filters)).astype(np.int8)
    bias = rng.integers(-(1 << 31) + (1 << 28), (1 << 31) - (1 << 28), filters)
    bias[::2] = (1 << rng.integers(1, 32, bias[::2].size)) - rng.integers(1, 3, bias[::2].size)
    bias[::4] *= -1
    w[:, ::2] = 0
    acc = as_nhwc(x).astype(np.int64) @ w.astype(np.int64) + bias
    real = np.float32 if scheme is Scheme.ORT_FLOAT32 else np.float64
    scale = (2.0 ** rng.uniform(-32, -1, filters)).astype(real)
    loops = Loops(*sizes, 1, 1, 1, 1, height, width, 0, 0, x.size, w.size, acc.size)
    names = "long", loops, 1, "x", "y", 0, 0, np.dtype(np.int8)
    layer = RtlLayer(*names, w[None], bias, rescale_of(scheme, scale, filters))
    whole = tile == sizes
    cuts = Tile(*tile, (0, 1, 2), (WHOLE, WHOLE if whole else TILE, WHOLE), (1, 1, 1))
    nest = Cuts(loops).nest(cuts, 1, False, CONSTANT_BYTES[scheme])
    bus, latency, burst = bits
    engine = engine_of(hardware, Dram(latency, burst))._replace(bus=bus)
    tilings = [(nest, run(program_of(nest), engine))]
    image = image_of([layer], x, hardware, scheme, tilings=tilings)
    built = build(hardware, scheme, runtime=runtime.name)
    hold(built, image, requantize(acc, scale, 0, np.int8, scheme), engine)


def hold_long_pool(rng: np.random.Generator, windows: tuple[int, int, int, int, int]) -> None:
    """Maxima of windows that lie side by side."""
    height, width, channels, kernel_h, kernel_w = windows
    sizes = height * kernel_h, width * kernel_w
    x = rng.integers(-128, 128, (channels, *sizes)).astype(np.int8)
    loops = Loops(
        *(height, width, channels, channels, kernel_h, kernel_w, kernel_h, kernel_w),
        *(*sizes, 0, 0, x.size, 0, height * width * channels),
    )
    names = "windows", loops, 1, "x", "y", 0, 0, np.dtype(np.int8)
    image = image_of([RtlLayer(*names, unit=Unit.MAXIMUM)], x, WS, Scheme.ORT_FLOAT32)
    want = x.reshape(channels, height, kernel_h, width, kernel_w).max((2, 4))
    hold(build(WS, Scheme.ORT_FLOAT32), image, as_nhwc(want))


def hold(built: Built, image: Image, want: np.ndarray, engine: Engine | None = None) -> None:
    """One layer's codes and cycles."""
    found = simulate(built, image, engine=engine)
    (got,) = outputs(image, found, [want.dtype])
    assert np.array_equal(got, want)
    assert found.cycles[0] == image.runs[0].cycles


def hold_extreme_scales(rng: np.random.Generator, hardware: Hardware, runtime: Runtime) -> None:
    """An addition and a mean whose scales lie anywhere in what the units hold."""
    kind = "int8" if runtime is TFLM else str(rng.choice(["int8", "uint8"]))
    model = test_additions.residual(kind)
    for name in ("qs", "cs", "ss", "ms"):
        _replace(model, name, np.float32(2.0 ** rng.uniform(*EXPONENTS)))
    inputs = rng.normal(0, 2.0 ** rng.uniform(*EXPONENTS), (1, 5, 6, 7)).astype(np.float32)
    try:
        checks = run_network(model, inputs, hardware, runtime=runtime)
    except ModelError:  # scales whose ratio they do not hold
        return
    for check in checks:
        assert check.mismatches == 0, check.first


def _replace(model: onnx.ModelProto, name: str, value: np.float32) -> None:
    """Another constant in place of one."""
    for tensor in model.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(value), name))
