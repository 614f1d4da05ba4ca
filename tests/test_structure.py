"""The rooms of the house stay apart, and nothing in them grows too long."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "edgeint8"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))
SHARED = {"edgeint8.errors", "edgeint8.files"}
# What each room may import besides itself and SHARED.
ALLOWED = {
    "models": set(),
    "quant": set(),
    "fixed_point": {"edgeint8.quant.affine"},
    "arch": set(),
    "report": set(),
}


def imports_of(path):
    """Dotted names of package modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_only_what_they_may(path):
    room = path.relative_to(PACKAGE).parts[0]
    for name in imports_of(path):
        if not name.startswith("edgeint8.") or name in SHARED:
            continue
        if room in ALLOWED:
            inside = name.startswith(f"edgeint8.{room}")
            assert inside or name in ALLOWED[room], f"{path} imports {name}"
        else:
            assert name.split(".")[1] not in ALLOWED, f"{path} joins parts: {name}"


@pytest.mark.parametrize("room", ["fixed_point", "arch", "quant"])
def test_rooms_run_without_torch(room):
    for path in (PACKAGE / room).rglob("*.py"):
        assert not any(name.split(".")[0] == "torch" for name in imports_of(path)), path


def test_the_executor_never_sees_onnxruntime():
    for path in (PACKAGE / "fixed_point").rglob("*.py"):
        assert not any(name.split(".")[0] == "onnxruntime" for name in imports_of(path)), path


@pytest.mark.parametrize("path", MODULES + SCRIPTS, ids=lambda path: path.name)
def test_functions_stay_short(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{path.name}: {node.name}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_read_call_and_write(path):
    assert len(path.read_text().splitlines()) <= 60
    assert "with job(snakemake):" in path.read_text()
