"""docs/troubleshooting.md, written from the cases that the tests provoke.

tests/workflow/bad_input.yaml holds every bad input that EdgeINT8 answers for: what is wrong, what
it says, what to do. To write the page from it, or to see whether the page is current::

    python -m tools.docs.troubleshooting
    python -m tools.docs.troubleshooting --check
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tools.docs.pages import DOCS, ROOT, run

CASES = ROOT / "tests/workflow/bad_input.yaml"
PAGE = DOCS / "troubleshooting.md"
HEAD = """\
# Troubleshooting

<!-- Written by `make documents` from tests/workflow/bad_input.yaml: edit there. -->

Every message says in one line **what** is wrong, after `@` **where**, and after `allowed:` what
would have been accepted. `...` stands for more of the same. The exit status is never 0. Where a
job fails, its log file (`results/logs/`) has the traceback, and a failed run ends with the last
lines of these logs. The tests provoke each entry of this page.

"""


def read_cases(path: str | Path = CASES) -> list[dict[str, Any]]:
    """The groups of cases; a group has ``group``, ``intro`` and ``cases``."""
    groups = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    return [dict(group) for group in groups]


def page(groups: Sequence[Mapping[str, Any]]) -> str:
    """The whole document."""
    return HEAD + "\n".join(_section(group) for group in groups)


def _section(group: Mapping[str, Any]) -> str:
    entries = "\n".join(_entry(case) for case in group["cases"])
    return f"## {group['group']}\n\n{group['intro']}\n\n{entries}"


def _entry(case: Mapping[str, Any]) -> str:
    says = case["says"].replace("{run}", "/home/me/study").replace("{name}", "my_net")
    return f"**{case['wrong']}** {case['fix']}\n\n```text\n{says}\n```\n"


if __name__ == "__main__":
    sys.exit(run(PAGE, lambda: page(read_cases())))
