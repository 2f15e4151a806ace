"""The Sessions page in a real browser: found, filtered, named, tagged, deleted and back, taken out and brought in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.axe import violations
from tests.browser.saved_runs import as_made, fill
from tests.browser.test_ask import ENTRY, PATIENCE, choose, environment, expect, settled
from tests.exchange.samples import HOSTILE

Serve = Callable[..., str]
Visit = Callable[..., Any]

HEADER = ROW = 35  # pixels
ODD, STEPS, COINS, SHELLS = f"Odd? {HOSTILE}", "How many steps?", "How many coins?", "How many shells?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    fill(folder)
    return folder


@pytest.fixture(scope="module")
def app(serve: Serve, folder: Path) -> str:
    return serve(ENTRY, environment(folder))


@pytest.fixture
def page(app: str, folder: Path, visit: Visit) -> Any:
    """The page with four sessions as they were made."""
    as_made(folder)
    return opened(visit(f"{app}/sessions"))


def opened(page: Any) -> Any:
    page.set_default_timeout(PATIENCE)
    page.locator("[role=grid]").wait_for(state="attached")
    return page


def names(page: Any) -> Any:
    """The names in the table. It is painted; these are the cells it has for those who cannot see it."""
    return page.locator("[role=gridcell][aria-colindex='2']")


def point(page: Any, row: int, x: int) -> None:
    settled(page)
    box = page.get_by_test_id("stDataFrame").bounding_box()
    page.mouse.click(box["x"] + x, box["y"] + HEADER + ROW * row + ROW / 2)
    settled(page)


def click(page: Any, row: int) -> None:
    """Open a session below the table. A page that redraws just then may miss it; a person would click once more."""
    from playwright.sync_api import TimeoutError

    for _ in range(10):
        point(page, row, 250)
        try:
            page.get_by_label("Note").wait_for(timeout=3000)
            return
        except TimeoutError:
            continue
    raise AssertionError(f"row {row} did not open")


def tick(page: Any, *rows: int) -> None:
    for row in rows:
        point(page, row, 16)


def test_search_and_filters_narrow_the_list(page: Any) -> None:
    expect(names(page)).to_have_text([ODD, STEPS, COINS, SHELLS])
    search = page.get_by_role("textbox", name="Search")
    for words, found in (("coin", [COINS]), ("many shel", [SHELLS]), ("", [ODD, STEPS, COINS, SHELLS])):
        search.fill(words)
        search.press("Enter")
        expect(names(page)).to_have_text(found)
    # A word that only a model wrote.
    search.fill("onerror")
    search.press("Enter")
    expect(page.get_by_text("2 sessions")).to_be_visible()
    search.fill("nowhere")
    search.press("Enter")
    expect(page.get_by_text("No session fits")).to_be_visible()
    search.fill("")
    search.press("Enter")
    expect(names(page)).to_have_count(4)
    choose(page, "Strategy", "Direct answer")
    expect(names(page)).to_have_text([COINS])
    choose(page, "Strategy", "Any")
    choose(page, "Marked", "Not marked")
    expect(names(page)).to_have_text([ODD])
    choose(page, "Marked", "Wrong")
    expect(names(page)).to_have_text([COINS])


def test_name_tags_and_note_stay_and_are_found(page: Any) -> None:
    click(page, 3)
    name = page.get_by_label("Name")
    name.fill("Monday, class 7")
    name.press("Enter")
    expect(names(page).last).to_have_text("Monday, class 7")
    tags = page.get_by_role("combobox", name="Tags")
    for tag in ("easy", "week 1"):
        tags.fill(tag)
        tags.press("Enter")
        settled(page)
    note = page.get_by_label("Note")
    note.fill("They liked <b>this</b> one.")
    note.press("Control+Enter")
    settled(page)
    page.reload()
    opened(page)
    expect(names(page).last).to_have_text("Monday, class 7")
    choose(page, "Tag", "week 1")
    expect(names(page)).to_have_text(["Monday, class 7"])
    search = page.get_by_role("textbox", name="Search")
    search.fill("liked")
    search.press("Enter")
    expect(names(page)).to_have_text(["Monday, class 7"])
    click(page, 0)
    expect(page.get_by_label("Note")).to_have_value("They liked <b>this</b> one.")
    page.get_by_role("link", name="Replay and explore").click()
    expect(page.get_by_role("heading", name="Monday, class 7")).to_be_visible()
    expect(page.get_by_text("easy, week 1")).to_be_visible()
    expect(page.get_by_text("They liked <b>this</b> one.")).to_be_visible()
    # An empty name takes it away again.
    page.go_back()
    opened(page)
    click(page, 0)
    page.get_by_label("Name").fill("")
    page.get_by_label("Name").press("Enter")
    expect(names(page)).to_have_text([SHELLS])


def test_what_is_deleted_can_be_had_back(page: Any) -> None:
    tick(page, 1, 2)
    page.get_by_role("button", name="Delete 2 sessions").click()
    expect(page.get_by_text("2 sessions deleted")).to_be_visible()
    expect(names(page)).to_have_text([ODD, SHELLS])
    page.get_by_role("button", name="Undo").click()
    expect(names(page)).to_have_text([ODD, STEPS, COINS, SHELLS])
    expect(page.get_by_text("2 sessions deleted")).to_have_count(0)


def test_several_are_taken_out_and_brought_in_elsewhere_byte_for_byte(
    page: Any, serve: Serve, visit: Visit, tmp_path: Path
) -> None:
    tick(page, 0, 3)
    file = export(page, tmp_path / "two.json")
    assert [session["id"] for session in json.loads(file.read_text())["sessions"]] == ["run4", "run1"]
    (tmp_path / "other").mkdir()
    other = visit(f"{serve(ENTRY, environment(tmp_path / 'other'))}/sessions")
    other.set_default_timeout(PATIENCE)
    expect(other.get_by_text("Nothing is saved yet")).to_be_visible()
    bring_in(other, file)
    expect(other.get_by_text("2 runs brought in.")).to_be_visible()
    expect(names(other)).to_have_text([ODD, SHELLS])
    tick(other, 0, 1)
    assert export(other, tmp_path / "again.json").read_bytes() == file.read_bytes()
    # Once more, and nothing is there twice.
    bring_in(other, file)
    expect(other.get_by_text("2 were here already")).to_be_visible()
    expect(names(other)).to_have_count(2)
    tick(other, 0, 1)
    for form, ending, beginning in (
        ("One HTML file, opens anywhere", "html", "<!doctype html>"),
        ("Markdown report", "md", "# "),
        ("CSV summary", "csv", "session,"),
    ):
        choose(other, "Export as", form)
        assert export(other, tmp_path / f"file.{ending}").read_text("utf-8-sig").startswith(beginning)


def export(page: Any, to: Path) -> Path:
    """Export what is selected to a file with the ending of the chosen form. A page that redraws just then misses the
    click, or still has the form chosen before; a person would click once more."""
    from playwright.sync_api import TimeoutError

    for _ in range(10):
        settled(page)
        try:
            with page.expect_download(timeout=10_000) as coming:
                page.get_by_role("button", name="Export", exact=True).click()
        except TimeoutError:
            continue
        if coming.value.suggested_filename.endswith(to.suffix):
            coming.value.save_as(to)
            return to
    raise AssertionError(f"no {to.suffix} came")


def bring_in(page: Any, file: Path) -> None:
    settled(page)
    button = page.get_by_role("button", name="Bring in")
    if page.locator("input[type=file]").count() == 0 or not page.get_by_text("Browse files").is_visible():
        page.get_by_text("Import", exact=True).click()
    page.locator("input[type=file]").set_input_files(file)
    button.click()


def test_a_file_that_is_wrong_is_refused_at_the_exact_field(page: Any, tmp_path: Path) -> None:
    tick(page, 3)
    file = export(page, tmp_path / "one.json")
    data = json.loads(file.read_text())
    events = data["sessions"][0]["runs"][0]["events"]
    [at, *_] = [i for i, (_, event) in enumerate(events) if event["kind"] == "token"]
    events[at][1]["logprob"] = "<b>likely</b>"
    file.write_text(json.dumps(data))
    bring_in(page, file)
    expect(page.get_by_text(f"sessions[0].runs[0].events[{at}].token.logprob")).to_be_visible()
    expect(page.get_by_text("<b>likely</b>")).to_be_visible()
    expect(names(page)).to_have_count(4)


def test_text_from_outside_stays_text(page: Any) -> None:
    click(page, 0)
    expect(page.get_by_role("heading", level=3)).to_have_text(ODD)
    expect(page.get_by_label("Name")).to_have_attribute("placeholder", ODD)
    expect(page).to_have_title("Reasoning Playground")
    assert page.locator("[data-testid=stMain] img").count() == 0


def test_the_table_is_walked_with_the_keyboard(page: Any) -> None:
    settled(page)
    page.get_by_label("Tag").focus()
    page.keyboard.press("Tab")
    for _ in range(20):
        if page.evaluate("document.activeElement.matches('canvas')"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Note")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(app: str, visit: Visit, scheme: str) -> None:
    page = opened(visit(f"{app}/sessions", color_scheme=scheme))
    click(page, 3)
    page.mouse.move(2, 2)
    assert violations(page, "[data-testid=stMain]") == []
    # Nothing sticks out sideways, and the table shows all its columns.
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
