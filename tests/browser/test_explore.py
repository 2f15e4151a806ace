"""The Explore page in a real browser: replayed without a model, run again, forked, linked to, and read by everybody."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.browser.axe import violations
from tests.browser.saved_runs import PENS, ask, cut, fill, latest
from tests.browser.test_ask import (
    ENTRY,
    KEEP_SIGHTS,
    PATIENCE,
    engine_pids,
    environment,
    expect,
    settled,
)
from tests.exchange.samples import HOSTILE

Serve = Callable[..., str]
Visit = Callable[..., Any]


@dataclass(frozen=True)
class App:
    """A server with saved runs: of a scripted model (run1 …), which no server can load, and of the embedded one."""

    address: str
    cot: str
    interrupted: str
    chain: str

    def at(self, query: str = "") -> str:
        return f"{self.address}/explore{query and '?'}{query}"


@pytest.fixture(scope="module")
def app(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> App:
    folder = tmp_path_factory.mktemp("data")
    env = environment(folder)
    fill(folder)
    ask(env, PENS, "--strategy", "cot-decoding", "--k", "4", "--gold", "10")
    ask(env, PENS, "--strategy", "titled-chain")
    cot, chain = latest(folder, "cot-decoding"), latest(folder, "titled-chain")
    interrupted = cut(folder, cot, 40)
    return App(serve(ENTRY, env), cot, interrupted, chain)


@pytest.fixture
def show(app: App, visit: Visit) -> Callable[..., Any]:
    """`show("run=…")` opens the page there."""

    def show(query: str = "", **options: Any) -> Any:
        return opened(visit(app.at(query), **options))

    return show


# A click aimed at a place from which the last pieces of the page push its target away hits something else.
AT_REST = """() => {
  const app = document.querySelector("[data-testid=stApp]")?.dataset;
  const rests = app?.testScriptState === "notRunning" && !document.querySelector("[data-testid=stSkeleton]");
  window.restsSince = rests ? (window.restsSince ?? performance.now()) : undefined;
  return rests && performance.now() - window.restsSince > 200;
}"""


def opened(page: Any) -> Any:
    page.set_default_timeout(PATIENCE)
    page.get_by_role("heading", name="Explore", level=1).wait_for()
    page.wait_for_function(AT_REST)
    return page


def rows(page: Any) -> Any:
    return page.get_by_role("listbox", name="Branches").get_by_role("option")


def cells(page: Any) -> int:
    count: int = page.locator(".list .track i").count()
    return count


def pop(page: Any) -> Any:
    return page.get_by_role("dialog")


def token(page: Any, i: int, text: int = 0) -> Any:
    return page.locator(".text").nth(text).locator(".t").nth(i)


# ---------------------------------------------------------------------------------------------- no model


def test_a_session_is_chosen_and_everything_is_seen_without_any_model(app: App, show: Any) -> None:
    page = show()
    page.get_by_role("button", name="How many shells?").click()
    expect(page.get_by_role("heading", name="How many shells?")).to_be_visible()
    expect(page).to_have_url(app.at("session=run1"))
    expect(page.get_by_text("CoT-decoding on scripted, seed 0")).to_be_visible()
    expect(rows(page)).to_have_count(3)
    for tab, text in (
        ("Tokens", "Copy link"),
        ("Tree", "nodes, as they stood at the end"),
        ("Prompts sent", "exact text"),
        ("Raw events", "One JSON object a line"),
    ):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_text(text).first).to_be_visible()
    # Its model is none that could be loaded: nothing offers a fork.
    page.get_by_role("tab", name="Branches").click()
    token(page, 1).click()
    expect(pop(page)).to_be_visible()
    expect(pop(page).get_by_role("button")).to_have_count(0)
    assert engine_pids(app.address) == []


def test_it_replays_at_every_speed_and_stops_at_the_end(app: App, show: Any) -> None:
    page = show("run=run1")
    expect(rows(page)).to_have_count(3)
    whole = cells(page)
    for speed in ("8×", "in 10 s"):
        page.get_by_text(speed, exact=True).click()
        settled(page)
        page.evaluate(KEEP_SIGHTS)
        page.get_by_role("button", name="Replay").click()
        page.wait_for_function("window.sights.some(sight => sight.includes('Replay: '))")
        expect(page.get_by_text("500 such questions")).to_be_visible()
        expect(page.get_by_role("button", name="Replay")).to_be_visible()
        expect(page.locator(".list .track i")).to_have_count(whole)
    assert engine_pids(app.address) == []


def test_the_scrubber_goes_to_any_moment_by_keyboard(app: App, show: Any) -> None:
    page = show("run=run3")
    expect(page.get_by_text("Final answer")).to_be_visible()
    scrubber = page.get_by_role("slider", name="Seconds into the run")
    scrubber.press("Home")
    expect(page.get_by_text("Replay: 0.00 s of")).to_be_visible()
    expect(page.get_by_text("The first step has not begun yet.")).to_be_visible()
    scrubber.press("End")
    expect(page.get_by_text("500 such questions")).to_be_visible()
    expect(page.get_by_text("Final answer")).to_be_visible()
    assert engine_pids(app.address) == []


# ----------------------------------------------------------------------------------------------- links


def test_a_link_to_a_token_opens_its_tab_row_and_alternatives(app: App, show: Any, visit: Visit) -> None:
    page = show(f"run={app.cot}&node=q/branch-3&token=3")
    expect(pop(page)).to_contain_text("token 3 of ")
    expect(page.locator(".list .row.selected")).to_have_count(1)
    expect(page.locator(".list .row.selected .cursor")).to_be_visible()
    expect(page.locator(".list .row.selected")).to_be_in_viewport()
    expect(pop(page)).to_be_in_viewport(ratio=1)
    # Another token, and the address follows; its link is copied and leads there, on a fresh profile too.
    page.keyboard.press("Escape")
    token(page, 6).click()
    expect(pop(page)).to_contain_text("token 7 of ")
    expect(page).to_have_url(re.compile("token=7$"))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    pop(page).get_by_role("link", name="Copy link to this token").click()
    expect(pop(page).get_by_role("link", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == app.at(f"run={app.cot}&node=q%2Fbranch-3&token=7")
    other = opened(visit(copied))
    expect(pop(other)).to_contain_text("token 7 of ")
    # The way back leads to the token before.
    page.go_back()
    expect(pop(page)).to_contain_text("token 3 of ")


def test_links_in_a_chain_and_to_a_node_without_text(app: App, show: Any) -> None:
    page = show(f"run={app.chain}&node=q/step-2&token=4")
    expect(page.get_by_role("tab", name="Tokens")).to_have_attribute("aria-selected", "true")
    expect(pop(page)).to_contain_text("token 4 of ")
    expect(page.locator(".t.here")).to_be_in_viewport()
    page = show(f"run={app.chain}&node=q/step-2")
    expect(page.get_by_role("tab", name="Tokens")).to_have_attribute("aria-selected", "true")
    expect(pop(page)).to_have_count(0)
    page = show(f"run={app.chain}&node=q")
    expect(page.locator(".box[aria-selected=true]")).to_have_attribute("aria-level", "1")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("node=q/branch-9", "This run has no node 'q/branch-9'."),
        ("node=q/branch-1&token=999", "There is no token '999' at 'q/branch-1'"),
        ("node=q/branch-1&token=0", "There is no token '0'"),
        ("node=q/branch-1&token=<b>", "There is no token '<b>'"),
        ("token=1", "The link names a token and not its node."),
    ],
)
def test_a_place_that_is_not_there_is_named_and_the_run_is_shown(show: Any, place: str, said: str) -> None:
    page = show(f"run=run1&{place}")
    expect(page.get_by_text(said)).to_be_visible()
    expect(rows(page)).to_have_count(3)


def test_a_run_on_the_ask_page_is_one_click_away(app: App, visit: Visit) -> None:
    page = visit(f"{app.address}/ask?run=run1")
    page.set_default_timeout(PATIENCE)
    page.get_by_role("link", name="Open in Explore").click()
    expect(page).to_have_url(app.at("run=run1"))
    expect(page.get_by_role("heading", name="How many shells?")).to_be_visible()
    page.get_by_role("link", name="Open in Ask").click()
    expect(page.get_by_role("link", name="Open in Explore")).to_be_visible()


# ------------------------------------------------------------------------------------------- the model


def test_run_again_says_that_every_token_is_the_same(app: App, show: Any) -> None:
    page = show(f"run={app.cot}")
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_text(re.compile(r"All \d+ tokens are the same\."))).to_be_visible()
    page.get_by_role("button", name="Open the new run").click()
    expect(page).not_to_have_url(app.at(f"run={app.cot}"))
    expect(page.get_by_role("button", name="Open the new run")).to_have_count(0)
    expect(rows(page)).to_have_count(4)


def test_an_interrupted_run_is_shown_and_can_be_run_again(app: App, show: Any) -> None:
    page = show(f"run={app.interrupted}")
    expect(page.get_by_text("Interrupted after")).to_be_visible()
    expect(page.locator(".list .track i")).to_have_count(40)
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_text("All 40 tokens saved before it was interrupted are the same")).to_be_visible()


def test_a_run_whose_model_is_not_there_says_so_when_run_again(show: Any) -> None:
    page = show("run=run1")
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_text(re.compile("scripted")).nth(1)).to_be_visible()
    expect(rows(page)).to_have_count(3)


def test_a_fork_grows_from_a_replayed_run(app: App, show: Any) -> None:
    page = show(f"run={app.cot}")
    page.get_by_role("slider", name="Seconds into the run").press("Home")
    expect(page.get_by_text("Replay: 0.00 s of")).to_be_visible()
    page.get_by_role("slider", name="Seconds into the run").press("End")
    expect(rows(page)).to_have_count(4)
    settled(page)
    page.locator(".text").focus()
    for key in ("ArrowRight", "f", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("Your forks")).to_be_visible()
    expect(rows(page)).to_have_count(5)
    expect(rows(page).nth(4)).not_to_have_attribute("aria-label", re.compile("writing"))
    expect(rows(page).nth(4)).to_have_attribute("aria-label", re.compile("^fork F1, forked from branch 1"))
    # It is a run of its own: its link opens it, with the way back.
    link = page.locator(".title a.link")
    expect(link).to_have_attribute("href", re.compile("node=q%2Ffork"))
    page.goto(link.get_attribute("href"))
    expect(page.get_by_role("button", name="The run it grew from")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    settled(page)
    page.get_by_role("button", name="The run it grew from").click()
    expect(rows(page)).to_have_count(5)
    expect(page).to_have_url(app.at(f"run={app.cot}"))


# ----------------------------------------------------------------------------------------- for everybody


def test_text_from_outside_stays_text(show: Any) -> None:
    page = show("run=run4&node=q/branch-3&token=2")
    expect(page.get_by_role("heading", level=3)).to_have_text(f"Odd? {HOSTILE}")
    expect(pop(page)).to_be_visible()
    for tab in ("Tokens", "Tree", "Prompts sent", "Raw events"):
        page.get_by_role("tab", name=tab).click()
        settled(page)
    expect(page).to_have_title("Reasoning Playground")
    assert page.locator("[data-testid=stMain] img").count() == 0


def test_everything_is_reached_with_the_keyboard(app: App, show: Any) -> None:
    page = show("run=run1")
    expect(rows(page)).to_have_count(3)
    page.get_by_role("button", name="Replay").focus()
    seen: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
        if "option" in seen[-1]:
            break
    said = " | ".join(seen)
    for part in ("Seconds into the run", "Run again", "Branches", "option branch 1"):
        assert part in said, said
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(pop(page)).to_contain_text("token 2 of")
    expect(page).to_have_url(re.compile("token=2$"))
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(pop(page)).to_have_count(0)


FOCUSED = """() => {
  let at = document.activeElement;
  while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return `${at.getAttribute('role') || at.tagName} ${at.getAttribute('aria-label') || at.textContent}`.slice(0, 60);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("query", ["", "run={cot}&node=q/branch-3&token=3", "run={chain}", "run=nosuchrun"])
def test_axe_finds_nothing_serious(app: App, show: Any, query: str, scheme: str) -> None:
    page = show(query.format(cot=app.cot, chain=app.chain), color_scheme=scheme)
    if "token" in query:
        expect(pop(page)).to_be_visible()
    assert violations(page, "[data-testid=stMain]") == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
