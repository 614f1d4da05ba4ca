"""The command ``edgeint8``: the calls of `edgeint8.api` as verbs.

edgeint8 cost net.onnx --hardware gemmini
edgeint8 verify net.int8.onnx --data inputs.npz --json

Prints a readable table, or JSON or CSV; exits 1 where a verification found a difference, 2 after
one line on stderr for bad input.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import edgeint8
from edgeint8.errors import DataError, EdgeInt8Error
from edgeint8.extensions import load_extensions
from edgeint8.first_use import told_of_compilation

Parser = argparse.ArgumentParser
MOST_TEXT_ROWS = 200


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except EdgeInt8Error as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader has seen enough
        sys.stderr.close()
        return 0
    except OSError as error:  # a place that cannot be written
        print(f"error: {error.strerror or error} @ {error.filename}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    load_extensions(options.extend)
    with told_of_compilation():
        answer = VERBS[options.verb][1](options)
    if options.json:
        facts = {name: _known(value) for name, value in answer.facts().items()}
        print(json.dumps({"facts": facts, "rows": _records(answer)}, indent=1, allow_nan=False))
    elif options.csv:
        print(answer.to_frame().to_csv(index=False), end="")
    else:
        print(_text(answer), end="")
    differs = options.verb == "verify" and answer.mismatches
    differs = differs or (options.verb == "predict" and answer.differences)
    return 1 if differs else 0


def _known(value: Any) -> Any:
    """JSON has no word for what is not a number, and the rows have null there as well."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _records(answer: Any) -> Any:
    frame = answer.to_frame()
    return json.loads(frame.to_json(orient="records", default_handler=float))


def _text(answer: Any) -> str:
    """Facts a line each, then the rows; a cost has a text of its own."""
    if hasattr(answer, "text"):
        return str(answer.text)
    facts = {name: _words(value) for name, value in answer.facts().items()}
    width = max(map(len, facts))
    lines = [f"{name.ljust(width)}  {value}".rstrip() for name, value in facts.items()]
    frame = answer.to_frame()
    if len(frame):
        lines += ["", frame.head(MOST_TEXT_ROWS).to_string(index=False, na_rep="")]
    if len(frame) > MOST_TEXT_ROWS:
        lines.append(f"... {len(frame) - MOST_TEXT_ROWS} more rows: --csv prints all")
    return "\n".join(lines) + "\n"


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "not known"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def shape_of(text: str) -> tuple[str, list[int | None]]:
    """``x=1,3,224,224`` as name and sizes; N, ? or -1 keeps the first free."""
    name, _, sizes = text.partition("=")
    parts = sizes.replace("x", ",").split(",")
    free = {"N", "?", "-1", "null"}
    if not name or not all(part in free or (part.isdecimal() and int(part)) for part in parts):
        raise DataError(f"shape {text!r}", where="--shape", allowed="INPUT=1,3,224,224")
    return name, [None if part in free else int(part) for part in parts]


