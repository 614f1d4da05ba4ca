"""The report: an executive page with the three answers, then Parts A to D."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from edgeint8.report.document import part_a, part_b, part_c, part_d
from edgeint8.report.document.summary import summary
from edgeint8.report.document.witnesses import witness_table
from edgeint8.report.findings import answers, completeness, limits
from edgeint8.report.markdown import Tables, heading
from edgeint8.report.words import Say, english, speaker

QUESTIONS = (
    "1. Which quantisation strategy, and why?",
    "2. What exactly does the integer hardware compute?",
    "3. Which array, and where is the bottleneck?",
)
ENGLISH_BELOW = "The parts below are in English."
STAND_IN = (
    "> **Stand-in data.** {names} was not used. Procedural images take its place: "
    "every accuracy below is about the stand-in and says nothing about the real dataset."
)


def write_report(
    tables: Tables,
    provenance: Sequence[Mapping[str, Any]],
    environment: Mapping[str, str],
    language: str = "en",
) -> str:
    """``report.md`` from the tables of one run; `language` ("zh") is that of its first page."""
    say = speaker(language)
    sections = [
        say("# EdgeINT8 report"),
        stand_in_warning(provenance, say),
        *completeness.warnings(tables, provenance),
        executive(tables) if language == "en" else first_page(tables, say),
        part_a.section(tables) if len(tables["baseline"]) else "",
        part_b.section(tables) if len(tables["quantization"]) else "",
        part_c.section(tables) if len(tables["golden"]) else "",
        part_d.section(tables) if len(tables["roofline"]) else "",
        completeness.left_out(tables),
        limits.section(tables, provenance),
        origin(provenance, environment),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def stand_in_warning(provenance: Sequence[Mapping[str, Any]], say: Say = english) -> str:
    """A warning in front of everything if a dataset is not the one that was asked for."""
    names = [entry["dataset"] for entry in provenance if entry["stand_in"]]
    if not names:
        return ""
    return say(STAND_IN, names=", ".join(names))


def executive(tables: Tables) -> str:
    """The three questions and their answers, as far as the study asks them."""
    quantization, golden, roofline = (tables[n] for n in ("quantization", "golden", "roofline"))
    parts = ["## The three answers", summary(tables)]
    if len(quantization):
        parts.append(heading(QUESTIONS[0], tables, "recommendation", "quantization", "draws"))
        parts += [answers.strategy_answer(tables, name) for name in _workloads(quantization)]
    if len(golden):
        parts.append(heading(QUESTIONS[1], tables, "golden", "bit_growth", "accumulator"))
        parts.append(answers.integer_answer(golden, tables["bit_growth"]))
        parts += [answers.accumulator_answer(tables, name) for name in _workloads(golden)]
    if len(roofline):
        parts.append(heading(QUESTIONS[2], tables, "dse", "roofline", "best", "crosscheck"))
        parts += [answers.hardware_answer(tables, name) for name in _workloads(roofline)]
        parts.append(answers.crosscheck_answer(tables["crosscheck"]))
    parts += ["### Witnesses", witness_table(tables)]
    return "\n\n".join(part for part in parts if part)


def first_page(tables: Tables, say: Say) -> str:
    """The tables of the first page in another language; what follows is English."""
    parts = [say("## The three answers"), summary(tables, say)]
    parts += [say("### Witnesses"), witness_table(tables, say), say(ENGLISH_BELOW)]
    return "\n\n".join(part for part in parts if part)


def origin(provenance: Sequence[Mapping[str, Any]], environment: Mapping[str, str]) -> str:
    """Where data and software came from, and the command that makes the report again."""
    command = environment.get("command")
    software = [f"- {name}: {value}" for name, value in environment.items() if name != "command"]
    again = ["", "To make this report again:", "", f"```sh\n{command}\n```"] if command else []
    return "\n".join(["## Provenance", "", *map(_dataset, provenance), *software, *again])


def _dataset(entry: Mapping[str, Any]) -> str:
    """One line: source, sizes, and where the checksums of its files stand."""
    file = f"data/{entry['dataset']}/provenance.json"
    files = entry.get("files", ())
    use = "calibration" if entry["source"] in ("own", "random") else "training"
    checksums = f", checksums of {len(files)} files" if files else ""
    return (
        f"- {entry['dataset']}: source {entry['source']}, {entry['train_samples']:,} {use}, "
        f"{entry['holdout_samples']:,} hold-out and {entry['test_samples']:,} test samples"
        f"{checksums} ([{file}]({file}))"
    )


def _workloads(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in dict.fromkeys(frame["workload"])]
