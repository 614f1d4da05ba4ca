"""The report of the test study says what its tables say, and other things than another study."""

import re

import pytest
from conftest import ROOT

from edgeint8.report.document.report import executive
from edgeint8.tables.files import read_table, with_absent
from tools.docs.snapshot import QUOTED, read_snapshot

pytestmark = pytest.mark.xdist_group("study")


@pytest.fixture(scope="module")
def first_pages(studied):
    """The first page of the test study, as its report has it, and that of the default study."""
    report = (studied.run_dir / "results_test/report.md").read_text(encoding="utf-8")
    here = report[report.index("## The three answers") : report.index("## Part A")]
    there = executive(with_absent(read_snapshot(ROOT / "docs/data")))
    return here, there


def answers_about(page, workload):
    """The paragraphs that begin with a network's name."""
    return re.findall(rf"^\*\*{workload}\*\*: .*$", page, re.MULTILINE)


@pytest.mark.parametrize("workload", ["signal_cnn_1d", "tiny_cnn_2d"])
def test_every_answer_differs_when_the_data_differ(first_pages, workload):
    here, there = (answers_about(page, workload) for page in first_pages)
    assert len(here) == len(there) == 3  # strategy, accumulator, hardware
    for ours, theirs in zip(here, there, strict=True):
        assert ours != theirs


def test_the_table_differs_in_every_row_that_rests_on_data(first_pages):
    here, there = (
        dict(re.findall(r"^\| ([^|*]+?) \| (.*?) \|", page, re.MULTILINE)) for page in first_pages
    )
    same = {question for question in here if here[question] == there.get(question)}
    # Documents keep no draws of the constants.
    assert set(here) - set(there) == {"how sure the design is"} and set(there) <= set(here)
    assert not same & {"accuracy in FP32 (data)", "its accuracy, against FP32", "its SQNR"}
    assert "why this one" not in same


def test_the_page_is_made_of_the_tables_beside_it(studied, first_pages):
    folder = studied.run_dir / "results_test/tables"
    tables = {path.stem: read_table(path) for path in folder.glob("*.csv")}
    assert set(QUOTED) <= set(tables)
    assert executive(with_absent(tables)) == first_pages[0].strip()
