"""What a pointer reads over a figure: each marker its own text, from the SVG that is written."""

from xml.etree import ElementTree

import pytest
from part_d_tables import SWEEP, study

from edgeint8.report.figures.array_figures import cycles_by_array
from edgeint8.report.figures.hover import SVG, tell, with_titles
from edgeint8.report.figures.style import new_figure, save_figure


def saved(figure, folder):
    save_figure(figure, folder / "f.svg", folder / "f.png")
    return (folder / "f.svg").read_text(encoding="utf-8")


def spoken(svg):
    """(x, text) of every marker that says something."""
    root = ElementTree.fromstring(svg)
    uses = root.iter(f"{{{SVG}}}use")
    titled = ((use, use.find(f"{{{SVG}}}title")) for use in uses)
    return [(float(use.get("x")), title.text) for use, title in titled if title is not None]


def test_each_marker_says_its_own_text_in_order(tmp_path):
    figure, (ax,) = new_figure()
    tell(ax.plot([3, 1, 2], [1, 2, 3], "o-"), ["three & more", "one <1>", "二"])
    found = spoken(saved(figure, tmp_path))
    assert [text for _, text in sorted(found)] == ["one <1>", "二", "three & more"]


def test_a_bar_says_its_text_and_no_id_of_it_is_left(tmp_path):
    figure, (ax,) = new_figure()
    for bar, text in zip(ax.bar([0, 1], [2, 3]), ["a: 2", "b: 3"], strict=True):
        tell([bar], [text])
    svg = saved(figure, tmp_path)
    assert "<title>a: 2</title>" in svg and "<title>b: 3</title>" in svg and "tell:" not in svg


def test_a_marker_that_is_not_drawn_takes_no_text_from_another(tmp_path):
    figure, (ax,) = new_figure()
    tell(ax.plot([1, 2, 3], [1, float("nan"), 3], "o"), ["first", "missing", "last"])
    svg = saved(figure, tmp_path)
    assert spoken(svg) == [] and "<title>first\nmissing\nlast</title>" in svg


def test_a_figure_without_texts_stays_as_it_was():
    assert ElementTree.fromstring(with_titles(f'<svg xmlns="{SVG}"><g id="a"/></svg>'))[0].get("id")


def test_machines_of_the_sweep_say_their_names(tmp_path):
    dse = study(SWEEP)["dse"]
    said = {text for _, text in spoken(saved(cycles_by_array(dse), tmp_path))}
    for row in dse[dse["sram_kb"].astype(str) == "64"].to_dict("records"):
        assert f"{row['hardware']}: {int(row['bound_cycles']):,} cycles at least" in said


@pytest.mark.parametrize("texts", [[], ["only one"]])
def test_fewer_texts_than_markers_are_said_of_the_whole_line(texts, tmp_path):
    figure, (ax,) = new_figure()
    tell(ax.plot([1, 2], [1, 2], "o"), texts)
    assert spoken(saved(figure, tmp_path)) == []
