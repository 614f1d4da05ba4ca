"""docs/api.md: every module with the first line of its docstring, room by room.

To write it, or to see whether it is current::

    python -m edgeint8.report.api
    python -m edgeint8.report.api --check
"""

import argparse
import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import edgeint8
from edgeint8.files import write_text

PACKAGE = Path(edgeint8.__file__).parent
PAGE = PACKAGE.parent / "docs/api.md"
ROOMS = {
    "": "The house: what all parts share",
    "models": "Part A: networks, datasets, training, export",
    "quant": "Part B: scales, calibration, quantisation and its evidence",
    "fixed_point": "Part C: the integers",
    "fixed_point/operators": "Part C: one operator of ONNX after another",
    "arch": "Part D: layers on arrays, time, traffic, energy, exploration",
    "arch/scale_sim": "Part D: SCALE-Sim, its replica, and the account",
    "report": "Tables, figures, sentences, documents",
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
    rooms = [_room(folder, title) for folder, title in ROOMS.items()]
    return "\n".join([HEAD, "\n\n".join(rooms)]) + "\n"


def first_line(path: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).removesuffix(".").removesuffix("::")


def modules(folder: str) -> Iterator[Path]:
    """The modules of one room that say something of themselves."""
    for path in sorted((PACKAGE / folder).glob("*.py")):
        if path.name != "__init__.py":
            yield path


def _room(folder: str, title: str) -> str:
    rows = [
        f"| [`{_name(path)}`](../{path.relative_to(PACKAGE.parent)}){_arrow(path)} "
        f"| {first_line(path).replace('|', chr(92) + '|')} |"
        for path in modules(folder)
    ]
    return "\n".join([f"## {title}", "", "| module | what |", "|---|---|", *rows])


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__main__")


def _arrow(path: Path) -> str:
    return " →" if '__name__ == "__main__"' in path.read_text(encoding="utf-8") else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns 1 where `--check` finds the page stale."""
    parser = argparse.ArgumentParser(description="Write docs/api.md from the docstrings.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if stale")
    chosen = parser.parse_args(arguments)
    current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page()
    if not current and not chosen.check:
        write_text(PAGE, page())
    print(f"{PAGE.name}: {'current' if current else 'stale' if chosen.check else 'rewritten'}")
    return int(chosen.check and not current)


if __name__ == "__main__":
    sys.exit(main())
