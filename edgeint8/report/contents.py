"""What the report is made of: its tables, and the table each figure draws. Imports nothing."""

TABLES_OF_REPORT = (
    "baseline",
    "quantization",
    "golden",
    "bit_growth",
    "requantize",
    "overflow",
    "accumulator",
    "crosscheck",
    "roofline",
)
FIGURE_TABLES = {
    "accuracy": "quantization",
    "accumulator_width": "bit_growth",
    "overflow": "overflow",
    "roofline": "roofline",
}
