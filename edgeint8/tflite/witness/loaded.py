"""A network in a runtime, inside the child."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edgeint8.conventions import Array

Run = Callable[[Mapping[int, Array]], dict[int, Array]]
"""Every tensor by index, from the inputs by position and, under ``~index``, what is missing."""


@dataclass(frozen=True)
class Loaded:
    """One network, ready to run.

    version : name and version of what runs
    runtime : whose arithmetic it is
    missing : tensors that the runtime cannot compute and is given, and why
    """

    run: Run
    version: str
    runtime: str
    missing: Mapping[int, str] = field(default_factory=dict)
