"""The report and its tables as HTML pages, which Snakemake's own report shows: one file each."""

import html
import re

import pandas as pd

STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 1.5em; color: #1e293b; max-width: 70em; }
table { border-collapse: collapse; margin: 1em 0; font-size: 12px; }
th, td { border: 1px solid #cbd5e1; padding: 2px 8px; text-align: left; vertical-align: top; }
th { background: #f1f5f9; position: sticky; top: 0; }
img { max-width: 100%; } code { background: #f1f5f9; }
"""
SHOWN_ROWS = 500
_IMAGE = re.compile(r'<img src="(?:[^"]*/)?(?P<name>\w+)\.png"[^>]*>')
_LINK = re.compile(r'<a href="(?![a-z]+:|#)[^"]*">(?P<text>.*?)</a>')


def table_page(table: pd.DataFrame, name: str) -> str:
    """A table as a page; of long ones the first `SHOWN_ROWS` rows, and it says so."""
    shown = table.head(SHOWN_ROWS)
    rows = shown.to_html(index=False, na_rep="", border=0, float_format=lambda x: f"{x:.6g}")
    size = (
        f"{len(table):,} rows"
        if len(table) == len(shown)
        else (f"the first {len(shown):,} of {len(table):,} rows; all stand in tables/{name}.csv")
    )
    return _page(name, f"<h1>{html.escape(name)}</h1><p>{size}</p>{rows}")


def report_page(markdown: str) -> str:
    """report.md as a page; figures and files beside it become their names.

    Browsers show an embedded page of 2 MB at most, so the figures stay beside the page.
    """
    from markdown_it import MarkdownIt  # tables do without

    body = MarkdownIt("commonmark").enable("table").render(markdown)
    return _page("report", _LINK.sub(r"\g<text>", _IMAGE.sub(r"<em>(figure \g<name>)</em>", body)))


def _page(title: str, body: str) -> str:
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>\n"
