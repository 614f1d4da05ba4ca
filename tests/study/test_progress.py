"""Progress bars appear on a terminal, and leave no trace where nobody watches."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHUNKS = """
import sys, time
import numpy as np
from types import SimpleNamespace
from edgeint8.quant import session
session.PATIENCE_S = 0
fake = SimpleNamespace(get_inputs=lambda: [SimpleNamespace(name="x", shape=["N", 1])])
for chunk in session.chunks(fake, {"x": np.zeros((6, 1))}, 2):
    time.sleep(0.15)
"""
EPOCHS = """
import numpy as np
from torch import nn
from edgeint8.models.data.datasets import Dataset
from edgeint8.models.training import TrainingOptions, train_model
inputs, labels = np.zeros((64, 1, 4), np.float32), np.arange(64) % 2
unit = np.ones(1, np.float32)
data = Dataset("d", "s", inputs, labels, inputs, labels, unit, unit, 8)
train_model(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), data, TrainingOptions(1, 0.1, 8))
"""


def run(code, stderr):
    """Run Python code with this standard error."""
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=stderr, check=True, timeout=60
    )


def on_a_terminal(code):
    """What the code shows on a pseudo-terminal."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    try:
        run(code, theirs)
        return os.read(ours, 1 << 16).decode()
    finally:
        os.close(theirs)
        os.close(ours)


@pytest.mark.parametrize(
    ("code", "shown"),
    [(CHUNKS, "6 samples"), (EPOCHS, "epoch 1/1")],
    ids=["evaluation", "training"],
)
def test_bars_are_for_terminals(code, shown):
    assert shown in on_a_terminal(code)
    assert run(code, subprocess.PIPE).stderr == b""


def test_the_live_view_has_the_terminal_to_itself(monkeypatch):
    monkeypatch.setenv("EDGEINT8_NO_BARS", "1")
    with pytest.raises(BlockingIOError):  # nothing to read
        on_a_terminal(CHUNKS)
