"""All figures by name; each takes the tables that contents.py lists and knows columns only."""

from collections.abc import Callable

from matplotlib.figure import Figure

from edgeint8.report import array_figures, integer_figures, quantization_figures

FIGURES: dict[str, Callable[..., Figure]] = {
    "accuracy": quantization_figures.accuracy_by_strategy,
    "accumulator_width": integer_figures.accumulator_width,
    "overflow": integer_figures.overflow,
    "roofline": array_figures.roofline,
}
