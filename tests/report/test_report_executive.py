"""The first page: two studies with different data say different things, and say where from."""

import re

import pandas as pd
import pytest

from edgeint8.report.document.report import origin, write_report
from edgeint8.report.document.summary import PLAIN, QUESTIONS, summary
from edgeint8.report.findings import limits
from edgeint8.tables.files import columns_of, with_absent

PROVENANCE = {
    "dataset": "shapes",
    "source": "generated",
    "stand_in": False,
    "train_samples": 4000,
    "holdout_samples": 500,
    "test_samples": 1000,
    "files": [{"name": "a.bin"}],
}


def one(table, **values):
    """A table with one row of `net`; promised columns that are not given are 0."""
    return pd.DataFrame([dict.fromkeys(columns_of(table), 0) | {"workload": "net"} | values])


def both(table, mine, plain):
    """A row of the strategy and one of the plain choice, unless they are one."""
    rows = [one(table, **mine), one(table, **plain)]
    return pd.concat(rows[: 1 + (mine["strategy"] != PLAIN)], ignore_index=True)


def best(rows, bound, power, rate, saved):
    """The recommended design, beside the plain machine."""
    need = {"objective": "rate", "rate": rate, "rate_power_mw": rate / 10, "fps": 3000.0}
    beside = {"plain_hardware": "ws_16x16_64kB_4Bpc", "figure_vs_plain": saved}
    return one(
        *("best",),
        dataflow="os",
        rows=rows,
        cols=16,
        bound_by=bound,
        power_mw=power,
        utilization=0.5,
        deadline_ms=float("nan"),
        area_vs_plain=0.75,
        **need,
        **beside,
    )


def study(
    *,
    accuracy=0.8,
    strategy="asym",
    sqnr=30.0,
    mismatches=0,
    bits=23,
    rows=16,
    bound="compute",
    difference=0,
    arena=4096,
    power=300.0,
    rate=30.0,
    plain_bits=24,
    cost_beside=4,
    saved=0.4,
    won=0.8,
):
    """The tables that the first page reads: a network, its strategy and the plain one."""
    named, plain = {"strategy": strategy}, {"strategy": PLAIN}
    return with_absent(
        {
            "baseline": one("baseline", accuracy=accuracy + 0.01, data_source="generated"),
            "quantization": both(
                *("quantization",),
                named
                | {"accuracy": accuracy, "accuracy_delta": -0.01, "sqnr_db": sqnr}
                | {"float_nodes": 0, "weight_bits": 8, "delta_low": -0.02, "delta_high": 0.005},
                plain | {"accuracy": 0.79},
            ),
            "recommendation": both(
                *("recommendation",),
                named | {"recommended": True, "rank": 1, "hardware_cost": 1},
                plain | {"recommended": False, "rank": 2, "hardware_cost": cost_beside},
            ),
            "golden": one("golden", **named, elements=1000, mismatches=mismatches),
            "accumulator": both(
                "accumulator",
                named | {"bits_guaranteed": bits},
                plain | {"bits_guaranteed": plain_bits},
            ),
            "best": best(rows, bound, power, rate, saved),
            "band": one("band", level="mid", draws=1000, draws_won=won),
            "memory": one("memory", arena_bytes=arena, flash_bytes=9000),
            "crosscheck": one("crosscheck", difference=difference),
        }
    )


def answers_of(tables):
    """Question -> answer, from the Markdown table."""
    lines = summary(tables).splitlines()[2:]
    return {cells[1]: cells[2] for cells in (re.split(r" *\| *", line) for line in lines)}


CHANGES = {
    "accuracy in FP32 (data)": {"accuracy": 0.7},
    "recommended strategy": {"strategy": "sym"},
    "its accuracy, against FP32": {"accuracy": 0.7},
    "its SQNR": {"sqnr": 20.0},
    "why this one": {"cost_beside": 2},
    "its integers equal": {"mismatches": 2},
    "against asym_channel_minmax": {"plain_bits": 25},
    "recommended accumulator": {"bits": 22},
    "INT8 arena and flash": {"arena": 8192},
    "recommended design": {"rows": 32},
    "at the rate needed (45 nm)": {"rate": 60.0},
    "against ws 16x16": {"saved": 0.5},
    "how sure the design is": {"won": 0.3},
    "at full speed (45 nm)": {"power": 400.0},
    "what binds it": {"bound": "dram_bandwidth"},
    "numbers that differ from SCALE-Sim": {"difference": 3},
}


