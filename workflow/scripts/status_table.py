"""Rule status_table: what ran, what was left out, and why."""

from pathlib import Path

from edgeint8.files import read_json
from edgeint8.job import job
from edgeint8.report.tables import write_table
from edgeint8.status import status_rows

with job(snakemake):
    statuses = {Path(path).parent.name: read_json(path) for path in snakemake.input.status}
    named = zip(snakemake.params.parts, snakemake.input.parts, strict=True)
    parts = [(*part, path) for part, path in named]
    write_table(snakemake.output.table, status_rows(statuses, parts))
