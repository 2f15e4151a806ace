"""Every strategy that is offered has its page of help."""

from __future__ import annotations

import re

import pytest

from playground.strategies import load_all, offered
from playground.strategies.base import Params, Place, Question, Result, Strategy
from playground.strategies.help import HELP, Help

PAGES = {name: strategy.help for name, strategy in offered().items()}


def sentences(text: str) -> list[str]:
    return [sentence for sentence in re.split(r"(?<=[.?!])\s+", text) if sentence]


@pytest.mark.parametrize("name", PAGES)
def test_an_offered_strategy_has_a_page(name: str) -> None:
    page = PAGES[name]
    assert page is not None, f"{name} has no page in playground/strategies/help.py"
    assert len(sentences(page.what)) == 5, sentences(page.what)
    for text in (page.what, page.helps, page.hurts, page.costs):
        assert text == text.strip()
        assert text[0].isupper()
        assert text[-1] in ".?!"
    assert page.picture


@pytest.mark.parametrize("name", HELP)
def test_a_page_belongs_to_a_strategy(name: str) -> None:
    assert name in load_all()


def test_a_strategy_may_bring_its_own_page() -> None:
    page = Help("One. Two. Three. Four. Five.", "Now.", "Then.", "Little.")

    def steps(question: Question, model: object, params: Params, place: Place) -> Result:
        raise NotImplementedError

    known = Strategy("x", "X", "", "", frozenset(), "branches", Params, steps, help=page)  # type: ignore[arg-type]
    assert known.help is page
