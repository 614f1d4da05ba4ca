"""The calls of the public face and the command, on values that were not computed by them."""

import json

import numpy as np
import onnx
import pytest
from float_networks import IMAGE, classifier
from float_networks import images as feeds
from onnx import TensorProto, helper, numpy_helper

import edgeint8 as e8
from edgeint8.cli import VERBS, main, shape_of
from edgeint8.errors import ConfigError, DataError, ModelError
from edgeint8.quant.strategy import Strategy


def images(count, seed=0):
    """One array, as a network with one input takes it."""
    return feeds(count, seed=seed)["input"]


MACHINE = "ws_8x8_32kB_unlimited"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A float network, its data, and two quantised forms of it."""
    folder = tmp_path_factory.mktemp("face")
    onnx.save(classifier(), folder / "net.onnx")
    np.savez(folder / "x.npz", calibration=images(32), inputs=images(4, seed=1))
    for name, options in (("q", {}), ("qdq", {"format": "qdq"})):
        e8.quantize(folder / "net.onnx", folder / "x.npz", options).save(folder / f"{name}.onnx")
    return folder


def dense(folder, rows=3, k=5, m=7, name="dense.onnx"):
    """y = x W for x (rows, k): one product, by hand."""
    weights = np.arange(k * m, dtype=np.float32).reshape(k, m) - 17
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, k])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, m])],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), folder / name)
    return folder / name


def test_layers_are_counted_and_iterable(folder, tmp_path):
    found = e8.layers(dense(tmp_path))
    (layer,) = found
    assert (layer.name, layer.operator, layer.macs) == ("product", "matmul", 3 * 5 * 7)
    assert found.macs == 105 and found[0] is layer and len(found) == 1
    assert found.to_frame()["macs"].tolist() == [105]


def test_cost_adds_up_to_its_layers(folder):
    answer = e8.cost(folder / "net.onnx", MACHINE)
    frame = answer.to_frame()
    assert frame["bound_cycles"].sum() == answer.bound_cycles <= answer.schedule_cycles
    assert answer.bound_cycles <= answer.machine_cycles == answer.facts()["machine_cycles"]
    assert f"waiting for tiles {answer.machine_cycles:,}" in answer.text
    assert e8.cost(folder / "net.onnx", MACHINE, on_chip=True).machine_cycles is None
    assert frame["macs"].sum() == answer.macs == e8.layers(folder / "net.onnx").macs
    assert frame["machine_cycles"].sum() == answer.machine_cycles
    assert frame["bytes"].sum() < frame["machine_bytes"].sum() == answer.dram_bytes
    assert frame["machine_energy_pj"].sum() == pytest.approx(answer.energy_pj[1], rel=1e-12)
    assert answer.energy_pj[0] < answer.energy_pj[1] < answer.energy_pj[2]
    assert answer.utilization == pytest.approx(answer.macs / (64 * answer.machine_cycles))
    assert answer.advice and answer.bound_by in set(frame["bound_by"])


def test_cost_of_one_product_by_hand(tmp_path):
    """(3, 5) x (5, 7) fits an 8x8 array: one fold of equation 1 of docs/cost_model.md."""
    predicted = e8.predict_scalesim(dense(tmp_path), MACHINE, check=True)
    assert predicted.checked == 30 and predicted.differences == ()
    (row,) = predicted.to_frame().to_dict("records")
    assert row["total_cycles"] == 2 * 8 + 8 + 3 - 2 - 1 == predicted.scalesim_cycles


def test_the_front_is_walked_and_its_best_stands_on_it(folder):
    front = e8.explore(folder / "net.onnx", (4, 8), (4, 8), sram_kb=[32], bandwidth=[4])
    assert front.designs == 5 * 5 * 3 * 2
    frame = front.to_frame()
    assert (frame["rows"].between(4, 8) & frame["cols"].between(4, 8)).all()
    assert front.best["hardware"] in set(frame["hardware"])
    with pytest.raises(e8.EdgeInt8Error, match="allowed"):
        e8.explore(folder / "net.onnx", (0, 8))


def test_one_machine_for_two_networks(folder, capsys) -> None:
    """Twice the same network has the machine of one, by Python and by the command line."""
    net, copy = folder / "net.onnx", folder / "copy.onnx"
    copy.write_bytes(net.read_bytes())
    asked = {str(net): {"rate": 1000}, str(copy): {"rate": 1000, "weight": 3}}
    found = e8.suite(asked, (4, 8), (4, 8), sram_kb=[32], bandwidth=[4])
    alone = e8.explore(net, (4, 8), (4, 8), sram_kb=[32], bandwidth=[4], rate=1000)
    assert found.hardware == alone.best["hardware"] == found.rows()[0]["own_hardware"]
    assert [row["workload"] for row in found.rows()] == ["net", "copy"]
    assert 1 <= found.facts()["worst_regret"] <= 1.1
    other = folder / "other" / "net.onnx"
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(net.read_bytes())
    twice = {str(file): {"rate": 1000} for file in (net, other)}
    rows = e8.suite(twice, (4, 5), (4, 5), sram_kb=[32], bandwidth=[4]).rows()
    assert [row["workload"] for row in rows] == list(twice)
    arguments = ["suite", f"{net},rate=1000", "--rows", "4", "5", "--cols", "4", "5"]
    assert main([*arguments, "--csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("net,")
    assert main(["suite", f"{net},rate"]) == 2
    assert "allowed: NET.csv,rate=30,weight=2" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="speed is 3"):
        e8.suite({str(net): {"speed": 3}}, (4, 8))
    with pytest.raises(ConfigError, match="whole number"):
        e8.suite({str(net): {"batch": 1.5}}, (4, 8))
    none = e8.suite({str(net): {"rate": 1e9}}, (4, 8), (4, 8), sram_kb=[32], bandwidth=[4])
    assert none.hardware is None and list(none.facts()) == ["hardware", "none_because"]
    assert not none.rows()


def test_networks_of_a_suite_are_read_as_those_of_other_calls(tmp_path, capsys) -> None:
    """A free extent and a batch: the cycles of the one machine are those of `cost` there."""
    network = classifier(seed=3)
    for axis in (2, 3):
        network.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = "size"
    name, free = network.graph.input[0].name, tmp_path / "free.onnx"
    onnx.save(network, free)
    shape, machine = {name: (1, 3, 16, 16)}, {"sram_kb": [32], "bandwidth": [4]}
    asked = {str(free): {"rate": 10, "batch": 4, "shape": shape}}
    (row,) = e8.suite(asked, (4, 4), (4, 4), **machine).rows()
    here = e8.cost(free, row["hardware"], shape=shape, batch=4)
    cycles = ("bound_cycles", "machine_cycles")
    assert [row[name] for name in cycles] == [getattr(here, name) for name in cycles]
    alone = e8.explore(free, (4, 4), (4, 4), shape=shape, rate=10, **machine, reading={"batch": 4})
    assert [alone.best[name] for name in cycles] == [row[name] for name in cycles]
    apart = e8.explore(free, (4, 4), (4, 4), shape=shape, fused=False, rate=10, **machine)
    assert apart.best["bound_cycles"] > alone.best["bound_cycles"]
    words = f"{free},rate=10,batch=4,shape.{name}=1x3x16x16"
    assert main(["suite", words, "--rows", "4", "4", "--cols", "4", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["workload"] == "free"


def test_quantised_networks_run_in_integers_and_equal_onnx_runtime(folder):
    for name in ("q", "qdq"):
        answer = e8.verify(folder / f"{name}.onnx", folder / "x.npz")
        assert (answer.mismatches, answer.comparison.images) == (0, 4), name
        assert len(answer.layers) == 3 and answer.differing == ()
        assert answer.to_frame()["elements"].sum() == answer.comparison.elements


def test_a_wrong_code_is_named(folder, monkeypatch):
    """Our executor adds one to one layer's sums: that tensor and no float one is named."""
    from edgeint8 import api

    def wrong(node, operands):
        return api_accumulate(node, operands) + 4096 * (node.name.startswith("dense"))

    api_accumulate = api.exact_accumulate
    monkeypatch.setattr(api, "exact_accumulate", wrong)
    answer = e8.verify(folder / "q.onnx", images(4, seed=1))
    assert answer.mismatches > 0
    assert "dense" in answer.differing[0].name or "logits" in answer.differing[0].name


