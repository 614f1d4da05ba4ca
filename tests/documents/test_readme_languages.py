"""Each page that is kept in two languages has one structure, its commands, numbers and links."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHINESE = ".zh-CN.md"
TRANSLATED = sorted([*ROOT.glob(f"*{CHINESE}"), *(ROOT / "docs").glob(f"*{CHINESE}")])
PAIRS = {
    path.name.removesuffix(CHINESE): (
        path.with_name(path.name.removesuffix(CHINESE) + ".md").read_text(encoding="utf-8"),
        path.read_text(encoding="utf-8"),
    )
    for path in TRANSLATED
}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
GENERATED = re.compile(
    r"<!-- generated: (\w+) -->\n(.*?)<!-- end -->|<!-- = (\w+) -->(.*?)<!-- / -->", re.DOTALL
)


def without_code(text):
    return FENCE.sub("", text)


def prose(text):
    """What a translator wrote: no code, nothing generated, no targets of links."""
    return re.sub(r"\]\([^)]*\)", "]", GENERATED.sub("", without_code(text)))


def sections(text):
    return re.split(r"^#+ .*$", text, flags=re.MULTILINE)


def code(text):
    """Fenced blocks: language and content."""
    return FENCE.findall(text)


def heading_levels(text):
    return [len(marks) for marks in re.findall(r"^(#+) ", without_code(text), re.MULTILINE)]


def links(text):
    """Targets; of an anchor, which is a heading in its own language, only its chapter."""
    body = re.sub(r"^.*\| 简体中文$|^English \|.*$", "", without_code(text), flags=re.MULTILINE)
    found = [link.replace(CHINESE, ".md") for link in re.findall(r"\]\(([^)]+)\)", body)]
    anchor = r"((?:^|README|guide|note)(?:\.md)?#\d*).*"
    return sorted(re.sub(anchor, r"\1", target) for target in found)


def tables(text):
    """Cells a row of every table."""
    rows = re.findall(r"^\|.*\|$", without_code(text), re.MULTILINE)
    return [row.count("|") for row in rows]


def generated(text):
    """Blocks and values that come from tables, with their content, in each section."""
    return [sorted(GENERATED.findall(section)) for section in sections(text)]


def names(text):
    """What stands in backticks: commands, files, keys."""
    return sorted(set(re.findall(r"`([^`\n]+)`", without_code(text))))


def paragraphs(text):
    """How many a section has: one that was added in one language only changes it."""
    return [len(re.split(r"\n\s*\n", part.strip())) for part in sections(without_code(text))]


def numbers(text):
    """Digits of each section, in any order, for two languages order their words differently."""
    return [sorted(re.findall(r"\d+(?:[.,]\d+)*", part)) for part in sections(prose(text))]


SAME = [code, heading_levels, links, tables, generated, names, paragraphs]


@pytest.mark.parametrize("page", PAIRS)
@pytest.mark.parametrize("part", SAME)
def test_both_languages_have_the_same(part, page):
    english, chinese = map(part, PAIRS[page])
    assert english == chinese
    assert english


@pytest.mark.parametrize("page", sorted(set(PAIRS) - {"README"}))
def test_both_languages_write_the_same_numbers(page):
    """Of the README's prose too few are digits in both languages."""
    english, chinese = map(numbers, PAIRS[page])
    for place, (ours, theirs) in enumerate(zip(english, chinese, strict=True)):
        assert ours == theirs, f"section {place}"


def test_the_pages_people_asked_for_are_there():
    assert set(PAIRS) >= {"README", "guide", "fixed_point_note"}


@pytest.mark.parametrize("page", PAIRS)
def test_each_language_leads_to_the_other(page):
    english, chinese = PAIRS[page]
    assert english.splitlines()[2] == f"English | [简体中文]({page}{CHINESE})"
    assert chinese.splitlines()[2] == f"[English]({page}.md) | 简体中文"


@pytest.mark.parametrize("page", PAIRS)
def test_chinese_is_chinese(page):
    text = re.sub(r"`[^`]*`", "", prose(PAIRS[page][1]))
    assert len(re.findall(r"[\u4e00-\u9fff]", text)) > 800
