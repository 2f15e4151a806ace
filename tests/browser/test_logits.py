"""The logits page in a real browser, with the real engine and the embedded model."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from playground.lens import next_token_table
from playground.models import catalog
from playground.sampling import Sampling
from tests.browser.axe import violations
from tests.browser.test_lab import as_shown, close, values

ENTRY = Path(__file__).parents[2] / "streamlit_app.py"
PATIENCE = 240_000  # milliseconds; a machine that tests may be busy with other things
TEXT = "3 + 4 = 7. The answer is"
LINK = "/logits?text=3+%2B+4+%3D+7.+The+answer+is&form=text&model=embedded&temperature=1.5"

Serve = Callable[..., str]
Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def app(browser: Any, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("data")
    return serve(ENTRY, {"PLAYGROUND_DATA_DIR": str(folder), "OMP_NUM_THREADS": "1"})


def opened(page: Any) -> Any:
    page.set_default_timeout(PATIENCE)
    page.locator(".lab").wait_for()
    settled(page)
    return page


def settled(page: Any) -> None:
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def expect(thing: Any) -> Any:
    from playwright.sync_api import expect as playwright_expect

    playwright_expect.set_options(timeout=PATIENCE)
    return playwright_expect(thing)


def chips(page: Any) -> Any:
    return page.locator(".tokens button")


def test_a_fresh_server_opens_the_link_and_shows_the_engines_numbers(app: str, visit: Visit) -> None:
    # The first visit to this server: no page has run before.
    page = visit("about:blank")
    page.add_init_script(
        "window.sights = []; new MutationObserver(() => sights.push(document.body ? document.body.innerText : ''))"
        ".observe(document, {subtree: true, childList: true, characterData: true})"
    )
    page.goto(app + LINK)
    opened(page)
    assert not [sight for sight in page.evaluate("window.sights") if "not found" in sight.lower()]
    expect(page.get_by_label("Text", exact=True)).to_have_value(TEXT)
    table = next_token_table(catalog.load("embedded"), TEXT, Sampling(True, 1.5))
    wanted = [*(row["probability"] for row in table["tokens"]), table["rest"]["probability"]]
    close(values(page), [as_shown(p) for p in wanted])
    logits = page.locator(".lab tbody tr td:nth-child(2) .figure").all_text_contents()
    assert [float(z.replace("−", "-")) for z in logits] == pytest.approx(
        [row["logit"] for row in table["tokens"]], abs=0.051
    )


def test_tokens_are_appended_and_any_position_is_opened_again(app: str, visit: Visit) -> None:
    page = opened(visit(app + LINK))
    third = page.locator(".lab tbody .pick").nth(2)
    name = third.text_content()
    third.click()
    expect(chips(page)).to_have_count(2)
    expect(chips(page).nth(1)).to_have_text(name)
    page.get_by_role("button", name="Draw a token").click()
    expect(chips(page)).to_have_count(3)
    expect(page.locator(".steps")).to_contain_text(re.compile(r"drew .*: u = 0\.\d{4}, p = .*, rank"))
    page.get_by_role("button", name="Append the likeliest").click()
    expect(chips(page)).to_have_count(4)
    chips(page).first.click()
    expect(chips(page).first).to_have_attribute("aria-current", "true")
    expect(page.locator(".lab tr.chosen .pick")).to_have_text(name)
    expect(chips(page)).to_have_count(4)
    # What is in the address opens the same for whoever gets it.
    page.wait_for_url(re.compile("at=0"))
    other = opened(visit(page.url))
    expect(chips(other)).to_have_count(4)
    assert chips(other).all_text_contents() == chips(page).all_text_contents()
    # Another token here leaves the old path.
    other.locator(".lab tbody .pick").first.click()
    expect(chips(other)).to_have_count(2)


def test_a_token_under_the_lens_opens_in_the_lab(app: str, visit: Visit) -> None:
    page = opened(visit(app + LINK))
    before = page.locator(".where").text_content()
    page.get_by_role("tab", name="Text under the lens").click()
    page.locator(".picture .text .t").nth(4).click()
    expect(page.locator(".where")).to_contain_text("after 4 tokens")
    expect(page.locator(".tokens [aria-current]")).to_have_count(1)
    assert page.locator(".where").text_content() != before
    page.locator(".picture .text .t").nth(6).click()
    expect(page.locator(".where")).to_contain_text("after 6 tokens")


def test_settings_reach_the_charts_and_outlast_a_visit_to_another_page(app: str, visit: Visit) -> None:
    page = opened(visit(app + LINK))
    page.get_by_role("button", name="bold, min-p").click()
    page.wait_for_url(re.compile("min_p=0.1"))
    assert parse_qs(urlparse(page.url).query)["temperature"] == ["1.5"]
    page.get_by_role("link", name="Ask").click()
    page.get_by_label("Question").wait_for()
    page.get_by_role("link", name="Logits").click()
    opened(page)
    expect(page.get_by_role("slider", name="min-p")).to_have_attribute("aria-valuetext", re.compile("^0.1 "))
    page.wait_for_url(re.compile("min_p=0.1"))
    expect(page.get_by_label("Text", exact=True)).to_have_value(TEXT)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_open_to_everyone(app: str, visit: Visit, scheme: str) -> None:
    page = opened(visit(app + LINK, color_scheme=scheme))
    expect(page.locator("[data-stale=true]")).to_have_count(0)
    for part in (".st-key-logits-lab", ".st-key-logits-text"):
        assert violations(page, part) == []
    page.get_by_role("tab", name="Same luck").click()
    page.locator(".luck").wait_for()
    settled(page)
    expect(page.locator("[data-stale=true]")).to_have_count(0)
    assert violations(page, ".st-key-logits-luck") == []
