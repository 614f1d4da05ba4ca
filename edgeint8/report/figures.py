"""All figures by name; each takes one table (contents.py says which) and knows its columns only."""

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from edgeint8.report import array_figures, integer_figures, quantization_figures

FIGURES: dict[str, Callable[[pd.DataFrame], Figure]] = {
    "accuracy": quantization_figures.accuracy_by_strategy,
    "accumulator_width": integer_figures.accumulator_width,
    "overflow": integer_figures.overflow,
    "roofline": array_figures.roofline,
}
