"""The default profile: a live view of jobs on a terminal, plain lines everywhere else."""

import importlib.util
import sys
from pathlib import Path

import pytest
import yte

PROFILE = Path(__file__).parents[2] / "profiles/default/config.yaml"


@pytest.fixture
def watched(monkeypatch):
    """A terminal that someone watches, and the plugin installed."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "argv", ["snakemake", "--cores", "2"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("CI", "NO_LIVE_VIEW"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def profile():
    """The options of the profile, as Snakemake reads it."""
    loaded = dict(sys.modules)  # it unloads what it imports of the package
    try:
        with PROFILE.open() as file:
            return yte.process_yaml(file, require_use_yte=True)
    finally:
        sys.modules.update(loaded)


def test_a_watched_terminal_gets_the_live_view(watched):
    assert profile()["logger"] == ["rich"]


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setattr(sys.stderr, "isatty", lambda: False, raising=False),
        lambda patch: patch.setattr(sys, "argv", ["snakemake", "-n"]),
        lambda patch: patch.setattr(importlib.util, "find_spec", lambda name: None),
        lambda patch: patch.setenv("TERM", "dumb"),
        lambda patch: patch.setenv("CI", "true"),
        lambda patch: patch.setenv("NO_LIVE_VIEW", "1"),
    ],
    ids=["pipe", "dry run", "no plugin", "dumb terminal", "CI", "asked for"],
)
def test_all_others_get_plain_lines(watched, change):
    change(watched)
    assert "logger" not in profile()
    assert profile()["keep-going"] is True
