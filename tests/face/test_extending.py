"""docs/extending.md: its files are written, used and checked; so are the programs in examples/."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from conftest import ROOT
from float_networks import classifier, images
from onnx import helper, numpy_helper

import edgeint8 as e8
from edgeint8 import extensions
from edgeint8.cli import main
from edgeint8.data import STUDY_SCHEMA
from edgeint8.errors import ConfigError, EdgeInt8Error, ModelError
from edgeint8.extensions import load_extensions
from edgeint8.fixed_point.executor import Executor, float_nodes
from edgeint8.quant.strategy import Strategy
from edgeint8.study.config import load_study
from edgeint8.study.source_hash import PACKAGE, source_closure

PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`(\w+\.\w+)`:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
EXAMPLES = sorted(
    path.stem
    for path in (ROOT / "examples").glob("*.py")
    if path.stem != "replay_cocotb"  # a simulator runs it: tests/rtl/test_examples.py
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The files of the page beside a network and its data; nothing stays registered."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    onnx.save(classifier(), tmp_path / "net.onnx")
    np.savez(tmp_path / "x.npz", calibration=images(32)["input"], inputs=images(4, 2)["input"])
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    extensions.CALIBRATIONS.clear()
    extensions.OPERATORS.clear()
    extensions._loaded.clear()


def test_a_machine_is_a_yaml_file(folder: Path) -> None:
    """12.8 GB/s at 800 MHz are 16 bytes a cycle, 5 whole ones for each of three ports."""
    machine = e8.hardware("fast_npu.yaml")
    assert (machine.dataflow, machine.rows, machine.cols) == ("os", 32, 16)
    assert (machine.dram_bytes_per_cycle, machine.bandwidth_bpc) == (16, 5)
    assert e8.cost("net.onnx", hardware="fast_npu.yaml").bound_cycles > 0


def test_a_calibration_method_is_a_function(folder: Path) -> None:
    (command,) = re.findall(r"\$ edgeint8 (quantize [^\n]*)", PAGE)
    with pytest.raises(ConfigError, match="three_sigma"):
        Strategy.from_name("asym_channel_three_sigma")
    assert main(command.split()) == 0
    values = images(32)["input"]
    low, high = values.mean() - 3 * values.std(), values.mean() + 3 * values.std()
    model = onnx.load("sigma.onnx")
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    first = next(node for node in model.graph.node if node.op_type == "QuantizeLinear")
    assert stored[first.input[1]] == pytest.approx((high - low) / 255, rel=2e-3)
    (folder / "ours.py").write_text(FILES["three_sigma.py"].replace('"three_sigma"', '"minmax"'))
    load_extensions(["ours.py"])
    with pytest.raises(ConfigError, match="'minmax' is ours"):
        Strategy.from_name("asym_channel_mse")


def with_lookup(model: onnx.ModelProto, tensor: str) -> onnx.ModelProto:
    """A copy in which all that reads `tensor` reads its codes turned upside down."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for node in copy.graph.node:
        node.input[:] = ["turned" if name == tensor else name for name in node.input]
    table = np.arange(256, dtype=np.uint8)[::-1]
    copy.graph.initializer.append(numpy_helper.from_array(table, "table"))
    copy.graph.node.append(
        helper.make_node("Lookup", [tensor, "table"], ["turned"], name="turn", domain="my.lab")
    )
    copy.opset_import.append(helper.make_opsetid("my.lab", 1))
    return copy


def test_an_operator_is_a_function(folder: Path) -> None:
    """The same network, fed from outside what the operator should have made of its input."""
    plain = e8.quantize("net.onnx", calibration="x.npz").model
    tensor = next(n.output[0] for n in plain.graph.node if n.op_type == "QLinearConv")
    model, feeds = with_lookup(plain, tensor), images(4, seed=2)
    with pytest.raises(ModelError, match=r"my\.lab::Lookup"):
        Executor(model)
    load_extensions(["lookup.py"])
    got = Executor(model).run(feeds)
    exact = Executor(plain).run(feeds, keep=[tensor])[tensor]
    want = Executor(plain).run(feeds, substitute={tensor: 255 - exact})
    output = plain.graph.output[0].name
    assert np.array_equal(got[output], want[output])
    assert "turn" not in float_nodes(model)
    onnx.save(model, "turned.onnx")
    assert main(["widths", "turned.onnx", "--extend", "lookup.py"]) == 0


def test_a_study_knows_its_extensions(folder: Path) -> None:
    (entry,) = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(ext.*?)```", PAGE, re.S))
    minimal = {"workloads": {}, "hardware": {}, **entry}
    minimal["run"] = {"workloads": [], "strategies": ["sigma"]}
    study = load_study(minimal, STUDY_SCHEMA)
    assert study.extensions == ("three_sigma.py", "lookup.py")
    with pytest.raises(ConfigError, match="minmax, percentile, entropy, mse"):
        extensions.CALIBRATIONS.clear()
        load_study(minimal | {"extensions": []}, STUDY_SCHEMA)


@pytest.mark.parametrize("text", ["import nothing_of_this_name", "1 / 0", "def"])
def test_a_file_that_cannot_run_is_one_line(folder: Path, text: str) -> None:
    (folder / "bad.py").write_text(text)
    with pytest.raises(ConfigError, match=r"cannot be run .* @ .*bad\.py; allowed"):
        load_extensions(["bad.py"])
    with pytest.raises(EdgeInt8Error, match="cannot be run"):
        load_extensions(["absent.py"])


def test_every_rule_that_may_use_an_extension_has_it_as_input() -> None:
    """Whatever imports strategies or the executor, but for those that only pass names on."""
    passing_on = {"accumulator", "adopt", "baseline_table", "evaluate", "judge", "recommend"}
    passing_on |= {"output_ranges"}
    rules = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    blocks = {
        found[1]: block
        for block in re.split(r"(?m)^(?=rule )", rules)
        if (found := re.search(r'"\.\./scripts/(\w+)\.py"', block))
    }
    users = {PACKAGE / "quant/strategy.py", PACKAGE / "fixed_point/executor.py"}
    for script in (ROOT / "workflow/scripts").glob("*.py"):
        if users & source_closure(script) and script.stem not in passing_on:
            assert "extensions=EXTENSIONS" in blocks[script.stem], script.stem


SAID = {
    "verify": r"^29,216 elements compared, 0 differ$",
    "width": r"guaranteed for any input: (\d+) bits; seen: (\d+) bits",
    "cost": r"gemmini: [\d,]+ cycles, bound by \w+",
    "explore": r"^1,944 designs, 1,944 feasible, \d+ on the front\nrecommended: \w+",
    "quantise_and_compare": r"^asym_channel_\w+: ([\d.]+) dB\n",
}


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "small_network"])
def test_an_example_runs(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    runpy.run_path(str(ROOT / f"examples/{name}.py"))
    found = re.search(SAID[name], capsys.readouterr().out, re.MULTILINE)
    assert found
    if name == "width":  # what was seen cannot be wider than what is possible
        assert int(found[2]) <= int(found[1]) <= 32
    if name == "quantise_and_compare":
        assert 20 < float(found[1]) < 60
