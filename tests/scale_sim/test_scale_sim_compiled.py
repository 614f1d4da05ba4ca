"""Cached machine code must not outlive the functions that it calls."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import edgeint8

PROGRAM = """
from edgeint8.scale_sim.replica.misses import next_line_outside
from edgeint8.scale_sim.replica.stack import Stack
from edgeint8.scale_sim.replica.window import Window
print(next_line_outside(Stack(False, 1, 9, 2, 2), Window(2, 10, 4, 4), 0, 0, 9))
"""


def test_a_change_in_a_called_module_compiles_anew(tmp_path: Path) -> None:
    package = Path(edgeint8.__file__).parent
    copy = tmp_path / "edgeint8"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    callee = copy / "scale_sim" / "replica" / "window.py"

    def run() -> str:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-c", PROGRAM]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        ).stdout

    assert run() == "4\n"
    text = callee.read_text()
    changed = text.replace("last_set_ahead = window.active", "last_set_ahead = 1 + window.active")
    assert changed != text
    callee.write_text(changed)
    assert run() == "5\n"
