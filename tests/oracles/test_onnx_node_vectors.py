"""Node tests of the onnx project through the executor.

All 45 of quantised operators that the onnx 1.22.0 wheel carries, and all 76 that onnx 1.23.2
generates for the float operators that move, resize, reduce or convolve transposed.
"""

import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgeint8.errors import ModelError
from edgeint8.fixed_point.executor import Executor
from edgeint8.quant.session import make_session

DATA = Path(__file__).parent / "data"
QUANTISED = zipfile.ZipFile(DATA / "onnx_1_22_0_node_tests.zip")
FLOAT = zipfile.ZipFile(DATA / "onnx_1_23_2_float_node_tests.zip")
NAMES, FLOAT_NAMES = (
    sorted({n.split("/")[0] for n in archive.namelist() if n.startswith("test_")})
    for archive in (QUANTISED, FLOAT)
)
DOCUMENT = Path(__file__).parents[2] / "docs/onnx_node_tests.md"
NOT_APPLICABLE = {
    "test_dequantizelinear_e4m3fn": "float8 codes",
    "test_dequantizelinear_e4m3fn_float16": "float8 codes",
    "test_dequantizelinear_e4m3fn_zero_point": "float8 codes",
    "test_dequantizelinear_e5m2": "float8 codes",
    "test_dequantizelinear_float4e2m1": "float4 codes",
    "test_quantizelinear_e4m3fn": "float8 codes",
    "test_quantizelinear_e5m2": "float8 codes",
    "test_quantizelinear_float4e2m1": "float4 codes",
}
# Words of a float test's name, the reason, and the words of the refusal.
REFUSED = (
    ("antialias", "antialias", "antialias"),
    ("tf_crop_and_resize", "crops", "tf_crop_and_resize"),
    ("half_pixel_symmetric", "symmetric half pixels", "half_pixel_symmetric"),
    ("_not_larger", "keeps the aspect ratio", "keep_aspect_ratio_policy"),
    ("_not_smaller", "keeps the aspect ratio", "keep_aspect_ratio_policy"),
)
REFUSALS = {
    name: next(((why, words) for key, why, words in REFUSED if key in name), None)
    for name in FLOAT_NAMES
}
# The standard's formula has the size before it is rounded down, ONNX Runtime and we the one after.
OF_ORT = tuple(
    f"test_resize_downsample_scales_{mode}_align_corners" for mode in ("linear", "cubic")
)
FLOAT_RUN = [name for name, why in REFUSALS.items() if why is None and name not in OF_ORT]


def archive_of(name):
    """Where a test lies."""
    return FLOAT if name in REFUSALS else QUANTISED


def tensors(name, kind):
    """The input or output tensors of a test, in order."""
    result, archive = [], archive_of(name)
    while (path := f"{name}/test_data_set_0/{kind}_{len(result)}.pb") in archive.namelist():
        proto = onnx.TensorProto.FromString(archive.read(path))
        result.append(numpy_helper.to_array(proto))
    return result


def run(name):
    """What the executor makes of a test's inputs, in the order of the model's outputs."""
    model = onnx.load_from_string(archive_of(name).read(f"{name}/model.onnx"))
    names = [i.name for i in model.graph.input]
    values = Executor(model).run(dict(zip(names, tensors(name, "input"), strict=True)))
    return [values[output.name] for output in model.graph.output]


def right(name, got, want):
    """Integers and moved floats equal; sums and interpolated floats within float32's rounding."""
    moved = any(words in name for words in ("nearest", "depth"))
    if name in NAMES or moved or got.dtype.kind != "f":
        return got.dtype == want.dtype and np.array_equal(got, want)
    same = got.dtype == want.dtype and got.shape == want.shape
    return same and np.allclose(got, want, rtol=1e-5, atol=1e-6)


def outcome(name):
    """``passed``, ``failed``, or why the test is refused."""
    if name in NOT_APPLICABLE:
        return f"not applicable: {NOT_APPLICABLE[name]}, refused with an error"
    if REFUSALS.get(name):
        return f"not built: {REFUSALS[name][0]}, refused with an error"
    if name in OF_ORT:
        return "as ONNX Runtime, which differs from the standard for a size that is no integer"
    pairs = zip(run(name), tensors(name, "output"), strict=True)
    return "passed" if all(right(name, got, want) for got, want in pairs) else "failed"


def test_the_documents_list_every_outcome():
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if line.startswith("| `test_")]
    assert listed == [f"| `{name}` | {outcome(name)} |" for name in (*NAMES, *FLOAT_NAMES)]


def test_the_archives_hold_all_45_and_all_76():
    assert (len(NAMES), len(FLOAT_NAMES)) == (45, 76)
    assert set(NOT_APPLICABLE) < set(NAMES) and not set(NAMES) & set(FLOAT_NAMES)


@pytest.mark.parametrize("name", FLOAT_RUN)
def test_a_float_operator_passes(name):
    for got, want in zip(run(name), tensors(name, "output"), strict=True):
        assert right(name, got, want), (got, want)


@pytest.mark.parametrize("name", OF_ORT)
def test_some_resizes_are_onnx_runtimes(name):
    session = make_session(onnx.load_from_string(FLOAT.read(f"{name}/model.onnx")))
    names = [argument.name for argument in session.get_inputs()]
    (want,) = session.run(None, dict(zip(names, tensors(name, "input"), strict=True)))
    np.testing.assert_allclose(run(name)[0], want, rtol=0, atol=1e-5 * np.abs(want).max())
    assert not np.allclose(want, tensors(name, "output")[0])


@pytest.mark.parametrize("name", [name for name, why in REFUSALS.items() if why])
def test_what_is_not_built_is_refused_by_name(name):
    with pytest.raises(ModelError, match=REFUSALS[name][1]):
        run(name)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in NOT_APPLICABLE])
def test_passes(name):
    outputs = run(name)
    for got, want in zip(outputs, tensors(name, "output"), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", NOT_APPLICABLE)
def test_float_codes_are_refused_and_not_miscomputed(name):
    with pytest.raises(ModelError, match="is not an integer type"):
        run(name)
