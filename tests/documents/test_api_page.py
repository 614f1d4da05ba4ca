"""Every public thing has a docstring, every example runs, every module is listed."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tools.docs import api

PACKAGE = Path(api.PACKAGE)
MODULES = sorted(PACKAGE.rglob("*.py"))
WITH_EXAMPLES = [path for path in MODULES if "\n    >>> " in path.read_text(encoding="utf-8")]


def dotted(path):
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def public_things(tree):
    """(name, node) of public functions, classes and methods of public classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                yield from ((f"{node.name}.{name}", inner) for name, inner in public_things(node))


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_everything_public_has_a_docstring(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or path.name == "__init__.py"
    bare = [name for name, node in public_things(tree) if not ast.get_docstring(node)]
    assert bare == []


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=dotted)
def test_examples_in_docstrings_run(path):
    result = doctest.testmod(importlib.import_module(dotted(path)))
    assert result.attempted and not result.failed


def test_there_are_examples_in_every_part():
    rooms = {path.relative_to(PACKAGE).parts[0] for path in WITH_EXAMPLES}
    assert {"quant", "fixed_point", "arch", "report"} <= rooms


def test_every_module_is_listed_and_the_list_is_current():
    shelves = [folder for room in api.ROOMS for folder in api.shelves(room)]
    listed = {path for folder in shelves for path in api.modules(folder)}
    assert listed == {path for path in MODULES if path.name != "__init__.py"}
    current = api.PAGE.read_text(encoding="utf-8") == api.page()
    assert current, "write it again: python -m tools.docs.api"


def test_pages_are_built_without_a_server(tmp_path):
    """`make docs` on two modules; both link to each other by relative paths."""
    command = [sys.executable, "-m", "pdoc", "--docformat", "numpy", "--no-show-source"]
    command += ["--output-directory", str(tmp_path), "edgeint8.errors", "edgeint8.quant.affine"]
    subprocess.run(command, check=True, capture_output=True)
    text = (tmp_path / "edgeint8/quant/affine.html").read_text(encoding="utf-8")
    assert "parameters_from_range" in text and 'src="http' not in text
    assert 'href="http' not in text.replace('href="https://pdoc.dev"', "")
