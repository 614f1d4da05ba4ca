"""Integers as `$readmemh` reads them: two's complement, fixed digits, one word a line."""

from pathlib import Path

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import DataError
from edgeint8.files import write_text

WORD_BITS = (8, 16, 32, 64)


def to_hex(values: Array, bits: int) -> str:
    """`values` in C order, `bits` wide (8, 16, 32 or 64), lower case, a newline after each.

    >>> to_hex(np.array([1, -1]), 8).split()
    ['01', 'ff']
    """
    if bits not in WORD_BITS:
        raise DataError(f"hex words of {bits} bits", allowed=str(WORD_BITS))
    flat = np.ascontiguousarray(values).reshape(-1).astype(np.int64)
    low, high = -(1 << (bits - 1)), (1 << min(bits, 63)) - 1
    if flat.size and (flat.min() < low or flat.max() > high):
        raise DataError(f"value outside {bits} bits", allowed=f"{low} to {high}")
    words = flat.astype(f">i{bits // 8}") if bits == 64 else _wrapped(flat, bits)
    text, digits = words.tobytes().hex(), bits // 4
    return "".join(f"{text[k : k + digits]}\n" for k in range(0, len(text), digits))


def _wrapped(flat: Array, bits: int) -> Array:
    """The low `bits` bits, big-endian."""
    return (flat & ((1 << bits) - 1)).astype(f">u{bits // 8}")


def from_hex(text: str, bits: int, signed: bool) -> Array:
    """The words of `to_hex` as int64, (n,).

    >>> from_hex("01\\nff\\n", 8, signed=True).tolist()
    [1, -1]
    """
    digits = bits // 4
    lines = text.split("\n")
    if lines[-1] != "" or any(len(line) != digits for line in lines[:-1]):
        raise DataError("broken hex file", allowed=f"{digits} digits a line")
    try:
        raw = bytes.fromhex("".join(lines))
    except ValueError:
        raise DataError("broken hex file", allowed="digits 0-9 and a-f") from None
    return np.frombuffer(raw, f">{'i' if signed else 'u'}{bits // 8}").astype(np.int64)


def write_hex(path: Path, values: Array, bits: int) -> None:
    """Write a file of `to_hex`."""
    write_text(path, to_hex(values, bits))
