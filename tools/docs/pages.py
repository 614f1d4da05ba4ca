"""A page of docs/ that a program writes: write it, or say whether it is current."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from edgeint8.files import write_text

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def is_current(path: Path, page: Callable[[], str]) -> bool:
    """Whether the page stands in `path` as `page` writes it today."""
    return path.is_file() and path.read_text(encoding="utf-8") == page()


def run(path: Path, page: Callable[[], str], arguments: Sequence[str] | None = None) -> int:
    """The command of such a page; returns 1 where `--check` finds it stale."""
    parser = argparse.ArgumentParser(description=f"Write docs/{path.name}.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if stale")
    chosen = parser.parse_args(arguments)
    current = is_current(path, page)
    if not current and not chosen.check:
        write_text(path, page())
    print(f"{path.name}: {'current' if current else 'stale' if chosen.check else 'rewritten'}")
    return int(chosen.check and not current)
