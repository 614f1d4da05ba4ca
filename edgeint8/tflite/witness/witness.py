"""The real runtimes: every tensor that LiteRT or tflite-micro computes, from a child process.

    with Witness("tflm") as witness:
        witness.load(Path("net.tflite").read_bytes())
        for image in images:
            tensors = witness.run([image[None]])      # by index of the file's tensor

They are the extra ``tflite`` of this package: ``pip install 'edgeint8[tflite]'``. ``cmsis`` is the
CMSIS-NN library that ``CMSIS_NN_LIBRARY`` names; what it has no function for, it is given.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from math import prod
from types import TracebackType
from typing import Self

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ConfigError, ModelError
from edgeint8.tflite.file.model import TFLiteModel
from edgeint8.tflite.file.reader import read_tflite
from edgeint8.tflite.witness.cmsis.library import VARIABLE
from edgeint8.tflite.witness.frames import receive, send

PACKAGES = {
    "litert_ref": "ai_edge_litert",
    "litert_xnnpack": "ai_edge_litert",
    "tflm": "tflite_micro",
}
BUILT = "cmsis"
"""The witness that no package has."""
SPARE_ARENA_BYTES = 4 << 20


def installed(name: str) -> bool:
    """Whether the package of a witness is there, or the library is named."""
    if name == BUILT:
        return bool(os.environ.get(VARIABLE))
    return name in PACKAGES and importlib.util.find_spec(PACKAGES[name]) is not None


class Witness:
    """One runtime in a child process, restarted where a file ended it.

    Parameters
    ----------
    name
        ``litert_ref``, ``litert_xnnpack``, ``tflm`` or ``cmsis``.

    After `load`, `runtime` says whose arithmetic it is and `missing` which tensors the runtime
    cannot compute, with the reason. Raises `ConfigError` where its package is not installed.
    """

    def __init__(self, name: str) -> None:
        names = (*PACKAGES, BUILT)
        if name not in names:
            raise ConfigError(f"no witness {name!r}", allowed=", ".join(names))
        if not installed(name):
            package, remedy = PACKAGES.get(name, VARIABLE), "pip install 'edgeint8[tflite]'"
            raise ConfigError(
                f"{package} is not {'set' if name == BUILT else 'installed'}",
                allowed="the path of a CMSIS-NN library" if name == BUILT else remedy,
            )
        self.name, self.version, self.runtime = name, "", name
        self.missing: Mapping[int, str] = {}
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def load(self, data: bytes) -> TFLiteModel:
        """Take a file; raises `ModelError` with the runtime's own words where it refuses it."""
        model = read_tflite(data)
        made = sorted({index for operator in model.operators for index in operator.outputs})
        request = {
            "do": "load",
            "tensors": [*{*model.inputs}, *made],
            "arena_bytes": 2 * sum(_bytes(t.shape, t.dtype) for t in model.tensors)
            + SPARE_ARENA_BYTES,
        }
        self._ask(request, {0: np.frombuffer(data, np.uint8)})
        return model

    def run(
        self, feeds: Sequence[Array], given: Mapping[int, Array] | None = None
    ) -> dict[int, Array]:
        """One inference: inputs in the network's order; every tensor that can be read, by index.

        given : the tensors that are `missing`, by index
        """
        others = {~index: value for index, value in (given or {}).items()}
        return self._ask({"do": "run"}, {**dict(enumerate(feeds)), **others})

    @property
    def note(self) -> str:
        """Which operators it was given the results of; empty where it computed all."""
        reasons = dict.fromkeys(self.missing.values())
        return f"no function of its own for {', '.join(reasons)}: given ours" if reasons else ""

    def _ask(self, request: dict[str, object], arrays: dict[int, Array]) -> dict[int, Array]:
        child = self._child or self._start()
        assert child.stdin is not None and child.stdout is not None
        try:
            send(child.stdin, request, arrays)
            header, answer = receive(child.stdout)
        except (EOFError, BrokenPipeError):
            self.close()
            where = VARIABLE if self.name == BUILT else ""
            raise ModelError(f"{self.name} ended without an answer", where=where) from None
        if "error" in header:
            raise ModelError(f"{self.name} says: {header['error']}")
        self.version, self.runtime = header["version"], header["runtime"]
        self.missing = dict(header["missing"])
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edgeint8.tflite.witness.child", self.name]
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self._child


def _bytes(shape: tuple[int, ...], dtype: np.dtype | None) -> int:
    return prod(shape) * (8 if dtype is None else dtype.itemsize)
