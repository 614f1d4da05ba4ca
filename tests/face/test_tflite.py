"""The public face on .tflite files: every runtime, and what is no such file."""

import json

import numpy as np
import onnx
import pytest
from quantized_networks import network

import edgeint8 as e8
from edgeint8.cli import main
from edgeint8.models.networks.signal_cnn_1d import SignalCNN1D
from edgeint8.tflite.export.export import export_tflite
from edgeint8.tflite.file.writer import write_tflite


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A network of the project, as an INT8 file; its source beside it."""
    path = tmp_path_factory.mktemp("tflite") / "net.tflite"
    model, _ = network(SignalCNN1D, (1, 128), "asym_channel")
    path.write_bytes(write_tflite(export_tflite(model).model))
    onnx.save(model, path.with_suffix(".onnx"))
    return path


def test_every_tensor_equals_every_runtime(file, capsys):
    answer = e8.verify(file, most=2)
    assert answer.mismatches == 0 and answer.differing == ()
    assert {"ort", "litert_ref", "litert_xnnpack", "tflm"} <= set(answer.to_frame()["runtime"])
    assert main(["verify", str(file), "--images", "2"]) == 0
    assert "tflite-micro" in capsys.readouterr().out


def test_arena_and_flash_stand_in_the_answer(file, capsys):
    assert main(["verify", str(file), "--images", "1", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["facts"]
    assert facts["arena_bytes"] == 3072 and 20_000 < facts["flash_bytes"] < file.stat().st_size
    assert main(["verify", str(file), "--images", "1"]) == 0
    assert "arena_bytes                    3,072" in capsys.readouterr().out


def test_layers_and_cost_of_its_graph(file, capsys):
    """As many products as the network that it was made of."""
    macs = e8.layers(file.with_suffix(".onnx")).macs
    assert e8.layers(file).macs == e8.cost(file, "gemmini").macs == macs > 100_000
    assert main(["layers", str(file)]) == 0
    assert f"{macs:,}" in capsys.readouterr().out


def test_every_call_says_the_same_of_its_memory(file):
    """Codes of the file, each once; scales are no constants of it, as they are of its graph."""
    needed = e8.verify(file, most=1).memory
    assert e8.layers(file).memory == needed
    assert e8.layers(file, batch=2).memory.flash_bytes == needed.flash_bytes
    assert f"{needed.flash_bytes:,} bytes" in e8.cost(file, "gemmini").text


@pytest.mark.parametrize("verb", ["verify", "widths", "vectors"])
def test_sizes_for_a_file_that_has_them_are_refused(file, tmp_path, verb, capsys):
    folder = [str(tmp_path / "v")] if verb == "vectors" else []
    assert main([verb, str(file), *folder, "--shape", "nothing=1,2"]) == 2
    assert "error: a shape" in capsys.readouterr().err


def test_widths_and_vectors_of_its_graph(file, tmp_path):
    assert 16 < e8.accumulator_widths(file).guaranteed <= 32
    assert len(e8.vectors(file, tmp_path / "v").to_frame()) >= 1


def test_what_is_no_tflite_file_is_one_line(tmp_path, capsys):
    (tmp_path / "no.tflite").write_bytes(np.arange(99, dtype=np.uint8).tobytes())
    assert main(["verify", str(tmp_path / "no.tflite")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
