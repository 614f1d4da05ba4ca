"""What a user names, as types: layers from a file, a machine from an id, a name or a file."""

from collections.abc import Sequence
from pathlib import Path

from edgeint8.arch.machine.hardware import Hardware, is_hardware_id, load_preset, parse_hardware_id
from edgeint8.arch.network.layers import Layer
from edgeint8.data import HARDWARE
from edgeint8.errors import HardwareError, ModelError

PRESET_FOLDERS = (Path("config") / "hardware", HARDWARE)  # of the working folder, of the package


def read_layers(model: str, shapes: Sequence[str] = ()) -> tuple[Layer, ...]:
    """The layers of an ONNX file or a topology; at least one runs on the array."""
    path = Path(model)
    if not path.is_file():
        raise ModelError("file does not exist", where=model, allowed="an ONNX or topology file")
    if path.suffix.lower() == ".csv":
        from edgeint8.arch.network.topology import layers_from_topology

        layers = layers_from_topology(path)
    else:
        from edgeint8.arch.network.onnx_layers import (
            layers_from_onnx,  # onnx takes a while to import
        )

        layers = layers_from_onnx(path, dict(map(_input_shape, shapes)))
    if not any(layer.shape is not None for layer in layers):
        raise ModelError("no layer runs on the array", where=model)
    return layers


def _input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, extents = text.partition("=")
    parts = extents.replace("x", ",").split(",")
    if not name or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ModelError(f"shape {text!r}", where="--shape", allowed="INPUT=1,3,224,224")
    return name, tuple(map(int, parts))


def preset_names() -> list[str]:
    """Names of all presets, sorted."""
    return sorted({path.stem for folder in PRESET_FOLDERS for path in folder.glob("*.yaml")})


def find_hardware(text: str, where: str = "--hardware") -> Hardware:
    """A YAML file, a preset by name, or an id.

    Presets are looked for in ``config/hardware`` of the working folder, then in the package.
    `where` is the place that `text` comes from, for the message.
    """
    if text.endswith((".yaml", ".yml")):
        return load_preset(text)
    for folder in PRESET_FOLDERS:
        if (folder / f"{text}.yaml").is_file():
            return load_preset(folder / f"{text}.yaml")
    if is_hardware_id(text):
        try:
            return parse_hardware_id(text)
        except HardwareError as error:
            what = f"{error.what} in {text}" if text not in error.what else error.what
            raise HardwareError(what, where=where, allowed=error.allowed) from None
    raise HardwareError(
        f"unknown hardware {text!r}",
        where=where,
        allowed=f"{', '.join(preset_names())}, a .yaml file, or an id such as ws_16x16_64kB_16Bpc",
    )
