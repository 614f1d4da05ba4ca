"""Ties and limits that random files do not meet: the real runtimes decide."""

import numpy as np
import pytest
from tflite_models import Op, T, options, tie_of_six, write
from tflite_witnesses import NAMES, Witnesses, tensors


@pytest.fixture(scope="module")
def witnesses():
    found = Witnesses()
    yield found
    found.close()


def at_its_limit(y_scale, zero, kind, stride=3):
    """A layer or pool with RELU6, and the input that reaches the limit."""
    if kind == "CONV_2D":
        parts = [
            T((1, 1, 1, 1), scale=y_scale, zero=zero),
            T((1, 1, 1, 1), scale=1.0, data=1),
            T((1, 1, 1, 1), scale=y_scale, zero=zero),
            T((1,), np.int32, y_scale, data=0),
        ]
        table = options("Conv2D", padding=1, strideH=1, strideW=1, fusedActivationFunction=3)
        op = Op("CONV_2D", [0, 1, 3], [2], table)
        shape = (1, 1, 1, 1)
    else:
        shape = (1, 3, 3, 1)
        parts = [T(shape, scale=y_scale, zero=zero), T((1, 1, 1, 1), scale=y_scale, zero=zero)]
        table = options(
            "Pool2D", padding=1, strideH=stride, strideW=stride, filterHeight=3, filterWidth=3,
            fusedActivationFunction=3,
        )  # fmt: skip
        op = Op(kind, [0], [1], table)
    data = write(parts, [op], [0], op.outputs)
    return data, [np.full(shape, 127, np.int8)]


@pytest.mark.parametrize("kind", ["CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D"])
def test_the_limit_of_relu6_is_rounded_as_each_runtime_does(witnesses, kind):
    """6 / scale = 10.5: XNNPACK rounds it to even with the zero-point, TFLite away from zero."""
    differing = 0
    for steps in (8.5, 10.5, 11.5, 100.5):
        for zero in (-128, -31, -30):
            data, feeds = at_its_limit(float(np.float32(6) / np.float32(steps)), zero, kind)
            codes = set()
            for name in NAMES:
                assert witnesses.mismatches(name, data, feeds) == 0, (name, steps, zero)
                codes.add(int(max(v.max() for v in tensors(data, feeds, name).values())))
            differing += len(codes) > 1
    assert (differing > 0) == (kind != "AVERAGE_POOL_2D")


def test_a_pool_with_gaps_is_not_xnnpack_s(witnesses):
    """Stride 4 over a window of 3: TFLite's kernel runs, and rounds the limit its own way."""
    scale = float(np.float32(6) / np.float32(10.5))
    data, feeds = at_its_limit(scale, -30, "MAX_POOL_2D", stride=4)
    codes = {}
    for name in NAMES:
        assert witnesses.mismatches(name, data, feeds) == 0, name
        codes[name] = int(tensors(data, feeds, name)[1].max())
    assert set(codes.values()) == {-19}


def test_fully_connected_of_the_reference_rounds_ties_away(witnesses):
    """acc * 2**-1 for odd acc: every output is a tie."""
    parts = [
        T((1, 1), scale=0.5), T((40, 1), scale=0.5, data=np.arange(1, 80, 2)),
        T((1, 40), scale=0.5), T((40,), np.int32, 0.25, data=[0] * 40),
    ]  # fmt: skip
    data = write(
        parts, [Op("FULLY_CONNECTED", [0, 1, 3], [2], options("FullyConnected"))], [0], [2]
    )
    found = {}
    for sign in (1, -1):
        feeds = [np.full((1, 1), sign, np.int8)]
        for name in NAMES:
            assert witnesses.mismatches(name, data, feeds) == 0, (name, sign)
            found[name, sign] = tensors(data, feeds, name)[2].ravel().tolist()
    assert found["litert_ref", 1][:3] == [1, 2, 3] and found["litert_ref", -1][:3] == [-1, -2, -3]
    assert found["litert_xnnpack", 1][:3] == [0, 2, 2]


@pytest.mark.parametrize(
    ("ratio", "slope", "takes"),
    [(1.0, 0.0038, False), (1.0, 0.004, True), (1 / 257, 2.9, False), (1.0, 0.3, True)],
)
def test_xnnpack_gives_a_flat_leaky_relu_back(witnesses, ratio, slope, takes):
    """Factors below 2**-8 stay with TFLite's kernel, whose codes are gemmlowp's."""
    y = float(np.float32(0.0371))
    x = float(np.float32(y) * np.float32(ratio))
    parts = [T((1, 256), scale=x, zero=7), T((1, 256), scale=y, zero=-5)]
    table = options("LeakyRelu", alpha=slope)
    data = write(parts, [Op("LEAKY_RELU", [0], [1], table)], [0], [1])
    feeds = [np.arange(-128, 128).reshape(1, 256).astype(np.int8)]
    for name in NAMES:
        assert witnesses.mismatches(name, data, feeds) == 0, name
    found = {name: tensors(data, feeds, name)[1] for name in NAMES}
    assert np.array_equal(found["litert_ref"], found["litert_xnnpack"]) != takes


def test_a_slope_that_is_a_tie_tells_litert_from_tflite_micro(witnesses):
    apart = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        y = np.float32(np.exp(rng.uniform(-4, 0)))
        x = y * np.float32(rng.integers(3, 60) / 2)
        parts = [T((1, 256), scale=float(x), zero=7), T((1, 256), scale=float(y), zero=-5)]
        table = options("LeakyRelu", alpha=0.5)
        data = write(parts, [Op("LEAKY_RELU", [0], [1], table)], [0], [1])
        feeds = [np.arange(-128, 128).reshape(1, 256).astype(np.int8)]
        for name in NAMES:
            assert witnesses.mismatches(name, data, feeds) == 0, (name, seed)
        apart += (tensors(data, feeds, "litert_ref")[1] != tensors(data, feeds, "tflm")[1]).any()
    assert apart > 5


def test_ties_of_six_exist():
    rng = np.random.default_rng(0)
    steps = [np.float32(6) / np.float32(tie_of_six(rng)) % 1 for _ in range(50)]
    assert steps.count(0.5) > 30
