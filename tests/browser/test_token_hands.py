"""What a person does in the token picture with mouse, finger and keys: forking, moving the answer's frame; and
whether everybody can: axe in both appearances."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.axe import violations
from tests.browser.token_show import PAGE, Serve, Show, Visit, expect, middle, opener, rows, tokens, told

PICTURE = "[data-testid=stBidiComponentIsolated]"


@pytest.fixture(scope="module")
def address(browser: Any, serve: Serve) -> str:
    return serve(PAGE)


@pytest.fixture
def show(address: str, visit: Visit) -> Show:
    return opener(address, visit)


def buttons(page: Any) -> Any:
    return page.locator(".pop button")


def shown_delta(page: Any, row: int) -> str:
    text: str = rows(page).nth(row).locator(".delta .value").inner_text()
    return text


def drag(page: Any, grip: Any, x: float, y: float) -> None:
    """Take hold of an end of a frame and pull it over (x, y); it is still held."""
    page.mouse.move(*middle(grip.bounding_box()))
    page.mouse.down()
    page.mouse.move(x, y, steps=5)


def early(cell: Any) -> tuple[float, float]:
    box = cell.bounding_box()
    return box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2


def late(cell: Any) -> tuple[float, float]:
    box = cell.bounding_box()
    return box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2


# ------------------------------------------------------------------------------------------------ forks


def test_a_click_on_a_hovered_alternative_forks(show: Show) -> None:
    page = show("forks")
    tokens(page).nth(2).hover()
    expect(page.locator(".pop.reach")).to_be_visible()
    expect(page.locator(".pop .hint")).to_contain_text("Click to fork here")
    expect(page.locator(".pop .chosen")).to_have_attribute("title", '" is" was written')
    expect(buttons(page)).to_have_count(9)
    buttons(page).nth(1).click()
    expect(told(page, "forks")).to_have_text("forks: 1")
    expect(told(page, "forked now")).to_have_text(
        "forked now: Selection(run='main', node='q/a', index=2, alternative=2)"
    )
    expect(page.locator(".pop")).to_be_hidden()
    # The new row is looked at; the old one stays.
    expect(rows(page)).to_have_count(4)
    expect(rows(page).nth(3)).to_have_attribute("aria-selected", "true")
    expect(rows(page).nth(3)).to_have_attribute(
        "aria-label", re.compile("^fork F1, forked from branch 1 at token 3, writing")
    )
    expect(page.get_by_role("group", name="Your forks").get_by_role("option")).to_have_count(1)
    expect(page.locator(".text")).to_have_text("So it other1 f0")
    # Other reruns fork no more, and the fork grows.
    page.get_by_role("button", name="Again").click()
    expect(told(page, "forked now")).to_have_text("forked now: None")
    expect(told(page, "forks")).to_have_text("forks: 1")
    expect(page.locator(".text")).to_have_text("So it other1 f0 f1 f2")
    expect(page.locator(".sums")).to_contain_text("Σ Δ 1.70 2 branches", use_inner_text=True)


def test_the_same_alternative_twice_gives_two_forks(show: Show) -> None:
    page = show("forks")
    for n in (1, 2):
        rows(page).first.locator(".number").click()
        tokens(page).nth(1).click()
        buttons(page).first.click()
        expect(told(page, "forks")).to_have_text(f"forks: {n}")
    expect(rows(page).nth(4)).to_have_attribute(
        "aria-label", re.compile("^fork F2, forked from branch 1 at token 2")
    )


def test_f_forks_by_keyboard_and_a_fork_can_be_forked(show: Show) -> None:
    page = show("forks")
    page.get_by_label("margin", exact=True).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("f")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(buttons(page).first).to_be_focused()
    expect(buttons(page).first).to_have_attribute("aria-label", 'Fork here with " other0", p 0.005')
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(told(page, "forks")).to_have_text("forks: 1")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(rows(page).nth(3)).to_be_focused()
    expect(page.locator("[aria-live]")).to_have_text('Forking branch 1 at token 2 with " other1"')
    page.get_by_role("button", name="Again").click()
    expect(rows(page).nth(3).locator(".track i")).to_have_count(5)
    rows(page).nth(3).focus()
    for key in ("End", "f", "Enter"):
        page.keyboard.press(key)
    expect(told(page, "forked now")).to_have_text(
        "forked now: Selection(run='fork-0', node='q/fork', index=4, alternative=1)"
    )
    expect(rows(page).nth(4)).to_have_attribute(
        "aria-label", re.compile("^fork F2, forked from fork F1 at token 5")
    )
    expect(rows(page).nth(4).locator(".tick")).to_be_visible()


def test_alternatives_stay_while_a_fork_of_a_long_run_is_written(show: Show) -> None:
    """They are not sent then, so that the fork can be sent often."""
    page = show("forks", "&of=long")
    tokens(page).first.click()
    buttons(page).first.click()
    expect(rows(page).nth(10)).to_have_attribute("aria-label", re.compile("writing"))
    tokens(page).nth(1).click()
    expect(page.locator(".pop .none")).to_have_text("The alternatives come when the run has ended.")
    rows(page).nth(1).locator(".number").click()
    tokens(page).nth(1).click()
    expect(buttons(page)).to_have_count(9)


def test_two_forks_asked_for_before_python_runs_are_both_begun(show: Show) -> None:
    page = show("forks")
    expect(rows(page)).to_have_count(3)
    page.evaluate(
        """() => {
            const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
            for (const i of [1, 2, 3]) {
              root.querySelectorAll('.text .t')[i].click();
              root.querySelector('button.alternative').click();
            }
        }"""
    )
    expect(told(page, "forks")).to_have_text("forks: 3")
    page.get_by_role("button", name="Again").click()
    expect(rows(page).nth(3)).to_have_attribute("aria-label", re.compile("^fork F1, .* at token 2"))
    expect(rows(page).nth(4)).to_have_attribute("aria-label", re.compile("^fork F2, .* at token 3"))
    expect(rows(page).nth(5)).to_have_attribute("aria-label", re.compile("^fork F3, .* at token 4"))
    expect(told(page, "forks")).to_have_text("forks: 3")


def test_escape_leaves_the_alternatives_without_a_fork(show: Show) -> None:
    page = show("forks")
    tokens(page).nth(2).click()
    page.locator(".text").focus()
    page.keyboard.press("f")
    expect(buttons(page).first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".pop")).to_be_hidden()
    expect(page.locator(".text")).to_be_focused()
    expect(told(page, "forks")).to_have_text("forks: 0")


# ----------------------------------------------------------------------------------------------- frames


def test_dragging_in_the_text_counts_delta_at_once_and_python_agrees(show: Show) -> None:
    page = show("forks")
    expect(page.locator(".text .t.in")).to_have_text(" 3")
    drag(page, page.locator(".text .grip.start"), *middle(tokens(page).nth(1).bounding_box()))
    # While it is held: Δ = (0.985 + 0.4 + 0.9985) / 3, the other number stays, Python has heard nothing.
    expect(rows(page).first.locator(".delta .value")).to_have_text("0.794")
    expect(page.locator(".title")).to_contain_text(
        "Δ 0.794 over the frame moved by hand, 0.900 where it was found · 0.500 over the whole text"
    )
    expect(page.locator(".text .t.in")).to_have_text([" it", " is", " 3"])
    expect(told(page, "spans")).to_have_text("spans: {}")
    page.mouse.up()
    # Let go: Python has it, with the same digits; sums and ranking follow.
    expect(told(page, "spans")).to_have_text("spans: {'main:q/a': (1, 4)}")
    expect(told(page, "deltas")).to_have_text("deltas: ['0.800', '0.794', '0.200']")
    expect(told(page, "rows")).to_have_text("rows: ['q/b', 'q/a', 'q/c']")
    expect(rows(page).nth(1)).to_have_attribute("aria-selected", "true")
    expect(rows(page).nth(1)).to_have_attribute(
        "aria-label",
        re.compile("^branch 2, chosen, answer 3, group A, delta 0.794 in a frame moved by hand, 0.900"),
    )
    expect(page.locator(".sums")).to_contain_text("Σ Δ 1.59")
    expect(page.locator(".sums")).to_contain_text("frames moved by hand")
    page.get_by_role("button", name="Back to where it was found").click()
    expect(told(page, "spans")).to_have_text("spans: {}")
    expect(rows(page).first.locator(".delta .value")).to_have_text("0.900")
    expect(page.locator(".sums")).to_contain_text("Σ Δ 1.70")


def test_a_moved_frame_says_what_it_covers_and_the_answer_stays(show: Show) -> None:
    page = show("forks")
    chip = rows(page).first.locator(".said")
    expect(chip).to_have_text("3")
    page.locator(".text").focus()
    page.keyboard.press("[")
    expect(chip).to_have_text("“is␣3”")
    expect(chip).to_have_attribute("title", "Your frame covers “is 3”; the answer of this branch is 3")
    expect(page.locator(".title")).to_contain_text("answer 3 · your frame covers “is 3”")
    expect(told(page, "spans")).to_have_text("spans: {'main:q/a': (2, 4)}")
    moved = rows(page).nth(1)
    expect(moved).to_have_attribute("aria-label", re.compile('answer 3, group A, .*the frame covers "is 3"'))
    expect(page.locator(".sums")).to_contain_text("2 branches")
    page.get_by_role("button", name="Back to where it was found").click()
    expect(chip).to_have_text("3")


def test_dragging_over_the_cells_keeps_one_token_and_escape_puts_it_back(show: Show) -> None:
    page = show("forks")
    row = rows(page).nth(1)
    row.locator(".number").click()
    cells = row.locator(".track i")
    end = row.locator(".grip.end")
    drag(page, end, *early(cells.first))
    expect(page.locator(".text .t.in")).to_have_text([" 3"])
    page.mouse.move(*late(cells.nth(4)))
    expect(page.locator(".text .t.in")).to_have_text([" 3", "."])
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".text .t.in")).to_have_text([" 3"])
    expect(told(page, "spans")).to_have_text("spans: {}")
    drag(page, row.locator(".grip.start"), *early(cells.nth(2)))
    page.mouse.move(*late(cells.first))
    held = shown_delta(page, 1)
    page.mouse.up()
    expect(told(page, "spans")).to_have_text("spans: {'main:q/b': (1, 4)}")
    expect(told(page, "deltas")).to_contain_text(f"'{held}'")


def test_a_finger_moves_the_frame(show: Show) -> None:
    page = show("forks", has_touch=True)
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        finger.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]}
        )

    there = middle(tokens(page).nth(2).bounding_box())
    touch("touchStart", middle(page.locator(".text .grip.start").bounding_box()))
    touch("touchMove", there)
    expect(page.locator(".text .t.in")).to_have_text([" is", " 3"])
    touch("touchEnd")
    expect(told(page, "spans")).to_have_text("spans: {'main:q/a': (2, 4)}")


def test_keys_move_both_ends(show: Show) -> None:
    page = show("forks")
    page.get_by_label("margin", exact=True).focus()
    page.keyboard.press("Tab")
    framed = page.locator(".text .t.in")
    for key, texts in (
        ("[", [" is", " 3"]),
        ("}", [" is", " 3", "."]),
        ("]", [" 3", "."]),
        ("{", [" 3"]),
        ("{", [" 3"]),
        ("[", [" is", " 3"]),
    ):
        page.keyboard.press(key)
        expect(framed).to_have_text(texts)
    expect(page.locator("[aria-live]")).to_have_text('The answer starts with token 3: " is", delta 0.699')
    expect(told(page, "spans")).to_have_text("spans: {'main:q/a': (2, 4)}")
    expect(told(page, "deltas")).to_have_text("deltas: ['0.800', '0.699', '0.200']")
    expect(rows(page).nth(1)).to_be_focused()
    end = page.get_by_role("slider", name="End of the answer")
    end.focus()
    page.keyboard.press("ArrowRight")
    expect(end).to_be_focused()
    expect(end).to_have_attribute("aria-valuetext", 'token 5: "."')
    expect(told(page, "spans")).to_have_text("spans: {'main:q/a': (2, 5)}")


def test_a_moved_frame_outlives_the_picture(show: Show) -> None:
    page = show("forks")
    page.locator(".text").focus()
    page.keyboard.press("[")
    expect(told(page, "spans")).to_have_text("spans: {'main:q/a': (2, 4)}")
    hide = page.get_by_text("Hide")
    hide.click()
    expect(page.locator(".picture")).to_have_count(0)
    hide.click()
    expect(page.locator(".text .t.in")).to_have_text([" is", " 3"])
    expect(told(page, "spans")).to_have_text("spans: {'main:q/a': (2, 4)}")
    expect(told(page, "deltas")).to_have_text("deltas: ['0.800', '0.699', '0.200']")


def test_a_strip_has_frames_too(show: Show) -> None:
    page = show("strip")
    page.get_by_label("Text of a").focus()
    page.keyboard.press("[")
    expect(told(page, "spans")).to_have_text("spans: {':q/a': (2, 4)}")
    expect(told(page, "deltas")).to_have_text("deltas: ['0.200', '0.800', '0.699']")


# ------------------------------------------------------------------------------------------------ links


def test_a_target_is_gone_to_once_and_every_token_has_a_link(show: Show) -> None:
    page = show("links")
    pop = page.get_by_role("dialog")
    expect(pop).to_contain_text("token 4 of 5")
    expect(rows(page).nth(1)).to_have_attribute("aria-selected", "true")
    expect(rows(page).nth(1)).to_be_focused()
    link = pop.get_by_role("link", name="Copy link to this token")
    expect(link).to_have_attribute("href", re.compile(r"/runs\?run=main&node=q%2Fb&token=4$"))
    expect(page.locator(".title .link")).to_have_attribute("href", re.compile(r"/runs\?run=main&node=q%2Fb$"))
    page.keyboard.press("Escape")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    page.get_by_role("button", name="Again").click()
    expect(rows(page).first).to_have_attribute("aria-selected", "true")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    rows(page).first.focus()
    page.keyboard.press("l")
    expect(page.locator("[aria-live]")).to_have_text("Link to token 1 of branch 1 copied")
    assert page.evaluate("navigator.clipboard.readText()").endswith("/runs?run=main&node=q%2Fa&token=1")


def test_a_target_that_is_not_there_is_left_alone(show: Show) -> None:
    page = show("links", "&token=6")
    expect(rows(page)).to_have_count(3)
    expect(page.get_by_role("dialog")).to_have_count(0)


# ----------------------------------------------------------------------------------------- for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["forks", "odd", "strip", "text", "links"])
def test_axe_finds_nothing_serious(show: Show, name: str, scheme: str) -> None:
    page = show(name, color_scheme=scheme)
    if name != "text":
        page.locator(".text").first.focus()
        page.keyboard.press("[")
        tokens(page).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
    if name == "forks":
        buttons(page).first.click()
        expect(rows(page)).to_have_count(4)
        tokens(page).nth(1).click()
        expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page, PICTURE) == []


def test_axe_looks_into_the_picture(show: Show) -> None:
    page = show("three")
    page.locator(".picture .title").first.evaluate("title => title.append(document.createElement('button'))")
    [only] = violations(page, PICTURE)
    assert only.startswith("button-name: ")
