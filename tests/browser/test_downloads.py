"""A model that is not here yet, in a real browser: how far its download is, stopping that, and letting the model go; a
hub on loopback stands in for Hugging Face."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_ask import (
    ENTRY,
    KEEP_SIGHTS,
    choose,
    environment,
    expect,
    opened,
    run_button,
    settled,
    stop_button,
)
from tests.models.hub import Hub, files_of, serving

Serve = Callable[..., str]
Visit = Callable[..., Any]

STOPPED, SHOWN = "tiny/stopped", "tiny/shown"
FIELD = "Hugging Face id or directory"


@dataclass
class Place:
    """A playground, and the hub that it takes for Hugging Face."""

    address: str
    hub: Hub
    cache: Path


@pytest.fixture(scope="module")
def place(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    from tests.models.tiny import TEMPLATE, make_network, make_tokenizer

    folder, home = tmp_path_factory.mktemp("model"), tmp_path_factory.mktemp("home")
    tokenizer = make_tokenizer(TEMPLATE)
    make_network("llama", len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    with serving({STOPPED: files_of(folder), SHOWN: files_of(folder)}) as hub:
        env = environment(tmp_path_factory.mktemp("data")) | {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "0",
            "PLAYGROUND_DEVICE": "cpu",
        }
        yield Place(serve(ENTRY, env), hub, home)


def with_model(page: Any, model: str) -> Any:
    opened(page)
    choose(page, "Model", "Another local model …")
    page.get_by_label(FIELD, exact=True).fill(model)
    page.get_by_label(FIELD, exact=True).press("Enter")
    settled(page)
    choose(page, "Strategy", "Direct answer")
    page.get_by_label("Question").fill("What is 2 + 2?")
    page.get_by_label("Question").press("Tab")
    settled(page)
    return page


def test_a_download_shows_how_far_it_is_then_the_run_works_and_the_model_is_let_go(
    place: Place, visit: Visit
) -> None:
    page = visit("about:blank")
    page.add_init_script(KEEP_SIGHTS)
    page.goto(place.address)
    with_model(page, SHOWN)
    place.hub.gate.clear()
    run_button(page).click()
    expect(page.get_by_text(re.compile(rf"Downloading {SHOWN}: \d+ kB of \d+ kB"))).to_be_visible()
    bar = page.get_by_role("progressbar")
    expect(bar).to_be_visible()
    assert 0 < float(bar.get_attribute("aria-valuenow")) < 100
    place.hub.gate.set()
    expect(page.get_by_text("Calls", exact=True)).to_be_visible()
    expect(page.get_by_text("Failed after")).to_have_count(0)
    expect(bar).to_have_count(0)
    # What it takes, and letting it go; the next run reads it from the disk.
    page.get_by_role("button", name="Models in memory").click()
    row = page.get_by_text(re.compile(r"[kM]B · float32 on cpu"))
    expect(row.last).to_be_visible()
    expect(page.get_by_text(SHOWN, exact=True).last).to_be_visible()
    unload = page.locator(f"[class*='st-key-ask-unload-{SHOWN.replace('/', '-')}']").get_by_role("button")
    unload.click()
    expect(unload).to_have_count(0)
    page.keyboard.press("Escape")
    settled(page)
    place.hub.asked.clear()
    run_button(page).click()
    expect(stop_button(page).or_(page.get_by_text("Calls", exact=True)).first).to_be_visible()
    expect(run_button(page)).to_be_visible()
    expect(page.get_by_text("Failed after")).to_have_count(0)
    assert place.hub.asked == []


def test_a_run_stopped_while_its_model_comes_stops_the_download_and_the_next_goes_on(
    place: Place, visit: Visit
) -> None:
    page = with_model(visit(place.address), STOPPED)
    place.hub.gate.clear()
    run_button(page).click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    stop_button(page).click()
    expect(page.get_by_text("Stopped by hand")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    [partial] = place.cache.rglob("*.partial")
    kept = partial.stat().st_size
    assert kept > 0
    place.hub.gate.set()
    place.hub.asked.clear()
    run_button(page).click()
    expect(page.get_by_text("Calls", exact=True)).to_be_visible()
    expect(
        page.get_by_text("500 such questions").or_(page.get_by_text("nothing can be said"))
    ).to_be_visible()
    assert [asked.range for asked in place.hub.gets("/cdn/")] == [f"bytes={kept}-"]
