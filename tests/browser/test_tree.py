"""The tree picture in a browser: selecting, re-rooting, keys, the scrubber, c, growth, both appearances."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.axe import violations

PATIENCE = 60_000
PAGE = Path(__file__).with_name("tree_page.py")
MAIN = "[data-testid=stMain]"
Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def address(browser: Any, serve: Callable[..., str]) -> str:
    return serve(PAGE)


@pytest.fixture
def show(address: str, visit: Visit) -> Visit:
    """`show("hand")` opens the page with that run; messages to the server are counted in `page.sent`."""

    def open_view(name: str, more: str = "", **options: Any) -> Any:
        page = visit("about:blank", **options)
        page.sent = []
        # playwright cannot take a list's own method as a listener.
        page.on("websocket", lambda socket: socket.on("framesent", lambda frame: page.sent.append(frame)))  # noqa: PLW0108
        page.set_default_timeout(PATIENCE)
        page.goto(f"{address}/?show={name}{more}")
        page.locator(".tree").first.wait_for()
        settled(page)
        return page

    return open_view


def expect(thing: Any) -> Any:
    from playwright.sync_api import expect as playwright_expect

    playwright_expect.set_options(timeout=PATIENCE)
    return playwright_expect(thing)


def settled(page: Any) -> None:
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def box(page: Any, label: str) -> Any:
    return page.get_by_role("treeitem", name=re.compile(rf"^\w+: {re.escape(label)}(,|$)"))


def selected(page: Any) -> Any:
    return page.locator(".box[aria-selected=true]")


def panel(page: Any) -> Any:
    return page.locator(".panel")


def moment(page: Any) -> Any:
    return page.get_by_role("slider", name="Moment of the run")


def exploration(page: Any) -> Any:
    return page.get_by_role("slider", name=re.compile("^c: "))


# ------------------------------------------------------------------------------------------ looking


def test_boxes_say_in_words_what_they_show(show: Visit) -> None:
    page = show("hand")
    expect(page.get_by_role("treeitem")).to_have_count(5)
    expect(box(page, "second way")).to_have_attribute(
        "aria-label",
        "thought: second way, answer 24, 1 visit, mean value 0.50, chosen, on the best path, where UCT goes",
    )
    expect(box(page, "left turn")).to_have_attribute(
        "aria-label",
        "thought: left turn, 1 visit, mean value 0.00, PRM 0.25, pruned: 24 can no longer be reached",
    )
    expect(box(page, "right turn")).to_have_attribute("aria-label", "thought: right turn, not visited")
    levels = page.get_by_role("treeitem").evaluate_all("all => all.map(b => b.getAttribute('aria-level'))")
    assert levels == ["1", "2", "3", "3", "2"]
    sizes = page.locator(".bead").evaluate_all("all => all.map(b => b.getBoundingClientRect().width)")
    assert sizes[0] > sizes[1] > sizes[4] > sizes[3]


def test_a_click_selects_and_the_panel_shows_the_numbers(show: Visit) -> None:
    page = show("hand")
    box(page, "first way").click()
    expect(selected(page)).to_have_count(1)
    expect(panel(page)).to_contain_text("first way")
    expect(panel(page).locator(".numbers")).to_have_text(
        "N2 visitsQ0.50 mean of the values backed up through it"
    )
    lines = panel(page).get_by_role("listitem")
    # Q 0.5 both; √(ln 3 / 1) and √(ln 3 / 2).
    expect(lines).to_have_text([re.compile(r"second way\s*1\.55"), re.compile(r"first way\s*1\.24")])
    widths = lines.nth(1).locator("i").evaluate_all("all => all.map(i => i.getBoundingClientRect().width)")
    assert widths[1] / widths[0] == pytest.approx(0.741 / 0.5, abs=0.05)
    box(page, "left turn").click()
    expect(panel(page)).to_contain_text("pruned: 24 can no longer be reached")
    expect(panel(page)).to_contain_text("PRM0.25 probability that the step is right")


def test_colours_follow_the_chosen_measure(show: Visit) -> None:
    page = show("beam")
    values = page.locator(".box .value")
    expect(page.get_by_label("Colour")).to_have_value("value")
    expect(values.nth(1)).to_have_text("0.00")
    expect(values.nth(5)).to_have_text("80")
    page.get_by_label("Colour").select_option("logprob")
    expect(values.nth(5)).to_have_text("−2.00")
    expect(page.locator(".scale")).to_contain_text("−2.00")
    expect(page.locator(".scale")).to_contain_text("nats")


def test_votes_are_folded_into_a_number_and_shown_when_asked_for(show: Visit) -> None:
    page = show("beam")
    expect(page.get_by_role("treeitem")).to_have_count(7)
    expect(page.locator(".box .aside").nth(1)).to_have_text("+3")
    box(page, "13 − 4 = 9").click()
    panel(page).get_by_role("button", name="Show 3 votes").click()
    expect(page.get_by_role("treeitem")).to_have_count(10)
    page.locator(".box .aside").nth(1).click()
    expect(page.get_by_role("treeitem")).to_have_count(7)


def test_a_long_text_is_fetched_whole_and_its_tokens_can_be_opened(show: Visit) -> None:
    page = show("beam")
    page.get_by_role("treeitem").last.click()
    expect(panel(page).locator(".text")).to_contain_text("w119")
    panel(page).get_by_role("button", name="Its tokens").click()
    expect(page.get_by_text("tokens of: q/4/end")).to_be_visible()
    link = panel(page).get_by_role("link", name="Link").get_attribute("href")
    assert link.endswith("/explore?run=search&node=q%2F4%2Fend")


# --------------------------------------------------------------------------------------- walking about


def test_a_double_click_makes_a_root_and_the_breadcrumb_leads_back(show: Visit) -> None:
    page = show("hand")
    box(page, "first way").dblclick()
    expect(page.get_by_role("treeitem")).to_have_count(3)
    trail = page.get_by_label("From the root to here")
    expect(trail).to_have_text("Make 24›first way")
    trail.get_by_role("button", name="Make 24").click()
    expect(page.get_by_role("treeitem")).to_have_count(5)
    expect(trail).to_be_hidden()
    expect(selected(page)).to_have_attribute("aria-label", re.compile("first way"))


def test_the_keyboard_walks_re_roots_and_comes_back(show: Visit) -> None:
    page = show("hand")
    box(page, "Make 24").focus()

    def press(key: str) -> Any:
        page.keyboard.press(key)
        return page.locator(".box:focus")

    expect(press("ArrowRight")).to_have_attribute("aria-label", re.compile("^thought: first way, 2 visits"))
    expect(press("ArrowDown")).to_have_attribute("aria-label", re.compile("second way"))
    expect(press("ArrowUp")).to_have_attribute("aria-label", re.compile("first way, 2"))
    expect(press("ArrowRight")).to_have_attribute("aria-label", re.compile("left"))
    expect(press("ArrowDown")).to_have_attribute("aria-label", re.compile("right"))
    expect(press("ArrowDown")).to_have_attribute("aria-label", re.compile("right"))  # there is none below
    expect(press("ArrowLeft")).to_have_attribute("aria-label", re.compile("first way, 2"))
    expect(press("Enter")).to_have_attribute("aria-label", re.compile("first way, 2"))
    expect(page.get_by_role("treeitem")).to_have_count(3)
    expect(press("Escape")).to_have_attribute("aria-label", re.compile("first way, 2"))
    expect(page.get_by_role("treeitem")).to_have_count(5)
    expect(press("Home")).to_have_attribute("aria-label", re.compile("Make 24"))
    assert page.locator(".box[tabindex='0']").count() == 1


def test_what_is_folded_unfolds_by_click_and_by_key(show: Visit) -> None:
    page = show("wide")
    more = page.locator(".box.more")
    expect(more).to_have_count(1)
    expect(page.get_by_role("treeitem", name=re.compile("It is 80"))).to_have_count(
        1
    )  # the answer's path stays
    expect(more).to_have_attribute("aria-label", re.compile("^50 more nodes in 50 subtrees, more than fit"))
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("treeitem")).to_have_count(91)
    expect(more).to_have_count(0)
    expect(page.locator(".box:focus")).to_have_count(1)
    expect(page.locator(".box:focus")).to_be_in_viewport()


def test_small_subtrees_are_folded(show: Visit) -> None:
    page = show("search", "&nodes=400")
    folded = page.get_by_role("treeitem").count()
    expect(page.locator(".box.more").first).to_have_attribute(
        "aria-label", re.compile("less than 1 % of the visits")
    )
    page.get_by_role("checkbox", name="Fold").uncheck()
    expect(page.get_by_role("treeitem")).to_have_count(401)
    page.get_by_role("checkbox", name="Fold").check()
    expect(page.get_by_role("treeitem")).to_have_count(folded)
    page.get_by_role("button", name="Fit the whole tree").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_link_leads_to_its_node(show: Visit) -> None:
    page = show("target")
    expect(selected(page)).to_have_attribute("aria-level", "3")
    expect(selected(page)).to_be_in_viewport()


# ---------------------------------------------------------------------------------- back and forth in time


def test_the_scrubber_goes_through_the_phases_of_every_round(show: Visit) -> None:
    page = show("hand")
    words = page.locator(".scrubber .moment")
    expect(words).to_have_text("Round 3 of 3, back up: 0.00 is added to “left turn” and all above")
    sent = len(page.sent)
    moment(page).focus()
    page.keyboard.press("Home")
    expect(words).to_have_text("Before the first of 3 rounds")
    expect(page.get_by_role("treeitem")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(words).to_have_text("Round 1 of 3, select: the walk ends at “Make 24”")
    page.keyboard.press("ArrowRight")
    expect(words).to_have_text("Round 1 of 3, expand: “Make 24” gets its children")
    expect(page.get_by_role("treeitem")).to_have_count(3)
    page.get_by_role("button", name="One on").click()
    expect(words).to_have_text("Round 1 of 3, simulate: from “first way” on it is worth 1.00")
    expect(page.locator(".box.active")).to_have_attribute("data-phase", "simulate")
    expect(box(page, "first way")).to_have_attribute("aria-label", re.compile("way$|way, PRM"))
    page.get_by_role("button", name="One on").click()
    expect(box(page, "first way")).to_have_attribute("aria-label", re.compile("1 visit, mean value 1.00"))
    expect(box(page, "second way")).not_to_have_attribute("aria-label", re.compile("chosen"))
    page.get_by_role("button", name="Next round").click()
    expect(words).to_have_text(re.compile("Round 2 of 3, back up: 0.50"))
    page.get_by_role("button", name="Next round").click()
    expect(page.get_by_role("treeitem")).to_have_count(5)
    expect(box(page, "second way")).to_have_attribute("aria-label", re.compile("chosen"))
    assert len(page.sent) == sent


def test_play_goes_on_by_itself_and_stops_at_the_end(show: Visit) -> None:
    page = show("hand")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator(".scrubber .moment")).to_contain_text("Round 2 of 3")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    expect(page.locator(".scrubber .moment")).to_contain_text("Round 3 of 3, back up")


def test_without_rounds_the_scrubber_goes_through_the_nodes(show: Visit) -> None:
    page = show("beam")
    moment(page).focus()
    page.keyboard.press("Home")
    expect(page.get_by_role("treeitem")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".scrubber .moment")).to_have_text("2 nodes of 22: “13 − 4 = 9” opens")
    expect(page.get_by_role("treeitem")).to_have_count(2)
    expect(exploration(page)).to_be_hidden()


def test_c_changes_where_uct_goes_without_asking_the_server(show: Visit) -> None:
    page = show("hand")
    words = page.locator(".goes")
    expect(words).to_have_text("At c = 1.00 the walk goes: “second way”. No round followed.")
    sent = len(page.sent)
    exploration(page).focus()
    page.keyboard.press("Home")
    expect(words).to_have_text("At c = 0.00 the walk goes: “first way” › “right turn”. No round followed.")
    expect(box(page, "right turn")).to_have_class(re.compile(r"\bwalk\b"))
    # In the second round the search went to b, as any c would: b had not been visited.
    moment(page).focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(words).to_have_text("At c = 0.00 the walk goes: “first way”. Round 3 went the same way.")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(words).to_have_text("At c = 0.00 the walk goes: “second way”. Round 2 went the same way.")
    assert len(page.sent) == sent


def test_another_c_goes_another_way_than_the_search_did(show: Visit) -> None:
    page = show("search", "&nodes=200")
    words = page.locator(".goes")
    exploration(page).focus()
    page.keyboard.press("End")
    moment(page).focus()
    for _ in range(60):
        page.keyboard.press("ArrowLeft")
        if "another way" in words.text_content():
            break
    expect(words).to_contain_text(re.compile(r"Round \d+ went another way, to “"))
    expect(page.locator(".c")).to_contain_text("the run's: 1.40")


# --------------------------------------------------------------------------------------------- growth


def test_growth_keeps_selection_place_and_focus(show: Visit) -> None:
    page = show("grow")
    before = page.get_by_role("treeitem").count()
    page.get_by_role("treeitem").nth(4).click()
    label = page.locator(".box:focus .label").text_content()
    key = selected(page).get_attribute("data-key")
    at = selected(page).bounding_box()
    for count in (210, 270, 330):
        page.get_by_role("button", name="More").evaluate("button => button.click()")
        expect(page.get_by_text(f"events: {count}")).to_be_visible()
        settled(page)
    page.wait_for_function(f"() => document.querySelector('{MAIN}') !== null")
    expect(selected(page)).to_have_attribute("data-key", key)
    expect(page.locator(".box:focus .label")).to_have_text(label)
    now = selected(page).bounding_box()
    assert now["y"] == pytest.approx(at["y"], abs=2)
    assert page.get_by_role("treeitem").count() + page.locator(".box.more").count() > before


def test_growth_keeps_the_root_and_the_moment(show: Visit) -> None:
    page = show("grow", "&first=300")
    page.get_by_role("treeitem").nth(1).dblclick()
    trail = page.get_by_label("From the root to here")
    crumbs = trail.text_content()
    page.get_by_role("button", name="Previous round").click()
    words = page.locator(".scrubber .moment").text_content()
    page.get_by_role("button", name="More").click()
    expect(page.get_by_text("events: 360")).to_be_visible()
    expect(trail).to_have_text(crumbs)
    expect(page.locator(".scrubber .moment")).to_have_text(re.compile(words.split(" of ")[0]))


def test_a_message_that_got_lost_is_made_up_for(show: Visit) -> None:
    page = show("grow")
    words = page.locator(".scrubber .moment")
    page.get_by_role("button", name="Lose").click()
    expect(page.get_by_text("events: 210")).to_be_visible()
    rounds = words.text_content()
    page.get_by_role("button", name="More").click()
    expect(page.get_by_text("events: 270")).to_be_visible()
    expect(words).not_to_have_text(rounds)


# ------------------------------------------------------------------------------------------ everybody


def test_text_from_outside_stays_text(show: Visit) -> None:
    page = show("hostile")
    page.get_by_role("treeitem").nth(1).click()
    expect(panel(page)).to_contain_text("<img src=x")
    assert page.locator(".tree img").count() == 0
    assert page.evaluate("window.hacked") is None


def test_an_empty_tree_says_so(show: Visit) -> None:
    page = show("empty")
    expect(page.get_by_text("The tree is still empty.")).to_be_visible()
    expect(page.locator(".window")).to_be_hidden()


@pytest.mark.parametrize("width", [1000, 1280, 1900])
def test_nothing_runs_off_the_right_side(show: Visit, width: int) -> None:
    page = show("search", "&nodes=300", viewport={"width": width, "height": 900})
    page.get_by_role("treeitem").nth(5).click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    edges = page.locator(".tree, .tree .window, .tree .panel, .tree .scrubber, .tree .tools").evaluate_all(
        "all => all.map(part => part.getBoundingClientRect().right)"
    )
    assert max(edges) <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("run", ["hand", "beam"])
def test_axe_finds_nothing_serious(show: Visit, scheme: str, run: str) -> None:
    page = show(run, color_scheme=scheme)
    page.get_by_role("treeitem").nth(1).click()
    assert violations(page, MAIN) == []
    page.keyboard.press("Enter")
    expect(page.get_by_label("From the root to here")).to_be_visible()
    assert violations(page, MAIN) == []
