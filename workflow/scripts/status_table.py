"""Rule status_table: what ran, what was left out, and why."""

from pathlib import Path

from edgeint8.files import read_json
from edgeint8.study.job import job
from edgeint8.study.status import status_rows
from edgeint8.tables.files import write_table

with job(snakemake):
    statuses = {Path(path).parent.name: read_json(path) for path in snakemake.input.status}
    named = zip(snakemake.params.parts, snakemake.input.parts, strict=True)
    parts = [(*part, path) for part, path in named]
    rows = status_rows(statuses, parts, [*snakemake.input.tables, *snakemake.input.figures])
    write_table(snakemake.output.table, rows)
