"""What the tests of networks from outside share."""

import onnx
import onnx.reference
from messy_networks import opset_21
from onnx import external_data_helper

from edgeint8.models.data.own_data import InputSpec, random_data
from edgeint8.quant.prequantized.own_network import (
    input_specs,
)


def saved(tmp_path, model):
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    return path


def some(model, rows=8):
    """Random inputs of a network, `rows` or a few more of each."""
    specs = [InputSpec(name, *spec) for name, spec in input_specs(model).items()]
    return random_data(specs, seed=5)["test"].first(rows).inputs


def external(tmp_path, location):
    """A network in ``folder`` whose first weight is said to lie at `location`."""
    folder = tmp_path / "folder"
    folder.mkdir()
    model = opset_21()
    tensor = model.graph.initializer[0]
    (folder / "weights.bin").write_bytes(tensor.raw_data)
    (tmp_path / "outside.bin").write_bytes(tensor.raw_data)
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    external_data_helper.set_external_data(tensor, location, length=len(tensor.raw_data))
    tensor.ClearField("raw_data")
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path
