"""envs/lock.txt: the version of every package that an environment of this project holds.

requirements*.txt name what the project imports or runs; what these need in turn would otherwise be
whatever was released last. To write the lock from the environment that `make env` set up, or to see
whether it is complete and current::

    python -m tools.lock
    python -m tools.lock --check

pip reads it as constraints, so that a torch built for CPU or for CUDA fits its version alike.
"""

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools.docs.pages import ROOT, run

ENVS = ROOT / "envs"
LOCK = ENVS / "lock.txt"
PINNED = ("requirements.txt", "requirements-dev.txt")
HEAD = """\
# Every package of the environment that `make env` sets up, as constraints for pip; written by
#   python -m tools.lock
"""


def pins(path: Path) -> dict[str, Requirement]:
    """The requirements of a file by canonical name."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    found = [Requirement(line) for line in lines if line]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def closure(names: set[str]) -> dict[str, str]:
    """Version of each package and of all that it needs here, by canonical name."""
    versions: dict[str, str] = {}
    waiting = [(name, "") for name in names]
    done: set[tuple[str, str]] = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in done:
            continue
        done.add((name, extra))
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # another platform's, or torch's own libraries for CUDA
        versions[name] = Version(installed.version).public  # 2.13.0+cpu is 2.13.0
        waiting += _needs(installed.requires or [], extra)
    return versions


def _needs(requirements: list[str], extra: str) -> Iterator[tuple[str, str]]:
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            name = canonicalize_name(requirement.name)
            yield from ((name, wanted) for wanted in ("", *requirement.extras))


def lock() -> str:
    """The text of envs/lock.txt."""
    names = {name for file in PINNED for name in pins(ENVS / file)}
    versions = closure(names)
    return HEAD + "".join(f"{name}=={versions[name]}\n" for name in sorted(versions))


if __name__ == "__main__":
    sys.exit(run(LOCK, lock))
