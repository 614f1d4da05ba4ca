"""Rules that gather per-job tables into one."""

from edgeint8.study.job import job
from edgeint8.tables.files import concatenate, write_table

with job(snakemake):
    write_table(snakemake.output.table, concatenate(snakemake.input))
