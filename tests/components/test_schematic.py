"""The little pictures of the strategies."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from components.schematic import description, placed, read, svg
from playground.strategies import offered

PICTURES = {name: strategy.help.picture for name, strategy in offered().items() if strategy.help}


@pytest.mark.parametrize("name", PICTURES)
def test_every_strategy_has_a_picture_with_a_way_to_its_answer(name: str) -> None:
    root = read(PICTURES[name])
    assert root.kind == "q"
    assert root.chosen
    picture = ElementTree.fromstring(svg(PICTURES[name]))
    assert picture.get("role") == "img"
    width, height = float(picture.get("width") or 0), float(picture.get("height") or 0)
    assert 50 < width < 420
    assert 20 < height < 260


@pytest.mark.parametrize("name", PICTURES)
def test_nodes_do_not_overlap(name: str) -> None:
    root = placed(PICTURES[name])
    places = [(node.x, node.y) for node in root.all()]
    for i, (x, y) in enumerate(places):
        assert all(abs(x - a) > 20 or abs(y - b) > 10 for a, b in places[:i])


def test_the_tree_is_read_with_its_marks() -> None:
    root = read("q(s(a*) s!(v))")
    first, second = root.children
    assert (first.kind, first.children[0].marks, first.chosen) == ("s", "*", True)
    assert (second.marks, second.children[0].kind, second.chosen) == ("!", "v", False)


def test_the_description_counts_what_is_drawn() -> None:
    said = description("q(s(a*) s! s!)")
    assert "1 question, 3 steps, 1 answer; 2 given up" in said


@pytest.mark.parametrize("text", ["", "x", "q(", "q(s", "q)s", "q(s))"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(text)
