"""The token picture coloured by quadrant of entropy and varentropy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_tokens import CONTRAST
from tests.browser.token_show import PAGE, Serve, Show, Visit, expect, heights, opener, rows, tokens
from tests.components.token_traces import IN_QUADRANT

LOOK = "all => all.map(one => [getComputedStyle(one).getPropertyValue('--tone'), one.className])"


@pytest.fixture(scope="module")
def address(browser: Any, serve: Serve) -> str:
    return serve(PAGE)


@pytest.fixture
def show(address: str, visit: Visit) -> Show:
    return opener(address, visit)


def test_it_is_offered_only_where_varentropy_is_known(show: Show) -> None:
    page = show("three")
    expect(page.get_by_label("surprisal", exact=True)).to_have_count(1)
    expect(page.get_by_label("quadrant", exact=True)).to_have_count(0)
    page = show("quadrants")
    expect(page.get_by_label("quadrant", exact=True)).to_have_count(1)


def test_each_quadrant_has_a_colour_a_height_and_a_word(show: Show) -> None:
    page = show("quadrants")
    page.get_by_label("quadrant", exact=True).check()
    cells = rows(page).first.locator(".track i").evaluate_all(LOOK)
    tones = [tone for tone, _ in cells[:5]]
    assert len(set(tones)) == 5
    assert [name in look.split() for name, (_, look) in zip(IN_QUADRANT, cells[:5], strict=True)] == [
        True
    ] * 5
    assert len(set(heights(page, 0)[:5])) == 5
    assert cells[5] == ["", "u"]
    expect(page.locator(".scale")).to_be_hidden()
    legend = page.locator(".legend")
    for said in (
        "sure: low entropy, low varentropy",
        "torn: high entropy, low varentropy",
        "leaning: low entropy, high varentropy",
        "lost: high entropy, high varentropy",
        "between: neither high nor low",
    ):
        expect(legend).to_contain_text(said)
    coloured = tokens(page).evaluate_all("all => all.map(t => t.classList.contains('tone'))")
    assert coloured == [True] * 4 + [False] * 2
    page.get_by_label("margin", exact=True).check()
    assert rows(page).first.locator(".track i.tone").count() == 0
    expect(page.locator(".scale")).to_be_visible()
    expect(legend).not_to_contain_text("varentropy")


def test_the_alternatives_say_it_in_words_whatever_the_colour(show: Show) -> None:
    page = show("quadrants")
    tokens(page).nth(1).hover()
    numbers = page.locator(".pop .numbers")
    expect(numbers).to_contain_text("entropy 4.000 bits")
    expect(numbers).to_contain_text("varentropy 0.050 bits²")
    expect(numbers).to_contain_text("quadrant torn")
    tokens(page).nth(5).hover()
    expect(page.locator(".pop .facts")).to_contain_text("token 6 of 6")
    expect(numbers).not_to_contain_text("varentropy")


def test_the_key_for_the_next_uncertain_token_passes_over_what_is_sure(show: Show) -> None:
    page = show("quadrants")
    page.get_by_label("quadrant", exact=True).check()
    rows(page).first.focus()
    page.keyboard.press("u")
    expect(page.locator(".pop .context strong")).to_have_text("␣torn")
    page.keyboard.press("u")
    expect(page.locator(".pop .context strong")).to_have_text("␣leaning")
    expect(page.locator("[aria-live]").first).to_contain_text("quadrant leaning")


def test_a_strip_is_coloured_too(show: Show) -> None:
    page = show("quadrant-strip")
    page.get_by_label("quadrant", exact=True).check()
    looks = tokens(page).evaluate_all(LOOK)
    assert [name in look.split() for name, (_, look) in zip(IN_QUADRANT, looks[:4], strict=False)] == [
        True
    ] * 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_both_appearances(show: Show, scheme: str) -> None:
    page = show("quadrants", color_scheme=scheme)
    page.get_by_label("quadrant", exact=True).check()
    found: dict[str, float] = page.evaluate(CONTRAST)
    assert not {name: ratio for name, ratio in found.items() if name != "paper" and ratio < 4.5}
