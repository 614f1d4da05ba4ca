"""Documents whose numbers come from tables.

A Markdown document names what stands in it; this module writes it in place from the tables beside
the documents, which are a snapshot of a finished study::

    <!-- generated: NAME -->                 In all <!-- = NAME -->12,345<!-- / --> elements ...
    | a table |
    <!-- end -->

NAME is a key of ``quotes.QUOTES``: a pure function of the tables. To copy the quoted tables and
the shown figures of a study and bring documents up to date, or to see whether they are::

    python -m tools.docs.documents --snapshot results/tables docs/fixed_point_note.md
    python -m tools.docs.documents --check docs/fixed_point_note.md
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeint8.errors import DataError, EdgeInt8Error
from edgeint8.files import write_text
from edgeint8.report.markdown import Tables
from tools.docs.benchmark_quotes import read_benchmarks
from tools.docs.quotes import QUOTES
from tools.docs.rtl_quotes import read_synthesis
from tools.docs.snapshot import copy_figures, read_snapshot, take_snapshot

DEFAULT_TABLES = Path("docs/data")
SLOT = re.compile(
    r"(?P<open><!-- generated: (?P<block>\w+) -->\n)(?P<old_block>.*?)(?P<close><!-- end -->)"
    r"|(?P<left><!-- = (?P<value>\w+) -->)(?P<old_value>.*?)(?P<right><!-- / -->)",
    re.DOTALL,
)
OPENING = re.compile(r"<!-- (?:generated:|=) ")


def regenerated(text: str, tables: Tables, where: str = "") -> str:
    """`text` with every block and every value made anew.

    Raises
    ------
    DataError
        If a name is unknown, or a block is opened and not closed.
    """
    _refuse_open_slots(text, where)

    def fill(slot: re.Match[str]) -> str:
        if slot["block"]:
            return f"{slot['open']}{_quote(slot['block'], tables, where)}\n{slot['close']}"
        return f"{slot['left']}{_quote(slot['value'], tables, where)}{slot['right']}"

    return SLOT.sub(fill, text)


def read_quoted(folder: str | Path) -> Tables:
    """All that documents quote: the snapshot of a study in `folder`, and kept benchmarks."""
    kept = read_benchmarks(Path(folder) / "benchmarks") | read_synthesis(folder)
    return read_snapshot(folder) | kept


def stale(text: str, tables: Tables, where: str = "") -> list[str]:
    """Names of the blocks and values that differ from what the tables say, each once."""
    _refuse_open_slots(text, where)
    return list(dict.fromkeys(_stale(text, tables, where)))


def _stale(text: str, tables: Tables, where: str) -> Iterator[str]:
    for slot in SLOT.finditer(text):
        name = slot["block"] or slot["value"]
        old = slot["old_block"] if slot["block"] else slot["old_value"]
        new = _quote(name, tables, where) + ("\n" if slot["block"] else "")
        if old != new:
            yield name


def _quote(name: str, tables: Tables, where: str) -> str:
    if name not in QUOTES:
        raise DataError(f"no quote is called {name!r}", where=where, allowed=", ".join(QUOTES))
    return QUOTES[name](tables)


def _refuse_open_slots(text: str, where: str) -> None:
    opened, closed = len(OPENING.findall(text)), len(SLOT.findall(text))
    if opened != closed:
        raise DataError(
            f"{opened} blocks or values are opened, {closed} are closed",
            where=where,
            allowed="<!-- generated: NAME --> ... <!-- end -->, <!-- = NAME -->...<!-- / -->",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns 1 where `--check` finds something stale."""
    parser = argparse.ArgumentParser(description="Write tables and numbers into documents.")
    parser.add_argument("documents", nargs="+", type=Path)
    parser.add_argument("--tables", type=Path, default=DEFAULT_TABLES, help="the snapshot")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--snapshot", type=Path, help="first copy the quoted tables from here")
    mode.add_argument("--check", action="store_true", help="change nothing; exit 1 if stale")
    chosen = parser.parse_args(arguments)
    if chosen.snapshot:
        take_snapshot(chosen.snapshot, chosen.tables)
        copy_figures(chosen.snapshot.parent / "figures", chosen.documents)
    tables, found = read_quoted(chosen.tables), 0
    for path in chosen.documents:
        text = path.read_text(encoding="utf-8")
        names = stale(text, tables, str(path))
        found += len(names)
        if names:
            print(f"{path}: {'stale' if chosen.check else 'rewritten'}: {', '.join(names)}")
        if names and not chosen.check:
            write_text(path, regenerated(text, tables, str(path)))
    return int(chosen.check and found > 0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgeInt8Error as error:
        sys.exit(f"error: {error}")
