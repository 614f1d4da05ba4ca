"""What users add in Python files of their own: calibration methods and operators.

A file registers functions; whoever needs them loads the file first: `load_extensions`, the key
``extensions`` of a study, ``--extend`` of a verb. docs/extending.md has an example of each.
"""

import re
from collections.abc import Callable, Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from edgeint8.errors import ConfigError, EdgeInt8Error

CALIBRATIONS: dict[str, Callable[[Any], tuple[float, float]]] = {}
"""Name -> function of a `TensorHistogram` that returns the range (low, high)."""
OPERATORS: dict[str, Callable[..., Any]] = {}
"""``domain::type`` -> function of (context, *inputs), as those of `fixed_point.operators`."""
_NAME = "[a-z][a-z0-9_]*"
_loaded: set[Path] = set()
Function = TypeVar("Function", bound=Callable[..., Any])


def calibration(name: str) -> Callable[[Function], Function]:
    """Register a calibration method: ``calibration: <name>`` then means this function.

    It gets what was observed of a tensor and returns the range that its levels shall cover, which
    is cut to what was observed; symmetric activations take the larger end on both sides.
    """
    if not re.fullmatch(_NAME, name):
        raise ConfigError(f"calibration method {name!r}", allowed=_NAME)

    def register(function: Function) -> Function:
        CALIBRATIONS[name] = function
        return function

    return register


def operator(kind: str, domain: str) -> Callable[[Function], Function]:
    """Register what the integer executor computes for nodes of this type and domain.

    ``function(context, *inputs)`` gets arrays, None for an absent input, and returns one array, or
    a tuple of them. ``context.attribute(name, default)`` reads the node's attributes.
    """
    if domain in ("", "ai.onnx"):
        raise ConfigError(f"operator {kind} of domain {domain!r}", allowed="a domain of your own")

    def register(function: Function) -> Function:
        OPERATORS[f"{domain}::{kind}"] = function
        return function

    return register


def load_extensions(paths: Iterable[str | Path]) -> None:
    """Run each file once; a file that cannot be run is a `ConfigError` that says why."""
    for path in (Path(path).resolve() for path in paths):
        if path not in _loaded:
            run_file(path)
            _loaded.add(path)


def run_file(path: str | Path) -> ModuleType:
    """The module of a user's Python file; a `ConfigError` says why where there is none."""
    spec = spec_from_file_location(Path(path).stem, Path(path).absolute())
    if spec is None or spec.loader is None:
        raise ConfigError("not a Python file", where=str(path), allowed="a .py file")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except EdgeInt8Error:
        raise
    except Exception as error:  # a user's file raises whatever it raises
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ConfigError(
            f"cannot be run ({reason})", where=str(path), allowed="a Python file: docs/extending.md"
        ) from error
    return module
