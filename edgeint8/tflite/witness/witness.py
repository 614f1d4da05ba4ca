"""The real runtimes: every tensor that LiteRT or tflite-micro computes, from a child process.

    with Witness("tflm") as witness:
        witness.load(Path("net.tflite").read_bytes())
        for image in images:
            tensors = witness.run([image[None]])      # by index of the file's tensor

They are the extra ``tflite`` of this package: ``pip install 'edgeint8[tflite]'``.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from math import prod
from types import TracebackType
from typing import Self

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ConfigError, ModelError
from edgeint8.tflite.file.model import TFLiteModel
from edgeint8.tflite.file.reader import read_tflite
from edgeint8.tflite.witness.frames import receive, send

PACKAGES = {
    "litert_ref": "ai_edge_litert",
    "litert_xnnpack": "ai_edge_litert",
    "tflm": "tflite_micro",
}
SPARE_ARENA_BYTES = 4 << 20


def installed(name: str) -> bool:
    """Whether the package of a witness is there."""
    return name in PACKAGES and importlib.util.find_spec(PACKAGES[name]) is not None


class Witness:
    """One runtime in a child process, restarted where a file ended it.

    Parameters
    ----------
    name
        ``litert_ref``, ``litert_xnnpack`` or ``tflm``.

    Raises `ConfigError` where its package is not installed.
    """

    def __init__(self, name: str) -> None:
        if name not in PACKAGES:
            raise ConfigError(f"no witness {name!r}", allowed=", ".join(PACKAGES))
        if not installed(name):
            raise ConfigError(
                f"{PACKAGES[name]} is not installed", allowed="pip install 'edgeint8[tflite]'"
            )
        self.name, self.version = name, ""
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

    def run(self, feeds: Sequence[Array]) -> dict[int, Array]:
        """One inference: inputs in the network's order; every tensor that can be read, by index."""
        return self._ask({"do": "run"}, dict(enumerate(feeds)))

    def _ask(self, request: dict[str, object], arrays: dict[int, Array]) -> dict[int, Array]:
        child = self._child or self._start()
        assert child.stdin is not None and child.stdout is not None
        try:
            send(child.stdin, request, arrays)
            header, answer = receive(child.stdout)
        except (EOFError, BrokenPipeError):
            self.close()
            raise ModelError(f"{self.name} ended without an answer") from None
        if "error" in header:
            raise ModelError(f"{self.name} says: {header['error']}")
        self.version = header["version"]
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
