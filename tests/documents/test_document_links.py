"""Every link leads somewhere, every document is found, no path is that of one machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "results/README.md"])
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Absolute paths of whoever wrote the line; `/home/me` is an example's.
MACHINE_PATHS = re.compile(r"(?<![\w.~])/(?:(?:home|Users)/(?!me\b)|work/|tmp/|root/|mnt/)\w+")


def links(path):
    """Targets of a document's links that are no addresses, without code."""
    text = CODE.sub("", path.read_text(encoding="utf-8"))
    return [target for target in LINK.findall(text) if not re.match(r"[a-z]+:", target)]


def anchors(path):
    """The anchors that GitHub makes of a document's headings."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    found = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        plain = LINK.sub("]", heading).replace("[", "").replace("]", "")
        plain = re.sub(r"[^\w\- ]", "", plain.lower())
        found.add(plain.strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for target in links(path):
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{path.name}: {target}"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), f"{path.name}: {target}"


def test_every_document_is_reached_from_the_readme():
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        path = todo.pop()
        if path in seen or path.suffix != ".md" or not path.is_file():
            continue
        seen.add(path)
        todo += [(path.parent / target.partition("#")[0]).resolve() for target in links(path)]
    assert [str(path.relative_to(ROOT)) for path in DOCUMENTS if path not in seen] == []


def test_every_figure_kept_is_shown():
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    for figure in (ROOT / "docs/figures").glob("*"):
        assert f"figures/{figure.name})" in text, figure.name


def test_no_path_of_one_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:  # an exported copy has no history; its files are the documents
        names = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
    else:
        names = [name for name in tracked.stdout.split() if name.endswith((".md", ".yaml", ".smk"))]
    for name in names:
        path = ROOT / name
        if path.is_file():
            found = MACHINE_PATHS.search(path.read_text(encoding="utf-8"))
            assert not found, f"{name}: {found[0]}"


@pytest.mark.parametrize("name", ["physical_model", "machine"])
def test_an_equation_has_a_number_of_its_own(name):
    text = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
    numbers = re.findall(r"^(\d+)\. ", text, re.MULTILINE)
    assert numbers and len(numbers) == len(set(numbers))
