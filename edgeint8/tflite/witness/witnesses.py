"""The real runtimes of one file, each started where it is asked for."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from edgeint8.tflite.witness.witness import BUILT, Witness, installed


class Witnesses:
    """Those of the extra ``tflite``, and the CMSIS-NN library of the user.

    data : the file
    wanted : whether any may run

    Raises `ModelError` where a library is named that is not one of CMSIS-NN.
    """

    def __init__(self, data: bytes, wanted: bool = True) -> None:
        self._data, self.wanted = data, wanted
        self._stack = ExitStack()
        self.built: dict[str, Witness] = {}
        if wanted and installed(BUILT):
            library = self._open(BUILT)
            self.built[library.runtime] = library

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def of(self, name: str) -> Witness | None:
        """The witness of a runtime with the file loaded; None where there is none."""
        if name in self.built:
            return self.built[name]
        return self._open(name) if self.wanted and installed(name) else None

    def _open(self, name: str) -> Witness:
        found = self._stack.enter_context(Witness(name))
        found.load(self._data)
        return found
