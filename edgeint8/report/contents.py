"""What the report is made of: the tables of each part, and the tables each figure draws."""

TABLES_OF_PART = {
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
    "d": ("crosscheck", "roofline"),
}
FIGURE_TABLES = {
    "accuracy": ("quantization",),
    "accumulator_width": ("bit_growth",),
    "overflow": ("overflow",),
    "roofline": ("roofline",),
}
