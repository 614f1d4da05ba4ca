"""Which of the strategies that lose little enough comes first: one order for every yardstick.

Stated before any result:

1. *Admitted* is what keeps `LEAST_DB` of SQNR on the hold-out: an error of 3 % of the output's
   power, 18 % of its amplitude. Answers that are right behind a larger error are right by the
   samples that were asked. Where no strategy keeps as much, all are admitted and the text says so.
2. The lowest price comes first; prices within `SAME_PRICE` are equal.
3. Of equal prices the higher SQNR comes first. A difference no larger than the spread of either
   over its calibration draws is a tie: other images would turn it round.
4. Ties fall to fewer float nodes, then to the name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeint8.conventions import LEAST_DB, SAME_PRICE, Row
from edgeint8.quant.calibrate.draws import spread

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Rival:
    """A strategy that is not inferior: what it costs and keeps.

    price: what its datapath costs, or points of hardware; reasons: what it is for; spread_db: most
    minus least SQNR over its calibration draws, None where there are no two of them.
    """

    strategy: str
    price: float
    reasons: tuple[str, ...]
    sqnr_db: float
    float_nodes: int = 0
    spread_db: float | None = None


def spreads(draws: "pd.DataFrame") -> dict[str, float]:
    """The spread in dB of every strategy of ``draws.csv`` that was drawn more than once."""
    if draws.empty:
        return {}
    found = {str(name): spread(rows) for name, rows in draws.groupby("strategy")["sqnr_db"]}
    drawn = draws["strategy"].value_counts()
    return {name: entry.high - entry.low for name, entry in found.items() if drawn[name] > 1}


def admitted(rivals: Sequence[Rival]) -> list[Rival]:
    """Those that keep `LEAST_DB`, or all where none does."""
    return [rival for rival in rivals if rival.sqnr_db >= LEAST_DB] or list(rivals)


def in_order(rivals: Sequence[Rival]) -> list[Rival]:
    """The whole order: the first of all, then the first of the others, and so on."""
    left, order = list(rivals), []
    while left:
        order.append(_first(left))
        left.remove(order[-1])
    return order


def _first(rivals: Sequence[Rival]) -> Rival:
    cheapest = min(rival.price for rival in rivals)
    equal = [rival for rival in rivals if rival.price <= cheapest * (1 + SAME_PRICE)]
    best = min(equal, key=lambda rival: (-rival.sqnr_db, rival.strategy))
    tied = [rival for rival in equal if is_tie(rival, best)]
    return min(tied, key=lambda rival: (rival.float_nodes, rival.strategy))


def is_tie(one: Rival, other: Rival) -> bool:
    """Whether two strategies differ by no more than calibration images make either differ."""
    known = max(one.spread_db or 0.0, other.spread_db or 0.0)
    return one.sqnr_db == other.sqnr_db or abs(one.sqnr_db - other.sqnr_db) <= known


def exclusions(rivals: Sequence[Rival]) -> list[str]:
    """A sentence on those that are out for their SQNR, or on why none is."""
    low = [rival for rival in rivals if not rival.sqnr_db >= LEAST_DB]
    if not low:
        return []
    if len(low) == len(rivals):
        return [f"None keeps {LEAST_DB:g} dB of SQNR, so that decides nothing."]
    listed = "; ".join(f"{rival.strategy} ({rival.sqnr_db:.1f} dB)" for rival in low)
    return [f"Below {LEAST_DB:g} dB of SQNR, and out: {listed}."]


def argument(order: Sequence[Rival]) -> str:
    """Why the first of `in_order` stands before the second."""
    first = order[0]
    costs = ", ".join(first.reasons) or "nothing counted"
    chosen = f"{first.strategy} is recommended: hardware cost {first.price:.4g} ({costs})"
    if len(order) == 1:
        return f"{chosen}, the only eligible strategy."
    second = order[1]
    if second.price > first.price * (1 + SAME_PRICE):
        return (
            f"{chosen}, the lowest of the eligible; next is {second.strategy} with "
            f"{second.price:.4g}."
        )
    alike = f"shared with {second.strategy}"
    if first.price != second.price:
        alike = f"within {100 * SAME_PRICE:g} % of the {second.price:.4g} of {second.strategy}"
    shared = f"{chosen}, {alike}"
    decibel = f"{first.sqnr_db:.2f} against {second.sqnr_db:.2f} dB"
    if not is_tie(first, second):
        return f"{shared}, and the higher SQNR, {decibel}."
    known = max(first.spread_db or 0.0, second.spread_db or 0.0)
    tie = (
        "at the same SQNR"
        if first.sqnr_db == second.sqnr_db
        else f"and a tie in SQNR, {decibel} with a spread of {known:.2f} dB over calibration draws"
    )
    if second.float_nodes > first.float_nodes:
        return f"{shared}, {tie}; it has fewer float nodes, {first.float_nodes} against " + (
            f"{second.float_nodes}."
        )
    return f"{shared}, {tie}; the first by name."


def row_of(rival: Rival, margin: float) -> Row:
    """The columns of ``recommendation.csv`` that every yardstick shares."""
    return {
        "holdout_sqnr_db": rival.sqnr_db,
        "margin": margin,
        "hardware_cost": rival.price,
        "cost_reasons": "; ".join(rival.reasons),
        "float_nodes": rival.float_nodes,
        "spread_db": rival.spread_db,
    }
