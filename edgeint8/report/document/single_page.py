"""report.html: the report, its figures and its tables as one file that opens without a network."""

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

import pandas as pd

from edgeint8.report.markdown import Tables
from edgeint8.tables.contents import TABLES

ASSETS = Path(__file__).parents[1] / "assets"
STYLES, SCRIPTS = ("report.css",), ("tablesort.min.js", "report.js")
SHOWN_ROWS = 200  # of a table; whoever wants all of a long one wants its CSV file
CONTENTS_LEVELS = ("h2", "h3")
_SVG = re.compile(r"<svg\b.*</svg>", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_SVG_ID = re.compile(r'(\bid="|\bhref="#|url\(#)')


def single_page(
    markdown: str, figures: Mapping[str, str], tables: Tables, language: str = "en"
) -> str:
    """The page of ``report.md``: each link to a figure becomes the figure, to a table its rows.

    figures: the SVG files by name; tables: what stands behind the report, by name; language: that
    of the first page.
    """
    from markdown_it import MarkdownIt  # tables do without

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>\n')
    reader.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tables = {name: table for name, table in tables.items() if len(table)}
    tokens = reader.parse(markdown)
    for token in tokens:
        if token.children is not None:
            token.children = list(_without_files(token.children, figures, tables))
    entries = [*_anchored_headings(tokens), ("h2", "tables", "Tables")]
    body = reader.renderer.render(tokens, reader.options, {})
    title = next((text for level, _, text in entries if level == "h1"), "EdgeINT8 report")
    return _whole(language, title, _contents(entries), body + _appendix(tables))


def _without_files(
    tokens: Sequence[Any], figures: Mapping[str, str], tables: Tables
) -> Iterator[Any]:
    """The tokens of one paragraph without links to files that do not travel with the page."""
    from markdown_it.token import Token

    rest = iter(tokens)
    for token in rest:
        if token.type != "link_open":
            yield token
            continue
        inside = list(takewhile(lambda t: t.type != "link_close", rest))  # links do not nest
        folder, name = token.attrs["href"].partition("/")[0], Path(token.attrs["href"]).stem
        if folder == "figures":
            yield Token("html_inline", "", 0, content=_figure(name, figures))
            continue
        if folder == "tables" and name in tables:
            token.attrs["href"] = f"#table-{name}"
        kept = re.match("[a-z]+:|#", token.attrs["href"]) is not None
        yield from [token, *inside, Token("link_close", "a", -1)] if kept else inside


def _figure(name: str, figures: Mapping[str, str]) -> str:
    """An SVG file as an element: no prolog, and ids that no other figure of the page has."""
    if name not in figures:
        return f"(figure {html.escape(name)} is no part of this study)"
    found = _SVG.search(figures[name])
    element = _METADATA.sub("", found.group() if found else "")
    element = _SVG_ID.sub(rf"\g<1>{name}-", element)
    return f'<span class="figure" id="figure-{name}">{element}</span>'


def _anchored_headings(tokens: Sequence[Any]) -> list[tuple[str, str, str]]:
    """Give every heading an id; (level, id, text without the links behind it) of each."""
    entries, seen = [], Counter[str]()
    for heading, inline in pairwise(tokens):
        if heading.type != "heading_open":
            continue
        before = []
        for token in inline.children:
            if token.type == "link_open":
                break
            before.append(token.content)
        text = "".join(before).removesuffix(" (").strip()
        slug = re.sub(r"[\W_]+", "-", text.lower()).strip("-")
        seen[slug] += 1
        heading.attrs["id"] = slug if seen[slug] == 1 else f"{slug}-{seen[slug]}"
        entries.append((heading.tag, heading.attrs["id"], text))
    return entries


def _contents(entries: Sequence[tuple[str, str, str]]) -> str:
    lines = [
        f'<li class="{level}"><a href="#{anchor}">{html.escape(text)}</a></li>'
        for level, anchor, text in entries
        if level in CONTENTS_LEVELS
    ]
    return f"<nav><details><summary>Contents</summary><ul>{''.join(lines)}</ul></details></nav>"


def _appendix(tables: Tables) -> str:
    """Every table, folded."""
    shown = [_folded(name, table) for name, table in tables.items()]
    head = '<section class="tables"><h2 id="tables">Tables</h2><p>What the report is made of.</p>'
    return "\n".join([head, *shown, "</section>\n"])


def _folded(name: str, table: pd.DataFrame) -> str:
    """One table: its first `SHOWN_ROWS` rows, and a heading whose columns explain themselves."""
    columns = {column.name: column for column in TABLES[name]} if name in TABLES else {}
    meaning = {n: ", ".join(filter(None, (c.unit, c.meaning))) for n, c in columns.items()}
    head = "".join(
        f'<th title="{html.escape(meaning.get(n, ""))}">{html.escape(n)}</th>' for n in table
    )
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(_exact(value))}</td>" for value in row) + "</tr>"
        for row in table.head(SHOWN_ROWS).itertuples(index=False)
    )
    size = f"{len(table):,} rows"
    if len(table) > SHOWN_ROWS:
        size = f"the first {SHOWN_ROWS} of {size}; all stand in tables/{name}.csv"
    return (
        f'<details><summary id="table-{name}"><code>{name}</code> ({size})</summary>'
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _exact(value: object) -> str:
    """A cell as the table has it, floats to six digits; nothing for a missing one."""
    if pd.isna(value):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _whole(language: str, title: str, contents: str, body: str) -> str:
    style = "".join(_asset(name) for name in STYLES)
    scripts = "".join(f"<script>{_asset(name)}</script>\n" for name in SCRIPTS)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{style}</style></head>\n"
        f"<body>{contents}\n<main>{body}</main>\n{scripts}</body></html>\n"
    )


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
