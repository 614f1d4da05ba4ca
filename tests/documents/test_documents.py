"""Documents agree with their tables, and what they derive is recomputed."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edgeint8.errors import DataError
from edgeint8.fixed_point.arithmetic.operands import Operands, with_raw_codes
from edgeint8.fixed_point.arithmetic.requantize import Scheme, requantize
from edgeint8.fixed_point.studies.bit_growth import (
    signed_width,
    sum_reach,
    textbook_width,
    with_bias,
    worst_case_width,
)
from edgeint8.fixed_point.studies.overflow import Limits, Policy
from tools.docs import documents
from tools.docs.quotes import QUOTES
from tools.docs.snapshot import QUOTED, copy_figures, quoted

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    path
    for path in sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")])
    if documents.SLOT.search(path.read_text(encoding="utf-8"))
]
NOTE = (ROOT / "docs/fixed_point_note.md").read_text(encoding="utf-8")
TABLES = documents.read_quoted(ROOT / "docs/data")
S8, U8, W127, NINE = (-128, 127), (0, 255), (-127, 127), (-255, 255)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_agree_with_their_tables(path):
    stale = documents.stale(path.read_text(encoding="utf-8"), TABLES, path.name)
    assert stale == [], f"write them again: python -m tools.docs.documents {path.name}"


def changed(table, column):
    """All tables, one number of one of them raised by one."""
    frame = TABLES[table].copy()
    frame.loc[frame[column].first_valid_index(), column] += 1
    return {**TABLES, table: frame}


@pytest.mark.parametrize(
    "table, column, name",
    [
        ("golden", "elements", "golden_table"),
        ("golden", "mismatches", "golden_sentence"),
        ("bit_growth", "bits_exact", "width_table"),
        ("accumulator", "bits_observed", "accumulator_table"),
        ("accumulator", "narrowest_wrap", "policy_table"),
        ("overflow", "clamps_per_image", "clamp_table"),
        ("overflow", "max_error", "overflow_errors"),
        ("requantize", "differing", "rounding_table"),
    ],
)
def test_one_changed_number_is_noticed(table, column, name):
    assert name in documents.stale(NOTE, changed(table, column))


def test_every_quote_stands_in_a_document():
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    used = {slot["block"] or slot["value"] for slot in documents.SLOT.finditer(text)}
    assert used == set(QUOTES)


def test_blocks_and_values_are_rewritten_and_nothing_else():
    block = "<!-- generated: golden_table -->\nan age ago\n<!-- end -->"
    text = f"a\n{block}\nb <!-- = tile_bits -->0<!-- / --> c"
    new = documents.regenerated(text, TABLES)
    assert "an age ago" not in new and new.startswith("a\n<!--") and new.endswith("<!-- / --> c")
    assert f"-->{QUOTES['tile_bits'](TABLES)}<!-- / -->" in new
    assert documents.regenerated(new, TABLES) == new
    assert documents.stale(text, TABLES) == ["golden_table", "tile_bits"]
    assert documents.stale(new, TABLES) == []


@pytest.mark.parametrize(
    "text",
    [
        "<!-- generated: golden_table -->\n",
        "<!-- generated: golden_table -->\n<!-- generated: width_table -->\n<!-- end -->",
        "<!-- = tile_bits -->3",
        "<!-- generated: no_such_name -->\n<!-- end -->",
    ],
)
def test_broken_markers_are_refused(text):
    with pytest.raises(DataError):
        documents.regenerated(text, TABLES)


def test_command(tmp_path, capsys):
    study, data, page = tmp_path / "tables", tmp_path / "data", tmp_path / "page.md"
    study.mkdir()
    for name, frame in TABLES.items():
        if name.startswith("benchmark_"):
            continue
        frame.assign(extra=1).to_csv(study / f"{name}.csv", index=False)
    page.write_text("<!-- = guaranteed_bits -->?<!-- / -->")
    arguments = [str(page), "--tables", str(data)]
    assert documents.main([*arguments, "--snapshot", str(study)]) == 0
    assert documents.main([*arguments, "--check"]) == 0
    assert list(pd.read_csv(data / "golden.csv")) == list(QUOTED["golden"])
    page.write_text("<!-- = guaranteed_bits -->99<!-- / -->")
    assert documents.main([*arguments, "--check"]) == 1
    assert "guaranteed_bits" in capsys.readouterr().out and "99" in page.read_text()


def test_sentences_follow_other_data():
    differing = changed("golden", "mismatches")
    assert "**1 differ, so it is not bit-exact**" in QUOTES["golden_sentence"](differing)
    growth = TABLES["bit_growth"].assign(bits_rule=1)
    assert f"in {len(growth)} the rule is too small" in QUOTES["width_sentence"](
        {**TABLES, "bit_growth": growth}
    )
    many = TABLES["accumulator"].assign(overflow_images=10_000)
    assert "n = 10,000 images" in QUOTES["policy_sentence"]({**TABLES, "accumulator": many})


def test_note_equations_are_numbered_and_named_where_code_names_them():
    numbers = [int(n) for n in re.findall(r"^\((\d+)\) ", NOTE, flags=re.MULTILINE)]
    assert sorted(numbers) == list(range(1, 14))


def test_note_width_against_depth():
    columns = [(S8, S8), (S8, W127), (U8, W127), (NINE, NINE)]
    for depth in (27, 576, 4096, 4608):
        cells = [textbook_width(depth), *(worst_case_width(depth, x, w) for x, w in columns)]
        assert f"| {depth:,} | {' | '.join(map(str, cells))} |" in NOTE
        assert worst_case_width(depth, NINE, W127) == worst_case_width(depth, U8, W127)
    deepest = [131_071, 132_104, 66_311, 33_025]
    assert f"| | {' | '.join(f'{k:,}' for k in deepest)} |" in NOTE
    for k, (x, w) in zip(deepest, columns, strict=True):
        assert (worst_case_width(k, x, w), worst_case_width(k + 1, x, w)) == (32, 33)


def test_note_smallest_example():
    reach = sum_reach(np.array([[[3], [-2], [1]]]), U8)
    assert (int(reach.high[0]), int(reach.low[0]), reach.width) == (1020, -510, 11)
    assert signed_width(0, 511) == 10 and textbook_width(3) == 18


def test_note_raw_codes_need_no_wider_accumulator():
    rng = np.random.default_rng(0)
    for zero in (0, 1, 128, 255):
        w = rng.integers(-127, 128, (40, 5)).astype(np.int8)
        bias = rng.integers(-(2**20), 2**20, 5)
        x = np.zeros((1, 40), np.uint8)
        centred = Operands(x, w, zero, np.zeros((), np.int8), bias)
        raw = with_raw_codes(centred)
        ours, theirs = (
            with_bias(sum_reach(each.weight_matrix(), each.x_range), each.bias)
            for each in (centred, raw)
        )
        assert np.array_equal(ours.low, theirs.low) and np.array_equal(ours.high, theirs.high)


def test_note_order_of_saturation():
    products = {(100, 100, -100): 27, (100, -100, 100): 100}
    for x, expected in products.items():
        operands = Operands(
            np.array([x], np.int8), np.ones((3, 1), np.int8), 0, np.zeros((), np.int8)
        )
        exact = np.array([[100]], np.int64)
        assert Limits(8, Policy.SATURATE_STEP).apply(operands, exact) == expected
        assert Limits(8, Policy.WRAP).apply(operands, exact) == 100


@pytest.mark.parametrize("scheme", Scheme)
def test_note_ties(scheme):
    scale = np.asarray(0.25, np.float32 if scheme is Scheme.ORT_FLOAT32 else np.float64)
    codes = requantize(np.array([10, -10, 14, -2]), scale, 0, np.int8, scheme)
    assert f"| `{scheme.value}` | {' | '.join(map(str, codes.tolist()))} |" in NOTE


def test_note_two_roundings_differ_as_often_as_predicted():
    rng, ratios = np.random.default_rng(0), []
    acc = rng.integers(-60_000, 60_000, 500_000)
    for scale in rng.uniform(0.001, 0.002, 10):
        once, twice = (
            requantize(acc, np.asarray(scale), 0, np.int8, scheme)
            for scheme in (Scheme.INT32_HALF_UP, Scheme.GEMMLOWP)
        )
        inside = (once > -128) & (once < 127)
        predicted = 2.0 ** -np.ceil(-np.log2(scale))
        assert scale / 2 < predicted <= scale
        ratios.append(np.mean((once != twice)[inside]) / predicted)
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)


def test_every_limit_says_what_is_done_and_who_owns_it():
    text = (ROOT / "docs/limitations.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) > 20
    for cells in rows:
        assert len(cells) == 3 and all(cell.strip(" |") for cell in cells), cells[0]
    assert "TODO" not in text


def test_figures_that_a_page_shows_are_copied_beside_it(tmp_path):
    study, page = tmp_path / "figures_of_study", tmp_path / "README.md"
    study.mkdir()
    (study / "a.png").write_bytes(b"new")
    page.write_text("![x](docs/figures/a.png) and [not an image](docs/a.png)")
    assert copy_figures(study, [page]) == ["a"]
    assert (tmp_path / "docs/figures/a.png").read_bytes() == b"new"
    page.write_text("![x](figures/b.png)")
    with pytest.raises(DataError, match="no such figure"):
        copy_figures(study, [page])


def test_a_snapshot_refuses_a_table_that_lacks_what_is_quoted():
    with pytest.raises(DataError, match="'elements' is missing"):
        quoted("golden", TABLES["golden"].drop(columns="elements"))
    with pytest.raises(DataError, match="no row"):
        quoted("overflow", TABLES["overflow"].assign(accumulator_bits=13))
