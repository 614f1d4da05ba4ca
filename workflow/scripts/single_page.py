"""Rule report_page: report.md, its figures and its tables as one HTML file."""

from pathlib import Path

from edgeint8.files import absence, write_text
from edgeint8.report.document.single_page import single_page
from edgeint8.study.job import job
from edgeint8.tables.files import read_table

with job(snakemake):
    present = [Path(path) for path in snakemake.input.figures if absence(path) is None]
    figures = {path.stem: path.read_text(encoding="utf-8") for path in present}
    tables = {Path(path).stem: read_table(path) for path in snakemake.input.tables}
    text = Path(snakemake.input.report).read_text(encoding="utf-8")
    page = single_page(text, figures, tables, snakemake.params.language)
    write_text(snakemake.output.page, page)
