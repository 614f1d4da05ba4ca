"""The calls on values of the wrong kind, and on networks of which little or nothing is integer."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from test_api import MACHINE, dense

import edgeint8 as e8
from edgeint8.errors import ConfigError, DataError, ModelError
from edgeint8.quant.session import run_onnx


def one_operator(folder, operator, kind=TensorProto.FLOAT, rows="N", **attributes):
    """y = operator(x, w) for x (rows, 4) and stored weights (4, 4), or a loop around a product."""
    stored = [numpy_helper.from_array(np.eye(4, dtype=helper.tensor_dtype_to_np_dtype(kind)), "w")]
    reads = ["x", "w"]
    if operator == "Loop":
        body = helper.make_graph(
            [
                helper.make_node("MatMul", ["v", "w"], ["m"], name="product"),
                helper.make_node("Identity", ["on"], ["goes"]),
            ],
            "body",
            [
                helper.make_tensor_value_info("i", TensorProto.INT64, []),
                helper.make_tensor_value_info("on", TensorProto.BOOL, []),
                helper.make_tensor_value_info("v", kind, None),
            ],
            [
                helper.make_tensor_value_info("goes", TensorProto.BOOL, []),
                helper.make_tensor_value_info("m", kind, None),
            ],
        )
        reads, attributes = ["trips", "", "x"], {"body": body}
        stored.append(numpy_helper.from_array(np.int64(3), "trips"))
    node = helper.make_node(operator, reads, ["y"], name="only", **attributes)
    ends = [helper.make_tensor_value_info("x", kind, [rows, 4])]
    outputs = [helper.make_tensor_value_info("y", kind, None)]
    graph = helper.make_graph([node], "one", ends, outputs, stored)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), folder / "one.onnx")
    return folder / "one.onnx"


def test_what_stays_float_is_not_handed_out_as_quantised(tmp_path):
    x = np.ones((8, 4), np.float32)
    with pytest.raises(ModelError, match=r"nothing is quantised .*float: 1 Loop"):
        e8.quantize(one_operator(tmp_path, "Loop"), x)
    for kind, name in ((TensorProto.DOUBLE, "float64"), (TensorProto.FLOAT16, "float16")):
        with pytest.raises(ModelError, match=f"{name} weights @ node only; allowed: float32"):
            e8.quantize(one_operator(tmp_path, "MatMul", kind), x.astype(name))


@pytest.mark.parametrize("rows", [0, -1, "N"])
def test_a_free_batch_has_many_words(tmp_path, rows):
    """Exporters write 0 and -1 for a size that is free."""
    x = np.eye(4, dtype=np.float32)
    made = e8.quantize(one_operator(tmp_path, "MatMul", rows=rows), x)
    assert made.float_nodes == () and run_onnx(made.model, {"x": x})["y"] == pytest.approx(x, 0.01)


def test_the_objective_of_a_study_is_that_of_a_call(tmp_path):
    """It was taken and not looked at: `edp` ignores a rate, `deadline` reads it as one."""
    net, small = dense(tmp_path), {"sram_kb": [16], "bandwidth": [4]}
    asked = {name: {"objective": name} for name in ("rate", "deadline", "edp")}
    for name, options in asked.items():
        front = e8.explore(net, (4, 4), (4, 4), rate=10, **small, **options)
        assert front.best["objective"] == name
        (row,) = e8.suite({str(net): {"rate": 10}}, (4, 4), (4, 4), **small, **options).networks
        assert row["objective"] == name
    assert e8.explore(net, (4, 4), (4, 4), rate=10, objective="deadline", **small).best[
        "deadline_ms"
    ] == pytest.approx(100)
    with pytest.raises(ConfigError, match="a suite"):
        e8.explore(net, (4, 4), (4, 4), suite={"dense": 1}, **small)


@pytest.mark.parametrize(
    ("call", "options"),
    [
        ("explore", {"rate": "30"}),
        ("explore", {"rate": True}),
        ("explore", {"dram_gb_per_s": float("nan")}),
        ("explore", {"clock_mhz": float("inf")}),
        ("explore", {"constraints": {"area_mm2": float("nan")}}),
        ("cost", {"hardware": None}),
        ("cost", {"batch": 1.5}),
        ("layers", {"shape": {"x": 5}}),
        ("layers", {"shape": {"x": "35"}}),
        ("layers", {"shape": {"x": [3.0, 5]}}),
        ("layers", {"shape": {"x": [-3, 5]}}),
        ("layers", {"shape": {"x": [0, 5]}}),
        ("quantize", {"strategy": None, "calibration": np.ones((3, 5), np.float32)}),
    ],
)
def test_values_of_the_wrong_kind_are_refused_in_one_line(tmp_path, call, options):
    with pytest.raises(e8.EdgeInt8Error):
        getattr(e8, call)(dense(tmp_path), **options)


@pytest.mark.parametrize("count", [0, -1])
def test_no_images_are_not_all_images(tmp_path, count):
    x = np.eye(4, dtype=np.float32)
    net = e8.quantize(one_operator(tmp_path, "MatMul"), x).save(tmp_path / "q.onnx")
    with pytest.raises(DataError, match=f"{count} images"):
        e8.vectors(net, tmp_path / "v", x, images=count)
    for call in (e8.verify, e8.accumulator_widths):
        with pytest.raises(DataError, match=f"{count} images"):
            call(net, x, most=count)


def test_numbers_and_paths_of_other_libraries_are_taken(tmp_path):
    net, file = dense(tmp_path), tmp_path / "mine.yaml"
    file.write_text(
        "{dataflow: ws, rows: 4, cols: 4, sram_kb: 8, clock_mhz: 1e2, dram_gb_per_s: 1}"
    )
    assert e8.cost(net, file, batch=np.int64(6)).images == 6
    assert e8.hardware(file).clock_hz == 1e8


def save_convolution(path, dims, window):
    """A convolution of two filters without padding."""
    stored = numpy_helper.from_array(np.ones((2, dims[1], *window), np.float32), "w")
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="only")
    graph = helper.make_graph([node], "one", ends, outputs, [stored])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def test_every_run_of_scale_sim_counts(tmp_path):
    """Three planes of a 3-D convolution and five images are as many runs, which share nothing."""
    plane = save_convolution(tmp_path / "plane.onnx", [1, 3 * 2, 6, 7], (2, 3))
    alone = e8.predict_scalesim(plane, MACHINE).scalesim_cycles
    solid = save_convolution(tmp_path / "solid.onnx", [1, 3, 4, 6, 7], (2, 2, 3))
    assert e8.predict_scalesim(solid, MACHINE).scalesim_cycles == 3 * alone
    assert e8.predict_scalesim(plane, MACHINE, batch=5).scalesim_cycles == 5 * alone
    (row,) = e8.layers(solid, batch=5).rows()
    assert row["repeats"] == 15 and row["macs"] == 15 * (5 * 5) * (3 * 2 * 2 * 3) * 2


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("wrong", [0, 1 << 14])
def test_a_difference_of_the_processor_is_explained(tmp_path, monkeypatch, exact, wrong):
    """Without VNNI the witness itself saturates; only a difference needs to be told."""
    from edgeint8 import api

    x = np.eye(4, dtype=np.float32)
    net = e8.quantize(one_operator(tmp_path, "MatMul"), x).save(tmp_path / "q.onnx")
    right = api.exact_accumulate
    monkeypatch.setattr(api, "exact_accumulate", lambda *a: right(*a) + wrong)
    monkeypatch.setattr(api, "has_exact_u8s8", lambda flags: exact)
    facts = e8.verify(net, x).facts()
    assert bool(facts["mismatches"]) == bool(wrong)
    assert ("saturates" in facts["note"]) == (bool(wrong) and not exact)
