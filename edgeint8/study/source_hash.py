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
# Where Python's grammar puts statements: of a block, its branches, handlers and match cases.
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


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
    waiting = [script]
    while waiting:
        inner = [path for path in imported_files(waiting.pop()) if path not in found]
        found.update(inner)
        waiting += inner
    return found


@cache
def imported_files(path: Path) -> tuple[Path, ...]:
    """Package files that one file imports, with the ``__init__`` of every package on the way."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    names = {name for node in _statements(tree) for name in _imported_names(node)}
    return tuple(sorted({file for name in names for file in _files(name, PACKAGE)}))


def _statements(block: ast.AST) -> Iterator[ast.AST]:
    """Every statement inside a block; expressions hold no import, and are nine nodes in ten."""
    for field in BLOCKS:
        for inner in getattr(block, field, ()):
            yield inner
            yield from _statements(inner)


def _imported_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _files(name: str, package: Path) -> tuple[Path, ...]:
    """Files that importing the dotted `name` runs; a last part that is no module adds none."""
    top, *parts = name.split(".")
    found = [package / "__init__.py"] if top == package.name else []
    folder = package
    for part in parts if found else ():
        inside = (folder / f"{part}.py", folder / part / "__init__.py")
        file = next((file for file in inside if file.is_file()), None)
        if file is None:
            break
        found.append(file)
        if file.name != "__init__.py":
            break
        folder = file.parent
    return tuple(found)