def test_every_question_is_answered_from_a_table_that_is_linked():
    assert set(CHANGES) == set(QUESTIONS)
    text = summary(study())
    for source, _ in QUESTIONS.values():
        assert f"(tables/{source}.csv)" in text


@pytest.mark.parametrize("question", QUESTIONS)
def test_other_data_give_another_answer(question):
    before, after = answers_of(study()), answers_of(study(**CHANGES[question]))
    assert before[question] and after[question] != before[question]


def test_a_deadline_says_watts_while_it_runs_and_while_it_waits():
    tables = study(power=300.0)
    best = tables["best"].assign(rate=float("nan"), deadline_ms=20.0, objective="deadline")
    best = best.assign(model_ms=1.5, idle_power_mw=6.86, area_mm2=0.25)
    said = answers_of(tables | {"best": best})["at the rate needed (45 nm)"]
    assert said == "within 20 ms: 1.5 ms at 300 mW, then 6.86 mW idle, 0.25 mm²"


def test_what_a_study_does_not_ask_is_left_out():
    alone = with_absent({"baseline": one("baseline", accuracy=0.8, data_source="generated")})
    assert list(answers_of(alone)) == ["accuracy in FP32 (data)"]
    assert summary(with_absent({})) == ""
    unlabelled = with_absent({"baseline": one("baseline", accuracy=float("nan"))})
    assert summary(unlabelled) == ""


def test_a_loss_stands_with_its_interval():
    assert answers_of(study(accuracy=0.8))["its accuracy, against FP32"] == (
        "80.00 % (-1.00 points, -2.00 to +0.50)"
    )


def test_the_plain_choice_is_the_other_side_of_what_is_saved():
    said = answers_of(study(bits=21, accuracy=0.8))["against asym_channel_minmax"]
    assert said == "-3 accumulator bits, +1.00 points"
    assert not answers_of(study(strategy=PLAIN)).get("against asym_channel_minmax")


@pytest.mark.parametrize(
    ("saved", "objective", "expected"),
    [
        (0.4, "rate", "-60 % energy, -25 % area"),
        (1.5, "edp", "+50 % energy times delay, -25 % area"),
        (float("nan"), "deadline", "ws 16x16 will not do; -25 % area"),
    ],
)
def test_the_plain_machine_is_the_other_side_of_what_a_design_saves(saved, objective, expected):
    tables = study(saved=saved)
    best = tables["best"].assign(objective=objective)
    assert answers_of(tables | {"best": best})["against ws 16x16"] == expected


def test_limits_are_those_of_the_run():
    here = limits.section(study(), [PROVENANCE])
    assert "shapes is synthetic" in here and "stand-in" not in here
    assert "replica differs" not in limits.section(study(), [PROVENANCE])
    stand_in = PROVENANCE | {"stand_in": True, "source": "stand_in"}
    assert "shapes is a procedural stand-in" in limits.section(study(), [stand_in])
    machines = one("dse", bandwidth="unlimited", energy_pj_low=1.0, energy_pj_high=6.0)
    there = limits.section(study(difference=1) | {"dse": machines}, [PROVENANCE])
    assert "6.0x apart" in there and "memory binds nothing" in there
    assert "replica differs" in there
    floating = study()
    floating["quantization"] = floating["quantization"].assign(float_nodes=3, cpu_int8_flags="none")
    text = limits.section(floating, [])
    assert "2 of 2 quantised graphs" in text and "7-bit weights" in text
    assert limits.section(with_absent({}), []) == ""


def test_provenance_names_source_checksums_seed_and_command():
    text = origin([PROVENANCE], {"Python": "3.11", "seed": "0", "command": "make run"})
    assert "source generated, 4,000 training" in text and "checksums of 1 files" in text
    assert "[data/shapes/provenance.json](data/shapes/provenance.json)" in text
    assert "- seed: 0" in text and "```sh\nmake run\n```" in text
    assert "again" not in origin([], {"seed": "0"})


def test_a_report_of_nothing_still_says_where_it_comes_from():
    text = write_report(with_absent({}), [], {"seed": "0"})
    assert "## Provenance" in text and "## Part" not in text
