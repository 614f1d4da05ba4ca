"""The exact bound in hardware: the input that reaches it passes at P bits and fails at P - 1."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from test_network import needs_verilator, network

from edgeint8.arch.cost.loops import Loops
from edgeint8.arch.cost.machine.candidates import Cuts
from edgeint8.arch.cost.machine.program import Run, Tile, engine_of, program_of, run
from edgeint8.arch.cost.machine.walk import WHOLE, Nest
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import Scheme, requantize
from edgeint8.fixed_point.executor import ALL_TENSORS, Executor
from edgeint8.fixed_point.studies.bit_growth import vertex_input
from edgeint8.fixed_point.studies.overflow import Limits, Policy
from edgeint8.quant.affine import signed_width, sum_reach, with_bias
from edgeint8.rtl.compare import check_layers
from edgeint8.rtl.image import CONSTANT_BYTES, image_of, tiling
from edgeint8.rtl.layer import RtlLayer, rescale_of
from edgeint8.rtl.network import rtl_layers
from edgeint8.rtl.simulator import Built, build, outputs, simulate

SMALL = Hardware("ws", 4, 2, 8, 8, 8, 1, pipelined_folds=True, name="ws_narrow")
ZERO_IN, ZERO_OUT = 5, -7
SCHEME = Scheme.ORT_FLOAT32
POLICIES = {Policy.WRAP: False, Policy.SATURATE_TILE: True}


def dense(times: int) -> Operands:
    """20 products, `times` over: twice as many reach exactly twice as far, one bit more."""
    rng = np.random.default_rng(8)
    w = np.tile(rng.integers(-128, 128, (20, 3)).astype(np.int8), (times, 1))
    bias = times * rng.integers(-900, 900, 3)
    x = np.zeros((1, len(w)), np.int8)
    return Operands(x, w, ZERO_IN, np.zeros((), np.int8), bias)


def width_of(operands: Operands) -> int:
    reach = with_bias(sum_reach(operands.weight_matrix(), operands.x_range), operands.bias)
    return max(map(signed_width, reach.low, reach.high))


def limiting_channel(operands: Operands, highest: bool) -> int:
    reach = with_bias(sum_reach(operands.weight_matrix(), operands.x_range), operands.bias)
    return int(np.argmax(reach.high) if highest else np.argmin(reach.low))


def as_layer(operands: Operands) -> RtlLayer:
    """On a scale that leaves the largest exact sum inside the codes."""
    k, m = operands.w.shape
    scale = np.full(m, 100 / 2.0 ** (width_of(operands) - 1), np.float32)
    loops = Loops(1, 1, k, m, 1, 1, 1, 1, 1, 1, 0, 0, k, k * m, m)
    constants = operands.w[None], operands.bias, rescale_of(SCHEME, scale, m)
    names = "dense", loops, 1, "x", "y", ZERO_IN, ZERO_OUT, np.dtype(np.int8)
    return RtlLayer(*names, *constants)


def codes_of(operands: Operands, acc: np.ndarray) -> np.ndarray:
    scale = np.float32(100 / 2.0 ** (width_of(operands) - 1))
    return requantize(acc, scale, ZERO_OUT, np.int8, SCHEME).reshape(-1)


def uncut(layer: RtlLayer) -> tuple[Nest, Run]:
    """The layer as one tile, so that its K-tiles are the array's from the first product on."""
    if layer.is_pool:
        return tiling(layer, SMALL, SCHEME)
    loops = layer.loops
    sizes = loops.output_h, loops.output_w, loops.channels, loops.filters
    tile = Tile(*sizes, (0, 1, 2), (WHOLE, WHOLE, WHOLE), (1, 1, 1))
    nest = Cuts(loops).nest(tile, layer.groups, False, CONSTANT_BYTES[SCHEME])
    return nest, run(program_of(nest), engine_of(SMALL))


def run_dense(built: Built, operands: Operands) -> np.ndarray:
    layer = as_layer(operands)
    image = image_of([layer], operands.x[0], SMALL, SCHEME, tilings=[uncut(layer)])
    (codes,) = outputs(image, simulate(built, image), [layer.dtype])
    return codes.reshape(-1)


@needs_verilator
@pytest.mark.parametrize("policy", list(POLICIES), ids=lambda policy: policy.value)
def test_the_vertex_passes_at_its_width_and_fails_one_bit_below(policy: Policy) -> None:
    """An adder of P bits meets a layer whose bound is P, and one of twice the products: P + 1."""
    fits, fails = dense(1), dense(2)
    bits = width_of(fits)
    assert width_of(fails) == bits + 1
    built = build(SMALL, SCHEME, sum_bits=bits, saturate=POLICIES[policy])
    limits, highest_fails, lowest_fails = Limits(bits, policy, SMALL.rows), [], []
    for highest, failed in ((True, highest_fails), (False, lowest_fails)):
        for operands in (fits, fails):
            channel = limiting_channel(operands, highest)
            vertex = replace(operands, x=vertex_input(operands, channel, highest)[0])
            exact = accumulate(vertex).astype(np.int64)
            got = run_dense(built, vertex)
            np.testing.assert_array_equal(got, codes_of(vertex, limits.apply(vertex, exact)))
            failed.append(got[channel] != codes_of(vertex, exact)[channel])
    assert not highest_fails[0] and not lowest_fails[0]
    assert highest_fails[1] or lowest_fails[1]


@needs_verilator
@pytest.mark.slow
@pytest.mark.parametrize("bits", [12, 14, 16])
@pytest.mark.parametrize("policy", list(POLICIES), ids=lambda policy: policy.value)
def test_twenty_images_on_narrow_sums_decide_as_the_overflow_study(
    policy: Policy, bits: int
) -> None:
    model, limits = network(), Limits(bits, policy, SMALL.rows)
    built = build(SMALL, SCHEME, sum_bits=bits, saturate=POLICIES[policy])
    images = np.random.default_rng(5).normal(0, 3, (20, 1, 3, 7, 8)).astype(np.float32)
    changed = 0
    for one in images:
        layers, exact = rtl_layers(model, {"x": one})
        narrow = narrow_tensors(model, one, limits)
        tilings = [uncut(layer) for layer in layers]
        image = image_of(layers, exact["q"][0], SMALL, SCHEME, tilings=tilings)
        checks = check_layers(layers, [narrow], [image], [simulate(built, image)])
        assert [check.first for check in checks] == [""] * len(layers)
        changed += np.argmax(narrow["g"]) != np.argmax(exact["g"])
    assert changed or bits > 12


def narrow_tensors(model: onnx.ModelProto, x: np.ndarray, limits: Limits) -> dict[str, np.ndarray]:
    """Every tensor of the overflow study's executor."""
    executor = Executor(
        model,
        SCHEME,
        accumulate=lambda node, operands: limits.apply(
            operands, accumulate(operands).astype(np.int64)
        ),
    )
    return {"x": x, **executor.run({"x": x}, ALL_TENSORS)}
