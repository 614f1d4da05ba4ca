"""examples/decide.ipynb: ten cells that run in order and decide by their numbers."""

import ast
import json

import onnx
import pytest
from conftest import ROOT

import edgeint8 as e8

NOTEBOOK = json.loads((ROOT / "examples/decide.ipynb").read_text(encoding="utf-8"))
CELLS = ["".join(c["source"]) for c in NOTEBOOK["cells"] if c["cell_type"] == "code"]


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the cells leave, run in order in a folder of their own."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("notebook"))
        patch.syspath_prepend(str(ROOT / "examples"))
        for number, cell in enumerate(CELLS, 1):
            exec(compile(cell, f"cell {number}", "exec"), found)
        found["verified_again"] = e8.verify("net.int8.onnx", inputs=found["images"])
        found["saved"] = onnx.load("net.int8.onnx")
    return found


def test_ten_cells_without_stored_outputs():
    assert len(CELLS) == 10 and NOTEBOOK["nbformat"] == 4
    for number, cell in enumerate(CELLS, 1):
        assert cell.startswith(f"# {number}. ") and ast.parse(cell)
    assert not any(c.get("outputs") or c.get("execution_count") for c in NOTEBOOK["cells"])
    assert len({c["id"] for c in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])


def test_the_decision_follows_from_the_cells(names):
    """27 products of the first layer, 72 of the second, 16 of the classes, counted by hand."""
    assert names["net"].macs == 16 * 16 * 27 * 8 + 7 * 7 * 72 * 16 + 16 * 10
    decision, noise = names["decision"], names["noise"]
    assert noise[decision["strategy"]] == max(noise.values()) > 20 and len(noise) == 4
    assert names["verified"].mismatches == names["verified_again"].mismatches == 0
    widths = names["widths"]
    assert widths.observed <= widths.guaranteed == decision["accumulator_bits"] <= 23
    assert decision["area_mm2"] <= 0.3 and names["front"].feasible < names["front"].designs
    rows, cols = names["best"]["rows"], names["best"]["cols"]
    assert names["net"].macs / (rows * cols) <= decision["cycles"]
    assert all("cycles" in sentence for sentence in names["advice"])
    assert any(node.op_type == "QLinearConv" for node in names["saved"].graph.node)
