"""The report on networks without labels, without data, that came quantised, or that cannot run."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from part_b_tables import part_b

from edgeint8.report.document import part_b as section_b
from edgeint8.report.document import part_c
from edgeint8.report.document.report import write_report
from edgeint8.report.figures.figures import FIGURES
from edgeint8.report.figures.style import nothing_to_draw
from edgeint8.report.findings import answers, completeness, limits, strategy_effects
from edgeint8.tables.files import with_absent

JUDGED = [
    *("accuracy", "accuracy_low", "accuracy_high", "accuracy_delta", "delta_low", "delta_high"),
    *("mcnemar_p_fp32", "mcnemar_p_best", "non_inferior"),
]
LATENCIES = ["latency_ratio", "latency_ratio_p5", "latency_ratio_p95", "latency_control"]
COLUMNS = ["workload", "kind", "strategy", "status", "parts", "reason"]


def status(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


def unlabelled():
    """All that speaks of accuracy is missing."""
    tables = part_b()
    tables["quantization"][JUDGED] = None
    tables["sensitivity"]["accuracy_drop"] = float("nan")
    for side in ("before", "after"):
        tables["mixed_precision"][f"accuracy_drop_{side}"] = float("nan")
    return tables | {"status": status(("net", "onnx", None, "ok", None, None))}


def given(*, labels):
    """A network that came quantised: nothing to compare with."""
    tables = {name: frame.iloc[:0] for name, frame in part_b().items()}
    rows = part_b()["quantization"].iloc[:1].copy()
    rows["strategy"] = "given"
    missing = ["sqnr_db", "agreement", "hardware_cost", *LATENCIES, *JUDGED[3:]]
    rows[missing + ([] if labels else JUDGED[:3])] = None
    rows["note"] = "came quantised"
    draws = [column for column in rows if column.startswith("draws_")]
    return tables | {"quantization": rows.drop(columns=draws), "status": status()}


def has_no_nan(text):
    return "nan" not in text.lower().replace("(", " ").replace("%", " ").split()


def test_failed_workloads_and_random_inputs_are_said_first():
    tables = {
        "status": status(
            ("bad", "onnx", None, "failed", None, "no <graph> | at all @ bad.onnx"),
            ("net", "onnx", None, "ok", None, None),
        )
    }
    provenance = [{"dataset": "net", "source": "random"}, {"dataset": "c", "source": "own"}]
    failed, random = completeness.warnings(tables, provenance)
    assert "- **bad**: no &lt;graph> \\| at all @ bad.onnx" in failed and "net" not in failed
    assert "No data were given for net." in random
    assert completeness.warnings({}, provenance[1:]) == [] and completeness.left_out({}) == ""


def test_what_was_left_out_is_listed_with_its_reason():
    left = ("net", "onnx", "sym", "left_out", "golden overflow", "no operator " + "x" * 400)
    text = completeness.left_out({"status": status(left)})
    assert "- **net**, `sym`: golden, overflow: no operator" in text and text.endswith("x ....")


def test_without_labels_agreement_speaks_for_accuracy():
    tables = unlabelled()
    answer = answers.strategy_answer(tables, "net")
    assert "recommended by agreement with FP32, as its data have no labels" in answer
    assert "98.00 % of its decisions are FP32's" in answer
    text = section_b.section(tables)
    assert "Its inputs have no labels" in text and has_no_nan(text) and has_no_nan(answer)
    assert "95 % interval |" not in text
    assert "rests on the SQNR" in strategy_effects.accuracy(tables, "net")


@pytest.mark.parametrize("labels", [True, False])
def test_a_network_that_came_quantised_has_nothing_to_choose(labels):
    tables = given(labels=labels)
    answer = answers.strategy_answer(tables, "net")
    assert answer.startswith("**net** came quantised: nothing was left to choose.")
    assert ("It reaches 80.00 % on 100 inputs." in answer) == labels
    text = section_b.section(tables)
    assert (
        has_no_nan(text)
        and strategy_effects.reasons(tables, "net") == []
        and "### Latency" not in text
    )


def test_no_recommendation_says_why():
    tables = part_b()
    tables["recommendation"] = tables["recommendation"].iloc[:0]
    reason = ("net", "onnx", None, "left_out", "recommendation", "random inputs")
    tables["status"] = status(reason)
    answer = answers.strategy_answer(tables, "net")
    assert answer == "**net**: no strategy is recommended: random inputs."


def test_a_graph_that_the_executor_cannot_run_is_noted_and_not_counted():
    golden = pd.DataFrame(
        [
            {"workload": "a", "strategy": "s", "witness": "ort", "images": 2, "tensors": 3}
            | {"elements": 4_000, "mismatches": 0, "float_nodes": 0, "note": None},
            {"workload": "b", "strategy": "s", "float_nodes": 1, "note": "no Resize"},
        ]
    )
    text = part_c.executor_table(golden)
    assert "| a | ort | 1 of 1 | 2 | 4,000 | 0 |" in text and "- b, `s`: no Resize" in text
    only = golden.iloc[1:]
    assert "Nothing was compared" in answers.integer_answer(only, pd.DataFrame())


def test_strategies_that_agree_share_a_row_and_one_that_does_not_has_its_own():
    rows = [
        {"workload": "a", "strategy": name, "witness": "ort", "images": images, "elements": 1_000}
        | {"mismatches": wrong}
        for name, images, wrong in (("s", 2, 0), ("t", 2, 7), ("u", 2, 0), ("v", 9, 0))
    ]
    lines = part_c.executor_table(pd.DataFrame(rows)).splitlines()[2:]
    assert lines == [
        "| a | ort | 2 of 4 | 2 | 2,000 | 0 |",
        "| a | ort | 1 of 4 | 9 | 1,000 | 0 |",
        "| a | ort | `t` | 2 | 1,000 | 7 |",
    ]
    widths = {"bits_guaranteed": 22, "bits_observed": 20, "bits_tile": 18}
    widths |= {"bits_guaranteed_raw_codes": 23, "limiting_layer": "conv"}
    found = [{"workload": "a", "strategy": name} | widths for name in "stu"]
    found[1]["bits_observed"] = 21
    text = part_c.width_table(pd.DataFrame(found))
    assert "| a | s, u | 22 | 20 | 18 | 23 | conv |" in text and "| a | t | 22 | 21 |" in text


def test_only_trained_networks_were_trained_once():
    baseline = {"baseline": pd.DataFrame([{"workload": "net"}]), "draws": pd.DataFrame()}
    for kind, said in (("trained", True), ("onnx", False)):
        tables = baseline | {"status": status(("net", kind, None, "ok", None, None))}
        assert any("trained once" in s for s in limits._training(tables)) == said


@pytest.mark.parametrize("tables", [unlabelled(), given(labels=True)], ids=["unlabelled", "given"])
def test_figures_leave_out_what_is_not_known(tables):
    for name in ("accuracy", "latency", "accuracy_latency"):
        plt.close(FIGURES[name](tables["quantization"]))
    if len(tables["sensitivity"]):
        plt.close(FIGURES["sensitivity"](tables["sensitivity"], tables["mixed_precision"]))
    plt.close(nothing_to_draw(tables["quantization"]))


def test_a_study_in_which_nothing_ran_still_has_a_report():
    failed = ("bad", "onnx", None, "failed", None, "not a network @ bad.onnx")
    text = write_report(with_absent({"status": status(failed)}), [], {"Python": "3"})
    assert "- **bad**: not a network @ bad.onnx" in text and "## Part" not in text
