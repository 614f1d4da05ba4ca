"""Rule page: the report or a table as an HTML page."""

from pathlib import Path

from edgeint8.files import write_text
from edgeint8.report.document.pages import report_page, table_page
from edgeint8.study.job import job
from edgeint8.tables.files import read_table

with job(snakemake):
    source = Path(snakemake.input.source)
    if source.suffix == ".md":
        page = report_page(source.read_text(encoding="utf-8"))
    else:
        page = table_page(read_table(source), source.stem)
    write_text(snakemake.output.page, page)
