"""Every recipe of docs/cookbook.md runs, and its answer is checked by other means."""

import json
import re
import runpy
import shlex

import float_networks
import numpy as np
import onnx
import pytest
import yaml
from conftest import ROOT
from onnx import TensorProto, helper, numpy_helper
from test_guide import merge

import edgeint8 as e8
from edgeint8.arch.cost.energy import network_energy_fj
from edgeint8.arch.cost.machine.cost import machine_costs
from edgeint8.arch.machine.constants import SRAM_LEAKAGE
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.machine.processing_element import clock_fj
from edgeint8.arch.network.inputs import read_layers
from edgeint8.cli import main
from edgeint8.data import STUDY_SCHEMA
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.session import run_onnx
from edgeint8.study.config import load_study
from edgeint8.tflite.export.export import export_tflite
from edgeint8.tflite.file.writer import write_tflite

PAGE = (ROOT / "docs/cookbook.md").read_text(encoding="utf-8")
PRELUDE, *SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)
RECIPES = {section.partition("\n")[0]: section for section in SECTIONS}
MACS = 16 * 16 * 27 * 8 + 7 * 7 * 72 * 16 + 16 * 10  # of examples/small_network.py
SMALL = runpy.run_path(str(ROOT / "examples/small_network.py"))


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def one(title, language):
    """The only block of a recipe in `language`."""
    (block,) = blocks(RECIPES[title], language)
    return block


def run(title):
    """The names that a recipe in Python leaves."""
    names = {}
    exec(blocks(PRELUDE, "python")[0] + one(title, "python"), names)
    return names


