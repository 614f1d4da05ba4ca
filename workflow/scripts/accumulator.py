"""Rule accumulator_table: the widths to build, and where each overflow policy breaks."""

from dataclasses import fields
from typing import TypeVar

from edgeint8.conventions import Row
from edgeint8.fixed_point.studies.bit_growth import LayerWidth
from edgeint8.fixed_point.studies.overflow import OverflowRow
from edgeint8.fixed_point.studies.recommendation import accumulator_row
from edgeint8.study.job import job
from edgeint8.tables.files import read_table, write_table

Record = TypeVar("Record", LayerWidth, OverflowRow)


def records(path: str, kind: type[Record], key: Row) -> list[Record]:
    """Rows of one (workload, strategy), as the records that the table was written from."""
    if not path:
        return []
    frame = read_table(path)
    mine = frame[(frame["workload"] == key["workload"]) & (frame["strategy"] == key["strategy"])]
    return [kind(**row) for row in mine[[f.name for f in fields(kind)]].to_dict("records")]


with job(snakemake):
    widths = read_table(snakemake.input.bit_growth)
    columns = ["workload", "strategy", "data_source"] if len(widths) else []
    keys = widths[columns].drop_duplicates().to_dict("records")
    rows = [
        key
        | accumulator_row(
            records(snakemake.input.bit_growth, LayerWidth, key),
            records(snakemake.input.overflow, OverflowRow, key),
        )
        for key in keys
    ]
    write_table(snakemake.output.table, rows)
