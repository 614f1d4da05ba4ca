"""What every workflow script shares: its log, errors in one line, and results that cannot be.

A network that cannot be run or quantised must not stop the others. So a job that belongs to a
workload and meets a `ModelError` or `SimulationError` writes the reason in the place of its outputs
and succeeds, and a job whose input is such a reason hands it on. Jobs that gather (lists of inputs)
leave these out; ``tables/status.csv`` lists them all.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from errno import EACCES, EDQUOT, EFBIG, ENOSPC, EPERM, EROFS
from pathlib import Path
from typing import Any, TextIO

from edgeint8.errors import EdgeInt8Error, ModelError, ResourceError, SimulationError
from edgeint8.files import absence, write_absence
from edgeint8.study.watch import end_with_snakemake


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run the body of a script; `snakemake` is the object that Snakemake gives it.

    Prints and warnings go to the log. Progress bars write to ``sys.__stderr__`` and stay on the
    terminal. Bad input, a full disk and a place that may not be written end the job with one line
    and status 1, the traceback in the log only. A network that cannot be run leaves a reason as
    output and status 0. Any other exception is a bug and is shown whole. A job does not outlive
    its Snakemake.
    """
    end_with_snakemake()
    with _open_log(Path(snakemake.log[0])) as file:
        reason = missing_input(snakemake.input)
        try:
            if reason is None:
                with redirect_stdout(file), redirect_stderr(file):
                    yield
                return
        except (EdgeInt8Error, OSError, MemoryError) as error:
            if not isinstance(error, EdgeInt8Error):
                error = refused_by_the_machine(error, snakemake.output[0])
            file.write(traceback.format_exc())
            of_workload = "workload" in dict(snakemake.wildcards.items())
            if not (of_workload and isinstance(error, ModelError | SimulationError)):
                for stream in (sys.__stderr__, file):
                    print(f"error: {error}", file=stream)
                sys.exit(1)
            reason = str(error)
        print(f"left out: {reason}", file=file)
        for path in snakemake.output:
            write_absence(path, reason)
        sys.exit(0)


@contextmanager
def _open_log(path: Path) -> Iterator[TextIO]:
    """The log of a job; one that cannot be written ends the job in one line too."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:  # also of what is written when the file is closed
        print(f"error: {refused_by_the_machine(error, str(path))}", file=sys.__stderr__)
        sys.exit(1)


def refused_by_the_machine(error: OSError | MemoryError, output: str) -> EdgeInt8Error:
    """A full disk, a place that is not ours or too little memory, in one line.

    All else is a bug: raised again.
    """
    if isinstance(error, MemoryError):
        reason = str(error) or "out of memory"
        return ResourceError(reason, where=output, allowed="a job with more memory (mem_mb)")
    if error.errno not in (ENOSPC, EDQUOT, EFBIG, EROFS, EACCES, EPERM):
        raise error
    return ResourceError(
        str(error.strerror), where=output, allowed="a disk with room, which may be written to"
    )


def missing_input(inputs: Any) -> str | None:
    """Why a job cannot run: the reason in the first single input that was not computed."""
    single = (value for _, value in inputs.items() if isinstance(value, str))
    return next((reason for reason in map(absence, single) if reason is not None), None)
