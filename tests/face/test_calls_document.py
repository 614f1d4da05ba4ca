"""Every example of docs/calls.md is run, and says what the page says."""

import doctest
import re
import shlex
import shutil

import numpy as np
import onnx
import pytest
from conftest import ROOT
from float_networks import classifier, images

import edgeint8
from edgeint8.cli import VERBS, main
from edgeint8.data import TOPOLOGIES

PAGE = (ROOT / "docs/calls.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that the page describes."""
    onnx.save(classifier(), tmp_path / "net.onnx")
    arrays = {"calibration": images(32)["input"], "inputs": images(4, seed=1)["input"]}
    np.savez(tmp_path / "x.npz", **arrays)
    shutil.copy(TOPOLOGIES / "resnet18.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_examples_and_then_the_commands(folder, capsys):
    examples = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    test = doctest.DocTestParser().get_doctest(examples, {}, "docs/calls.md", None, 0)
    told = []
    result = doctest.DocTestRunner().run(test, out=told.append)
    assert result.attempted > 20 and not result.failed, "".join(told)
    capsys.readouterr()
    commands = re.findall(r"```console\n\$ edgeint8 ([^\n]*)\n(.*?)```", PAGE, re.DOTALL)
    assert len(commands) >= 3
    for command, expected in commands:
        assert main(shlex.split(command)) == 0
        assert capsys.readouterr().out == expected, command


def test_every_call_and_every_verb_has_its_place():
    for name in set(edgeint8.__all__) - {"EdgeInt8Error"}:
        assert f"e8.{name}(" in PAGE, name
    assert all(f"## {verb}: " in PAGE for verb in VERBS)
