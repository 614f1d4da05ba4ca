"""What a user is told while the first use of a verb compiles, once for each machine.

numba keeps what it compiled beside the package, or under the user's cache folder where that place
cannot be written to (https://numba.readthedocs.io/en/stable/developer/caching.html); the next call
loads it and says nothing.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def told_of_compilation() -> Iterator[None]:
    """Within it, the first compilation prints one line on stderr; a load from the cache, none."""
    from numba.core import event

    told: list[event.Event] = []

    class Teller(event.Listener):
        def on_start(self, event: event.Event) -> None:
            if not told:
                print("compiling for this machine, once: some seconds ...", file=sys.stderr)
            told.append(event)

        def on_end(self, event: event.Event) -> None:
            pass

    with event.install_listener("numba:compile", Teller()):
        yield
