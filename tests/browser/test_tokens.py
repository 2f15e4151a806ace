"""The token picture in a browser: hovering, keys, colours, odd text, rows that grow, both appearances."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.token_show import (
    PAGE,
    Serve,
    Show,
    Visit,
    alternatives,
    expect,
    heights,
    opener,
    rows,
    tokens,
    told,
)
from tests.components.token_traces import HOSTILE, RTL


@pytest.fixture(scope="module")
def address(browser: Any, serve: Serve) -> str:
    return serve(PAGE)


@pytest.fixture
def show(address: str, visit: Visit) -> Show:
    return opener(address, visit)


def test_rows_say_in_words_what_they_show(show: Show) -> None:
    page = show("three")
    expect(rows(page)).to_have_count(3)
    expect(rows(page).first).to_have_attribute(
        "aria-label",
        "branch 1, chosen, answer 3, group A, delta 0.900, over the whole text 0.500, "
        "mean log-probability −0.347 nats, 5 tokens, p of the first 0.300",
    )
    assert "first 2 tokens as in branch 1" in rows(page).nth(1).get_attribute("aria-label")
    assert heights(page, 0) == pytest.approx([1.0, 0.1, 0.6, 0.0, 0.1], abs=0.06)
    expect(page.locator(".sums")).to_contain_text("Σ Δ 1.70")
    expect(page.locator(".sums")).to_contain_text("Σ Δ 0.20")
    expect(page.locator(".text")).to_have_text("So it is 3.")
    expect(page.locator(".text .t.in")).to_have_text(" 3")


def test_hovering_shows_the_ten_best_with_their_numbers(show: Show) -> None:
    page = show("three")
    tokens(page).nth(2).hover()
    pop = page.locator(".pop")
    expect(pop).to_be_visible()
    shown = alternatives(page)
    assert [value for _, value in shown[:4]] == ["0.600", "0.200", "0.100", "0.050"]
    assert [label for label, _ in shown] == ["␣is", *[f"␣other{n}" for n in range(9)], "rest"]
    assert shown[10][1] == "0.001"
    expect(pop.locator(".chosen")).to_have_count(1)
    expect(pop.locator(".chosen .label")).to_have_text("␣is")
    expect(pop.locator(".numbers")).to_have_text(
        re.compile(r"entropy 0\.600 bits.*margin 0\.400.*ln p −0\.511 nats")
    )
    page.mouse.move(5, 5)
    expect(pop).to_be_hidden()


def test_a_cell_shows_the_same_alternatives_without_changing_the_row(show: Show) -> None:
    page = show("three")
    box = rows(page).nth(1).locator(".track i").nth(2).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".pop .facts")).to_have_text("token 3 of 5 · the likeliest")
    assert alternatives(page)[0] == ("␣was", "0.500")
    expect(page.locator(".text")).to_have_text("So it is 3.")


def test_keys_walk_tokens_rows_and_the_places_that_matter(show: Show) -> None:
    page = show("three")
    page.get_by_label("margin", exact=True).focus()
    page.keyboard.press("Tab")
    expect(rows(page).first).to_be_focused()
    facts = page.locator(".pop .facts")
    expect(facts).to_contain_text("token 1 of 5")
    page.keyboard.press("ArrowRight")
    expect(facts).to_contain_text("token 2 of 5")
    page.keyboard.press("u")
    expect(facts).to_contain_text("token 3 of 5")
    page.keyboard.press("d")
    expect(facts).to_contain_text("token 1 of 5")
    page.keyboard.press("d")
    expect(facts).to_contain_text("token 3 of 5")
    expect(page.locator("[aria-live]")).to_have_text(
        'token 3 of 5: " is", p 0.600, margin 0.400, entropy 0.600 bits'
    )
    page.keyboard.press("ArrowDown")
    expect(rows(page).nth(1)).to_be_focused()
    expect(rows(page).nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.locator(".text")).to_have_text("So it was 3.")
    expect(page.locator(".text .here")).to_have_text(" was")
    page.keyboard.press("End")
    expect(facts).to_contain_text("token 5 of 5")
    page.keyboard.press("Escape")
    expect(page.locator(".pop")).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.locator(".text")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".text")).to_have_text("So it is 3.")
    expect(page.locator(".text")).to_be_focused()


def test_enter_keeps_it_open_and_reaches_python(show: Show) -> None:
    page = show("three")
    rows(page).nth(1).locator(".number").click()
    rows(page).nth(1).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(told(page, "selection")).to_have_text(
        "selection: Selection(run='', node='q/b', index=1, alternative=None)"
    )
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator(".legend")).not_to_contain_text("fork here")
    page.keyboard.press("f")
    expect(rows(page).nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(rows(page).nth(1)).to_be_focused()


def test_a_click_keeps_the_alternatives_open_and_reaches_python(show: Show) -> None:
    page = show("three")
    tokens(page).nth(3).click()
    expect(told(page, "selection")).to_have_text(
        "selection: Selection(run='', node='q/a', index=3, alternative=None)"
    )
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("button")).to_have_count(0)
    page.mouse.click(5, 5)
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_colour_can_be_switched(show: Show) -> None:
    page = show("three")
    page.get_by_label("probability", exact=True).check()
    expect(page.get_by_label("probability", exact=True)).to_be_checked()
    assert heights(page, 0) == pytest.approx([0.7, 0.1, 0.4, 0.0, 0.1], abs=0.03)
    shades = tokens(page).evaluate_all("all => all.map(t => t.classList.contains('warm'))")
    assert shades == [True, False, True, False, False]
    page.get_by_label("surprisal", exact=True).check()
    assert heights(page, 0)[0] == pytest.approx(1.737 / 6, abs=0.03)
    page.get_by_label("entropy", exact=True).check()
    assert heights(page, 0)[0] == pytest.approx(1.05 / 4, abs=0.03)
    expect(page.get_by_role("img", name="Cells rise and warm from entropy 0 to 4 bits")).to_be_visible()


def test_odd_text_stays_text(show: Show) -> None:
    page = show("odd")
    expect(rows(page)).to_have_count(1)
    assert page.evaluate("window.hacked") is None
    assert page.locator(".picture img").count() == 0
    expect(tokens(page).first).to_have_text(HOSTILE)
    expect(tokens(page).nth(1)).to_have_text(RTL.replace("\u202e", "U+202E"))
    expect(rows(page).first.locator(".said")).to_have_text(HOSTILE)
    tokens(page).first.hover()
    expect(page.locator(".pop")).to_be_visible()
    assert alternatives(page)[0][0] == HOSTILE.replace(" ", "␣")
    texts = tokens(page).evaluate_all("all => all.map(t => t.textContent)")
    assert texts[2:] == ["⏎\n", "⇥\tx", "  ", "", "", "€", "end", "e\u0301"]
    tokens(page).nth(5).hover()
    expect(page.locator(".pop .context strong")).to_have_text("⟨e2⟩ part of a character")
    tokens(page).nth(7).hover()
    expect(page.locator(".pop .context strong")).to_have_text("€ ends with ⟨ac⟩")
    tokens(page).nth(9).hover()
    expect(page.locator(".pop .facts")).to_contain_text("token 10 of 10")
    assert [label for label, _ in alternatives(page)] == ["e\u0301", "◌\u0301", "⟨e2\u200998⟩", "rest"]


def test_a_backend_without_tokens_shows_its_text_and_says_so(show: Show) -> None:
    page = show("text")
    expect(page.locator(".text")).to_have_text("It is 12.")
    expect(page.locator(".text .answer-span")).to_have_text("12")
    expect(page.locator(".legend")).to_contain_text("gives no token probabilities")
    expect(rows(page).nth(1)).to_contain_text("I think 13.")
    assert page.locator(".track i").count() == 0
    expect(page.locator(".modes")).to_be_hidden()
    rows(page).nth(1).click()
    expect(page.locator(".text")).to_have_text("I think 13.")


def test_a_strip_alone(show: Show) -> None:
    page = show("strip")
    expect(page.locator(".text")).to_have_text(["7.", "So it was 3.", "So it is 3."])
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.get_by_label("Text of c").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Text of b")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".pop .context strong")).to_have_text("␣it")
    tokens(page, 2).nth(2).click()
    expect(told(page, "selection")).to_have_text(
        "selection: Selection(run='', node='q/a', index=2, alternative=None)"
    )
    expect(page.get_by_label("probability", exact=True)).to_be_checked()


def test_rows_grow_in_place(show: Show) -> None:
    """The same elements stay while data arrives; what is hovered and what is selected stay too."""
    page = show("grow")
    expect(rows(page)).to_have_count(3)
    rows(page).nth(2).locator(".number").click()
    page.get_by_label("entropy", exact=True).check()
    tokens(page).nth(1).hover()
    expect(page.locator(".pop .facts")).to_contain_text("token 2 of")
    page.evaluate(
        """() => {
            const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
            window.kept = [...root.querySelectorAll('.row, .track i, .text, .t, .pop')];
            window.changes = 0;
            new MutationObserver(found => {
              const gone = found.flatMap(change => [...change.removedNodes]).filter(node => node.nodeType === 1);
              window.changes += gone.filter(node => node.matches('.row, i, .t, .text')).length;
            }).observe(root, { childList: true, subtree: true });
        }"""
    )
    expect(page.get_by_text("length: 60")).to_be_visible(timeout=60_000)
    expect(rows(page).nth(2).locator(".track i")).to_have_count(60)
    assert page.evaluate("window.kept.every(node => node.isConnected)")
    assert page.evaluate("window.changes") == 0
    expect(rows(page).nth(2)).to_have_attribute("aria-selected", "true")
    expect(page.locator(".pop .facts")).to_contain_text("token 2 of 60")
    expect(page.get_by_label("entropy", exact=True)).to_be_checked()
    expect(tokens(page)).to_have_count(60)


def test_ten_branches_of_250_tokens_are_drawn_and_updated_quickly(show: Show) -> None:
    page = show("long")
    expect(rows(page)).to_have_count(10)
    assert page.locator(".track i").count() == 2500
    expect(page.locator(".list")).to_be_visible()
    slowest = page.evaluate(
        """() => {
            const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
            const radios = [...root.querySelectorAll('.modes input')];
            return Math.max(...radios.map(radio => {
              const from = performance.now();
              radio.click();
              root.querySelector('.board').getBoundingClientRect();
              return performance.now() - from;
            }));
        }"""
    )
    assert slowest < 500


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_both_appearances(show: Show, scheme: str) -> None:
    page = show("three", color_scheme=scheme)
    tokens(page).nth(2).click()
    expect(page.locator(".pop")).to_be_visible()
    found: dict[str, float] = page.evaluate(CONTRAST)
    assert found["paper"] > 200 if scheme == "light" else found["paper"] < 60
    too_low = {name: ratio for name, ratio in found.items() if name != "paper" and ratio < 4.5}
    assert not too_low


CONTRAST = """() => {
  const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const paint = colours => {
    pen.clearRect(0, 0, 1, 1);
    for (const colour of colours) { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = rgb => {
    const [r, g, b] = rgb.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = node => {
    const list = [];
    for (let at = node; at; at = at.parentElement || at.getRootNode().host) {
      list.unshift(getComputedStyle(at).backgroundColor);
    }
    return list;
  };
  const out = { paper: paint(behind(root.querySelector('.picture')))[0] };
  for (const name of ['.head .first', '.number', '.first', '.lp', '.letter', '.said', '.what', '.quiet', '.title', '.t',
    '.t.warm', '.legend', '.keys kbd', '.facts', '.context .quiet', '.alternative .label', '.note', '.numbers',
    '.modes legend', '.scale', '.modes input:checked + span']) {
    for (const node of root.querySelectorAll(name)) {
      const back = behind(node);
      const [a, b] = [light(paint([...back, getComputedStyle(node).color])), light(paint(back))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      out[name] = Math.min(out[name] ?? 99, ratio);
    }
  }
  return out;
}"""