def test_nothing_is_verified_where_no_integer_layer_ran(folder, tmp_path):
    with pytest.raises(ModelError, match="no integer layer"):
        e8.verify(folder / "net.onnx", images(2))
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"], name="quantize")
    graph = helper.make_graph(
        [node],
        "only",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.INT8, [1, 4])],
        [
            numpy_helper.from_array(np.float32(0.5), "s"),
            numpy_helper.from_array(np.int8(0), "z"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "only.onnx")
    with pytest.raises(ModelError, match="no integer layer"):
        e8.verify(tmp_path / "only.onnx")


@pytest.mark.parametrize("name", ["q", "qdq"])
def test_widths_are_exact_without_data_and_observed_with_it(folder, name):
    exact = e8.accumulator_widths(folder / f"{name}.onnx")
    seen = e8.accumulator_widths(folder / f"{name}.onnx", folder / "x.npz")
    assert len(exact.widths) == 3 and exact.observed is None
    assert exact.guaranteed == seen.guaranteed >= seen.observed
    same = exact.to_frame().drop(columns="bits_observed")
    assert same.equals(seen.to_frame().drop(columns="bits_observed"))
    assert all(width.bits_vertex == width.bits_exact for width in exact.widths)


def test_vectors_are_written_with_their_manifest(folder, tmp_path):
    answer = e8.vectors(folder / "q.onnx", tmp_path / "v", folder / "x.npz")
    assert len(answer.to_frame()) == 3 and (tmp_path / "v" / "manifest.json").is_file()


def test_vectors_round_as_asked(folder, tmp_path):
    given = {"network": folder / "q.onnx", "folder": tmp_path / "v", "inputs": folder / "x.npz"}
    assert e8.vectors(**given, rounding="truncate").manifest["rounding"] == "truncate"
    with pytest.raises(ModelError, match=r"rounding 'up'.*allowed: ort_float32, float64"):
        e8.vectors(**given, rounding="up")


def test_machines_by_name():
    assert "gemmini" in e8.hardware_names()
    machine = e8.hardware("gemmini")
    assert (machine.rows, machine.cols) == (16, 16) and e8.hardware(machine) is machine
    with pytest.raises(e8.EdgeInt8Error, match="unknown hardware"):
        e8.hardware("gemini")


@pytest.mark.parametrize(
    "name", ["asym_channel_minmax", "sym_tensor_mse", "pow2_channel_minmax", "dynamic_channel"]
)
def test_names_of_strategies_mean_what_the_study_file_says(name):
    import yaml
    from conftest import ROOT

    defined = yaml.safe_load((ROOT / "config/config.yaml").read_text())["strategies"]
    assert Strategy.from_name(name) == Strategy.from_mapping(name, defined[name])


@pytest.mark.parametrize("name", ["asym", "asym_channel", "dynamic_channel_mse", "row_channel_mse"])
def test_other_names_of_strategies_are_refused(name):
    with pytest.raises(e8.EdgeInt8Error, match="allowed"):
        Strategy.from_name(name)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"nothing": images(2)}, "arrays for nothing"),
        (np.zeros((2, 3, 8), np.float32), "float32 (2, 3, 8)"),
        (np.zeros((2, 3, 8, 8), np.int64), "int64"),
        (np.full((2, *IMAGE), np.nan, np.float32), "nan"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(folder, given, what):
    with pytest.raises(DataError) as error:
        e8.verify(folder / "q.onnx", given)
    assert what in str(error.value) and "\n" not in str(error.value)


def test_floats_of_another_precision_are_taken(folder):
    assert e8.verify(folder / "q.onnx", images(2).astype(np.float64)).mismatches == 0


def test_the_face_is_complete_and_typed():
    assert set(e8.__all__) <= set(dir(e8))
    stub = (next(iter(e8.__path__)) + "/__init__.pyi", "utf-8")
    text = open(*stub[:1], encoding=stub[1]).read()  # noqa: SIM115, PTH123
    assert all(f" {name} as {name}" in text for name in e8.__all__)
    assert all(callable(getattr(e8, name)) for name in e8.__all__)
    with pytest.raises(AttributeError):
        e8.nothing  # noqa: B018


def test_the_command_prints_tables_json_and_csv(folder, capsys):
    network = str(folder / "net.onnx")
    assert main(["layers", network]) == 0
    assert "macs" in capsys.readouterr().out
    assert main(["cost", network, "--hardware", MACHINE, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["facts"]["bound_cycles"] == sum(row["bound_cycles"] for row in said["rows"])
    assert main(["widths", str(folder / "q.onnx"), "--csv"]) == 0
    assert capsys.readouterr().out.startswith("layer,k,bits_rule")
    assert main(["hardware", "gemmini"]) == 0
    assert "gemmini" in capsys.readouterr().out


def test_the_command_has_the_verbs_of_the_face():
    words = {"accumulator_widths": "widths", "predict_scalesim": "predict"}
    calls = {words.get(name, name) for name in e8.__all__} - {"hardware_names", "EdgeInt8Error"}
    assert set(VERBS) == calls


@pytest.mark.parametrize(
    "arguments",
    [
        ["layers", "absent.onnx"],
        ["cost", "NET", "--hardware", "gemini"],
        ["cost", "NET", "--shape", "input"],
        ["verify", "NET"],
        ["verify", "QUANTISED", "--data", "absent.npz"],
        ["quantize", "NET", "-o", "out.onnx"],
        ["quantize", "QUANTISED", "--data", "DATA", "-o", "out.onnx"],
        ["widths", "NET"],
        ["vectors", "NET", "folder"],
    ],
)
def test_bad_input_is_one_line_and_status_2(folder, tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    files = {"NET": "net.onnx", "QUANTISED": "q.onnx", "DATA": "x.npz"}
    given = [str(folder / files[word]) if word in files else word for word in arguments]
    assert main(given) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error: ") and said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_difference_is_status_1(folder, monkeypatch, capsys):
    from edgeint8 import api

    exact = api.exact_accumulate
    monkeypatch.setattr(api, "exact_accumulate", lambda *a: exact(*a) + (1 << 14))
    assert main(["verify", str(folder / "q.onnx"), "--images", "2"]) == 1
    assert "differing" in capsys.readouterr().out


def test_shapes_in_words():
    assert shape_of("x=N,3,8,8") == ("x", [None, 3, 8, 8]) and shape_of("x=1x4") == ("x", [1, 4])
    with pytest.raises(DataError):
        shape_of("x=0,3")
