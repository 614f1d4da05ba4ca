"""The quick way in: ``python -m edgeint8.arch model.onnx --hardware gemmini``.

Prints the layers, what binds them, the totals and advice. No training, no data, no simulation.
"""

import argparse
import sys
from collections.abc import Sequence

from edgeint8.arch.cost.physical import Options
from edgeint8.arch.network.inputs import find_hardware, read_layers
from edgeint8.arch.questions.summary import summary
from edgeint8.errors import EdgeInt8Error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 on success, 2 after one line on stderr for bad input."""
    options = _parser().parse_args(arguments)
    try:
        layers = read_layers(
            options.model,
            options.shape,
            batch=options.batch,
            constants=options.constant,
            batch_axis=options.batch_axis,
        )
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
        "--constant",
        action="append",
        default=[],
        metavar="INPUT=16000",
        help="the value of an input that is a setting; can be given again",
    )
    parser.add_argument("--batch", type=int, help="images at once (as many as the file has)")
    parser.add_argument(
        "--batch-axis", type=int, default=0, help="which axis of the inputs is it (%(default)s)"
    )
    parser.add_argument(
        "--fused",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="pools, additions and element-wise layers work on the way out (they do)",
    )
    parser.add_argument(
        "--on-chip", action="store_true", help="tensors that fit stay on chip between layers"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
