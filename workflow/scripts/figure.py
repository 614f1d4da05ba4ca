"""Rule figure: draw tables."""

from edgeint8.report.figures.figures import FIGURES
from edgeint8.report.figures.style import nothing_to_draw, save_figure
from edgeint8.study.job import job
from edgeint8.tables.files import read_table

with job(snakemake):
    tables = [read_table(path) for path in snakemake.input.tables]
    draw = FIGURES[snakemake.wildcards.figure] if len(tables[0]) else nothing_to_draw
    figure = draw(*tables)
    save_figure(figure, snakemake.output.svg, snakemake.output.png)
