"""The first page in Chinese: the same numbers, and no word that its catalogue does not have."""

import ast
import re
from pathlib import Path
from string import Formatter

import pytest
import yaml
from test_report_executive import PROVENANCE, study

from edgeint8.errors import ConfigError
from edgeint8.report.document import report, summary, witnesses
from edgeint8.report.document.report import first_page, stand_in_warning
from edgeint8.report.document.single_page import single_page
from edgeint8.report.findings.array_machines import CAUSES
from edgeint8.report.words import CATALOGUES, english, speaker

CATALOGUE = yaml.safe_load((CATALOGUES / "zh.yaml").read_text(encoding="utf-8"))
NUMBER = re.compile(r"[-+]?\d(?:[\d,.]*\d)?")
NAMES = {
    *("EdgeINT", "RTL", "SQNR", "FP", "INT", "SCALE", "Sim", "ONNX", "Runtime", "DRAM", "dB"),
    *("arena", "flash", "kB", "B", "mW", "mm", "nm", "os", "ws", "x", "ms"),
    *("asym", "channel", "minmax", "net", "generated"),
}


def formats_said(module) -> set[str]:
    """The literals that a module hands to `say`."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    said = (node.args[0] for node in calls if getattr(node.func, "id", "") == "say")
    return {text.value for text in said if isinstance(text, ast.Constant)}


def test_the_catalogue_has_every_format_and_no_other():
    said = set().union(*(formats_said(module) for module in (report, summary, witnesses)))
    said |= {report.STAND_IN, report.ENGLISH_BELOW, witnesses.NONE, *CAUSES.values()}
    said |= {*summary.QUESTIONS, *witnesses.NUMBERS}
    assert {text for text in CATALOGUE if text not in said} <= NAMED_BEFORE_SAYING
    assert said <= set(CATALOGUE)


# Formats that a variable holds until they are said.
NAMED_BEFORE_SAYING = {
    "{array}, {sizes} kB, {bandwidth} B per cycle and port",
    "{array}, {sizes} kB, unlimited bandwidth",
    "{name}: equal in all {count:,}",
    "{name}: differs in {wrong:,} of {count:,}",
    "{reached} ({change:+.2f} points, {low:+.2f} to {high:+.2f})",
    "{figure:+.0f} % energy, {area:+.0f} % area",
    "{figure:+.0f} % energy times delay, {area:+.0f} % area",
    *("number", "witness in this study"),
}


@pytest.mark.parametrize("text", CATALOGUE)
def test_both_languages_fill_the_same_fields_in_the_same_way(text):
    def fields(pattern):
        return {(name, spec) for _, name, spec, _ in Formatter().parse(pattern) if name}

    assert fields(text) == fields(CATALOGUE[text])


def test_the_chinese_page_has_the_numbers_of_the_english_one():
    page = first_page(study(), speaker("zh"))
    english_page = "\n".join([summary.summary(study()), witnesses.witness_table(study())])
    here, there = (
        [sorted(NUMBER.findall(line)) for line in text.splitlines() if "|" in line]
        for text in (english_page, page)
    )
    assert here == there and len(here) > 20


def test_the_chinese_page_has_no_english_but_names():
    warned = stand_in_warning([PROVENANCE | {"stand_in": True}], speaker("zh"))
    page = "\n\n".join([warned, first_page(study(), speaker("zh"))])
    shown = re.sub(r"\[tables/.*?\)|\*none\*", "", page)
    assert set(re.findall(r"[A-Za-z]+", shown)) <= NAMES | {"shapes"}


def test_its_headings_can_be_reached_in_the_single_page():
    page = single_page(first_page(study(), speaker("zh")), {}, {}, "zh")
    assert '<html lang="zh">' in page and 'id="三个答案"' in page and 'id=""' not in page


def test_a_language_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"language fr @ report\.language; allowed: en, zh"):
        speaker("fr")
    with pytest.raises(ConfigError, match="no words for 'plainly'"):
        speaker("zh")("plainly")
    assert english("{a:.1f}", a=2) == speaker("en")("{a:.1f}", a=2) == "2.0"
