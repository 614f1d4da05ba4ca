"""The command where its words are odd: said twice, not to be written, without a number."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeint8.cli import main
from edgeint8.data import TOPOLOGIES

SMALL = ["--rows", "4", "4", "--cols", "4", "4"]


@pytest.fixture
def net(tmp_path, monkeypatch):
    """``net.onnx`` in the folder that one stands in: a convolution of a free image."""
    monkeypatch.chdir(tmp_path)
    return save("Conv", ["N", 3, "H", "W"], (4, 3, 3, 3))


def save(operator, shape, weights, name="net.onnx", opset=19):
    """A network of one operator on x and stored weights."""
    extra = [("offset", [1, 8, *shape[2:]])] if operator == "DeformConv" else []
    inputs = [
        helper.make_tensor_value_info(key, TensorProto.FLOAT, dims)
        for key, dims in [("x", shape), *extra]
    ]
    options = {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]} if extra else {}
    stored = numpy_helper.from_array(np.ones(weights, np.float32), "w")
    reads = ["x", "w", *(key for key, _ in extra)]
    nodes = [helper.make_node(operator, reads, ["y"], name="only", **options)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [stored])
    opsets = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), name)
    return name


def strict(text):
    """JSON as RFC 8259 has it: without NaN and Infinity, which Python's reader takes."""

    def refuse(word):
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


def test_json_has_null_where_nothing_was_asked(net, capsys):
    assert main(["explore", net, "--shape", "x=1,3,8,8", *SMALL, "--json"]) == 0
    said = strict(capsys.readouterr().out)
    assert said["facts"]["best_rate"] is None and said["facts"]["best_rows"] == 4
    assert said["facts"]["front"] == len(said["rows"])


def test_a_network_of_which_nothing_is_mapped_takes_no_time(net, capsys):
    """16 outputs of 12 products each, counted without a mapping; unlimited bandwidth moves them."""
    name = save("DeformConv", [1, 3, 4, 4], (4, 3, 2, 2), "deform.onnx")
    assert main(["explore", name, *SMALL, "--json"]) == 0
    said = strict(capsys.readouterr().out)
    assert "768 of 768 MACs have no mapping" in said["facts"]["incomplete"]
    unlimited = [row for row in said["rows"] if row["bandwidth"] == "unlimited"]
    assert unlimited and all(row["fps"] == row["power_mw"] == 0 for row in unlimited)


@pytest.mark.parametrize(
    "arguments",
    [
        ["layers", "net.onnx", "--shape", "x=1,3,8,8", "--shape", "x=1,3,9,9"],
        ["layers", "net.onnx", "--constant", "x=1", "--constant", "x=2"],
        ["suite", "net.onnx,rate=10", "net.onnx,rate=20", *SMALL],
        ["suite", "net.onnx,rate=10,rate=20", *SMALL],
        ["suite", "net.onnx,shape.x=1x3x8x8,shape.x=1x3x9x9", *SMALL],
    ],
)
def test_what_is_said_twice_is_refused(net, capsys, arguments):
    """One of the two would be lost without a word."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "twice" in said.err


def test_a_place_that_cannot_be_written_is_one_line(net, capsys):
    """A file stands where a folder would have to be made."""
    save("Gemm", ["N", 4], (4, 4), "dense.onnx")
    np.savez("x.npz", calibration=np.ones((4, 4), np.float32))
    assert main(["quantize", "dense.onnx", "--data", "x.npz", "-o", "net.onnx/q.onnx"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and "net.onnx" in said


def test_the_largest_machine_gets_advice_as_any(net, capsys):
    largest = "os_4096x4096_1048576kB_1048576Bpc"
    asked = ["cost", net, "--shape", "x=1,3,8,8", "--hardware", largest, "--json"]
    assert main(asked) == 0
    assert strict(capsys.readouterr().out)["facts"]["hardware"] == largest


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rate", "1e12"], "no design is fast enough"),
        (["--rows", "4096", "4096"], "no design holds every layer"),
        ([], ""),
    ],
)
def test_an_empty_answer_says_why(net, capsys, options, words):
    asked = ["explore", net, "--shape", "x=1,3,8,8", *SMALL, *options, "--json"]
    assert main(asked) == 0
    facts = strict(capsys.readouterr().out)["facts"]
    assert facts["no_best_because"].startswith(words) and bool(words) == (
        not facts["best_hardware"]
    )


def test_a_range_that_runs_backwards_is_named(net, capsys):
    assert main(["explore", net, "--shape", "x=1,3,8,8", "--rows", "6", "4"]) == 2
    assert "rows are 6 to 4 @ $.explore; allowed: the smallest first" in capsys.readouterr().err


def test_a_suite_without_a_machine_says_why(net, capsys):
    assert main(["suite", f"{net},rate=1e12,shape.x=1x3x8x8", *SMALL, "--json"]) == 0
    facts = strict(capsys.readouterr().out)["facts"]
    assert facts["hardware"] is None and "fast enough" in facts["none_because"]


@pytest.mark.parametrize("option", [["--shape", "x=1,3,8,8"], ["--constant", "x=1"]])
def test_sizes_for_a_topology_are_refused(net, capsys, option):
    assert main(["layers", str(TOPOLOGIES / "ds_cnn.csv"), *option]) == 2
    assert "a topology has its sizes" in capsys.readouterr().err
