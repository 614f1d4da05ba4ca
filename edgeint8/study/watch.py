"""A job ends with the Snakemake that started it.

A killed Snakemake leaves its jobs running. Such a job of a study that has been changed since would
later put an old result in the place of a new one.
"""

import os
import signal
import threading
import time

SNAKEMAKE_PID = "EDGEINT8_SNAKEMAKE_PID"
"""Environment variable that the Snakefile sets: the process that started the job."""
POLL_SECONDS = 0.5
GRACE_SECONDS = 5.0


def end_with_snakemake() -> None:
    """Leave by SIGTERM, which cleans up, once the process that started this one is gone.

    Without that variable (a script run by hand) nothing is watched.
    """
    signal.signal(signal.SIGTERM, _leave)
    pid = os.environ.get(SNAKEMAKE_PID)
    if pid is not None and int(pid) != os.getpid():
        threading.Thread(target=_watch, args=(int(pid),), daemon=True).start()


def _leave(number: int, frame: object) -> None:
    raise SystemExit(128 + number)  # an exception, so that temporary files are removed


def _watch(pid: int) -> None:
    while _alive(pid):
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)  # one long call into C does not see the signal


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, as another user
        return True
    return True
