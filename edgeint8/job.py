"""What every workflow script shares: its log, and errors that read as one line."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from edgeint8.errors import EdgeInt8Error


@contextmanager
def job(log: str | Path) -> Iterator[None]:
    """Send prints and warnings to `log`; end on bad input with one line and exit status 1.

    Progress bars write to ``sys.__stderr__`` and stay on the terminal. The traceback of an
    `EdgeInt8Error` goes to the log only; any other exception is a bug and is shown whole.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with Path(log).open("w", encoding="utf-8") as file:
        try:
            with redirect_stdout(file), redirect_stderr(file):
                yield
        except EdgeInt8Error as error:
            file.write(traceback.format_exc())
            print(f"error: {error}", file=sys.__stderr__)
            sys.exit(1)
