"""EdgeINT8: from a trained network to INT8 hardware, with a second witness for every number.

``import edgeint8 as e8`` gives the calls of `edgeint8.api` and costs nothing until one is used::

    e8.layers("net.onnx")                         # what the network asks of an array
    e8.cost("net.onnx", hardware="gemmini")       # cycles, bytes, energy, what binds it
    e8.verify("net.int8.onnx", inputs=x)          # every tensor against ONNX Runtime
    e8.accumulator_widths("net.int8.onnx")        # how wide the sums can get, for any input
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = [
    "EdgeInt8Error",
    "accumulator_widths",
    "cost",
    "explore",
    "hardware",
    "hardware_names",
    "layers",
    "predict_scalesim",
    "quantize",
    "suite",
    "vectors",
    "verify",
]
# By name, not by an import statement: every rule's source hash follows imports and includes this
# file, and an edit in one part must not rerun another (decision 0002).
_FACE = dict.fromkeys(__all__, "edgeint8.api") | {
    "EdgeInt8Error": "edgeint8.errors",
    "suite": "edgeint8.suites",
}


def __getattr__(name: str) -> Any:
    """A call of the public face, imported when it is first used (PEP 562)."""
    if name in _FACE:
        return getattr(import_module(_FACE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
