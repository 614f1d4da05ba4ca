"""Part B's sentences follow its tables: each conclusion is reversed, and so is its sentence."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from part_b_tables import WORKLOAD, layer_traits, part_b, recommendation, sensitivity

from edgeint8.report.document import part_b as section_b
from edgeint8.report.figures.figures import FIGURES
from edgeint8.report.figures.style import save_figure
from edgeint8.report.findings import answers, layer_sensitivity, limits, strategy_effects
from edgeint8.report.findings.effects import Effect, effect
from edgeint8.tables.contents import FIGURE_TABLES, TABLES_OF_PART

FIGURES_OF_B = [
    name for name, tables in FIGURE_TABLES.items() if set(tables) <= set(TABLES_OF_PART["b"])
]


def test_an_effect_by_hand():
    tables = part_b(channel=3.0, asymmetric=1.0, entropy=-5.0, jitter=0.0)
    found = effect(tables["quantization"], tables["draws"], "granularity", ("tensor", "channel"))
    assert (found.better, found.worse, found.gains_db) == ("channel", "tensor", (3.0,) * 4)
    assert found.draws_db == (3.0,) * 3 and found.shown


def test_a_strategy_without_a_twin_and_dynamic_ones_are_no_pair():
    tables = part_b()
    rows = tables["quantization"]
    only = rows[rows["strategy"].isin(["asym_channel_minmax", "sym_tensor_minmax"])]
    assert effect(only, tables["draws"], "granularity", ("channel", "tensor")) is None
    assert effect(rows, tables["draws"], "calibration", ("dynamic", "minmax"), ("bins",)) is None
    said = strategy_effects.granularity(tables | {"quantization": only}, "net")
    assert said.startswith("No two strategies of this run differ in the granularity")
    assert "no reason can be isolated" in strategy_effects.headline(
        tables | {"quantization": only}, "net"
    )


def test_strategies_that_differ_in_two_things_are_no_pair():
    """Narrow weights and their granularity: the 23 dB are of the first."""
    tables = part_b()
    rows = tables["quantization"].assign(weight_bits=8)
    rows.loc[rows["granularity"] == "channel", "weight_bits"] = 4
    assert effect(rows, tables["draws"], "granularity", ("tensor", "channel")) is None


def test_one_draw_says_nothing_of_spread():
    tables = part_b()
    one = tables["draws"][tables["draws"]["draw"] == 0]
    assert "one calibration draw" in strategy_effects.draws(tables | {"draws": one}, "net")
    assert not Effect("a", "b", (3.0,), (3.0,)).shown and Effect("a", "b", (3.0,), (3.0, 3.1)).shown


def test_ranges_far_apart_in_one_output_are_a_limit_of_the_run():
    tables = part_b()
    rows = tables["quantization"].assign(
        range_ratio=190.0, worst_channel_sqnr_db=0.0, worst_channel="entry 5 of axis 1"
    )
    said = " ".join(limits._quantization(rows))
    assert "ranges 190 times apart" in said and "keeps 0.0 dB at best" in said
    assert "times apart" not in " ".join(limits._quantization(rows.assign(range_ratio=29.0)))


def test_accuracies_that_the_images_cannot_tell_apart_are_not_told_apart():
    tables = part_b()
    assert "tell the accuracy of none of 10 strategies from FP32's" in strategy_effects.accuracy(
        tables, "net"
    )
    tables["quantization"].loc[2, ["mcnemar_p_fp32", "accuracy_delta"]] = [0.001, -0.08]
    said = strategy_effects.accuracy(tables, "net")
    assert "of 1 of 10 strategies" in said and "`asym_tensor_minmax` (-8.00)" in said


def test_granularity_and_its_reversal():
    said = strategy_effects.granularity(part_b(channel=3.0, ratio=8.0), "net")
    assert said.startswith("Per-channel weights beat per-tensor weights by 3.00 dB")
    assert "because the ratio of largest to smallest channel range in layer_1 is 8.00" in said
    assert "takes 3.0 bits from its weakest channel" in said
    said = strategy_effects.granularity(part_b(channel=-3.0, ratio=8.0), "net")
    assert said.startswith("Per-tensor weights beat per-channel weights by 3.00 dB")
    assert "do not show why" in said and "because" not in said


def test_granularity_without_spread_or_without_effect_gives_no_reason():
    said = strategy_effects.granularity(part_b(channel=3.0, ratio=1.2), "net")
    assert "Per-channel weights beat" in said and "do not show why" in said
    said = strategy_effects.granularity(part_b(channel=0.01, jitter=1.0), "net")
    assert said.startswith("The data do not show that") and "because" not in said


def test_symmetry_and_its_reversal():
    said = strategy_effects.symmetry(part_b(asymmetric=2.0, wasted=0.5), "net")
    assert said.startswith("Asymmetric activations beat symmetric activations by 2.00 dB")
    assert "because 50 % of the levels are never used after ReLU" in said
    said = strategy_effects.symmetry(part_b(asymmetric=-2.0, wasted=0.5), "net")
    assert said.startswith("Symmetric activations beat asymmetric activations by 2.00 dB")
    assert "do not show why: 50 %" in said and "because" not in said
    said = strategy_effects.symmetry(part_b(asymmetric=2.0, wasted=0.0), "net")
    assert "do not show why: 0 %" in said and "because" not in said


def test_a_network_without_relu_wastes_no_levels():
    tables = part_b()
    levels = tables["levels"]
    tables["levels"] = levels[levels["made_by"] == "Conv"]
    assert "has no ReLU" in strategy_effects.symmetry(tables, "net")


def test_calibration_and_its_reversal():
    said = strategy_effects.calibration(part_b(entropy=-5.0), "net")
    assert said.startswith("Calibration ranks minmax > entropy; the first keeps 5.00 dB more")
    assert "After ReLU its ranges are 75 % of minmax's" in said
    said = strategy_effects.calibration(part_b(entropy=5.0), "net")
    assert said.startswith("Calibration ranks entropy > minmax; the first keeps 5.00 dB more")
    assert "clips" not in said
    said = strategy_effects.calibration(part_b(entropy=-0.01, jitter=1.0), "net")
    assert "the data do not separate these two" in said


def test_power_of_two_scales_are_compared_with_their_twin():
    assert strategy_effects.power_of_two(part_b(), "net").startswith(
        "Free scales beat power-of-two scales by 9"
    )
    tables = part_b()
    for table in ("quantization", "draws"):
        rows = tables[table]["strategy"] == "pow2"
        tables[table].loc[rows, "sqnr_db"] += 20
    said = strategy_effects.power_of_two(tables, "net")
    assert said.startswith("Power-of-two scales beat free scales by 11")


def test_where_entropy_equals_minmax_the_note_says_why():
    said = strategy_effects.equal_to_minmax(part_b(), "net")
    assert said == ["1 of 3 ranges of entropy equal minmax's: the full range diverges least."]
    assert (
        strategy_effects.equal_to_minmax(part_b(entropy_note="0 of 3 ranges equal minmax"), "net")
        == []
    )
    mixed = part_b()
    rows = mixed["quantization"]
    rows.loc[rows["symmetry"] == "symmetric", "note"] = "2 of 3 ranges equal minmax"
    assert strategy_effects.equal_to_minmax(mixed, "net")[1:] == [
        "2 of 3 ranges of minmax under symmetric activations equal minmax's.",
        "2 of 3 ranges of entropy under symmetric activations equal minmax's.",
    ]
    same = part_b(entropy_note="3 of 3 ranges equal minmax: the full range diverges least")
    assert strategy_effects.equal_to_minmax(same, "net")[0].startswith(
        "All 3 ranges of entropy equal"
    )


@pytest.mark.parametrize(
    ("spread", "expected"), [(0.1, "is larger than the spread"), (9.0, "is not larger than")]
)
def test_the_difference_of_the_first_two_is_held_against_the_draws(spread, expected):
    tables = part_b()
    tables["draws"] = pd.DataFrame(
        [
            {"workload": "net", "strategy": name, "draw": k, "sqnr_db": mean + spread * k}
            for name, mean in (("asym_channel_minmax", 30.0), ("asym_channel_entropy", 25.0))
            for k in range(3)
        ]
    )
    assert expected in strategy_effects.draws(tables, "net")


def test_a_gain_within_the_spread_of_the_draws_is_not_shown():
    assert Effect("a", "b", (0.3,), (0.2, 0.4)).shown
    assert not Effect("a", "b", (0.3,), (0.2, 0.6)).shown
    assert not Effect("a", "b", (0.3,), (-0.05, 0.1)).shown
    assert Effect("a", "b", (0.3, 0.1), ()).shown and not Effect("a", "b", (0.3, -0.1), ()).shown


def test_the_headline_names_the_largest_effect():
    said = strategy_effects.headline(part_b(), "net")
    assert said.startswith(
        "What matters: the calibration, 5.0 dB for minmax over entropy; the gran"
    )
    assert "symmetry of the activations, 1.0 dB for asymmetric" in said
    said = strategy_effects.headline(part_b(channel=-7.0), "net")
    assert said.startswith("What matters: the granularity of the weights, 7.0 dB for per-tensor")
    nothing = part_b(channel=0.01, asymmetric=0.01, entropy=0.01, jitter=1.0)
    assert strategy_effects.headline(nothing, "net").startswith(
        "Not shown to matter: the calibration, the sym"
    )


def test_the_most_sensitive_layer_and_its_reversal():
    (said,) = layer_sensitivity.sensitive_layers(part_b(), "net")
    assert "`layer_1` with 67 % of the noise that 3 layers make" in said
    assert "largest weight range spread over channels and K" in said and "prove nothing" in said
    (said,) = layer_sensitivity.sensitive_layers(part_b(noises=(0.6, 0.1, 0.2)), "net")
    assert "`layer_0` with 67 %" in said and "The data do not show why" in said
    (said,) = layer_sensitivity.sensitive_layers(part_b(noises=(0.1, 0.2, 0.6)), "net")
    assert "It is the last layer" in said


def test_the_two_modes_may_disagree():
    tables = part_b()
    frame = sensitivity((0.1, 0.6, 0.2))
    frame.loc[(frame["mode"] == "all_but") & (frame["layer"] == "/layer_0/Conv"), "noise"] = 0.0
    (said,) = layer_sensitivity.sensitive_layers(tables | {"sensitivity": frame}, "net")
    assert "leaving out `layer_0` relieves the whole network most" in said


def test_many_layers_are_ranked():
    traits = layer_traits(1.5, 8).assign(k=range(8), weight_range_ratio=[1, 5, 2, 7, 3, 8, 1, 4])
    noise = pd.Series([0.1 * k for k in range(8)], index=traits["layer"])
    assert "rises with K (rho = +1.00)" in layer_sensitivity.explanation(noise, traits)
    reverse = pd.Series(noise.to_numpy()[::-1], index=traits["layer"])
    said = layer_sensitivity.explanation(reverse, traits)
    assert "The data do not show why" in said and "K -1.00" in said


@pytest.mark.parametrize(
    ("after", "expected"), [(0.2, "wins back 75 % of the noise power"), (0.7, "no set of float")]
)
def test_the_mixed_precision_suggestion_says_what_was_run(after, expected):
    (said,) = layer_sensitivity.mixed_precision(part_b(loss_after=after), "net")
    assert expected in said and "4 networks were run, every smaller set among them" in said


def test_the_answer_names_the_step_that_decided():
    tables = part_b()
    names = ["asym_channel_minmax", "sym_tensor_minmax", "pow2"]
    said = answers.strategy_answer(tables, "net")
    assert "`asym_channel_minmax` is recommended: of 2 strategies" in said
    assert "lowest hardware cost, 1 (a multiplier per channel)" in said
    tables["recommendation"] = recommendation(names[::-1], costs=(2,))
    said = answers.strategy_answer(tables, "net")
    assert "`pow2` is recommended" in said and "highest SQNR at the lowest hardware cost" in said
    rows = tables["recommendation"]
    best = rows["rank"] == rows["rank"].max()
    tied = rows["holdout_sqnr_db"].max() + best.astype(float)  # the last admitted has a little more
    tables["recommendation"] = rows.assign(holdout_sqnr_db=tied)
    said = answers.strategy_answer(tables, "net")
    assert "ties with the highest" in said and "it has the highest SQNR" not in said
    tables["recommendation"] = recommendation(names, eligible=1)
    assert "show no other of 3 strategies" in answers.strategy_answer(tables, "net")
    nothing = tables | {"recommendation": pd.DataFrame()}
    assert "nothing to recommend" in answers.strategy_answer(nothing, "net")


def test_a_difference_is_called_measurable_only_if_it_is():
    tables = part_b()
    assert "no measurable difference" in answers.strategy_answer(tables, "net")
    tables["quantization"]["mcnemar_p_fp32"] = 0.001
    said = answers.strategy_answer(tables, "net")
    assert "a measurable difference" in said and "no measurable" not in said


def test_the_processor_decides_the_u8s8_statement():
    frame = part_b()["quantization"]
    assert "8-bit weights" in section_b.processor(frame)
    said = section_b.processor(frame.assign(cpu_int8_flags="none"))
    assert "saturate" in said and "7-bit weights" in said


def test_strategies_whose_weights_the_processor_narrowed_are_no_pair():
    tables = part_b()
    assert any("symmetric activations" in line for line in strategy_effects.reasons(tables, "net"))
    tables["quantization"]["cpu_int8_flags"] = "none"
    assert not any(
        "symmetric activations beat" in line.lower()
        for line in strategy_effects.reasons(tables, "net")
    )


def test_nothing_outside_the_latency_section_reads_a_latency():
    tables = part_b()
    changed = {name: frame.copy() for name, frame in tables.items()}
    for column in [c for c in changed["quantization"] if c.startswith("latency_")]:
        changed["quantization"][column] = changed["quantization"][column].iloc[::-1].to_numpy()
    changed["quantization"]["latency_ratio"] = 7.0
    first, second = section_b.section(tables), section_b.section(changed)
    cut = "### Latency"
    assert first.split(cut)[0] == second.split(cut)[0] and first != second
    assert answers.strategy_answer(tables, "net") == answers.strategy_answer(changed, "net")


def test_the_section_lists_float_nodes_bounds_and_the_machine():
    said = section_b.section(part_b())
    assert "- asym_channel_dynamic: `/relu_a`, `/relu_b`" in said
    assert "not resolved (x86, not an edge device)" in said
    assert "0.60 (x86, not an edge device)" in said
    assert "| `masks` | 0.00 to 320.00 | 12.5" in said and "| `boxes` |" in said
    assert "Printed reasoning." in said and "**asym_channel_minmax**" in said


def test_tables_that_a_study_does_not_make_leave_their_parts_out():
    tables = {name: pd.DataFrame() for name in TABLES_OF_PART["b"]}
    rows = part_b()["quantization"]
    tables["quantization"] = rows[rows["calibration"] == "dynamic"]
    said = section_b.section(tables)
    assert "### Which layers" not in said and "unused_levels" not in said
    assert "sensitivity.csv" not in said and "quantization.csv" in said


@pytest.mark.parametrize("name", FIGURES_OF_B)
def test_figures_call_a_stand_in_a_stand_in_and_repeat_their_bytes(name, tmp_path):
    tables = part_b()
    for frame in tables.values():
        frame["data_source"] = "stand_in"
    paths = []
    for k in range(2):
        drawn = FIGURES[name](*(tables[table] for table in FIGURE_TABLES[name]))
        assert any("STAND-IN data" in ax.get_title() + ax.get_title("left") for ax in drawn.axes)
        paths.append([tmp_path / f"{k}.svg", tmp_path / f"{k}.png"])
        save_figure(drawn, *paths[-1])
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert not plt.get_fignums()


def test_latency_figures_say_that_x86_is_no_edge_device():
    for name in ("latency", "accuracy_latency"):
        drawn = FIGURES[name](part_b()["quantization"])
        assert "x86, not an edge device" in drawn.axes[0].get_xlabel()
        plt.close(drawn)
    drawn = FIGURES["latency"](part_b()["quantization"])
    assert [text.get_text() for text in drawn.axes[0].texts] == ["not resolved"]
    plt.close(drawn)


def test_a_low_sqnr_is_explained_by_node_tensor_and_constants():
    tables = part_b()
    sentence, remedies = layer_sensitivity.why_low(tables, WORKLOAD["workload"])
    assert sentence == (
        "`asym_tensor_minmax`: `next` is the first node below 10 dB; `b` ranges to 1.2e+04, 99.9 % "
        "of it to 11, and keeps 38.0 dB, its worst entry -0.5 dB (ranges of its entries 3e+03 "
        "times apart). Extreme constants: w (2e+04)."
    )
    assert "`split_outputs`" in remedies.split(";")[0] and "`auto_exclude` do not" in remedies
    assert layer_sensitivity.why_low(tables, "another") == []
