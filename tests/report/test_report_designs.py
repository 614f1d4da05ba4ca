"""What the report says of the front, the recommended design and its band."""

import numpy as np
import pandas as pd
from part_d_tables import FRONT, LARGE, SMALL, band, design, energy, machine, recommended, tables

from edgeint8.report.document import part_d
from edgeint8.report.findings import (
    design_answers,
    recommended_answers,
)


def test_the_front_names_fastest_most_frugal_and_knee():
    pareto = pd.DataFrame(FRONT)
    ends, knee = design_answers.front_designs(pareto)
    assert "100 cycles, 9 µJ [4.5 to 18]" in ends and "9.00x the cycles for 66.7 %" in ends
    assert "300 cycles" in knee
    turned = pd.DataFrame([FRONT[0] | {"energy_pj": 1e6}, *FRONT[1:]])
    assert "also the most frugal" in design_answers.front_designs(turned)[0]
    assert "100 cycles" in design_answers.front_designs(turned)[1]
    (size,) = design_answers.front_size(pareto)
    assert "1,000 designs" in size and "900 of them" in size and "3 of these" in size


def test_unlimited_bandwidth_is_a_knee_only_without_limited_designs():
    free = design("free", 90, 1, 0.5, bandwidth="unlimited")
    pareto = pd.DataFrame([*FRONT, free])
    assert pareto.loc[design_answers.chosen_designs(pareto)["knee"], "hardware"] == "small"
    all_free = pareto.assign(bandwidth="unlimited")
    assert pareto.loc[design_answers.chosen_designs(all_free)["knee"], "hardware"] == "free"


def test_the_recommendation_and_its_runner_up_come_from_the_table():
    first = recommended("a", 1, 110)
    second = recommended("b", 2, 220, had=0.5, any_=2.0)
    (said,) = recommended_answers.recommendation(pd.DataFrame([first, second]))
    assert "**Recommended** at 24 GB/s" in said and "(110 cycles" in said
    assert "10.0 % above the bound of 100 cycles, which" in said
    assert "runner-up, 50.00 % behind" in said and "within" not in said
    assert "No other bandwidth that is to be had gives less" in said
    assert "Beyond it, up to unlimited bandwidth, the product could fall by 50 %" in said
    turned = recommended("b", 1, 220, had=0.25, any_=0.25, constraints="area_mm2 <= 2")
    (said,) = recommended_answers.recommendation(pd.DataFrame([turned]))
    assert "(220 cycles" in said and "runner-up" not in said
    assert "waits for tiles within area_mm2 <= 2, is" in said
    assert "would lower the product by 20.0 %" in said and "Beyond it" not in said
    free = recommended("c", 1, 9, any_=0.0, dram_gb_per_s=np.inf, bandwidth="unlimited")
    (said,) = recommended_answers.recommendation(pd.DataFrame([free]))
    assert "the space has no other" in said
    bound = pd.DataFrame([recommended("d", 1, np.nan)])
    (said,) = recommended_answers.recommendation(bound)
    assert "(100 cycles" in said and "by the bound" in said and "above the bound" not in said


def test_what_scale_sim_alone_would_take_is_told_from_the_table():
    first = recommended("a", 1, 110, simulated=300)
    other = recommended("b", 7, 120, any_=1.5, simulated=200, choice=True)
    (said,) = recommended_answers.scale_sim_choice(pd.DataFrame([first, other]))
    assert "rank 7, 25.0 % more energy times delay" in said
    assert "200 USER cycles against 300" in said
    agrees = pd.DataFrame([first | {"scalesim_choice": True}, other | {"scalesim_choice": False}])
    (said,) = recommended_answers.scale_sim_choice(agrees)
    assert "the same design" in said and "rank" not in said


def test_what_survives_the_energy_band_follows_the_table():
    design_, front, ranking = recommended_answers.over_the_band(band())
    assert "`a` at low, mid and high" in design_ and "That survives" in design_
    assert "100.0 % at low and 100.0 % at high" in front and "The front survives" in front
    assert "0.990 at low and 0.960 at high" in ranking and "on) survives" in ranking
    turned = band(("a", "a", "b"), (0.5, 1.0), (7, 9, 9), (0.99, 0.90))
    said = recommended_answers.over_the_band(turned)
    assert "`b` at high" in said[0] and "50.0 % at low" in said[1]
    assert all("does **not** survive" in sentence for sentence in said)
    grown = recommended_answers.over_the_band(band(front=(12, 9, 9)))
    assert "does **not** survive" in grown[1]
    assert recommended_answers.over_the_band(band(front=(0, 0, 0))) == []


def test_the_draws_of_a_need_are_told_from_the_table():
    drawn = band(("b", "a", "a")).assign(objective="rate", draws=1000, draws_won=(0.2, 0.5, 0.5))
    more = {"dethroned_by": "DRAM high", "flip_constant": "DRAM", "flip_ratio": 1.25}
    more |= {"contenders": 17, "challenger": "c", "challenger_won": 0.3}
    (*_, ranking, said) = recommended_answers.over_the_band(drawn.assign(**more))
    assert ranking.startswith("Energy a period ranks")
    assert "`a` wins 50.0 % of 1,000 draws between 17 designs" in said
    assert "30.0 % go to `c`; 20.0 % go to `b`. Alone dethrone it: DRAM high." in said
    assert said.endswith("The nearest flip: DRAM at 1.25 times mid.")


