"""numba's on-disk cache, made safe for functions that call functions of other modules.

numba recompiles a cached function when its own file has changed, and keeps it when only a file
that it calls into has. Here the cache folder bears the digest of all of this package's sources
with compiled functions, so a change in any compiles them anew.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def _cache_folder() -> Path:
    """Beside the sources if that can be written, else in the system's temporary folder."""
    package = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(package.glob("*.py")):
        if b"@compiled" in (text := source.read_bytes()):
            digest.update(text)
    name = f"numba_{digest.hexdigest()[:16]}"
    beside = package / "__pycache__"
    if os.access(beside if beside.exists() else package, os.W_OK):
        return beside / name
    return Path(tempfile.gettempdir()) / f"edgeint8_{os.getuid()}" / name


_CACHE_FOLDER = str(_cache_folder())


def compiled(function: Function) -> Function:
    """Compile `function` with numba on its first call, and keep the machine code on disk."""
    theirs = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = _CACHE_FOLDER  # read when the dispatcher is made, below
    try:
        return cast(Function, numba.njit(cache=True)(function))
    finally:
        numba.config.CACHE_DIR = theirs
