"""One-operator TFLite files: our arithmetic of LiteRT and tflite-micro against both, exactly."""

import numpy as np
import pytest
from tflite_models import KINDS, PAIRS, Op, T, options, random_model, write
from tflite_witnesses import NAMES, Witnesses, onnx_mismatches, tensors

from edgeint8.errors import ModelError


@pytest.fixture(scope="module")
def witnesses():
    found = Witnesses()
    yield found
    found.close()


REFUSED = {("RELU_N1_TO_1", "tflm")}
"""Operators that a runtime does not have."""


def check(witnesses, kind, seeds, share=0.8):
    """No element differs in any runtime; each takes nearly all files."""
    took = dict.fromkeys(NAMES, 0)
    for seed in seeds:
        data, [feeds] = random_model(kind, seed)
        for name in NAMES:
            wrong = witnesses.mismatches(name, data, feeds)
            assert not wrong, f"{kind} {seed} {name}: {wrong} elements"
            took[name] += wrong is not None
    for name in NAMES:
        if (kind, name) in REFUSED:
            assert took.pop(name) == 0
            with pytest.raises(ModelError, match=f"{name} does not take"):
                tensors(data, feeds, name)
    assert min(took.values()) >= share * len(seeds), took


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_random_operators_equal_every_runtime(witnesses, kind):
    check(witnesses, kind, range(20), share=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_five_hundred_random_operators_equal_every_runtime(witnesses, kind):
    check(witnesses, kind, range(100, 600), share=0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_converted_operators_equal_onnx_runtime(kind):
    for seed in range(4):
        data, [feeds] = random_model(kind, seed)
        assert onnx_mismatches(data, feeds) == 0, f"{kind} {seed}"


@pytest.mark.parametrize("kind", PAIRS)
def test_pairs_meet_each_code_with_each(kind):
    for seed in range(4):
        _, [(a, b)] = random_model(kind, seed)
        a, b = np.broadcast_arrays(a, b)
        assert len(np.unique(a.astype(int) * 256 + b)) == 65536


EXTREMES = [
    ("ADD", 2.0**-12, 1.0, 1.0), ("ADD", 2.0**-11, 2.0**-11, 1.0), ("ADD", 250.0, 0.1, 1.0),
    ("SUB", 1.0, 2.0**-12, 1.0), ("MUL", 0.1, 0.1, 0.01 * 2.0**17), ("MUL", 0.1, 0.1, 0.01 / 250),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "a", "b", "y"), EXTREMES)
def test_scales_far_apart_leave_xnnpack(witnesses, kind, a, b, y):
    shape = (1, 256, 16, 16)
    data, [feeds] = random_model(kind, 0)
    scales = [T(shape, scale=s, zero=z) for s, z in ((a, 5), (b, -7), (y, 3))]
    data = write(scales, [Op(kind, [0, 1], [2], options(kind.title()))], [0, 1], [2])
    feeds = [np.broadcast_to(x, shape) for x in feeds]
    for name in NAMES:
        assert witnesses.mismatches(name, data, feeds) == 0, name


def test_what_no_one_has_repeated_is_refused_in_one_line():
    shape = (1, 256, 16, 16)
    scales = [T(shape, scale=s) for s in (300.0, 1.0, 1.0)]
    data = write(scales, [Op("ADD", [0, 1], [2], options("Add"))], [0, 1], [2])
    with pytest.raises(ModelError, match="ratio of scales 300"):
        tensors(data, [np.zeros(shape, np.int8)] * 2, "litert_xnnpack")


@pytest.mark.parametrize("factor", [2.0**5, 2.0**14])
def test_layers_that_magnify_wrap_as_int32_does(witnesses, factor):
    rng = np.random.default_rng(0)
    w = rng.integers(-127, 128, (8, 3, 3, 16))
    parts = [
        T((1, 8, 8, 16), scale=0.1, zero=5), T(w.shape, scale=0.1, data=w),
        T((1, 6, 6, 8), scale=0.01 / factor, zero=3), T((8,), np.int32, 0.01, data=range(8)),
    ]  # fmt: skip
    table = options("Conv2D", padding=1, strideH=1, strideW=1)
    data = write(parts, [Op("CONV_2D", [0, 1, 3], [2], table)], [0], [2])
    feeds = [rng.integers(-128, 128, (1, 8, 8, 16)).astype(np.int8)]
    for name in NAMES:
        wrong = witnesses.mismatches(name, data, feeds)
        assert not wrong, name
        assert (wrong is None) == (name == "litert_xnnpack" and factor >= 256)


@pytest.mark.parametrize("count", [400, 600])
def test_softmax_ends_where_gemmlowp_asserts(witnesses, count):
    """The exponentials of equal codes add up to their number, of which 511 is the largest."""
    parts = [T((1, count), scale=0.1), T((1, count), scale=1 / 256, zero=-128)]
    data = write(parts, [Op("SOFTMAX", [0], [1], options("Softmax", beta=1.0))], [0], [1])
    feeds = [np.full((1, count), 3, np.int8)]
    for name in NAMES:
        if count > 511 and name != "litert_xnnpack":
            with pytest.raises(ModelError, match="ended without an answer"):
                witnesses.mismatches(name, data, feeds)
            with pytest.raises(ModelError, match="512 or more"):
                tensors(data, feeds, name)
        else:
            assert witnesses.mismatches(name, data, feeds) == 0


def test_wrong_arithmetic_is_seen(witnesses):
    """Each runtime but the right one differs somewhere in a few layers and activations."""
    for name in NAMES:
        for other in set(NAMES) - {name}:
            wrong = 0
            for kind in ("CONV_2D", "RELU6"):
                for seed in range(8):
                    data, [feeds] = random_model(kind, seed)
                    wrong += witnesses.mismatches(name, data, feeds, ours=other) or 0
            assert wrong > 0, (name, other)