def once(pairs: Iterable[tuple[str, Any]], where: str) -> dict[str, Any]:
    """What was said by name; of two that say the same name one would be lost."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise DataError(f"{name} twice", where=where, allowed="each name once")
        found[name] = value
    return found


def _shapes(options: argparse.Namespace) -> dict[str, list[int | None]]:
    return once(map(shape_of, options.shape), "--shape")


def _constants(options: argparse.Namespace) -> list[str]:
    once(((text.partition("=")[0], text) for text in options.constant), "--constant")
    return list(options.constant)


def _reading(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "batch": options.batch,
        "constants": _constants(options),
        "batch_axis": options.batch_axis,
    }


def _layers(options: argparse.Namespace) -> Any:
    return edgeint8.layers(options.network, shape=_shapes(options), **_reading(options))


def _cost(options: argparse.Namespace) -> Any:
    return edgeint8.cost(
        options.network,
        options.hardware,
        shape=_shapes(options),
        fused=options.fused,
        on_chip=options.on_chip,
        technology=options.technology,
        dram=options.dram,
        **_reading(options),
    )


def _explore(options: argparse.Namespace) -> Any:
    return edgeint8.explore(
        options.network,
        tuple(options.rows),
        tuple(options.cols),
        shape=_shapes(options),
        technology=options.technology,
        dram=options.dram,
        rate=options.rate,
        deadline_ms=options.deadline_ms,
    )


def _suite(options: argparse.Namespace) -> Any:
    return edgeint8.suite(
        once(map(asked_of, options.network), "suite"),
        tuple(options.rows),
        tuple(options.cols),
        technology=options.technology,
        dram=options.dram,
    )


def asked_of(text: str) -> tuple[str, dict[str, Any]]:
    """``net.onnx,rate=10,weight=2,shape.x=1x3x8x8`` as the file and what is asked of it."""
    file, *entries = text.split(",")
    try:
        given = once([(key, value) for key, value in (e.split("=") for e in entries)], text)
        shapes = {k: v for k, v in given.items() if k.startswith("shape.")}
        asked: dict[str, Any] = {
            key: float(value) for key, value in given.items() if key not in shapes
        }
    except ValueError:
        allowed = "NET.csv,rate=30,weight=2 or NET.onnx,deadline_ms=20,batch=4,shape.x=1x3x224x224"
        raise DataError(f"network {text!r}", where="suite", allowed=allowed) from None
    if shapes:
        sizes = (shape_of(f"{k.removeprefix('shape.')}={v}") for k, v in shapes.items())
        asked["shape"] = dict(sizes)
    return file, asked


def _quantize(options: argparse.Namespace) -> Any:
    answer = edgeint8.quantize(
        options.network, options.data, options.strategy, shape=_shapes(options)
    )
    answer.save(options.output)
    return answer


def _verify(options: argparse.Namespace) -> Any:
    return edgeint8.verify(
        options.network, options.data, shape=_shapes(options), most=options.images
    )


def _widths(options: argparse.Namespace) -> Any:
    return edgeint8.accumulator_widths(
        options.network,
        options.data,
        shape=_shapes(options),
        tile_rows=options.tile_rows,
        most=options.images,
    )


def _predict(options: argparse.Namespace) -> Any:
    return edgeint8.predict_scalesim(
        options.network, options.hardware, options.check, shape=_shapes(options)
    )


def _vectors(options: argparse.Namespace) -> Any:
    return edgeint8.vectors(
        options.network,
        options.folder,
        options.data,
        shape=_shapes(options),
        images=options.images or 1,
        rounding=options.rounding,
        runtime=options.runtime,
    )


def _hardware(options: argparse.Namespace) -> Any:
    from edgeint8.answers.hardware import Machines

    names = [options.name] if options.name else edgeint8.hardware_names()
    return Machines(tuple(edgeint8.hardware(name) for name in names))


def _add_machine(parser: Parser) -> None:
    parser.add_argument(
        "--hardware",
        default="gemmini",
        help="a preset's name, a YAML file, or an id such as ws_16x16_64kB_16Bpc (%(default)s)",
    )


def _add_layers(parser: Parser) -> None:
    parser.add_argument("--batch", type=_count, help="images at once (as many as the file has)")
    parser.add_argument(
        "--constant",
        action="append",
        default=[],
        metavar="INPUT=16000",
        help="the value of an input that is a setting; can be given again",
    )
    parser.add_argument(
        "--batch-axis", type=int, default=0, help="which axis of the inputs is it (%(default)s)"
    )


def _add_technology(parser: Parser) -> None:
    parser.add_argument(
        "--technology", metavar="MINE.yaml", help="constants in place of the published ones"
    )
    parser.add_argument(
        "--dram", default="mixed", help="mixed, none, lpddr4, ddr3 or hbm2 (%(default)s)"
    )


def _add_cost(parser: Parser) -> None:
    _add_machine(parser)
    _add_technology(parser)
    _add_layers(parser)
    parser.add_argument(
        "--fused",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="pools, additions and element-wise layers work on the way out (they do)",
    )
    parser.add_argument(
        "--on-chip", action="store_true", help="tensors that fit stay on chip between layers"
    )


def _add_suite(parser: Parser) -> None:
    _add_technology(parser)
    for name in ("rows", "cols"):
        parser.add_argument(f"--{name}", nargs=2, type=int, default=(4, 256), metavar="N")


def _add_explore(parser: Parser) -> None:
    _add_suite(parser)
    parser.add_argument("--rate", type=float, metavar="N", help="inferences a second needed")
    parser.add_argument("--deadline-ms", type=float, metavar="N", help="longest useful inference")


def _add_data(parser: Parser) -> None:
    parser.add_argument(
        "--data", metavar="X.npz", help="arrays `inputs` and `calibration`; default: random inputs"
    )


def _add_quantize(parser: Parser) -> None:
    _add_data(parser)
    parser.add_argument("--strategy", default="asym_channel_minmax", help="(%(default)s)")
    parser.add_argument("--output", "-o", required=True, metavar="NET.int8.onnx")


def _add_verify(parser: Parser) -> None:
    _add_data(parser)
    parser.add_argument("--images", type=_count, metavar="N", help="at most so many")


def _add_widths(parser: Parser) -> None:
    _add_verify(parser)
    parser.add_argument("--tile-rows", type=_count, default=16, help="array rows (%(default)s)")


def _add_predict(parser: Parser) -> None:
    _add_machine(parser)
    parser.add_argument("--check", action="store_true", help="run SCALE-Sim and compare")


def _add_vectors(parser: Parser) -> None:
    parser.add_argument("folder")
    _add_verify(parser)
    either = parser.add_mutually_exclusive_group()
    rounding = "requantiser, a scheme by its name (ort_float32)"
    either.add_argument("--rounding", metavar="NAME", help=rounding)
    runtime = "whose arithmetic all nodes have: ort, litert_ref, litert_xnnpack, tflm, cmsis_single"
    either.add_argument("--runtime", metavar="NAME", help=runtime)


def _add_nothing(parser: Parser) -> None:
    pass


def _count(text: str) -> int:
    """A whole number from 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number from 1")
    return int(text)


