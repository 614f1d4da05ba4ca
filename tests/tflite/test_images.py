"""Many images at once give what each gives alone, or the network runs them one by one."""

import numpy as np
import pytest
from tflite_models import KINDS, Op, T, options, random_model, write

from edgeint8.errors import ModelError
from edgeint8.fixed_point.executor import Executor
from edgeint8.tflite.convert.convert import convert
from edgeint8.tflite.file.reader import read_tflite
from edgeint8.tflite.file.writer import write_tflite

IMAGES = 3


@pytest.mark.parametrize("kind", KINDS)
def test_images_together_equal_images_alone(kind):
    for seed in range(3):
        data, [feeds] = random_model(kind, seed)
        converted = convert(read_tflite(data))
        assert converted.batched or kind in ("ADD", "SUB", "MUL")
        rng, executor = np.random.default_rng(seed), Executor(converted.model)
        names = [each.name for each in converted.model.graph.input]
        images = [[rng.permuted(x, axis=-1) for x in feeds] for _ in range(IMAGES)]
        alone = [executor.run(dict(zip(names, each, strict=True))) for each in images]
        if converted.batched:
            joined = {
                n: np.concatenate(x) for n, x in zip(names, zip(*images, strict=True), strict=True)
            }
            for name, value in executor.run(joined).items():
                np.testing.assert_array_equal(value, np.concatenate([one[name] for one in alone]))


SAME = {"scale": 0.1, "zero": 3}
FIRST_AXIS = {
    "SPLIT": (
        [T((), np.int32, data=0), T((1, 4), **SAME), T((1, 4), **SAME)],
        Op("SPLIT", [0, 1], [2], options("Split", numSplits=1)), [1],
    ),
    "PACK": (
        [T((1, 4), **SAME), T((1, 1, 4), **SAME)],
        Op("PACK", [0], [1], options("Pack", valuesCount=1, axis=0)), [0],
    ),
    "STRIDED_SLICE": (
        [T((1, 1, 4), **SAME), T((1, 4), **SAME),
         *(T((3,), np.int32, data=v) for v in ([0, 0, 0], [1, 1, 4], [1, 1, 1]))],
        Op("STRIDED_SLICE", [0, 2, 3, 4], [1], options("StridedSlice", shrinkAxisMask=1)), [0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FIRST_AXIS)
def test_an_operator_on_the_first_axis_runs_alone(kind):
    parts, op, inputs = FIRST_AXIS[kind]
    assert not convert(read_tflite(write(parts, [op], inputs, op.outputs))).batched


def resized(rows, kernel, padding):
    """A TRANSPOSE_CONV of stride 3."""
    shape = (1, rows, rows, 2)
    ones = np.ones((2, kernel, kernel, 1))
    parts = [
        T((4,), np.int32, data=shape), T(ones.shape, scale=1.0, data=ones),
        T((1, 2, 2, 1), **SAME), T(shape, **SAME),
    ]  # fmt: skip
    table = options("TransposeConv", padding=padding, strideH=3, strideW=3)
    return write(parts, [Op("TRANSPOSE_CONV", [0, 1, 2], [3], table)], [2], [3])


def test_a_transposed_convolution_by_hand():
    """Kernel 2, stride 3, two pixels: each pixel's code twice, then a row that nothing reaches."""
    converted = convert(read_tflite(resized(5, 2, 1)))
    x = np.array([4, 5, 6, 7], np.int8).reshape(1, 2, 2, 1)
    (made,) = Executor(converted.model).run({converted.model.graph.input[0].name: x}).values()
    above, below = [4, 4, 3, 5, 5], [6, 6, 3, 7, 7]  # 3 is the code of 0
    np.testing.assert_array_equal(made[0, :, :, 0], [above, above, [3] * 5, below, below])


@pytest.mark.parametrize(
    ("rows", "kernel", "padding", "words"),
    [
        (6, 2, 0, "kernel 2 under SAME.*stride 3"),
        (9, 2, 1, "stride 3"),
        (4, 3, 1, "to .1, 4, 4, 2"),
    ],
)
def test_transposed_convolutions_that_do_not_fit_are_refused(rows, kernel, padding, words):
    with pytest.raises(ModelError, match=words):
        convert(read_tflite(resized(rows, kernel, padding)))


@pytest.mark.parametrize("kind", ["TRANSPOSE_CONV", "SPLIT", "STRIDED_SLICE", "PACK", "LEAKY_RELU"])
def test_files_that_we_write_run_as_their_source(kind):
    data, [feeds] = random_model(kind, 4)
    first = convert(read_tflite(data)).model
    second = convert(read_tflite(write_tflite(read_tflite(data)))).model
    named = dict(zip([each.name for each in first.graph.input], feeds, strict=True))
    a, b = (Executor(model).run(named) for model in (first, second))
    assert all(np.array_equal(a[name], b[name]) for name in a) and a.keys() == b.keys()
