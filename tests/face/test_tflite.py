"""The public face on .tflite files: every runtime, and what is no such file."""

import numpy as np
import pytest
from quantized_networks import network

import edgeint8 as e8
from edgeint8.cli import main
from edgeint8.models.networks.signal_cnn_1d import SignalCNN1D
from edgeint8.tflite.export.export import export_tflite
from edgeint8.tflite.file.writer import write_tflite


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A network of the project, as an INT8 file."""
    path = tmp_path_factory.mktemp("tflite") / "net.tflite"
    exported = export_tflite(network(SignalCNN1D, (1, 128), "asym_channel")[0])
    path.write_bytes(write_tflite(exported.model))
    return path


def test_every_tensor_equals_every_runtime(file, capsys):
    answer = e8.verify(file, most=2)
    assert answer.mismatches == 0 and answer.differing == ()
    assert {"ort", "litert_ref", "litert_xnnpack", "tflm"} <= set(answer.to_frame()["runtime"])
    assert main(["verify", str(file), "--images", "2"]) == 0
    assert "tflite-micro" in capsys.readouterr().out


def test_widths_and_vectors_of_its_graph(file, tmp_path):
    assert 16 < e8.accumulator_widths(file).guaranteed <= 32
    assert len(e8.vectors(file, tmp_path / "v").to_frame()) >= 1


def test_what_is_no_tflite_file_is_one_line(tmp_path, capsys):
    (tmp_path / "no.tflite").write_bytes(np.arange(99, dtype=np.uint8).tobytes())
    assert main(["verify", str(tmp_path / "no.tflite")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
