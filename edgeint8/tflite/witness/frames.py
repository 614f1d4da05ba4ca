"""Messages between `witness` and its child: a header in JSON, then arrays, over a pipe."""

import json
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from edgeint8.conventions import Array


def send(stream: IO[bytes], header: Mapping[str, Any], arrays: Mapping[int, Array]) -> None:
    """Write one message; `arrays` by number."""
    whole = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    shapes = [[key, value.dtype.str, list(value.shape)] for key, value in whole.items()]
    text = json.dumps({**header, "arrays": shapes}).encode()
    stream.write(len(text).to_bytes(4, "little") + text)
    for value in whole.values():
        stream.write(value.tobytes())
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], dict[int, Array]]:
    """Read one message. Raises `EOFError` where the other side has ended."""
    header = json.loads(_exactly(stream, int.from_bytes(_exactly(stream, 4), "little")))
    arrays = {}
    for key, kind, shape in header.pop("arrays"):
        dtype = np.dtype(kind)
        raw = _exactly(stream, dtype.itemsize * int(np.prod(shape, dtype=int)))
        arrays[int(key)] = np.frombuffer(raw, dtype).reshape(shape)
    return header, arrays


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise EOFError
    return data
