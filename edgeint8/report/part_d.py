"""Part D of the report: layers on systolic arrays."""

from edgeint8.report import answers
from edgeint8.report.markdown import Tables, figure, link, table


def section(tables: Tables) -> str:
    """The array: SCALE-Sim against the closed forms, and the roofline."""
    roofline = tables["roofline"]
    computing = roofline[roofline["macs"] > 0]
    columns = {
        "workload": "workload",
        "layer": "layer",
        "hardware": "hardware",
        "macs": "MACs",
        "cycles": "cycles",
        "intensity": "MAC per byte",
        "achieved": "achieved (MAC/cycle)",
        "bound": "bound",
    }
    return "\n\n".join(
        [
            f"## Part D: systolic arrays ({link('crosscheck')}, {link('roofline')})",
            answers.crosscheck_answer(tables["crosscheck"]),
            table(computing, columns),
            figure("roofline", "Layers under the roofline"),
        ]
    )
