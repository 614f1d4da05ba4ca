"""The rooms of the house stay apart, no shelf overflows, and nothing in them grows too long."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "edgeint8"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))
TOOLS = sorted((ROOT / "tools").rglob("*.py"))
SHELF = 15  # modules of one folder, its __init__ apart
LARGEST_SHELF_OF_TESTS = 20
LONGER_SHELVES = {"scale_sim/replica": 18}
SHARED = (
    *("edgeint8.errors", "edgeint8.files", "edgeint8.data"),
    *("edgeint8.conventions", "edgeint8.dataflow", "edgeint8.hardware_id"),
    "edgeint8.extensions",
)
FACE = {
    "api.py",
    "costs.py",
    "suites.py",
    "inputs.py",
    "cli.py",
    "__main__.py",
}  # they join the parts
# What each room may import besides itself and SHARED. Nobody imports report.
ALLOWED = {
    "answers": ("edgeint8.arch", "edgeint8.fixed_point", "edgeint8.quant", "edgeint8.tflite"),
    "data": (),
    "models": (),
    "quant": (),
    "fixed_point": ("edgeint8.quant.affine",),
    "tflite": ("edgeint8.fixed_point", "edgeint8.quant"),
    "arch": (),
    "scale_sim": ("edgeint8.arch",),
    "rtl": ("edgeint8.arch", "edgeint8.fixed_point", "edgeint8.scale_sim.account"),
    "codesign": ("edgeint8.arch", "edgeint8.quant", "edgeint8.fixed_point", "edgeint8.scale_sim"),
    "study": (),
    "tables": (),
    "report": ("edgeint8.tables",),
}


def imports_of(path):
    """Dotted names of package modules that a file imports, modules of a package by their own."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if module_file(inside) else node.module


def module_file(name):
    """The file of a dotted name of the package, if it is a module or a folder of modules."""
    path = ROOT / name.replace(".", "/")
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def within(name, rooms):
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_only_what_they_may(path):
    room = path.relative_to(PACKAGE).parts[0]
    if room in FACE:
        return
    allowed = (*SHARED, f"edgeint8.{room}", *ALLOWED.get(room, ()))
    for name in imports_of(path):
        assert not within(name, ["edgeint8.report"]) or room == "report", path
        if name.startswith("edgeint8."):
            assert within(name, allowed), f"{path} imports {name}"


def test_every_room_has_its_rule():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == set(ALLOWED)


def test_no_module_imports_itself_through_others():
    graph = {name_of(path): set(imports_of(path)) for path in MODULES}
    done = set()

    def visit(name, trail):
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done and name in graph:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES}), ids=name_of)
def test_no_shelf_overflows(folder):
    files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    shelf = folder.relative_to(PACKAGE).as_posix()
    assert len(files) <= LONGER_SHELVES.get(shelf, SHELF), shelf


def test_tests_stand_on_the_shelves_of_what_they_test():
    shelves = {path.name for path in (ROOT / "tests").iterdir() if any(path.glob("test_*.py"))}
    assert shelves - {"oracles", "workflow", "documents", "face"} <= set(ALLOWED)
    loose = {path.name for path in (ROOT / "tests").glob("*.py")}
    assert loose == {"conftest.py", "test_mutations.py", "test_structure.py"}
    for room in ("arch", "quant"):  # too many for one shelf: those of the package
        inner = {path.name for path in (ROOT / "tests" / room).iterdir() if path.is_dir()}
        assert inner - {"__pycache__"} <= {path.name for path in (PACKAGE / room).iterdir()}
    for folder in {path.parent for path in (ROOT / "tests").rglob("test_*.py")}:
        assert len(list(folder.glob("test_*.py"))) <= LARGEST_SHELF_OF_TESTS, folder


@pytest.mark.parametrize(
    "room", ["fixed_point", "arch", "quant", "tflite", "scale_sim", "codesign"]
)
def test_rooms_run_without_torch(room):
    for path in (PACKAGE / room).rglob("*.py"):
        assert not any(name.split(".")[0] == "torch" for name in imports_of(path)), path


def test_the_executor_never_sees_onnxruntime():
    for path in (PACKAGE / "fixed_point").rglob("*.py"):
        assert not any(name.split(".")[0] == "onnxruntime" for name in imports_of(path)), path


@pytest.mark.parametrize("path", MODULES + SCRIPTS + TOOLS, ids=lambda path: path.name)
def test_functions_stay_short(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{path.name}: {node.name}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_read_call_and_write(path):
    assert len(path.read_text().splitlines()) <= 60
    assert re.search(r"^with job\(snakemake\)[,:]", path.read_text(), re.MULTILINE)


def test_no_two_test_files_share_a_name():
    """Pytest imports a test file by its name alone, and skips the second of two in error."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
