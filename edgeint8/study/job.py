"""What every workflow script shares: its log, errors in one line, and results that cannot be.

A network that cannot be run or quantised must not stop the others. So a job that belongs to a
workload and meets an `EdgeInt8Error` writes the reason in the place of its outputs and succeeds,
and a job whose input is such a reason hands it on. Jobs that gather (lists of inputs) leave these
out; ``tables/status.csv`` lists them all. Any other exception is a fault of ours: it becomes a
reason as well, ``internal error: ...`` with the name of the log, and `make run` ends with status 1.
"""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from errno import EACCES, EDQUOT, EFBIG, ENOSPC, EPERM, EROFS
from pathlib import Path
from typing import Any, TextIO

from edgeint8.errors import INTERNAL, EdgeInt8Error, ResourceError
from edgeint8.extensions import load_extensions
from edgeint8.files import absence, write_absence
from edgeint8.study.status import STATUS, write_status
from edgeint8.study.watch import end_with_snakemake

STRICT = "EDGEINT8_STRICT"
"""Environment variable under which a fault of ours is raised, as the tests want it."""
GATHERED = (".csv", ".svg", ".png")  # what readers know how to do without


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run the body of a script; `snakemake` is the object that Snakemake gives it.

    Prints and warnings go to the log. Bad input of no workload, a full disk and a place that may
    not be written end the job with one line and status 1, the traceback in the log only. What a
    workload cannot do, and a fault of ours in a workload, a table or a figure, leave a reason as
    output and status 0; a fault is raised instead where `STRICT` is set. A job does not outlive its
    Snakemake.
    """
    end_with_snakemake()
    with _open_log(Path(snakemake.log[0])) as file:
        reason = missing_input(snakemake.input)
        try:
            if reason is None:
                with redirect_stdout(file), redirect_stderr(file):
                    load_extensions(dict(snakemake.input.items()).get("extensions", ()))
                    yield
                return
        except Exception as error:
            file.write(traceback.format_exc())
            reason = _reason(error, snakemake)
            if reason is None:
                raise
            if reason.startswith("error: "):
                for stream in (sys.__stderr__, file):
                    print(reason, file=stream)
                sys.exit(1)
        print(f"left out: {reason}", file=file)
        for path in snakemake.output:
            if Path(path).name == STATUS:
                write_status(path, snakemake.params.kind, reason)
            else:
                write_absence(path, reason)
        sys.exit(0)


def _reason(error: Exception, snakemake: Any) -> str | None:
    """What stands in the place of the outputs; ``error: ...`` ends the job, None raises."""
    of_workload = "workload" in dict(snakemake.wildcards.items())
    if isinstance(error, OSError | MemoryError):
        error = refused_by_the_machine(error, snakemake.output[0]) or error
    known = isinstance(error, EdgeInt8Error)
    if known and of_workload and not isinstance(error, ResourceError):
        return str(error)
    gathered = all(str(path).endswith(GATHERED) for path in snakemake.output)
    ours = gathered or not known  # what gathers has no input of the user
    if isinstance(error, ResourceError) or not ours:
        return f"error: {error}"
    if STRICT in os.environ or not (of_workload or gathered):
        return f"error: {error}" if known else None
    return internal_error(error, snakemake.log[0])


def internal_error(error: Exception, log: str) -> str:
    """A fault of this program as a reason: the exception, and the log that has its traceback."""
    return f"{INTERNAL}: {type(error).__name__}: {' '.join(str(error).split())} @ {log}"


@contextmanager
def _open_log(path: Path) -> Iterator[TextIO]:
    """The log of a job; one that cannot be written ends the job in one line too."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:  # also of what is written when the file is closed
        refused = refused_by_the_machine(error, str(path))
        if refused is None:
            raise
        print(f"error: {refused}", file=sys.__stderr__)
        sys.exit(1)


def refused_by_the_machine(error: OSError | MemoryError, output: str) -> EdgeInt8Error | None:
    """A full disk, a place that is not ours, too little memory, in one line; None for all else."""
    if isinstance(error, MemoryError):
        reason = str(error) or "out of memory"
        return ResourceError(reason, where=output, allowed="a job with more memory (mem_mb)")
    if error.errno not in (ENOSPC, EDQUOT, EFBIG, EROFS, EACCES, EPERM):
        return None
    return ResourceError(
        str(error.strerror), where=output, allowed="a disk with room, which may be written to"
    )


def missing_input(inputs: Any) -> str | None:
    """Why a job cannot run: the reason in the first single input that was not computed."""
    single = (value for _, value in inputs.items() if isinstance(value, str))
    return next((reason for reason in map(absence, single) if reason is not None), None)
