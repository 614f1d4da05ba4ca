"""int16 activations with int8 weights: our arithmetic against the real runtimes, exactly."""

import numpy as np
import pytest
from tflite_models import Op, T, options, write
from tflite_wide import WIDE_KINDS, random_wide
from tflite_witnesses import NAMES, Witnesses, tensors

from edgeint8.errors import ModelError
from edgeint8.tflite.convert.convert import convert
from edgeint8.tflite.file.reader import read_tflite
from edgeint8.tflite.file.writer import write_tflite
from edgeint8.tflite.verify import verify_tflite


@pytest.fixture(scope="module")
def witnesses():
    found = Witnesses()
    yield found
    found.close()


def check(witnesses, kind, seeds):
    took = dict.fromkeys(NAMES, 0)
    for seed in seeds:
        data, feeds = random_wide(kind, seed)
        for name in NAMES:
            if (kind, name) == ("ADD", "litert_xnnpack"):
                with pytest.raises(ModelError, match="litert_xnnpack does not take QLinearAdd16"):
                    tensors(data, feeds, name)
                continue
            wrong = witnesses.mismatches(name, data, feeds)
            assert not wrong, f"{kind} {seed} {name}: {wrong} elements"
            took[name] += wrong is not None
    assert took["litert_ref"] >= 0.7 * len(seeds) and took["tflm"] == len(seeds)


@pytest.mark.parametrize("kind", WIDE_KINDS)
def test_twenty_random_operators_equal_every_runtime(witnesses, kind):
    check(witnesses, kind, range(20))


@pytest.mark.slow
@pytest.mark.parametrize("kind", WIDE_KINDS)
def test_five_hundred_random_operators_equal_every_runtime(witnesses, kind):
    check(witnesses, kind, range(100, 600))


@pytest.mark.parametrize("sign", [1, -1])
def test_ties_of_a_product(witnesses, sign):
    """Odd sums times 1/2: LiteRT rounds away from zero, tflite-micro upwards."""
    parts = [
        T((1, 1), np.int16, 0.5), T((40, 1), scale=0.5, data=np.arange(1, 80, 2)),
        T((1, 40), np.int16, 0.5), T((40,), np.int64, 0.25, data=[0] * 40),
    ]  # fmt: skip
    data = write(
        parts, [Op("FULLY_CONNECTED", [0, 1, 3], [2], options("FullyConnected"))], [0], [2]
    )
    feeds = [np.full((1, 1), sign, np.int16)]
    found = {}
    for name in NAMES:
        assert witnesses.mismatches(name, data, feeds) == 0, name
        found[name] = tensors(data, feeds, name)[2].ravel().tolist()
    assert found["litert_ref"][:3] == [sign * k for k in (1, 2, 3)]
    assert found["tflm"][:3] == ([1, 2, 3] if sign > 0 else [0, -1, -2])


def test_onnx_runtime_is_refused_by_name_and_the_others_run(tmp_path):
    data, feeds = random_wide("DEPTHWISE_CONV_2D", 1)
    path = tmp_path / "wide.tflite"
    path.write_bytes(data)
    report = verify_tflite(path, feeds[0])
    found = {result.runtime.name: result for result in report.runtimes}
    assert report.mismatches == 0 and found["tflm"].images == 1
    assert report.rules_frame()["operator"].iloc[0] == "DEPTHWISE_CONV_2D of int16"
    for name in ("ort", "cmsis_single"):
        assert found[name].refused.startswith(f"{name} does not take QLinearConv16x8")


def test_what_we_write_reads_back():
    source = read_tflite(random_wide("ADD", 0)[0])
    (operator,) = read_tflite(write_tflite(source)).operators
    assert operator == source.operators[0] and operator.options["pot_scale_int16"] is False


@pytest.mark.parametrize(
    ("dtypes", "zero", "pot", "words"),
    [
        ((np.int16, np.int8), 0, False, "codes of type"),
        ((np.int16, np.int16), 5, False, "zero-point 5.*allowed: 0 to 0"),
        ((np.int16, np.int16), 0, True, "pot_scale_int16"),
    ],
)
def test_what_is_no_such_sum_is_one_line(dtypes, zero, pot, words):
    parts = [T((1, 4), dtypes[0], 0.1), T((1, 4), dtypes[1], 0.1, zero)]
    table = options("Add", potScaleInt16=pot)
    data = write(parts, [Op("ADD", [0, 0], [1], table)], [0], [1])
    with pytest.raises(ModelError, match=words) as caught:
        convert(read_tflite(data))
    assert "operator 0" in str(caught.value) and "\n" not in str(caught.value)


def test_a_layer_between_two_widths_and_a_narrow_bias_are_refused():
    w = np.ones((2, 4))
    for out, bias, words in ((np.int8, np.int64, "INT16 to INT8"), (np.int16, np.int32, "INT64")):
        parts = [
            T((1, 4), np.int16, 0.1), T(w.shape, scale=0.1, data=w), T((1, 2), out, 0.1),
            T((2,), bias, 0.01, data=[1, 2]),
        ]  # fmt: skip
        op = Op("FULLY_CONNECTED", [0, 1, 3], [2], options("FullyConnected"))
        with pytest.raises(ModelError, match=words):
            convert(read_tflite(write(parts, [op], [0], [2])))
