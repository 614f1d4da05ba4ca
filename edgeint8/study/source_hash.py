"""Which package modules a script depends on, and a hash of their sources.

Snakemake tracks the script file only. Each rule carries this hash as a parameter, so that an edit
in the package reruns the rules it touches and no others.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def source_hash(script: str | Path) -> str:
    """Hash of `script` and of every package module that it can import, directly or not."""
    hasher = hashlib.sha256(Path(script).read_bytes())
    for path in sorted(source_closure(Path(script))):
        hasher.update(path.relative_to(PACKAGE).as_posix().encode())
        hasher.update(path.read_bytes())
    return hasher.hexdigest()[:16]


def source_closure(script: Path) -> set[Path]:
    """Files of the package that `script` imports, directly or through one another.

    Imports inside functions count too: they may run.
    """
    found: set[Path] = set()
    waiting = set(imported_files(script))
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting |= set(imported_files(path)) - found
    return found


@cache
def imported_files(path: Path) -> tuple[Path, ...]:
    """Package files that one file imports, with the ``__init__`` of every package on the way."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    names = {name for node in ast.walk(tree) for name in _imported_names(node)}
    return tuple(sorted({file for name in names for file in _files(name)}))


def _imported_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(name: str) -> Iterator[Path]:
    """Files that importing the dotted `name` runs; a last part that is no module adds none."""
    parts = name.split(".")
    if parts[0] != PACKAGE.name:
        return
    yield PACKAGE / "__init__.py"
    folder = PACKAGE
    for part in parts[1:]:
        if (folder / f"{part}.py").is_file():
            yield folder / f"{part}.py"
            return
        folder = folder / part
        if not (folder / "__init__.py").is_file():
            return
        yield folder / "__init__.py"
