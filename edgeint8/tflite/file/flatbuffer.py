"""FlatBuffers, read with `struct` and NumPy: a table is a position in a file and its vtable.

Every access stays inside the file, or raises `ModelError`: the format has no checksum, so an
altered file shows only there.
"""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeint8.conventions import Array
from edgeint8.errors import ModelError


class Table:
    """The table at `position` of `data`; slots are the fields of its schema, in order."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position
        self._vtable = position - self._number("<i", position)
        size = self._number("<H", self._vtable)
        self._slots = (size - 4) // 2

    @classmethod
    def root(cls, data: bytes, identifier: bytes) -> "Table":
        """The first table of a file that bears `identifier`."""
        if data[4:8] != identifier:
            raise ModelError(f"the file does not begin with {identifier.decode()}")
        return cls(data, int(struct.unpack_from("<I", data)[0]))

    def scalar(self, slot: int, kind: str, default: Any) -> Any:
        """A number; `kind` is its letter in `struct`."""
        place = self._place(slot)
        return default if place is None else self._number(f"<{kind}", place)

    def table(self, slot: int) -> "Table | None":
        """A table of its own, or None."""
        place = self._target(slot)
        return None if place is None else Table(self.data, place)

    def vector(self, slot: int, dtype: npt.DTypeLike) -> Array:
        """Numbers one after the other; empty where the field is absent."""
        place = self._target(slot)
        kind = np.dtype(dtype)
        if place is None:
            return np.empty(0, kind)
        count = self._count(place, kind.itemsize)
        return np.frombuffer(self.data, kind, count, place + 4)

    def tables(self, slot: int) -> "list[Table]":
        """Tables one after the other; empty where the field is absent."""
        place = self._target(slot)
        if place is None:
            return []
        spots = [place + 4 + 4 * k for k in range(self._count(place, 4))]
        return [Table(self.data, spot + self._number("<I", spot)) for spot in spots]

    def text(self, slot: int) -> str:
        """A string; bytes that are not UTF-8 stand as escapes."""
        return self.vector(slot, np.uint8).tobytes().decode(errors="backslashreplace")

    def _count(self, place: int, size: int) -> int:
        """Length of the vector at `place` with entries of `size` bytes, all inside the file."""
        count = int(self._number("<I", place))
        if place + 4 + count * size > len(self.data):
            raise ModelError(f"a list of {count} entries reaches beyond the end of the file")
        return count

    def _place(self, slot: int) -> int | None:
        if slot >= self._slots:
            return None
        offset = self._number("<H", self._vtable + 4 + 2 * slot)
        return self.position + offset if offset else None

    def _target(self, slot: int) -> int | None:
        place = self._place(slot)
        return None if place is None else place + self._number("<I", place)

    def _number(self, kind: str, place: int) -> Any:
        if not 0 <= place <= len(self.data) - struct.calcsize(kind):
            raise ModelError(f"an entry at byte {place} of {len(self.data)}")
        return struct.unpack_from(kind, self.data, place)[0]
