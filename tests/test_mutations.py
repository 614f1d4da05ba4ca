"""Break the code on purpose: each patch in mutations.yaml must make its test fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, copy_project

MUTATIONS = yaml.safe_load((ROOT / "tests/mutations.yaml").read_text(encoding="utf-8"))
NAMES = [mutation["name"] for mutation in MUTATIONS]
SHORT = MUTATIONS[:: max(1, len(MUTATIONS) // 3)][:3]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the project that mutations may break, one at a time."""
    folder = tmp_path_factory.mktemp("mutated")
    copy_project(folder)
    return folder


def run_test(folder: Path, test: str) -> int:
    """Exit status of pytest for one test of the copy."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", test]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True).returncode


def caught(folder: Path, mutation: dict[str, str]) -> bool:
    """Whether the test fails on the broken code: status 1, not an error in collecting it."""
    path = folder / mutation["file"]
    original = path.read_text(encoding="utf-8")
    try:
        broken = original.replace(mutation["find"], mutation["replace"])
        path.write_text(broken, encoding="utf-8")
        return run_test(folder, mutation["test"]) == 1
    finally:
        path.write_text(original, encoding="utf-8")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=NAMES)
def test_a_mutation_still_applies(mutation):
    text = (ROOT / mutation["file"]).read_text(encoding="utf-8")
    assert text.count(mutation["find"]) == 1, mutation["file"]
    assert mutation["find"] != mutation["replace"]
    file, _, test = mutation["test"].partition("::")
    assert (ROOT / file).is_file()
    assert not test or f"def {test.partition('[')[0]}(" in (ROOT / file).read_text(encoding="utf-8")


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("mutation", SHORT, ids=[mutation["name"] for mutation in SHORT])
def test_a_few_mutations_are_caught(copy, mutation):
    assert caught(copy, mutation)


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=NAMES)
def test_every_mutation_is_caught(copy, mutation):
    assert caught(copy, mutation)
