"""Work that may end the process that does it: native libraries on files that somebody made wrong.

ONNX, protobuf and ONNX Runtime are C++; on a corrupt file they can be killed by a signal, which no
``except`` sees. A forked child costs a few milliseconds and dies alone.
"""

import os
import pickle
import signal
import sys
from collections.abc import Callable

from edgeint8.errors import EdgeInt8Error, ModelError, ResourceError
from edgeint8.study.watch import end_with_snakemake


def in_child(call: Callable[[], None], *, where: str) -> None:
    """Run `call` in a child process; what it raises is raised here.

    What it computes it has to write to files. Where the child is killed by a signal of its own
    doing, that is a `ModelError` about the file `where`; killed from outside (SIGKILL, as Linux
    does to whom memory runs out) it is a `ResourceError`.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # or the child would write it once more
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run(call, reading, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        message = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        raise _death(os.WTERMSIG(status), where)
    if message:
        error: Exception = pickle.loads(message)  # our own child's
        raise error
    if status:
        raise ModelError(
            "the process that reads it ended early", where=where, allowed="a whole file"
        )


def _run(call: Callable[[], None], reading: int, writing: int) -> None:
    """The child: it never returns."""
    os.close(reading)
    end_with_snakemake()
    message = b""
    try:
        call()
    except Exception as error:
        message = _pickled(error)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(message)
    os._exit(0)


def _pickled(error: Exception) -> bytes:
    """An exception as bytes; one that cannot be pickled as its type and words."""
    try:
        message = pickle.dumps(error)
        pickle.loads(message)
        return message
    except Exception:  # pickling fails in as many ways as there are exceptions
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))


def _death(number: int, where: str) -> EdgeInt8Error:
    name = signal.Signals(number).name
    if number == signal.SIGKILL:
        return ResourceError(
            f"the process that reads it was killed ({name})", where=where, allowed="more memory"
        )
    return ModelError(
        f"a native library died of {name} on it",
        where=where,
        allowed="a file that onnx and ONNX Runtime can read",
    )
