"""docs/api.md: every module with the first line of its docstring, room by room.

To write it, or to see whether it is current::

    python -m tools.docs.api
    python -m tools.docs.api --check
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import edgeint8
from tools.docs.pages import DOCS, run

PACKAGE = Path(edgeint8.__file__).parent
PAGE = DOCS / "api.md"
ROOMS = {
    "": "The house: what all parts share",
    "answers": "The house: what the public calls return",
    "data": "The house: files that travel with the package",
    "study": "The house: the study as configured and as it went",
    "models": "Part A: the float networks",
    "quant": "Part B: which quantisation strategy, and why",
    "fixed_point": "Part C: what the integer hardware computes, and how wide",
    "tflite": "Part C: .tflite files, and which runtime one equals",
    "arch": "Part D: which array, and where the bottleneck is",
    "scale_sim": "Part D: SCALE-Sim as the witness",
    "rtl": "Part D: the machine in SystemVerilog",
    "codesign": "Between the parts: what a number format costs in hardware",
    "tables": "Tables",
    "report": "Report: sentences, figures, text",
}
HEAD = """\
# Modules

Every public function and class says shapes, units, errors and source in its docstring. Read them as
pages, which work from the file system without a server:

```sh
make docs
```

The pages begin at `docs/site/index.html`. Rooms import each other as
[CONTRIBUTING.md](../CONTRIBUTING.md) says: the parts stay apart, scripts join them. Modules marked
with an arrow are commands, `python -m NAME`.
"""


def page() -> str:
    """The text of docs/api.md."""
    rooms = [_room(room, title) for room, title in ROOMS.items()]
    return "\n".join([HEAD, "\n\n".join(rooms)]) + "\n"


def first_line(path: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).removesuffix(".").removesuffix("::")


def modules(folder: str) -> Iterator[Path]:
    """The modules of one shelf that say something of themselves."""
    for path in sorted((PACKAGE / folder).glob("*.py")):
        if path.name != "__init__.py":
            yield path


def shelves(room: str) -> Iterator[str]:
    """A room's own folder, then the folders in it; the house itself has no shelves."""
    yield room
    if room:
        inside = (PACKAGE / room).rglob("__init__.py")
        folders = sorted(path.parent.relative_to(PACKAGE).as_posix() for path in inside)
        yield from (folder for folder in folders if folder != room)


def _room(room: str, title: str) -> str:
    parts = [f"## {title}"]
    for folder in shelves(room):
        rows = [
            f"| [`{_name(path)}`](../{path.relative_to(PACKAGE.parent)}){_arrow(path)} "
            f"| {first_line(path).replace('|', chr(92) + '|')} |"
            for path in modules(folder)
        ]
        if folder:
            about = first_line(PACKAGE / folder / "__init__.py")
            parts += ["", f"### {folder}", "", f"{about}."]
        if rows:
            parts += ["", "| module | what |", "|---|---|", *rows]
    return "\n".join(parts)


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__main__")


def _arrow(path: Path) -> str:
    return " →" if '__name__ == "__main__"' in path.read_text(encoding="utf-8") else ""


if __name__ == "__main__":
    sys.exit(run(PAGE, page))
