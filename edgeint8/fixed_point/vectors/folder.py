"""A folder of arrays, each as .npy and as .hex, with what a manifest says about them."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from edgeint8.conventions import Array
from edgeint8.files import atomic_path, digest, write_text
from edgeint8.fixed_point.vectors.hexfile import write_hex

SUMS = "SHA256SUMS"
Entry = dict[str, Any]


class Folder:
    """Writes arrays below a root and remembers the checksum of every file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sums: dict[str, str] = {}

    def clear(self) -> None:
        """Remove what was written here before, as its checksums list it: no file of two networks.

        Nothing else is touched, and nothing outside.
        """
        sums = self.root / SUMS
        if not sums.is_file():
            return
        listed = [line.partition("  ")[2] for line in sums.read_text(encoding="utf-8").splitlines()]
        sums.unlink()
        root = self.root.resolve()
        for path in (root / name for name in listed if name):
            if path.is_file() and path.resolve().is_relative_to(root):
                path.unlink()
                for folder in path.relative_to(root).parents[:-1]:
                    with suppress(OSError):  # others are still in it
                        (root / folder).rmdir()

    def write(self, name: str, values: Array, bits: int | None = None) -> Entry:
        """``name.npy`` and ``name.hex``; floats appear in hex as their IEEE 754 bits."""
        values = np.ascontiguousarray(values)
        if values.dtype.kind not in "iufb":  # codes of 2 and 4 bits, which .npy does not know
            values = values.astype(np.int8)
        word_bits = bits or 8 * values.dtype.itemsize
        words = values.view(f"u{values.itemsize}") if values.dtype.kind == "f" else values
        entry: Entry = {
            "shape": list(values.shape),
            "dtype": str(values.dtype),
            "hex_bits": word_bits,
        }
        npy, hexadecimal = (self.root / f"{name}{suffix}" for suffix in (".npy", ".hex"))
        with atomic_path(npy) as temporary:
            np.save(temporary, values)
        write_hex(hexadecimal, words, word_bits)
        for kind, path in (("npy", npy), ("hex", hexadecimal)):
            name = str(path.relative_to(self.root))
            self._sums[name] = digest(path)
            entry |= {kind: name, f"sha256_{kind}": self._sums[name]}
        return entry

    def write_sums(self) -> None:
        """All checksums as ``sha256sum -c`` reads them."""
        lines = [f"{value}  {name}\n" for name, value in sorted(self._sums.items())]
        write_text(self.root / SUMS, "".join(lines))


def folder_name(index: int, name: str) -> str:
    """A node's folder: its place among those of its kind, and letters and digits of its name."""
    return f"{index:02d}_{''.join(c if c.isalnum() else '_' for c in name).strip('_')}"
