"""Snakemake's own report: pages and captions, and that a browser shows what it promises."""

import importlib.util
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from edgeint8.report.document.pages import SHOWN_ROWS, report_page, table_page
from edgeint8.tables.contents import FIGURE_TABLES, TABLES_OF_PART

ROOT = Path(__file__).parents[2]
# Clicks through the report as a reader would, by the words of links or the n-th icon of a kind.
CLICKS = """<script>
const steps = %s; let k = 0;
function step() {
  if (k >= steps.length) return;
  const [icon, n] = steps[k].split("#");
  const links = [...document.querySelectorAll("a")];
  const hit = n === undefined ? links.find(a => a.innerText.trim() === steps[k])
    : document.querySelectorAll(`a[iconname="${icon}"]`)[+n];
  hit.click(); k += 1; setTimeout(step, 400);
}
setTimeout(step, 800);
</script></body>"""
needs_markdown = pytest.mark.skipif(
    importlib.util.find_spec("markdown_it") is None, reason="markdown-it-py is not installed"
)
needs_chromium = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="no chromium on this machine"
)


def captions(name):
    """Names that a caption file has a caption for."""
    return set(
        re.findall(r'^  "(\w+)": ".+",$', (ROOT / f"workflow/report/{name}.rst").read_text(), re.M)
    )


def test_every_figure_and_every_table_has_a_caption():
    tables = {table for part in TABLES_OF_PART.values() for table in part}
    assert captions("figures") == set(FIGURE_TABLES)
    assert captions("pages") == {*tables, "report"}


def test_a_table_is_shown_with_its_cells_escaped():
    page = table_page(
        pd.DataFrame({"layer": ["a<b"], "bound_cycles": [12], "share": [float("nan")]}), "dse"
    )
    assert "<td>a&lt;b</td>" in page and "<td>12</td>" in page and "1 rows" in page
    assert "NaN" not in page


def test_a_long_table_says_where_the_rest_is():
    page = table_page(pd.DataFrame({"n": range(SHOWN_ROWS + 1)}), "pareto")
    assert (
        f"the first {SHOWN_ROWS} of {SHOWN_ROWS + 1} rows" in page and "tables/pareto.csv" in page
    )
    assert page.count("<tr>") == SHOWN_ROWS


@needs_markdown
def test_the_report_becomes_a_page_without_links_to_files_beside_it():
    text = "# R\n\n| a | b |\n|---|---|\n| 1 | [t](tables/x.csv) |\n\n"
    text += "[![Cycles](figures/roofline.png)](figures/roofline.svg) [w](https://example.org)\n"
    page = report_page(text)
    assert "<td>1</td>" in page and "(figure roofline)" in page
    assert re.findall(r'(?:src|href)="(.*?)"', page) == ["https://example.org"]


def shown(report, *steps):
    """The DOM, scripts apart, that Chromium ends with after these clicks in a report."""
    head, _, tail = report.read_text().rpartition("</body>")
    text = head + CLICKS % json.dumps(steps) + tail
    with tempfile.TemporaryDirectory() as folder:
        clicked = Path(folder) / "clicked.html"
        clicked.write_text(text)
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu"]
        command += [f"--user-data-dir={folder}/profile", "--virtual-time-budget=12000"]
        result = subprocess.run(
            [*command, "--dump-dom", clicked.as_uri()], capture_output=True, text=True, timeout=120
        )
    return re.sub(r"<script.*?</script>", "", result.stdout, flags=re.DOTALL)


@needs_markdown
@needs_chromium
@pytest.mark.xdist_group("topology")
def test_a_browser_shows_the_report_its_tables_and_figures(of_topology):
    html_report = of_topology.root / "snakemake-report.html"
    ours = shown(of_topology.root / "results/report.html")
    assert 'id="figure-roofline"' in ours and 'id="table-dse"' in ours
    assert 'role="columnheader"' in ours  # the library has seen the tables
    start = shown(html_report)
    assert "from a trained network to INT8 hardware" in start
    assert "D: systolic arrays" in start and "B: quantisation" not in start
    page = shown(html_report, "Report", "eye#0")
    assert re.search(r'<iframe src="data:text/html[^"]{10000,}"', page)
    table = shown(html_report, "D: systolic arrays", "tables", "eye#0", "information-circle#0")
    assert re.search(r'<iframe src="data:text/html[^"]{1000,}"', table)
    assert "The columns of every table are described" in table
    figure = shown(html_report, "D: systolic arrays", "figures", "eye#0")
    assert re.search(r'<img [^>]*src="data:image/png[^"]{10000,}"', figure)