VERBS: dict[str, tuple[str, Callable[[argparse.Namespace], Any], Callable[[Parser], None]]] = {
    "layers": ("the layers of a network", _layers, _add_layers),
    "cost": ("cycles, bytes, energy on a machine, and what binds them", _cost, _add_cost),
    "explore": ("the exact front over arrays, buffers and bandwidths", _explore, _add_explore),
    "suite": ("one machine for several networks", _suite, _add_suite),
    "quantize": ("an INT8 network from a float one", _quantize, _add_quantize),
    "verify": ("every tensor of a quantised network against its runtime", _verify, _add_verify),
    "widths": ("how wide the accumulators must be", _widths, _add_widths),
    "predict": ("what SCALE-Sim reports, without running it", _predict, _add_predict),
    "vectors": ("test vectors for RTL", _vectors, _add_vectors),
    "hardware": ("the machines that have a name, or one of them", _hardware, _add_nothing),
}


def _parser() -> Parser:
    parser = Parser(
        prog="edgeint8", description=edgeint8.__doc__ and edgeint8.__doc__.split("\n")[0]
    )
    parser.add_argument("--version", action="version", version=edgeint8.__version__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (about, _, add) in VERBS.items():
        verb = verbs.add_parser(name, help=about, description=about)
        if name == "hardware":
            verb.add_argument("name", nargs="?", help="a preset, an id or a YAML file")
        elif name == "suite":
            verb.add_argument("network", nargs="+", metavar="NET.csv,rate=30,weight=2")
        else:
            verb.add_argument("network", help="an ONNX file, or a SCALE-Sim topology (.csv)")
            verb.add_argument(
                "--shape",
                action="append",
                default=[],
                metavar="INPUT=1,3,224,224",
                help="the shape of an input that the network leaves open; can be given again",
            )
        add(verb)
        verb.add_argument(
            "--extend",
            action="append",
            default=[],
            metavar="FILE",
            help="a Python file that adds calibration methods or operators; can be given again",
        )
        form = verb.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="facts and rows as JSON")
        form.add_argument("--csv", action="store_true", help="the rows as CSV")
    return parser


if __name__ == "__main__":
    sys.exit(main())
