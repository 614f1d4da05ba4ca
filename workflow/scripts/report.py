"""Rule report_text: write report.md from the tables."""

from pathlib import Path

from edgeint8.files import absence, read_json, write_text
from edgeint8.report.document.environment import describe_environment
from edgeint8.report.document.report import write_report
from edgeint8.study.job import job
from edgeint8.tables.files import read_table, with_absent

with job(snakemake):
    tables = {Path(path).stem: read_table(path) for path in snakemake.input.tables}
    files = [path for path in snakemake.input.provenance if absence(path) is None]
    provenance = [read_json(path) for path in files]
    study = {"seed": str(snakemake.params.seed), "command": snakemake.params.command}
    environment = describe_environment() | study
    language = snakemake.params.language
    text = write_report(with_absent(tables), provenance, environment, language)
    write_text(snakemake.output.report, text)
