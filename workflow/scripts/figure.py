"""Rule figure: draw tables."""

from edgeint8.job import job
from edgeint8.report.figures import FIGURES
from edgeint8.report.style import save_figure
from edgeint8.report.tables import read_table

with job(snakemake):
    draw = FIGURES[snakemake.wildcards.figure]
    figure = draw(*map(read_table, snakemake.input.tables))
    save_figure(figure, snakemake.output.svg, snakemake.output.png)
