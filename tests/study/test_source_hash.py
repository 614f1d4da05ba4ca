"""The modules behind a script, as derived from its source, cover what it really imports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgeint8.study.source_hash import PACKAGE, imported_files, source_closure, source_hash

SCRIPTS = sorted((PACKAGE.parent / "workflow/scripts").glob("*.py"))

# What takes most CPU seconds to import, longer than many jobs run, and the scripts that need it
# before they know what to do. SciPy loads its parts when they are first used.
COMPILES = {"ablation", "account", "accumulator", "explore", "machines", "overflow", "rtl_network"}
COMPILES |= {"runtime_vectors", "simulate", "spend_bits", "suite", "vectors", "weight_bits"}
HEAVY = {
    "torch": {"train", "export"},
    "matplotlib": {"figure", "report"},
    "numba": COMPILES,
    "scipy.stats": set(),
    "scipy.special": set(),
}

REPORT_IMPORTS = """
import ast, json, pathlib, sys
tree = ast.parse(pathlib.Path(sys.argv[1]).read_text())
for node in tree.body:
    if isinstance(node, ast.Import | ast.ImportFrom):
        exec(compile(ast.Module([node], []), sys.argv[1], "exec"))
files = [m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "edgeint8"]
print(json.dumps([files, [name for name in sys.argv[2:] if name in sys.modules]]))
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_closure_covers_the_real_imports(script):
    command = [sys.executable, "-c", REPORT_IMPORTS, str(script), *HEAVY]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    files, heavy = json.loads(output.splitlines()[-1])
    loaded = {Path(name).resolve() for name in files}
    assert loaded and loaded <= source_closure(script)
    assert set(heavy) == {name for name, scripts in HEAVY.items() if script.stem in scripts}


def test_imports_inside_functions_count(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("def f():\n    from edgeint8.quant import affine\n")
    assert PACKAGE / "quant/affine.py" in source_closure(script)


def test_hash_changes_with_a_module_it_uses_and_with_no_other(tmp_path, monkeypatch):
    package = tmp_path / "edgeint8"
    for name, text in {"__init__": "", "used": "A = 1\n", "unused": "B = 1\n"}.items():
        package.mkdir(exist_ok=True)
        (package / f"{name}.py").write_text(text)
    script = tmp_path / "script.py"
    script.write_text("from edgeint8.used import A\n")
    monkeypatch.setattr("edgeint8.study.source_hash.PACKAGE", package)

    def fresh_hash():
        imported_files.cache_clear()
        return source_hash(script)

    before = fresh_hash()
    (package / "unused.py").write_text("B = 2\n")
    assert fresh_hash() == before
    script.write_text("from edgeint8.used import A  # as before\n")
    assert fresh_hash() != before, "cluster profiles do not look at scripts themselves"
    script.write_text("from edgeint8.used import A\n")
    (package / "used.py").write_text("A = 2\n")
    assert fresh_hash() != before
    imported_files.cache_clear()
