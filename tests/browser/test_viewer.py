"""The exported HTML file in a real browser: opened from disk, read, replayed, with nothing from the network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from playground.events import (
    Alternative,
    Answered,
    AnswerFound,
    CallStarted,
    Event,
    NodeClosed,
    NodeOpened,
    NodeScored,
    RunFinished,
    RunStarted,
    Spent,
    TextEnded,
    TokenAdded,
    Usage,
)
from playground.exchange import to_html
from playground.store import Store
from tests.browser.axe import violations
from tests.browser.test_tokens import CONTRAST
from tests.exchange.samples import HOSTILE, fill, new_store, save

Open = Callable[..., Any]


def many(branches: int, tokens: int) -> list[Event]:
    """A run of so many branches, each with so many tokens; every other token was not the likeliest."""
    ids = [f"q/branch-{i + 1}" for i in range(branches)]
    likeliest = tuple(Alternative(i, f" w{i}", math.log(0.5 / 2**i)) for i in range(12))
    events: list[Event] = [
        RunStarted("How many pens?", "cot-decoding", "embedded", {"k": branches}, 0, "7", "x", True),
        NodeOpened("q", None, "question"),
        CallStarted("q", "answer", "Q: How many pens?\nA:"),
        *(NodeOpened(id, "q", "branch") for id in ids),
    ]
    for i in range(tokens):
        for id in ids:
            chosen = "forced" if i == 0 else "sampled"
            events.append(
                TokenAdded(id, i % 2, f" w{i % 2}", math.log(0.5), 1.5, i / tokens, chosen, likeliest)
            )
        events.append(Spent("q", Usage(0, 0, 0, branches, 1)))
    for n, id in enumerate(ids):
        answer = AnswerFound(id, "7" if n else "8", "7" if n else "8", 0, 2, tokens - 2, tokens - 1)
        events += [TextEnded(id, "stop"), answer, NodeScored(id, "delta", n / branches, "margin")]
    return [
        *events,
        NodeClosed(ids[-1], "chosen"),
        Answered("7", ids[-1], 0.9, "mean margin"),
        RunFinished(True),
    ]


def priced() -> list[Event]:
    """A run on a server: 1,000 tokens read, 400 of them cached, and 250 written."""
    price = {"input": 2, "output": 8, "cached": 0.5, "date": "2026-11-21", "source": "a table"}
    return [
        RunStarted("How dear?", "direct", "groq:x", {}, 0, price=price),
        NodeOpened("q", None, "question"),
        Spent("q", Usage(1, 1000, 400, 250)),
        Answered("7"),
        RunFinished(),
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = new_store(tmp_path_factory.mktemp("viewer"))
    fill(store)
    save(store, "many", many(10, 100))
    save(store, "priced", priced())
    yield store
    store.close()


@pytest.fixture
def open_file(browser: Any, store: Store, tmp_path: Path) -> Iterator[Open]:
    """`open_file(session ids)`: the viewer from disk. The test fails on an error, a message or a request beyond it;
    without `hear`, messages are fine."""
    trouble: list[str] = []
    contexts = []

    def open_it(*ids: str, hear: bool = True, **options: Any) -> Any:
        file = tmp_path / "sessions.html"
        file.write_bytes(to_html(store, ids))
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda message: hear and trouble.append(message.text))
        page.on("request", lambda request: request.url == file.as_uri() or trouble.append(request.url))
        page.goto(file.as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert not trouble


def rows(page: Any) -> Locator:
    found: Locator = page.get_by_role("button", name="Branch ")
    return found


def tokens(page: Any) -> Locator:
    found: Locator = page.locator(".text .t")
    return found


def test_a_run_with_its_branches_best_first(open_file: Open) -> None:
    page = open_file("many")
    expect(page.get_by_role("heading", name="How many pens?")).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_hidden()
    expect(page.get_by_label("Answer", exact=True)).to_contain_text("✓ right")
    expect(page.get_by_label("Answer", exact=True)).to_contain_text("Confidence 0.900: mean margin")
    expect(rows(page)).to_have_count(10)
    expect(rows(page).first).to_have_attribute("aria-label", "Branch 10, answer 7, delta 0.900, 100 tokens")
    assert page.locator(".cells i").count() == 1000
    expect(tokens(page)).to_have_count(100)
    expect(tokens(page).nth(98)).to_have_class("t line in")
    warm = tokens(page).evaluate_all("all => all.map(t => Number(t.style.getPropertyValue('--warm')))")
    assert warm[0] == 1
    assert warm[70:] == [0] * 30
    box = rows(page).first.locator(".length").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] < 1280, "the answers stand beside the cells without scrolling"


def test_what_a_run_cost(open_file: Open) -> None:
    expect(open_file("priced").get_by_label("Answer", exact=True)).to_contain_text("Money$0.003400")
    expect(open_file("many").get_by_label("Answer", exact=True)).to_contain_text("Moneyfree")


def test_hovering_shows_the_ten_likeliest(open_file: Open) -> None:
    page = open_file("many")
    tip = page.get_by_role("tooltip")
    expect(tip).to_be_hidden()
    for token in (tokens(page).nth(3), rows(page).nth(2).locator("i").nth(3)):
        token.hover()
        expect(tip).to_contain_text("token 4 of 100 · drawn")
        expect(tip).to_contain_text("p 0.500 · margin 0.030 · entropy 1.500 bits")
        expect(tip.locator(".other")).to_have_count(11)
        expect(tip.locator(".written")).to_have_text("✓␣w10.250")
        expect(tip.locator(".other").last).to_have_text("rest0.001")
        page.mouse.move(2, 2)
        expect(tip).to_be_hidden()


def test_the_keyboard_does_what_the_mouse_does(open_file: Open) -> None:
    page = open_file("many")
    rows(page).first.focus()
    page.keyboard.press("ArrowDown")
    expect(rows(page).nth(1)).to_be_focused()
    expect(rows(page).nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("heading", name="Branch 9")).to_be_visible()
    for _ in range(9):
        page.keyboard.press("Tab")
    text = page.get_by_label("Tokens of Branch 9")
    expect(text).to_be_focused()
    expect(page.get_by_role("tooltip")).to_contain_text("token 1 of 100")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tooltip")).to_contain_text("token 2 of 100")
    said = 'token 2 of 100: " w1", p 0.500 · margin 0.010 · entropy 1.500 bits'
    expect(page.locator("[aria-live]")).to_have_text(said)
    page.keyboard.press("End")
    expect(page.get_by_role("tooltip")).to_contain_text("token 100 of 100")
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_be_hidden()


def shown(page: Any) -> int:
    count: int = page.locator(".text .t:not(.later)").count()
    return count


def test_the_scrubber_goes_to_any_moment(open_file: Open) -> None:
    page = open_file("many")
    scrubber = page.get_by_label("Time in the run")
    assert shown(page) == 100
    # 13 events come before the first token, and 11 to each further one, a tenth of a second apart.
    scrubber.fill(str(1.3 + 11 * 40 / 10 + 1.05))
    assert shown(page) == 41
    expect(page.locator("output")).to_have_text("46.4 of 114.5 s, 410 of 1,000 tokens")
    for told in (".card .said", ".card p", ".card dl", ".facts", ".row .gauge"):
        expect(page.locator(told).first).to_be_hidden()
    expect(page.locator(".chip").first).to_be_hidden()
    scrubber.focus()
    page.keyboard.press("Home")
    assert shown(page) == 0
    page.keyboard.press("End")
    assert shown(page) == 100
    expect(page.locator(".card .said")).to_be_visible()
    expect(page.locator(".chip").first).to_be_visible()


def test_the_replay_moves_at_the_pace_of_the_events(open_file: Open, store: Store) -> None:
    page = open_file("many")
    page.evaluate("window.requestAnimationFrame = step => { window.frame = step; return 1; }")
    advance = "ms => { const step = window.frame; step(window.now = (window.now ?? 0) + ms); }"
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert shown(page) == 0
    page.evaluate(advance, 0)
    page.evaluate(advance, 2000)
    expect(page.locator("output")).to_contain_text("2.0 of 114.5 s")
    page.get_by_label("Speed").select_option("8×")
    page.evaluate(advance, 5000)
    expect(page.locator("output")).to_contain_text("42.0 of 114.5 s")
    assert 0 < shown(page) < 100
    page.get_by_role("button", name="Pause").click()
    page.evaluate(advance, 5000)
    expect(page.locator("output")).to_contain_text("42.0 of 114.5 s")
    page.get_by_role("button", name="Play").click()
    page.evaluate(advance, 0)
    page.evaluate(advance, 60_000)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert shown(page) == 100


def test_a_real_replay_ends_by_itself(open_file: Open, store: Store) -> None:
    page = open_file("cot")
    page.get_by_label("Speed").select_option("8×")
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".card .said")).to_be_visible()
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_a_thousand_tokens_are_drawn_and_moved_quickly(open_file: Open) -> None:
    page = open_file("many")
    slowest = page.evaluate(
        """() => {
            const scrubber = document.querySelector('[type=range]');
            const took = [...Array(20).keys()].map(i => {
              const from = performance.now();
              scrubber.value = scrubber.max * ((i * 7) % 20) / 20;
              scrubber.dispatchEvent(new Event('input'));
              document.body.getBoundingClientRect();
              return performance.now() - from;
            });
            return Math.max(...took);
        }"""
    )
    assert slowest < 300


def test_chains_and_several_sessions(open_file: Open) -> None:
    page = open_file("cot", "all-strategies", "odd", "empty")
    buttons = page.get_by_role("navigation").get_by_role("button")
    expect(buttons).to_have_count(13)
    expect(buttons.first).to_have_attribute("aria-current", "true")
    buttons.filter(has_text="titled-chain").click()
    expect(buttons.first).not_to_have_attribute("aria-current", "true")
    expect(page.get_by_role("heading", name="1. Add")).to_be_visible()
    expect(page.get_by_role("heading", name="Final answer")).to_be_visible()
    expect(page.locator(".text.read").first).to_have_text("3 + 6 = 9")
    page.get_by_text("Prompts sent (3)").click()
    expect(page.locator("details[open] pre")).to_have_count(3)


@pytest.mark.parametrize("run", range(5))
def test_odd_text_stays_text(open_file: Open, run: int) -> None:
    page = open_file("odd", "cot")
    page.get_by_role("navigation").get_by_role("button").nth(run).click()
    page.locator("summary").evaluate_all("all => all.forEach(s => s.click())")
    for i in range(tokens(page).count()):
        tokens(page).nth(i).evaluate(
            "t => t.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }))"
        )
    assert page.title() == "Reasoning Playground"
    assert page.locator("img, main script, main b:not(.gauge b, .chip b)").count() == 0
    if run == 0:
        expect(page.locator(".text.read")).to_have_text(HOSTILE)
        expect(tokens(page).nth(2)).to_have_text("€")
        expect(page.locator("h1")).to_have_text("Odd? U+2028")


def test_the_page_may_run_and_load_nothing_else(open_file: Open) -> None:
    page = open_file("cot", hear=False)
    policy = page.locator("meta[http-equiv]").get_attribute("content")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    found = page.evaluate(
        """async () => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = true';
            document.body.append(script);
            document.body.insertAdjacentHTML('beforeend', '<p style="color: red" onclick="window.ran = true">x</p>');
            const paragraph = document.body.lastElementChild;
            paragraph.click();
            const loaded = await fetch('http://127.0.0.1:9/').then(() => true, () => false);
            return [window.ran, getComputedStyle(paragraph).color === 'rgb(255, 0, 0)', loaded];
        }"""
    )
    assert found == [None, False, False]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_appearances_can_be_read(open_file: Open, scheme: str) -> None:
    page = open_file("many", "odd", color_scheme=scheme)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 28)")
    tokens(page).first.hover()
    found = page.evaluate(READABLE)
    assert {name: ratio for name, ratio in found.items() if ratio < 4.5} == {}
    assert violations(page, "html") == []


PARTS = [".quiet", ".mark", ".chip b", ".chip span", ".pop .p", "nav button", ".replay output", ".odd", "h1"]
READABLE = (
    CONTRAST.replace("document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot", "document")
    .replace("'.picture'", "'body'")
    .replace("const out = { paper: paint(behind(root.querySelector('body')))[0] };", "const out = {};")
    .replace("['.head .first'", f"[{str(PARTS)[1:-1]}, '.head .first'")
)


def test_the_address_leads_to_a_run_a_node_and_a_token(open_file: Open) -> None:
    page = open_file("many", "all-strategies")
    tip = page.get_by_role("tooltip")
    tokens(page).nth(4).click()
    assert page.url.endswith("#run=many&node=q%2Fbranch-10&token=5")
    page.evaluate("location.hash = '#run=many&node=q/branch-3&token=42'")
    expect(page.get_by_role("heading", name="Branch 3")).to_be_visible()
    expect(tip).to_contain_text("token 42 of 100")
    expect(page.locator(".text .here")).to_be_in_viewport()
    page.evaluate("location.hash = '#run=run-titled-chain&node=q/step-1&token=2'")
    expect(page.get_by_role("heading", name="1. Add")).to_be_visible()
    expect(tip).to_contain_text("token 2 of ")
    expect(page.locator("details[open] .here")).to_be_in_viewport()
    for place, said in (
        ("run=none", "This file has no run “none”."),
        ("run=many&node=<b>", "This run has no node “<b>”."),
        ("run=many&node=q/branch-3&token=101", "There is no token “101” at “q/branch-3”."),
    ):
        page.evaluate("place => { location.hash = place; }", place)
        expect(page.get_by_role("alert")).to_have_text(said)
    expect(page.get_by_role("heading", level=1)).to_have_text("How many pens?")
    page.reload()
    expect(page.get_by_role("alert")).to_have_text("There is no token “101” at “q/branch-3”.")


def test_a_short_run_is_replayed_slowly_enough_to_be_seen(open_file: Open) -> None:
    page = open_file("many")
    expect(page.get_by_label("Speed")).to_have_value("1")
    page.get_by_label("Speed").select_option("in 10 s")
    page.evaluate("window.requestAnimationFrame = step => { window.frame = step; return 1; }")
    page.get_by_role("button", name="Play").click()
    page.evaluate("const step = window.frame; step(0); window.frame(5000);")
    expect(page.locator("output")).to_contain_text("57.3 of 114.5 s")


def test_no_run_at_all(open_file: Open) -> None:
    expect(open_file("empty").get_by_text("There is no run in this file.")).to_be_visible()