def test_a_space_without_a_design_that_will_do_says_so():
    rows = band().assign(workload="net")
    found = tables(pareto=FRONT, band=rows.to_dict("records"))
    assert "**No design is recommended**: none of those to be had" in part_d.design_section(
        found, "net"
    )[0]  # fmt: skip
    empty = tables(pareto=FRONT, band=rows.assign(front=0).to_dict("records"))
    assert "none holds every layer within the limits" in part_d.design_section(empty, "net")[0]
    some = tables(pareto=FRONT, band=rows.to_dict("records"), best=[recommended("a", 1, 110)])
    assert "No design" not in part_d.design_section(some, "net")[0]


def test_the_machine_for_a_suite_is_told_from_the_table():
    rows = [
        recommended("a", 1, 110) | {"workload": name, "weight": 1.0, "regret": regret}
        | {"rate": 30.0, "deadline_ms": np.nan, "own_hardware": "own", "own_area_mm2": 0.5}
        for name, regret in (("first", 1.02), ("second", 1.5))
    ]  # fmt: skip
    heading_, said, listed = part_d.suite_section(pd.DataFrame(rows))
    assert heading_.startswith("### One machine for 2 networks")
    assert "8x8, 16/16/16 kB" in said and "the smallest within 10 %" in said
    assert "`second` loses most on it: 1.50 times the least" in said
    assert "30 inferences a second" in listed and "| second |" in listed
    edp = pd.DataFrame(rows).assign(rate=np.nan)
    assert "least weighted energy times delay" in part_d.suite_section(edp)[1]
    assert part_d.suite_section(pd.DataFrame()) == []


def test_a_front_that_disagrees_is_not_trusted():
    check = {"hardware": ["a", "a", "b"], "difference": [0, 0, 0]}
    (said,) = recommended_answers.front_agreement(pd.DataFrame(check))
    assert said.startswith("All 3 quantities of the 2 designs")
    wrong = pd.DataFrame(check | {"difference": [0, 1, 0]})
    (said,) = recommended_answers.front_agreement(wrong)
    assert "1 of 3" in said and "cannot be trusted" in said


def witness(*differences, left=0):
    """Rows of ``front_check.csv`` that SCALE-Sim was asked for; `left` more without a value."""
    row = {"quantity": "compute_cycles_serial", "difference": 0}
    rows = [
        row | {"hardware": f"d{k}", "scalesim": 9.0, "scalesim_difference": d, "note": np.nan}
        for k, d in enumerate(differences)
    ]
    rows += [row | {"hardware": f"x{k}", "note": "too dear"} for k in range(left)]
    return pd.DataFrame(rows)


def test_the_witness_of_the_best_designs_follows_the_table():
    said = recommended_answers.front_agreement(witness(0, 0, left=1))[1]
    assert "2 of the best designs" in said and "same cycles (`d0` and `d1`)" in said
    assert "1 more was not simulated" in said
    said = recommended_answers.front_agreement(witness(0, 5))[1]
    assert "contradicts 1 of 2" in said and "more was" not in said
    assert "witnessed none of the 2 best" in recommended_answers.front_agreement(witness(left=2))[1]


def test_number_formats_and_what_survives_the_band():
    (said,) = design_answers.number_formats(energy((1, 2, 3), (4, 8, 12)), SMALL)
    assert "more energy than INT8: 4.00x" in said and "survives" in said
    (said,) = design_answers.number_formats(energy((4, 8, 12), (1, 2, 3)), SMALL)
    assert "less energy than INT8: 0.25x" in said and "survives" in said
    (said,) = design_answers.number_formats(energy((1, 2, 3), (4, 8, 2)), SMALL)
    assert "does **not** survive" in said


def test_the_largest_consumer_over_the_band():
    (said,) = design_answers.largest_consumer(energy((1, 2, 3), (1, 2, 3)), SMALL)
    assert "DRAM 90 % at low" in said and "consumer survives" in said
    mixed = energy((1, 2, 3), (1, 2, 3), dram=(0.9, 0.4, 0.9))
    (said,) = design_answers.largest_consumer(mixed, SMALL)
    assert "mac 60 % at mid" in said and "does **not** survive" in said


def test_the_most_frugal_machine_over_the_band():
    first, second = machine(SMALL, 1, energy=(1, 2, 3)), machine(LARGE, 1, energy=(2, 3, 4))
    (said,) = design_answers.frugal_machine(pd.DataFrame([first, second]))
    assert f"`{SMALL}` at low, mid and high" in said and "That survives" in said
    turned = pd.DataFrame([first, machine(LARGE, 1, energy=(2, 3, 2.5))])
    (said,) = design_answers.frugal_machine(turned)
    assert f"`{LARGE}` at high" in said and "does **not** survive" in said


def test_the_knee_over_the_band():
    (said,) = design_answers.knee_over_band(pd.DataFrame(FRONT))
    assert "`small` at low, mid and high" in said and "That survives" in said
    turned = [*FRONT[:2], FRONT[2] | {"energy_pj_high": 1e9}]
    (said,) = design_answers.knee_over_band(pd.DataFrame(turned))
    assert "`fast` at high" in said and "does **not** survive" in said