def command(title, capsys):
    """The JSON that a recipe of one command prints."""
    program, *words = shlex.split(one(title, "sh"))
    assert program == "edgeint8" and main(words) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files that the page names."""
    folder = tmp_path_factory.mktemp("cookbook")
    images = SMALL["some_images"]
    SMALL["write_network"](str(folder / "net.onnx"))
    SMALL["write_network"](str(folder / "other.onnx"), seed=1)
    wide = onnx.load(folder / "other.onnx")
    for tensor in wide.graph.initializer:  # 1,600 classes, so that machines differ
        if tensor.name == "w3":
            tensor.CopyFrom(numpy_helper.from_array(np.ones((16, 1600), np.float32), "w3"))
    wide.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 1600
    onnx.save(wide, folder / "other.onnx")
    np.savez(folder / "x.npz", calibration=images(32), inputs=images(16, seed=2))
    e8.quantize(folder / "net.onnx", folder / "x.npz").save(folder / "net.int8.onnx")
    seen = float_networks.images(32)["input"]
    onnx.save(float_networks.classifier(), folder / "biased.onnx")  # LiteRT wants a bias
    exported = export_tflite(e8.quantize(folder / "biased.onnx", seen).model)
    (folder / "net.tflite").write_bytes(write_tflite(exported.model))
    np.savez(folder / "nhwc.npz", inputs=seen.transpose(0, 2, 3, 1))
    return folder


@pytest.fixture(autouse=True)
def here(files, monkeypatch):
    monkeypatch.chdir(files)


def test_ten_recipes_of_a_command_or_five_lines():
    assert len(RECIPES) == 10
    for title, text in RECIPES.items():
        (code,) = blocks(text, "(?:python|sh)") or blocks(text, "yaml")
        assert len(code.splitlines()) <= (6 if "detector" in title else 5), title


def test_accuracy_the_layer_that_loses_is_named(tmp_path, monkeypatch, capsys):
    """A huge weight that only meets zeros: nothing in float, everything under one scale."""
    model = onnx.load("net.onnx")
    stored = {t.name: numpy_helper.to_array(t).copy() for t in model.graph.initializer}
    stored["w1"][0] = 0
    stored["w2"][0, 0, 0, 0] = 100
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(stored[tensor.name], tensor.name))
    onnx.save(model, tmp_path / "net.onnx")
    np.savez(tmp_path / "x.npz", **np.load("x.npz"))
    monkeypatch.chdir(tmp_path)
    run("My accuracy fell: what now?")
    said = dict(re.findall(r"^(\w+) (-?[\d.]+) dB$", capsys.readouterr().out, re.MULTILINE))
    assert max(said, key=lambda layer: float(said[layer])) == "second" and len(said) == 3
    assert float(said["second"]) > 20 > 10 > max(float(said["first"]), float(said["classes"]))


def test_accumulator_bounds_from_the_weights_alone(capsys):
    facts = command("Which accumulator?", capsys)["facts"]
    model = onnx.load("net.int8.onnx")
    stored = {t.name: numpy_helper.to_array(t).astype(int) for t in model.graph.initializer}
    reach = {}
    for node in model.graph.node:
        if node.op_type == "QLinearConv":
            weights, zero = stored[node.input[3]], stored[node.input[2]]
            ends = np.stack([weights * -zero, weights * (255 - zero)])
            bias = stored[node.input[8]] if len(node.input) > 8 else 0
            high = ends.max(0).sum(axis=(1, 2, 3)) + bias
            low = ends.min(0).sum(axis=(1, 2, 3)) + bias
            reach[node.name] = max(int(high.max()).bit_length(), int(~low.min()).bit_length()) + 1
    assert facts["bits_guaranteed"] == max(reach.values())
    assert facts["limiting_layer"] == max(reach, key=reach.__getitem__)
    assert facts["bits_observed"] <= facts["bits_guaranteed"]


def test_rtl_is_held_against_what_onnx_runtime_computes(capsys):
    model = onnx.load("net.int8.onnx")
    name = next(n.output[0] for n in model.graph.node if n.op_type == "QLinearConv")
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.UINT8, None))
    made = run_onnx(model, {"x": np.load("x.npz")["inputs"][:1]})[name]
    np.save("from_my_rtl.npy", made)
    run("Is my RTL right?")
    assert capsys.readouterr().out == "None\n"
    wrong = made.copy()
    wrong[0, 2, 3, 4] ^= 1
    np.save("from_my_rtl.npy", wrong)
    run("Is my RTL right?")
    element = f"[0, 2, 3, 4]: expected {made[0, 2, 3, 4]}, got {wrong[0, 2, 3, 4]} (1 of 2048"
    assert element in capsys.readouterr().out


def test_runtimes_are_themselves_and_part(capsys):
    answer = run("Which runtime?")["answer"]
    frame, pairs = answer.to_frame(), answer.report.pairs_frame()
    assert {"ort", "litert_ref", "litert_xnnpack", "tflm"} <= set(frame["runtime"])
    assert len(pairs) == len(frame) * (len(frame) - 1) // 2
    assert set(frame[frame["witness"] == "none"]["runtime"]) == {"cmsis_single"}
    assert pairs["outputs_differing"].max() > 0, "runtimes part on so many images"
    assert answer.mismatches == 0 and "litert_xnnpack" in capsys.readouterr().out


def detector():
    """Boxes up to some 300 and scores up to 1 in one output."""
    rng = np.random.default_rng(3)
    stored = {"b": rng.normal(size=(12, 4)), "s": rng.normal(size=(12, 6)), "size": np.array(300)}
    nodes = [
        helper.make_node("MatMul", ["x", "b"], ["places"], name="box"),
        helper.make_node("Mul", ["places", "size"], ["boxes"], name="pixels"),
        helper.make_node("MatMul", ["x", "s"], ["class"], name="class"),
        helper.make_node("Sigmoid", ["class"], ["scores"], name="probability"),
        helper.make_node("Concat", ["boxes", "scores"], ["y"], name="join", axis=1),
    ]
    tensors = [numpy_helper.from_array(np.float32(v), name) for name, v in stored.items()]
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", s])
        for n, s in (("x", 12), ("y", 10))
    ]
    graph = helper.make_graph(nodes, "detector", ends[:1], ends[1:], tensors)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def test_a_detector_keeps_its_scores():
    images = np.random.default_rng(4).normal(size=(64, 12)).astype(np.float32)
    onnx.save(detector(), "detector.onnx")
    np.savez("detector.npz", calibration=images, inputs=images)
    overlay = yaml.safe_load(one("My network is a detector", "yaml"))
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    study = load_study(merge(default, overlay), STUDY_SCHEMA)
    assert tuple(study.names) == ("detector",)
    wanted = run_onnx(detector(), {"x": images})["y"][:, 4:]
    kept = {}
    for name in overlay["run"]["strategies"]:
        part = e8.quantize("detector.onnx", "detector.npz", overlay["strategies"][name])
        kept[name] = sqnr_db(wanted, run_onnx(part.model, {"x": images})["y"][:, 4:])
    assert kept["joined"] < 10 < 25 < kept["split"]


def test_npus_are_no_faster_than_their_multipliers(capsys):
    run("Compare two NPUs")
    said = re.findall(
        r"^(\w+): ([\d.]+) ms, ([\d.]+) uJ, ([\d.]+) mm2, bound by \w+; .*cycles",
        capsys.readouterr().out,
        re.MULTILINE,
    )
    assert len(said) == 2 and len({name for name, *_ in said}) == 2
    for name, ms, energy, area in said:
        machine = e8.hardware(name)
        cycles = float(ms) * machine.clock_hz / 1e3
        assert MACS / (machine.rows * machine.cols) <= cycles < MACS
        assert float(energy) > MACS * 0.1e-6 and 0.1 < float(area) < 10


def test_the_suite_s_machine_is_fast_enough_for_all_and_wastes_least(capsys):
    """By one machine at a time: energy of a period is that of `cost`'s cycles and bytes, and idle.

    The machines of the networks alone are too slow for another, or take more than 10 % less area
    would be worth.
    """
    names = run("One machine for a suite")
    assert capsys.readouterr().out.split()[0] == names["best"].hardware
    frame = names["best"].to_frame()
    spent = {}
    for file, asked in names["asked"].items():
        for name in {*frame["hardware"], *frame["own_hardware"]}:
            dataflow, array, kb, *_, bandwidth, folds = name.split("_")
            size, piped = map(int, array.split("x")), folds == "pipelined"
            machine = Hardware(
                dataflow, *size, *[int(kb)] * 3, int(bandwidth[0]), pipelined_folds=piped
            )
            found = [part.cost for part in machine_costs(read_layers(file, {}), machine)]
            period, cycles = 1e9 / asked["rate"], sum(cost.cycles for cost in found)
            energy = sum(network_energy_fj(found, machine).values())
            waits = machine.processing_elements * clock_fj(dataflow, piped, "mid")[1]
            waits += round(3 * int(kb) * 8192 * SRAM_LEAKAGE.mid * 1e3 / machine.clock_hz)
            spent[name, file] = energy + waits * (period - cycles) if cycles <= period else np.inf
    total = {name: sum(spent[name, file] for file in names["asked"]) for name, _ in spent}
    chosen = total.pop(names["best"].hardware)
    assert np.isfinite(chosen) and total and min(total.values()) > chosen / 1.1
    powers = [
        spent[names["best"].hardware, f] * a["rate"] * 1e-12 for f, a in names["asked"].items()
    ]
    assert powers == pytest.approx(list(frame["rate_power_mw"]), rel=1e-3)
    assert (frame["regret"] >= 1).all() and frame["regret"].max() > 2


def test_a_sweep_keeps_its_limit():
    """A limit on what the front minimises cuts the front and changes nothing below it."""
    names = run("A sweep under 2 mm2")
    front, space = names["front"], names["space"]
    assert front.designs == 41 * 41 * 3 * 2 * 3 * 2 and 0 < front.feasible < front.designs
    assert e8.cost("net.onnx", hardware="ws_48x48_64kB_8Bpc").area_mm2 > 2
    free = e8.explore("net.onnx", rows=(8, 48), cols=(8, 48), **space).to_frame()
    assert set(front.to_frame()["hardware"]) == set(free.query("area_mm2 <= 2")["hardware"])
    assert front.best["area_mm2"] <= 2


def test_a_cluster_has_its_profile_and_its_three_lines():
    """That the whole study runs on one: tests/workflow/test_clusters.py."""
    words = shlex.split(one("A cluster", "sh"))
    folder = ROOT / words[words.index("--profile") + 1]
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["executor"] == "slurm"
    needed = (ROOT / "envs/requirements-cluster.txt").read_text(encoding="utf-8")
    assert "snakemake-executor-plugin-slurm" in needed
    for line in ("minutes = ", "slurm_account: ", "slurm_partition: "):
        assert line in text


def test_constants_of_a_technology_move_energy_and_area_by_hand(files, capsys):
    title = "My technology's constants"
    mine = yaml.safe_load(one(title, "yaml"))
    (files / "mine.yaml").write_text(yaml.safe_dump(mine))
    ours = command(title, capsys)["facts"]
    assert main(["cost", "net.onnx", "--dram", "lpddr4", "--json"]) == 0
    published = json.loads(capsys.readouterr().out)["facts"]
    saved = MACS * (300 - mine["int8_mac_fj"]["mid"]) / 1000  # 300 fJ: Horowitz, ISSCC 2014
    assert published["energy_pj"] - ours["energy_pj"] == pytest.approx(saved)
    machine = e8.hardware("gemmini")
    least = machine.rows * machine.cols * mine["int8_mac_um2"] / 1e6
    assert least < ours["area_mm2"] < published["area_mm2"]
