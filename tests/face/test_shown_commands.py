"""Every call of the command that a document or an example shows is one that it takes."""

import re
import shlex
from pathlib import Path

import pytest

from edgeint8.cli import VERBS, _parser

ROOT = Path(__file__).parents[2]
PAGES = [
    *ROOT.glob("README*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(path for path in (ROOT / "examples").iterdir() if path.is_file()),
    *(ROOT / "edgeint8").glob("*.py"),
]
COMMAND = re.compile(rf"edgeint8 ((?:{'|'.join(VERBS)}) [^`\n\\\"]+)")


def commands() -> dict[str, str]:
    """What follows `edgeint8`, with the page it stands on; words of a sentence are none."""
    found = {}
    for page in PAGES:
        for text in COMMAND.findall(page.read_text(encoding="utf-8")):
            if re.search(r" --?[a-z]|\.(onnx|csv|tflite)\b", text):
                found[text.strip()] = page.name
    return found


def test_there_are_commands_of_most_verbs() -> None:
    assert {text.split()[0] for text in commands()} >= {"cost", "vectors", "verify", "suite"}


@pytest.mark.parametrize("text", sorted(commands()))
def test_a_command_that_is_shown_is_taken(text: str) -> None:
    words = shlex.split(text, comments=True)
    options = _parser().parse_args(words)
    assert options.verb == words[0], commands()[text]
