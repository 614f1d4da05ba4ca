"""The quick way in: ``python -m edgeint8.arch model.onnx --hardware gemmini``.

Prints the layers, what binds them, the totals and advice. No training, no data, no simulation.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edgeint8.arch.hardware import Hardware, load_preset, parse_hardware_id
from edgeint8.arch.layers import Layer
from edgeint8.arch.physical import Options
from edgeint8.arch.summary import summary
from edgeint8.errors import EdgeInt8Error, HardwareError, ModelError

_PRESETS = Path("config") / "hardware"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 on success, 2 after one line on stderr for bad input."""
    options = _parser().parse_args(arguments)
    try:
        layers = read_layers(options.model, options.shape)
        hardware = find_hardware(options.hardware)
        text = summary(layers, hardware, Options(on_chip=options.on_chip, fused=options.fused))
    except EdgeInt8Error as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(text, end="")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m edgeint8.arch",
        description="Cycles, traffic, energy and bounds of a network on an INT8 systolic array.",
    )
    parser.add_argument("model", help="an ONNX file, or a SCALE-Sim topology (.csv)")
    parser.add_argument(
        "--hardware",
        default="gemmini",
        help="a preset's name, a YAML file, or an id such as ws_16x16_64kB_16Bpc (%(default)s)",
    )
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="INPUT=1,3,224,224",
        help="the shape of an input that the model leaves open; can be given again",
    )
    parser.add_argument(
        "--fused", action="store_true", help="pools and element-wise layers work on the way out"
    )
    parser.add_argument(
        "--on-chip", action="store_true", help="tensors that fit stay on chip between layers"
    )
    return parser


def read_layers(model: str, shapes: Sequence[str] = ()) -> tuple[Layer, ...]:
    """The layers of an ONNX file or a topology; at least one runs on the array."""
    path = Path(model)
    if not path.is_file():
        raise ModelError("file does not exist", where=model, allowed="an ONNX or topology file")
    if path.suffix.lower() == ".csv":
        from edgeint8.arch.topology import layers_from_topology

        layers = layers_from_topology(path)
    else:
        from edgeint8.arch.onnx_layers import layers_from_onnx  # onnx takes a while to import

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


def find_hardware(text: str) -> Hardware:
    """A YAML file, a preset by name (of the working folder, then of the project), or an id."""
    if text.endswith((".yaml", ".yml")):
        return load_preset(text)
    folders = (_PRESETS, Path(__file__).parents[2] / _PRESETS)
    for folder in folders:
        if (folder / f"{text}.yaml").is_file():
            return load_preset(folder / f"{text}.yaml")
    try:
        return parse_hardware_id(text)
    except HardwareError:
        names = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
        raise HardwareError(
            f"unknown hardware {text!r}",
            where="--hardware",
            allowed=f"{', '.join(names)}, a .yaml file, or an id such as ws_16x16_64kB_16Bpc",
        ) from None


if __name__ == "__main__":
    sys.exit(main())
