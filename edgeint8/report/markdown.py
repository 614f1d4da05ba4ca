"""Small pieces of Markdown."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

Tables = Mapping[str, pd.DataFrame]


def table(frame: pd.DataFrame, columns: Mapping[str, str], digits: int = 2) -> str:
    """A Markdown table of `columns` (name in the frame -> heading); floats get `digits` digits."""
    head = "| " + " | ".join(columns.values()) + " |"
    rule = "|" + "|".join("---" for _ in columns) + "|"
    lines = [
        "| " + " | ".join(cell(row[name], digits) for name in columns) + " |"
        for row in frame.to_dict("records")
    ]
    return "\n".join([head, rule, *lines])


def cell(value: object, digits: int = 2) -> str:
    """One value: thousands separated, floats rounded, nothing for a missing one."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.{digits}f}" if abs(value) >= 10**-digits or value == 0 else f"{value:.1e}"
    return str(value).replace("|", "\\|")


def figure(name: str, caption: str) -> str:
    """A figure with its caption and the vector version behind it."""
    return f"[![{caption}](figures/{name}.png)](figures/{name}.svg)\n\n*{caption}*"


def link(table_name: str) -> str:
    """A link to a table."""
    return f"[tables/{table_name}.csv](tables/{table_name}.csv)"


def links(tables: Tables, *names: str) -> str:
    """Links to those of the tables that this study makes."""
    return ", ".join(link(name) for name in names if name in tables and len(tables[name]))


def heading(title: str, tables: Tables, *names: str) -> str:
    """A heading of the third level with links to the tables that its section rests on."""
    sources = links(tables, *names)
    return f"### {title} ({sources})" if sources else f"### {title}"


def points(share: float) -> str:
    """A difference of two shares in percentage points.

    >>> points(0.01), points(0.005)
    ('1 percentage point', '0.5 percentage points')
    """
    plural = "" if share == 0.01 else "s"
    return f"{100 * share:g} percentage point{plural}"


def allowance(row: Mapping[str, Any]) -> str:
    """What an accumulator may lose, a row of ``accumulator.csv``: of accuracy, or of a metric.

    >>> allowance({"tolerance": 0.01}), allowance({"tolerance": 1.0, "judged_by": "psnr"})
    ('1 percentage point of accuracy', '1 of psnr')
    """
    judged_by = row.get("judged_by")
    if not isinstance(judged_by, str):
        return f"{points(float(row['tolerance']))} of accuracy"
    return f"{float(row['tolerance']):g} of {judged_by}"


def percent(share: float, digits: int = 2) -> str:
    """A share as per cent; nothing where it is not known.

    >>> percent(0.7946)
    '79.46 %'
    """
    if share != share:
        return ""
    return f"{100 * share:.{digits}f} %"
