"""What a user names, as types: layers from a file, a machine from an id, a name or a file."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeint8.arch.machine.hardware import (
    Hardware,
    load_preset,
    parse_design_name,
    parse_hardware_id,
)
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.repeated import in_batch
from edgeint8.arch.network.totals import batch_of_layers, mac_count
from edgeint8.data import HARDWARE
from edgeint8.errors import HardwareError, ModelError
from edgeint8.hardware_id import read_hardware_id

if TYPE_CHECKING:
    import onnx

PRESET_FOLDERS = (Path("config") / "hardware", HARDWARE)  # of the working folder, of the package
Shapes = Sequence[str] | Mapping[str, Sequence[int | None]]
Constants = Sequence[str] | Mapping[str, float | int | bool]
BatchAxis = int | None | Mapping[str, int | None]


def read_layers(
    model: str | Path,
    shapes: Shapes = (),
    *,
    batch: int | None = None,
    constants: Constants = (),
    batch_axis: BatchAxis = 0,
    graph: "onnx.ModelProto | None" = None,
) -> tuple[Layer, ...]:
    """The layers of an ONNX file or a topology; at least one multiplies.

    What every INT8 compiler folds is folded. `batch` images run at once (None: as many as the
    file has); `shapes` and `constants` may be texts such as ``input=1,3,224,224``. `graph` is what
    stands in a file of another format, in ONNX.
    """
    path = Path(model)
    if not path.is_file():
        raise ModelError(
            "file does not exist", where=str(model), allowed="an ONNX or topology file"
        )
    if path.suffix.lower() == ".csv":
        from edgeint8.arch.network.topology import layers_from_topology

        if shapes or constants:
            raise ModelError(
                "a shape or constant", where=str(model), allowed="none: a topology has its sizes"
            )
        layers = layers_from_topology(path)
    else:
        from edgeint8.arch.network.fusion import fold  # onnx takes a while to import
        from edgeint8.arch.network.graph import NetworkInputs
        from edgeint8.arch.network.onnx_layers import layers_from_onnx

        given = NetworkInputs(_shapes(shapes), _constants(constants), batch_axis)
        layers = fold(layers_from_onnx(path if graph is None else graph, inputs=given))
    count = mac_count(layers)
    if not count.counted and not count.unknown:
        raise ModelError("no layer runs on the array", where=str(model))
    return with_batch(layers, batch, str(model))


def with_batch(layers: Sequence[Layer], batch: int | None, where: str = "") -> tuple[Layer, ...]:
    """The layers for `batch` images at once; a file that has several can only have more."""
    own = batch_of_layers(layers)
    if batch is None or batch == own:
        return tuple(layers)
    if not _whole(batch) or batch < 1 or batch % own:
        multiple = "1 and more" if own == 1 else f"multiples of the file's {own}"
        raise ModelError(f"batch is {batch!r}", where=where, allowed=multiple)
    return tuple(in_batch(layer, int(batch) // own) for layer in layers)


def _shapes(given: Shapes) -> dict[str, tuple[int | None, ...]]:
    if isinstance(given, Mapping):
        return {name: _extents(name, extents) for name, extents in given.items()}
    return dict(map(_input_shape, given))


def _extents(name: str, given: Any) -> tuple[int | None, ...]:
    sizes = tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(size is None or (_whole(size) and size >= 1) for size in sizes):
        allowed = "whole numbers from 1, or None, which keeps what the file says"
        raise ModelError(f"shape {given!r}", where=f"input {name}", allowed=allowed)
    return sizes


def _whole(number: object) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def _input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, extents = text.partition("=")
    parts = extents.replace("x", ",").split(",")
    if not name or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ModelError(f"shape {text!r}", where="--shape", allowed="INPUT=1,3,224,224")
    return name, tuple(map(int, parts))


def preset_names() -> list[str]:
    """Names of all presets, sorted."""
    return sorted({path.stem for folder in PRESET_FOLDERS for path in folder.glob("*.yaml")})


def _constants(given: Constants) -> dict[str, float | int | bool]:
    if isinstance(given, Mapping):
        return dict(given)
    found: dict[str, float | int | bool] = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name] = int(value) if value.lstrip("-").isdecimal() else float(value)
        except ValueError:
            raise ModelError(
                f"constant {text!r}", where="--constant", allowed="INPUT=16000"
            ) from None
    return found


def find_hardware(text: str, where: str = "--hardware") -> Hardware:
    """A YAML file, a preset by name, an id, or the name of a design as ``best.csv`` has it.

    Presets are looked for in ``config/hardware`` of the working folder, then in the package.
    `where` is the place that `text` comes from, for the message.
    """
    if text.endswith((".yaml", ".yml")):
        return load_preset(text)
    for folder in PRESET_FOLDERS:
        if (folder / f"{text}.yaml").is_file():
            return load_preset(folder / f"{text}.yaml")
    if read_hardware_id(text):
        try:
            return parse_hardware_id(text)
        except HardwareError as error:
            what = f"{error.what} in {text}" if text not in error.what else error.what
            raise HardwareError(what, where=where, allowed=error.allowed) from None
    if (design := parse_design_name(text)) is not None:
        return design
    raise HardwareError(
        f"unknown hardware {text!r}",
        where=where,
        allowed=f"{', '.join(preset_names())}, a .yaml file, or an id such as ws_16x16_64kB_16Bpc",
    )
