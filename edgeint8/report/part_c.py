"""Part C of the report: integer arithmetic and accumulators."""

from edgeint8.report.markdown import Tables, figure, link, table


def section(tables: Tables) -> str:
    """The integer executor and the accumulator."""
    golden = {
        "workload": "workload",
        "strategy": "strategy",
        "images": "images",
        "tensors": "tensors",
        "elements": "elements",
        "mismatches": "mismatches",
        "float_nodes": "float nodes",
    }
    widths = {
        "workload": "workload",
        "strategy": "strategy",
        "layer": "layer",
        "k": "K",
        "bits_rule": "rule",
        "bits_exact": "exact",
        "bits_exact_with_bias": "exact with bias",
        "bits_tile": "array tile",
        "bits_observed": "observed",
    }
    return "\n\n".join(
        [
            f"## Part C: integer arithmetic ({link('golden')}, {link('bit_growth')})",
            table(tables["golden"], golden),
            "Widths in bits:",
            table(tables["bit_growth"], widths),
            figure("accumulator_width", "Accumulator width by layer"),
        ]
    )
