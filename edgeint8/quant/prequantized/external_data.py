"""Tensors of an ONNX file that are kept in other files, which must lie in the network's folder."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import onnx
from onnx import external_data_helper

from edgeint8.errors import ModelError, model_error
from edgeint8.files import mentions


def tensors_of(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every stored tensor of a graph, in attributes and subgraphs too."""
    yield from graph.initializer
    for node in graph.node:
        for entry in node.attribute:
            yield from [entry.t] if entry.HasField("t") else entry.tensors
            for inner in [entry.g] if entry.HasField("g") else entry.graphs:
                yield from tensors_of(inner)


def load_external_data(model: onnx.ModelProto, path: Path) -> None:
    """Read tensors kept in other files, which must be plain files inside the network's folder."""
    folder = path.parent.resolve()
    found = False
    for tensor in tensors_of(model.graph):
        if not external_data_helper.uses_external_data(tensor):
            continue
        found = True
        location = _location(tensor)
        place = folder / location
        inside = not PurePosixPath(location).is_absolute() and place.resolve().is_relative_to(
            folder
        )
        if not location or not inside or place.is_symlink() or "\\" in location:
            raise ModelError(
                f"external data in {location!r}",
                where=f"{path}: tensor {tensor.name}",
                allowed="a file inside the network's folder",
            )
        if not place.is_file():
            raise ModelError(
                f"no file {location!r}",
                where=f"{path}: tensor {tensor.name}",
                allowed="the external data beside the network",
            )
    if found:
        try:
            external_data_helper.load_external_data_for_model(model, str(folder))
        except Exception as error:  # onnx raises its checker's own types
            raise model_error(
                error,
                f"external data cannot be read ({error})",
                where=str(path),
                allowed="files as long as the network says",
            ) from None


def external_files(path: str | Path) -> list[str]:
    """The files beside a network that hold its tensors; none where it cannot be read."""
    try:
        if not mentions(path, [b"location"]):
            return []
        model = onnx.load(path, load_external_data=False)
    except Exception:  # protobuf raises its own types; the network's own job will say it
        return []
    external = filter(external_data_helper.uses_external_data, tensors_of(model.graph))
    places = {Path(path).parent / _location(tensor) for tensor in external}
    return sorted(str(place) for place in places if place.is_file())


def _location(tensor: onnx.TensorProto) -> str:
    """Where a tensor says that its values are."""
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
