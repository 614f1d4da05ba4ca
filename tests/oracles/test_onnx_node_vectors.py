"""The quantised-operator node tests of the onnx 1.22.0 wheel, all 45, through the executor."""

import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgeint8.errors import ModelError
from edgeint8.fixed_point.executor import Executor

ARCHIVE = zipfile.ZipFile(Path(__file__).parent / "data" / "onnx_1_22_0_node_tests.zip")
NAMES = sorted({n.split("/")[0] for n in ARCHIVE.namelist() if n.startswith("test_")})
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


def tensors(name, kind):
    """The input or output tensors of a test, in order."""
    result = []
    while (path := f"{name}/test_data_set_0/{kind}_{len(result)}.pb") in ARCHIVE.namelist():
        proto = onnx.TensorProto.FromString(ARCHIVE.read(path))
        result.append(numpy_helper.to_array(proto))
    return result


def run(name):
    """What the executor makes of a test's inputs, in the order of the model's outputs."""
    model = onnx.load_from_string(ARCHIVE.read(f"{name}/model.onnx"))
    names = [i.name for i in model.graph.input]
    values = Executor(model).run(dict(zip(names, tensors(name, "input"), strict=True)))
    return [values[output.name] for output in model.graph.output]


def outcome(name):
    """``passed``, ``failed``, or ``not applicable`` with the reason."""
    if name in NOT_APPLICABLE:
        return f"not applicable: {NOT_APPLICABLE[name]}, refused with an error"
    pairs = zip(run(name), tensors(name, "output"), strict=True)
    return "passed" if all(np.array_equal(got, want) for got, want in pairs) else "failed"


def test_the_documents_list_every_outcome():
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if line.startswith("| `test_")]
    assert listed == [f"| `{name}` | {outcome(name)} |" for name in NAMES]


def test_the_archive_holds_all_45():
    assert len(NAMES) == 45
    assert set(NOT_APPLICABLE) < set(NAMES)


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
