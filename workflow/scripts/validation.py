"""Rule validation_table: published figures against the physical model."""

import sys
from pathlib import Path

from edgeint8.study.job import job
from edgeint8.tables.files import write_table

with job(snakemake):
    sys.path.insert(0, str(Path(snakemake.input.programs[0]).parent))
    from published import validation_rows  # type: ignore[import-not-found]

    write_table(snakemake.output.table, validation_rows())
