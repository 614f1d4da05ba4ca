"""What ptq_peers.py hands to a peer, and what it makes of the answer; the peer is a stand-in."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeint8.errors import DataError
from edgeint8.files import read_json
from edgeint8.models.data.samples import Samples
from tools.docs.learned_quotes import ptq_peers, ptq_peers_best

ROOT = Path(__file__).parents[2]
# Says what it was asked, and answers that everything is of class 1.
STAND_IN = """
import json, sys
import numpy as np
request = json.load(sys.stdin)
with np.load(request["images"]) as file:
    json.dump(request | {key: file[key].shape for key in file}, open(SAID, "w"))
if request["steps"] == ["cle"]:
    sys.exit("one line of many\\nthe last line")
scores = np.zeros((len(np.load(request["images"])["test"]), 2, 1, 1))
scores[:, 1] = 1
np.savez(request["answer"], scores=scores, seconds=3.5, versions="stand-in 1.0")
"""


@pytest.fixture(scope="module")
def peers():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module("ptq_peers")


@pytest.fixture
def said(peers, tmp_path, monkeypatch):
    """Where the stand-in, which takes the place of AIMET, says what it was asked."""
    path = tmp_path / "said.json"
    (tmp_path / "peer.py").write_text(STAND_IN.replace("SAID", repr(str(path))))
    monkeypatch.setattr(peers, "HERE", tmp_path)
    stand_ins = {name: replace(peer, child="peer.py") for name, peer in peers.PEERS.items()}
    monkeypatch.setattr(peers, "PEERS", stand_ins)
    return path


def classifier():
    """Two classes, scores (sum of x, 0): of class 0 where the sum is positive."""
    weights = np.array([[1, 1, 1], [0, 0, 0]], np.float32)
    constants = [numpy_helper.from_array(weights, "w")]
    constants.append(numpy_helper.from_array(np.zeros(2, np.float32), "b"))
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], "fc", transB=1)
    sizes = {"x": 3, "y": 2}.items()
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", k]) for n, k in sizes]
    graph = helper.make_graph([node], "classifier", [ends[0]], [ends[1]], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def samples(count, seed):
    x = np.random.default_rng(seed).standard_normal((count, 3)).astype(np.float32)
    return Samples("drawn", {"x": x}, (x.sum(axis=1) <= 0).astype(np.int64))


def lines(peers, folder, method, setting="w4_tensor", kept=None):
    """The rows of one network and method, and what it was judged by."""
    model, seen, test = classifier(), samples(40, 1), samples(100, 2)
    pythons = dict.fromkeys(("aimet", "brevitas"), sys.executable)
    asking = peers.Asking(folder, pythons, [method], 7, kept)
    asking.hand_over(model, seen, test)
    judge = peers.Judge("net", model, test)
    return test, list(peers.measured(judge, model, seen, setting, asking))


def test_the_peer_gets_network_images_and_no_label(peers, said, tmp_path):
    test, rows = lines(peers, tmp_path, "SeqMSE, AdaRound")
    asked = read_json(said)
    assert asked["steps"] == ["seq_mse", "adaround"] and asked["iterations"] == 7
    assert asked["weight_bits"] == 4 and asked["per_channel"] is False
    assert asked["calibration"] == [40, 3] and asked["test"] == [100, 3]
    assert not any("label" in key for key in asked)
    ours, theirs = rows[0], rows[-1]
    assert theirs["versions"] == "stand-in 1.0" and theirs["program"] == "AIMET-ONNX"
    assert theirs["time_cpu_s"] == 3.5 and theirs["iterations"] == 7
    assert theirs["accuracy"] == (test.labels == 1).mean() and theirs["accuracy_fp32"] == 1
    assert ours["method"] == "learned" and ours["ahead"] == 0 and ours["accuracy"] > 0.9
    assert theirs["ahead"] == pytest.approx(ours["accuracy"] - theirs["accuracy"])
    assert theirs["ahead_low"] < theirs["ahead"] < theirs["ahead_high"]


def test_a_peer_is_not_asked_again_what_it_has_answered(peers, said, tmp_path):
    kept = tmp_path / "kept"
    _, first = lines(peers, tmp_path, "SeqMSE", kept=kept)
    said.unlink()
    _, again = lines(peers, tmp_path, "SeqMSE", kept=kept)
    assert not said.exists() and again[-1] == first[-1] and len(list(kept.iterdir())) == 1
    lines(peers, tmp_path, "SeqMSE", "w4_channel", kept=kept)
    assert said.exists() and len(list(kept.iterdir())) == 2


def test_only_a_program_that_bounds_sums_is_asked_for_a_width(peers, said, tmp_path):
    _, rows = lines(peers, tmp_path, "GPTQ", "sum17_channel")
    assert read_json(said)["accumulator_bits"] == 17 and read_json(said)["weight_bits"] == 8
    assert [row["program"] for row in rows] == ["EdgeINT8", "EdgeINT8", "Brevitas"]
    _, rows = lines(peers, tmp_path, "SeqMSE", "sum17_channel")
    assert {row["program"] for row in rows} == {"EdgeINT8"}


def test_a_peer_that_fails_is_one_line(peers, said, tmp_path):
    with pytest.raises(DataError, match=r"the last line @ peer\.py") as caught:
        lines(peers, tmp_path, "CLE")
    assert "one line of many" not in str(caught.value)


ROW = {"network": "net", "setting": "w4", "delta_low": -0.02, "delta_high": 0.01}
ROW |= {"ahead_low": -0.01, "ahead_high": 0.03, "sqnr_db": 20.0}
ROWS = pd.DataFrame(
    ROW
    | {"program": p, "method": m, "iterations": i, "accuracy": a, "accuracy_delta": a - 0.9}
    | {"ahead": 0.88 - a, "time_cpu_s": t}
    for p, m, i, a, t in (
        ("EdgeINT8", "learned", None, 0.88, 5.0),
        ("EdgeINT8", "nearest", None, 0.5, 1.0),
        ("AIMET-ONNX", "SeqMSE", None, 0.86, 40.0),
        ("AIMET-ONNX", "AdaRound", 10_000, 0.87, 1600.0),
    )
)


def test_the_table_compares_all_rows_with_one():
    ours, nearest, _, adaround = ptq_peers({"benchmark_ptq_peers": ROWS}).splitlines()[2:]
    wanted = "| net | w4 | EdgeINT8 | learned | 88.00 % | -2.00 (-2.00 to +1.00) |  | 20.0 | 5.0 |"
    assert ours == wanted
    assert "| nearest | 50.00 % |" in nearest and "| +38.00 (-1.00 to +3.00) |" in nearest
    assert "| AdaRound (10,000 iterations) | 87.00 % |" in adaround and "| 1,600.0 |" in adaround


def test_ours_is_held_against_the_best_of_the_peer():
    said = ptq_peers_best({"benchmark_ptq_peers": ROWS})
    wanted = "net, w4: +1.00 (-1.00 to +3.00) against AdaRound (10,000 iterations), "
    assert said == f"{wanted}in 5.0 CPU seconds for 1,600.0."


def test_ours_stand_once_beside_both_peers_and_alone_are_no_comparison():
    theirs = {"program": ["EdgeINT8", "Brevitas"], "method": ["learned", "GPTQ"]}
    alone = ROWS.iloc[[0]].assign(setting="w3")
    more = pd.concat([ROWS.iloc[[0, 2]].assign(**theirs), alone])
    tables = {"benchmark_ptq_peers": ROWS, "benchmark_ptq_peers_brevitas": more}
    shown = ptq_peers(tables).splitlines()[2:]
    assert [line.split(" | ")[2:4] for line in shown] == [
        *(["EdgeINT8", "learned"], ["EdgeINT8", "nearest"], ["AIMET-ONNX", "SeqMSE"]),
        *(["AIMET-ONNX", "AdaRound (10,000 iterations)"], ["Brevitas", "GPTQ"]),
        ["EdgeINT8", "learned"],
    ]
    assert "w3" not in ptq_peers_best(tables)
