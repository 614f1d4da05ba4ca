"""report.html: one file, no request, every figure inside, every table sorts; also in a browser."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pandas as pd
import pytest

from edgeint8.report.document.single_page import SHOWN_ROWS, single_page

pytest.importorskip("markdown_it")

SVG = """<?xml version="1.0"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><metadata><a href="http://x"/></metadata>
<defs><path id="m1" d="M0 0"/></defs><g clip-path="url(#m1)"><use href="#m1"/></g></svg>"""
MARKDOWN = """# Report

## Answers ([tables/dse.csv](tables/dse.csv), [tables/none.csv](tables/none.csv))

| machine | cycles | share |
|---|---|---|
| a | 1,234 | 6.0e-07 |
| b | 99 | +0.25 % |
| c | 20,000 | -3 |
| d |  | 0.5 of 2 |

[![Cycles](figures/roofline.png)](figures/roofline.svg)

*Cycles* of [one](data/x/provenance.json) run, [here](https://example.org); a < b <b>c</b>

## Answers

[![Other](figures/energy.png)](figures/energy.svg) [![Lost](figures/lost.png)](figures/lost.svg)
"""
FIGURES = {"roofline": SVG, "energy": SVG}
TABLES = {
    "dse": pd.DataFrame({"workload": ["<net>", "net"], "bound_cycles": [12, 3]}),
    "none": pd.DataFrame(),
}


@pytest.fixture(scope="module")
def page():
    return single_page(MARKDOWN, FIGURES, TABLES)


class Tags(HTMLParser):
    """Every start tag with its attributes; fails at an end tag that closes nothing."""

    def __init__(self, page):
        super().__init__()
        self.found, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.open += [] if tag == "meta" else [tag]

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_tag_is_closed_and_every_id_is_there_once(page):
    tags = Tags(page)
    assert tags.open == []
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert len(ids) == len(set(ids)) and {"answers", "answers-2", "tables"} <= set(ids)


def test_nothing_is_loaded_from_elsewhere(page):
    for tag, attributes in Tags(page).found:
        assert tag not in ("link", "img", "iframe", "object", "base")
        assert "src" not in attributes and "http" not in attributes.get("style", "")
    assert "@import" not in page and not re.search(r"url\((?!#)", page)


def test_links_stay_inside_the_page_or_go(page):
    tags = Tags(page).found
    links = [attributes["href"] for tag, attributes in tags if tag == "a"]
    ids = {attributes.get("id") for _, attributes in tags}
    assert "#table-dse" in links and "https://example.org" in links
    inside = [link for link in links if link != "https://example.org"]
    assert all(link[0] == "#" and link[1:] in ids for link in inside)
    assert "<em>Cycles</em> of one run," in page and "tables/none.csv)" in page


def test_every_figure_is_inside_and_a_missing_one_is_named(page):
    assert page.count("<svg") == 2 and "(figure lost is no part of this study)" in page
    assert "<metadata" not in page and "DOCTYPE svg" not in page


def test_two_figures_with_the_same_ids_keep_apart(page):
    for name in FIGURES:
        assert f'id="{name}-m1"' in page
        assert f'href="#{name}-m1"' in page and f"url(#{name}-m1)" in page


def test_cells_and_text_are_escaped_and_columns_explained(page):
    assert "<td>&lt;net&gt;</td>" in page and "&lt;b&gt;c&lt;/b&gt;" in page
    assert '<th title="cycles, all layers: no machine of this kind is faster' in page


def test_a_long_table_says_where_the_rest_is():
    page = single_page("# R", {}, {"dse": pd.DataFrame({"rows": range(SHOWN_ROWS + 1)})})
    assert f"the first {SHOWN_ROWS} of {SHOWN_ROWS + 1} rows; all stand in tables/dse.csv" in page
    assert page.count("<tr>") == 1 + SHOWN_ROWS


def in_browser(folder, page, script, width=1200):
    """What a script sends to `tell` in Chromium, once the page stands."""
    tail = f"""<script>
    const told = []; const tell = value => told.push(String(value));
    window.addEventListener("load", () => {{ {script};
      document.documentElement.setAttribute("data-told", told.join(";")); }});
    </script></body>"""
    file = folder / "page.html"
    file.write_text(page.replace("</body>", tail), encoding="utf-8")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={folder}/profile", f"--window-size={width},900"]
    result = subprocess.run(
        [*command, file.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    return re.search('data-told="([^"]*)"', result.stdout)[1].split(";")


needs_chromium = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="no chromium on this machine"
)
SORTED = """
const table = document.querySelector("table");
const first = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent).join("");
for (const column of [1, 1, 2, 0]) { table.tHead.rows[0].cells[column].click(); tell(first()); }
tell(document.querySelectorAll("th:not([role=columnheader])").length);
tell(performance.getEntriesByType("resource").length);
"""


@needs_chromium
def test_a_browser_sorts_numbers_as_numbers_and_asks_for_nothing(page, tmp_path):
    # Empty cells first; 99 < 1,234 < 20,000; -3 < 6.0e-07 < +0.25 % < 0.5 of 2.
    told = in_browser(tmp_path, page, SORTED)
    assert told == ["dbac", "cabd", "cabd", "abcd", "0", "0"]


@needs_chromium
def test_a_browser_unfolds_the_table_that_a_link_names(page, tmp_path):
    script = """const table = document.getElementById("table-dse").closest("details");
    tell(table.open); location.hash = "#table-dse";
    window.dispatchEvent(new Event("hashchange")); tell(table.open)"""
    assert in_browser(tmp_path, page, script) == ["false", "true"]


@needs_chromium
def test_on_a_phone_only_tables_and_figures_scroll_sideways(tmp_path):
    wide = "| " + " | ".join(f"a_long_column_{n}" for n in range(40)) + " |\n" + "|---" * 40 + "|\n"
    script = """tell(document.documentElement.scrollWidth <= innerWidth);
    const box = document.querySelector(".scroll"); tell(box.scrollWidth > box.clientWidth)"""
    assert in_browser(tmp_path, single_page(wide, {}, {}), script, 400) == ["true", "true"]
