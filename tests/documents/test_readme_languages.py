"""The two READMEs have the same structure, commands, numbers and links."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")
)
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OTHER_LANGUAGE = {"README.md", "README.zh-CN.md"}


def without_code(text):
    return FENCE.sub("", text)


def code(text):
    """Fenced blocks: language and content."""
    return FENCE.findall(text)


def heading_levels(text):
    return [len(marks) for marks in re.findall(r"^(#+) ", without_code(text), re.MULTILINE)]


def links(text):
    found = re.findall(r"\]\(([^)]+)\)", without_code(text))
    return sorted(target for target in found if target not in OTHER_LANGUAGE)


def tables(text):
    """Cells a row of every table."""
    rows = re.findall(r"^\|.*\|$", without_code(text), re.MULTILINE)
    return [row.count("|") for row in rows]


def generated(text):
    """Blocks and values that come from tables, with their content."""
    blocks = re.findall(r"<!-- generated: (\w+) -->\n(.*?)<!-- end -->", text, re.DOTALL)
    return blocks + re.findall(r"<!-- = (\w+) -->(.*?)<!-- / -->", text)


def names(text):
    """What stands in backticks: commands, files, keys."""
    return sorted(set(re.findall(r"`([^`\n]+)`", without_code(text))))


@pytest.mark.parametrize("part", [code, heading_levels, links, tables, generated, names])
def test_both_languages_have_the_same(part):
    assert part(ENGLISH) == part(CHINESE)
    assert part(ENGLISH)


def test_paragraphs_are_as_many():
    """A section that was added in one language only changes the number of its paragraphs."""

    def paragraphs(text):
        sections = re.split(r"^#+ .*$", without_code(text), flags=re.MULTILINE)
        return [len(re.split(r"\n\s*\n", section.strip())) for section in sections]

    assert paragraphs(ENGLISH) == paragraphs(CHINESE)


def test_chinese_is_chinese():
    prose = re.sub(r"<!--.*?<!-- (?:end|/) -->|`[^`]*`|\]\([^)]*\)", "", CHINESE, flags=re.DOTALL)
    assert len(re.findall(r"[\u4e00-\u9fff]", without_code(prose))) > 800
