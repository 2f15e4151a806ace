"""The Compare page in a real browser, with the real engine and the embedded model."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.browser.axe import violations
from tests.browser.test_ask import ENTRY, PATIENCE, QUESTION, Serve, Visit, environment, expect, settled

BOARD = ".st-key-compare-board"
LONG = (
    "Amy has 44 magnets. Amy finds 6 magnets. Amy finds 93 magnets. 50 of them break. Amy loses 13 magnets. "
    "Kara gives Amy 4 more magnets. How many magnets does Amy have now?"
)
HOSTILE = "<b>bold</b> **stars** $x^2$ :red[red] :material/home: [link](https://example.invalid)"

# Of each lane whether it went and how long its text was, whenever the picture changed; it lives in a shadow root.
KEEP_TEXTS = """() => {
    window.seen = [];
    const host = [...document.querySelectorAll('*')].find(e => e.shadowRoot?.querySelector('.board'));
    const look = () => seen.push([...host.shadowRoot.querySelectorAll('.lane')].map(
        lane => [lane.className.includes('going'), lane.querySelector('.text').textContent.length]));
    new MutationObserver(look).observe(host.shadowRoot, {subtree: true, childList: true, attributes: true});
}"""


@pytest.fixture(scope="module")
def app(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    return serve(ENTRY, environment(tmp_path_factory.mktemp("data")))


@pytest.fixture
def page(app: str, visit: Visit) -> Any:
    return opened(visit(f"{app}/compare"))


def opened(page: Any) -> Any:
    page.set_default_timeout(PATIENCE)
    page.get_by_label("Question").wait_for()
    expect(lanes(page).first).to_be_visible()
    settled(page)
    return page


def lanes(page: Any) -> Any:
    return page.locator(f"{BOARD} .lane")


def run_all(page: Any, question: str) -> None:
    page.get_by_label("Question").fill(question)
    page.get_by_label("Question").press("Control+Enter")


def done(page: Any) -> None:
    """Every lane has come to an end."""
    expect(page.locator(f"{BOARD} .lane.over")).to_have_count(lanes(page).count())
    expect(
        page.locator(".st-key-compare-go").get_by_role("button", name=re.compile("^Run all"))
    ).to_be_visible()
    settled(page)


def endless(page: Any) -> None:
    """Two lanes that go on for as long as a test may need."""
    page.get_by_role("button", name="Greedy against sampled").click()
    expect(lanes(page)).to_have_count(2)
    settled(page)
    for number in (1, 2):
        page.get_by_role("button", name=f"Lane {number}").click()
        page.get_by_role("menuitem", name="Change its settings").click()
        form = page.get_by_role("dialog")
        form.get_by_label("Strategy", exact=True).click()
        page.get_by_role("option", name="Self-consistency").click()
        settled(page)
        for label, value in (("n", "100"), ("Max new tokens", "1500")):
            form.get_by_label(label, exact=True).fill(value)
            form.get_by_label(label, exact=True).press("Enter")
            settled(page)
        form.get_by_role("slider", name="Temperature").press("End")
        settled(page)
        form.get_by_role("button", name="Use these settings").click()
        expect(form).to_be_hidden()
        settled(page)


def number(page: Any, label: str, value: str) -> None:
    page.get_by_label(label, exact=True).last.fill(value)
    page.get_by_label(label, exact=True).last.press("Enter")
    settled(page)


def streamed(page: Any, count: int) -> list[int]:
    """The lanes that were seen with text in them while they still went."""
    looks = [look for look in page.evaluate("seen") if len(look) == count]
    return [i for i in range(count) if any(look[i][0] and look[i][1] > 0 for look in looks)]


def test_a_temperature_ladder_streams_is_summed_up_and_reopens(page: Any, visit: Visit) -> None:
    expect(lanes(page)).to_have_count(4)
    number(page, "Runs of each lane", "3")
    page.evaluate(KEEP_TEXTS)
    run_all(page, QUESTION)
    done(page)
    assert streamed(page, 4) == [0, 1, 2, 3]
    # Only the temperature is named, and the summary has a row for each lane.
    for t in ("0", "0.5", "1", "1.5"):
        expect(page.get_by_text(f"Temperature {t}", exact=True).first).to_be_visible()
    table = page.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(5)
    for column in (
        "Answer",
        "Right",
        "Confidence",
        "Calls",
        "Tokens written",
        "Forward passes",
        "Time",
        "Money",
    ):
        expect(table.get_by_role("columnheader", name=column, exact=True)).to_be_visible()
    rows = table.get_by_role("row").all_inner_texts()
    states = lanes(page).all_inner_texts()
    # A reload and a fresh browser profile find the same.
    page.reload()
    opened(page)
    done(page)
    assert page.get_by_role("table").get_by_role("row").all_inner_texts() == rows
    other = opened(visit(page.url))
    done(other)
    assert lanes(other).all_inner_texts() == states
    expect(other.get_by_label("Question")).to_have_value(QUESTION)


def test_six_lanes_with_different_strategies_run_side_by_side(page: Any, visit: Visit) -> None:
    page.get_by_role("button", name="Different strategies").click()
    expect(lanes(page)).to_have_count(6)
    settled(page)
    number(page, "Runs of each lane", "3")
    page.evaluate(KEEP_TEXTS)
    run_all(page, LONG)
    done(page)
    assert len(streamed(page, 6)) >= 5  # a direct answer may be over at once
    states = lanes(page).all_inner_texts()
    assert all("Done, 3 runs" in state for state in states)
    other = opened(visit(page.url))
    done(other)
    assert lanes(other).all_inner_texts() == states
    expect(other.get_by_label("Runs of each lane", exact=True)).to_have_value("3")


def test_one_lane_is_stopped_while_the_other_goes_on_and_is_run_again(page: Any) -> None:
    endless(page)
    run_all(page, QUESTION)
    expect(lanes(page).nth(1)).to_contain_text(re.compile(r"[1-9]\d* tokens?"))
    first, second = lanes(page).nth(0), lanes(page).nth(1)
    page.get_by_role("button", name="Stop", exact=True).nth(1).click()
    expect(second).to_contain_text("Stopped by hand")
    expect(first).to_have_class(re.compile("going"))
    # The one that goes is still there after a reload, and so is what the other had written.
    page.reload()
    opened(page)
    expect(first).to_have_class(re.compile("going"))
    expect(second).to_contain_text("Stopped by hand")
    page.get_by_role("button", name="Rerun", exact=True).click()
    expect(second).to_have_class(re.compile("going"))
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(2)
    page.get_by_role("button", name="Stop all").click()
    expect(page.get_by_text("Stopped by hand")).to_have_count(2)
    done(page)


def test_texts_scroll_together_and_jump_to_where_they_part(page: Any) -> None:
    run_all(page, LONG)
    done(page)
    expect(page.locator(f"{BOARD} .said")).to_contain_text("difference")
    # Boxes so low that every text is longer, as it is with a model that has more to say.
    boxes = page.locator(f"{BOARD} .text")
    boxes.evaluate_all("all => all.forEach(one => { one.style.height = '40px'; })")
    room = boxes.evaluate_all("all => all.map(one => one.scrollHeight - one.clientHeight)")
    assert len(room) == 4
    assert min(room) >= 25, room

    def tops() -> list[int]:
        found: list[int] = boxes.evaluate_all("all => all.map(one => Math.round(one.scrollTop))")
        return found

    def until(wanted: list[int]) -> None:
        give_up = time.monotonic() + 20
        while tops() != wanted:
            assert time.monotonic() < give_up, (tops(), wanted)
            page.wait_for_timeout(20)

    boxes.nth(1).evaluate("one => { one.scrollTop = 25; }")
    until([25, 25, 25, 25])
    # Unlocked, each goes its own way; locked again, what stands side by side stays so.
    page.get_by_label("Scroll together").uncheck()
    boxes.nth(0).evaluate("one => { one.scrollTop = 5; }")
    until([5, 25, 25, 25])
    page.get_by_label("Scroll together").check()
    boxes.nth(0).evaluate("one => { one.scrollTop = 0; }")
    until([0, 20, 20, 20])
    # By button and by key to where they part: marked, and on screen in its box.
    page.get_by_role("button", name="First divergence").click()
    expect(page.locator(f"{BOARD} .said")).to_contain_text("Difference 1 of")
    here = page.locator(f"{BOARD} mark.here")
    expect(here.first).to_be_visible()
    inside = """one => { const box = one.parentElement;
        return one.offsetTop >= box.scrollTop - 1 && one.offsetTop < box.scrollTop + box.clientHeight; }"""
    assert all(mark.evaluate(inside) for mark in here.all())
    boxes.first.press("n")
    expect(page.locator(f"{BOARD} .said")).to_contain_text("Difference 2 of")
    boxes.first.press("p")
    boxes.first.press("p")
    boxes.first.press("d")
    expect(page.locator(f"{BOARD} .said")).to_contain_text("Difference 1 of")
    expect(page.locator(f"{BOARD} .rail i").first).to_be_attached()


def test_repeats_within_an_allowance(page: Any) -> None:
    page.get_by_role("button", name="Greedy against sampled").click()
    expect(lanes(page)).to_have_count(2)
    settled(page)
    number(page, "Runs of each lane", "9")
    page.get_by_role("radio", name="Tokens").click()
    number(page, "Tokens", "60")
    run_all(page, QUESTION)
    done(page)
    for i in range(2):
        expect(lanes(page).nth(i)).to_contain_text("Stopped at its allowance of 60 tokens")
    expect(page.get_by_text("60 of 60 tokens (100 %)")).to_have_count(2)
    # Another of a lane's runs is read, and stays open.
    runs = lanes(page).first.locator(".run")
    expect(runs.nth(1)).to_be_visible()
    runs.first.click()
    expect(runs.first).to_have_attribute("aria-pressed", "true")


def test_text_from_outside_stays_text(page: Any) -> None:
    page.get_by_role("button", name="Greedy against sampled").click()
    expect(lanes(page)).to_have_count(2)
    settled(page)
    run_all(page, HOSTILE)
    done(page)
    page.get_by_label("Question").fill("something else")
    page.get_by_label("Question").press("Tab")
    expect(page.get_by_text(HOSTILE, exact=True).first).to_be_visible()
    assert page.locator("a[href*='example.invalid']").count() == 0
    assert page.locator(f"{BOARD} .text b").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_in_both_appearances(app: str, visit: Visit, scheme: str) -> None:
    page = opened(visit(f"{app}/compare", color_scheme=scheme))
    page.get_by_role("button", name="Greedy against sampled").click()
    expect(lanes(page)).to_have_count(2)
    settled(page)
    number(page, "Runs of each lane", "2")
    page.get_by_role("button", name="Draw a puzzle").click()
    expect(page.get_by_label("Question")).not_to_have_value("")
    settled(page)
    page.get_by_role("button", name=re.compile("^Run all")).click()
    done(page)
    expect(page.get_by_text("Accuracy against cost")).to_be_visible()
    assert violations(page, BOARD) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
