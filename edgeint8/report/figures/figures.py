"""All figures by name; each takes the tables that contents.py lists and knows columns only."""

from collections.abc import Callable

from matplotlib.figure import Figure

from edgeint8.report.figures import (
    account_figures,
    array_figures,
    codesign_figures,
    design_figures,
    distribution_figures,
    front_figures,
    integer_figures,
    quantization_figures,
)

FIGURES: dict[str, Callable[..., Figure]] = {
    "accuracy": quantization_figures.accuracy_by_strategy,
    "latency": quantization_figures.latency_by_strategy,
    "accuracy_latency": quantization_figures.accuracy_against_latency,
    "sensitivity": quantization_figures.sensitivity_by_layer,
    "weight_histograms": distribution_figures.weight_histograms,
    "activation_histograms": distribution_figures.activation_histograms,
    "unused_levels": distribution_figures.unused_levels,
    "accumulator_width": integer_figures.accumulator_width,
    "overflow": integer_figures.overflow,
    "account": account_figures.account,
    "cycles_by_array": array_figures.cycles_by_array,
    "cycles_by_sram": array_figures.cycles_by_sram,
    "cycle_causes": array_figures.cycle_causes,
    "utilization": array_figures.utilization,
    "roofline": design_figures.roofline,
    "energy_by_part": design_figures.energy_by_part,
    "pareto_front": front_figures.pareto_front,
    "codesign": codesign_figures.codesign,
}
