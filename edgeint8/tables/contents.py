"""What the report is made of: the tables of each part, and the tables each figure draws."""

TABLES_OF_PART = {
    "status": ("status",),
    "a": ("baseline",),
    "b": (
        "quantization",
        "recommendation",
        "draws",
        "sensitivity",
        "mixed_precision",
        "layer_traits",
        "levels",
        "histograms",
    ),
    "c": ("golden", "bit_growth", "accumulator", "overflow", "requantize"),
    "d": (
        "crosscheck",
        "physics",
        "dse",
        "roofline",
        "scaling",
        "energy",
        "switching",
        "packing",
        "pareto",
        "front_check",
        "best",
        "band",
        "validation",
        "codesign",
    ),
}
FIGURE_TABLES = {
    "accuracy": ("quantization",),
    "latency": ("quantization",),
    "accuracy_latency": ("quantization",),
    "sensitivity": ("sensitivity", "mixed_precision"),
    "weight_histograms": ("histograms", "layer_traits"),
    "activation_histograms": ("histograms", "levels"),
    "unused_levels": ("levels",),
    "accumulator_width": ("bit_growth",),
    "overflow": ("overflow",),
    "account": ("physics", "dse"),
    "cycles_by_array": ("dse",),
    "cycles_by_sram": ("dse",),
    "cycle_causes": ("roofline", "dse"),
    "utilization": ("roofline", "dse"),
    "roofline": ("roofline", "dse"),
    "energy_by_part": ("energy", "dse"),
    "pareto_front": ("pareto", "dse", "best"),
    "codesign": ("codesign",),
}
# What a table needs besides its part: without these in the study it is not made.
NEEDS_CALIBRATION = {
    *("recommendation", "draws", "layer_traits", "levels", "histograms", "codesign"),
}
NEEDS_STATIC = {"bit_growth", "accumulator"}
NEEDS_STATIC_DETAIL = {"sensitivity", "mixed_precision"}
NEEDS_DETAIL = {"overflow", "requantize"}


def tables_of_study(
    *,
    names: bool,
    floats: bool,
    strategies: bool,
    static: bool,
    calibrated: bool,
    static_detail: bool,
    detail: bool,
    hardware: bool,
) -> dict[str, tuple[str, ...]]:
    """The tables of each part that a study makes, from what it selects.

    names: any workload; floats: any network that came as floats; strategies: any network with a
    strategy, be it the one that it came with; static: any of these that is not dynamic; calibrated:
    any that the study calibrates; detail, static_detail: any that gets the costly parts, and any of
    these that the study calibrates; hardware: any machine.
    """
    parts = {"status": names, "a": floats, "b": strategies, "c": strategies, "d": hardware}
    absent = set() if calibrated else NEEDS_CALIBRATION
    absent |= set() if static else NEEDS_STATIC
    absent |= set() if static_detail else NEEDS_STATIC_DETAIL
    absent |= set() if detail else NEEDS_DETAIL
    return {
        part: tuple(table for table in tables if parts[part] and table not in absent)
        for part, tables in TABLES_OF_PART.items()
    }
