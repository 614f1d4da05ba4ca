"""The recommendation in the report: what the rule counts, and which of its steps decided."""

import pandas as pd
from part_b_tables import part_b, recommendation

from edgeint8.report.document import recommended
from edgeint8.report.findings import answers


def test_prices_within_two_per_cent_are_one_step_of_the_rule():
    """1.01 and 1: SQNR decided; 1.03 and 1: the price did."""
    tables = part_b()
    names = ["asym_channel_minmax", "sym_tensor_minmax", "pow2"]
    tables["recommendation"] = recommendation(names, costs=(1.01, 1.0))
    said = answers.strategy_answer(tables, "net")
    assert "the highest SQNR at the practically lowest hardware cost, 1.01 (a" in said
    tables["recommendation"] = recommendation(names, costs=(1.0, 1.03))
    said = answers.strategy_answer(tables, "net")
    assert "it has the lowest hardware cost, 1 (a" in said and "SQNR at" not in said


def test_the_rule_says_what_hardware_cost_is():
    tables = part_b()
    (_, counted, *_) = recommended.section(tables)
    assert "Hardware cost counts points" in counted and "geometric mean" not in counted
    priced = tables["recommendation"].assign(priced_on="ws_16x16_64kB_unlimited")
    (_, said, *_) = recommended.section(tables | {"recommendation": priced})
    assert "on `ws_16x16_64kB_unlimited`" in said and "costs within 2 % are equal" in said
    assert "points for what" not in said
    mixed = priced.assign(priced_on=[*priced["priced_on"][:-1], None])
    (_, both, *_) = recommended.section(tables | {"recommendation": mixed})
    assert "geometric mean" in both and "Elsewhere it counts points" in both


def test_the_evidence_shows_what_the_recommendation_counted():
    rows = pd.DataFrame({"strategy": ["a", "dynamic"], "hardware_cost": [3, 15]})
    chosen = pd.DataFrame({"strategy": ["a"], "hardware_cost": [0.87654]})
    assert recommended.costs(rows, chosen) == ["0.8765", ""]
    assert recommended.costs(rows, chosen[:0]) == ["3", "15"]
