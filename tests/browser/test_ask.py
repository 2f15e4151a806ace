"""The Ask page in a real browser, with the real engine and the embedded model."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ENTRY = Path(__file__).parents[2] / "streamlit_app.py"
PATIENCE = 120_000  # milliseconds; a machine that tests may be busy with other things
QUESTION = (
    "A coin is heads up. Clara flips the coin. Hugo does not flip the coin. Is the coin still heads up?"
)

# All that was on screen since, however briefly.
KEEP_SIGHTS = (
    "window.sights = []; new MutationObserver(() => sights.push(document.body ? document.body.innerText : ''))"
    ".observe(document, {subtree: true, childList: true, characterData: true})"
)

Serve = Callable[..., str]
Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def app(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A server of its own with an empty folder for runs."""
    return serve(ENTRY, environment(tmp_path_factory.mktemp("data")))


def environment(folder: Path) -> dict[str, str]:
    """Runs go to `folder`; one thread a model, since threads that wait for each other crawl on a busy machine."""
    return {"PLAYGROUND_DATA_DIR": str(folder), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def page(app: str, visit: Visit) -> Any:
    return opened(visit(app))


def opened(page: Any) -> Any:
    page.set_default_timeout(PATIENCE)
    page.get_by_label("Question").wait_for()
    return page


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    return expect(locator)


def choose(page: Any, label: str, option: str) -> None:
    """Pick from a list. A page that redraws just then closes the list again; a person would open it once more."""
    from playwright.sync_api import TimeoutError

    for _ in range(10):
        settled(page)
        page.get_by_label(label, exact=True).click()
        try:
            page.get_by_role("option", name=option).click(timeout=3000)
            break
        except TimeoutError:
            page.keyboard.press("Escape")
    else:
        raise AssertionError(f"{label} did not offer {option}")
    settled(page)


def settled(page: Any) -> None:
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def run_button(page: Any) -> Any:
    return page.get_by_role("button", name=re.compile("^Run"))


def stop_button(page: Any) -> Any:
    return page.locator(".st-key-ask-go").get_by_role("button", name=re.compile("^Stop"))


def slow_settings(page: Any) -> None:
    """Settings with which a run takes long enough to be interrupted: many samples, so hot that they hardly end."""
    choose(page, "Strategy", "Self-consistency")
    for label, value in (("n", "30"), ("Max new tokens", "1500")):
        page.get_by_label(label, exact=True).fill(value)
        page.get_by_label(label, exact=True).press("Enter")
        settled(page)
    page.get_by_role("slider", name="Temperature").press("End")
    expect(page.get_by_role("slider", name="Temperature")).to_have_value("5")
    settled(page)


def ask(page: Any, question: str) -> None:
    page.get_by_label("Question").fill(question)
    page.get_by_label("Question").press("Control+Enter")


def engine_pid(address: str) -> int:
    """The engine process of the server at this address."""
    [pid] = engine_pids(address)
    return pid


def engine_pids(address: str) -> list[int]:
    """That process where there is one, which there is from the first use of a model on."""
    port = address.rpartition(":")[2]
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().decode().split("\0")
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if "playground.engine" in command and port in Path(f"/proc/{parent}/cmdline").read_text():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def test_a_fresh_server_opens_a_deep_link_without_a_detour(
    serve: Serve, visit: Visit, tmp_path: Path, browser: Any
) -> None:
    address = serve(ENTRY, environment(tmp_path))
    page = visit("about:blank")
    page.add_init_script(KEEP_SIGHTS)
    page.goto(f"{address}/ask?run=nosuchrun")
    opened(page)
    expect(page.get_by_text("There is no saved run")).to_be_visible()
    sights = page.evaluate("window.sights")
    assert not [
        sight for sight in sights if "not found" in sight.lower() or "does not seem to exist" in sight
    ]
    expect(page).to_have_title("Reasoning Playground")
    assert page.locator("[data-testid=stAppViewContainer]").get_attribute("data-layout") == "wide"
    assert page.url.endswith("/ask?run=nosuchrun")


def test_cot_decoding_grows_and_answers(page: Any) -> None:
    choose(page, "Puzzle family", "Coin flips")
    page.get_by_role("button", name="Draw a puzzle").click()
    expect(page.get_by_label("Question")).to_have_value(re.compile("coin"))
    page.get_by_label("k", exact=True).fill("30")
    page.get_by_label("k", exact=True).press("Enter")
    settled(page)
    page.evaluate(KEEP_SIGHTS)
    run_button(page).click()
    # In the end there is the card, with a mark, and the rows of all branches.
    expect(page.get_by_text(re.compile("Right|Wrong, the right answer is")).first).to_be_visible()
    expect(run_button(page)).to_be_visible()
    for label in ("Calls", "Prompt tokens", "Completion tokens", "Forward passes", "Time", "Money"):
        expect(page.get_by_text(label, exact=True)).to_be_visible()
    expect(page.get_by_text("500 such questions")).to_be_visible()
    expect(page.get_by_role("listbox", name="Branches").get_by_role("option")).to_have_count(30)
    assert "run=" in page.url
    # Before that, tokens could be seen while the run was still going, and it could be stopped.
    going = [
        sight for sight in page.evaluate("window.sights") if re.search(r"[1-9]\d* tokens? written", sight)
    ]
    assert going
    assert any("Stop" in sight for sight in going)


def test_a_titled_chain_is_written_step_by_step(page: Any) -> None:
    choose(page, "Strategy", "Titled chain")
    page.evaluate(KEEP_SIGHTS)
    ask(page, QUESTION)
    expect(page.get_by_text(re.compile(r"^[\d.]+ s · \d+ tokens$")).first).to_be_visible()
    expect(run_button(page)).to_be_visible()
    assert any("writing" in sight for sight in page.evaluate("window.sights"))
    for tab, text in (
        ("Tree", "nodes, as they stood at the end"),
        ("Prompts sent", "exact text"),
        ("Raw events", "One JSON object a line"),
    ):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_text(text)).to_be_visible()


def test_a_reload_finds_the_run_and_fills_the_form_again(page: Any) -> None:
    choose(page, "Strategy", "Direct answer")
    ask(page, QUESTION)
    expect(page.get_by_text("500 such questions")).to_be_visible()
    page.reload()
    opened(page)
    expect(page.get_by_text("500 such questions")).to_be_visible()
    expect(page.get_by_text(QUESTION).first).to_be_visible()
    page.get_by_role("button", name="Settings").last.click()
    page.get_by_role("button", name="Use these settings again").click()
    expect(page.get_by_label("Question")).to_have_value(QUESTION)


def test_a_run_goes_on_while_nobody_looks_and_can_be_stopped(page: Any) -> None:
    slow_settings(page)
    ask(page, QUESTION)
    expect(page.get_by_text(re.compile(r"\d+ tokens? written"))).to_be_visible()
    page.reload()
    opened(page)
    expect(stop_button(page)).to_be_visible()
    # Escape closes things all over the page and must not stop a run; the button's own key does.
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)
    expect(stop_button(page)).to_be_visible()
    page.keyboard.press("Alt+s")
    expect(page.get_by_text("Stopped by hand")).to_be_visible()
    expect(run_button(page)).to_be_visible()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the engine process in /proc")
def test_a_killed_engine_fails_its_run_and_the_next_one_works(page: Any, app: str) -> None:
    slow_settings(page)
    ask(page, QUESTION)
    expect(page.get_by_text(re.compile(r"[1-9]\d* tokens? written"))).to_be_visible()
    os.kill(engine_pid(app), signal.SIGKILL)
    expect(page.get_by_text("Failed after")).to_be_visible()
    expect(page.get_by_text("The engine process ended")).to_be_visible()
    page.get_by_role("tab", name="Tree").click()
    page.get_by_role("treeitem").nth(1).click()
    expect(page.locator(".panel .numbers")).to_contain_text(re.compile(r"tokens[1-9]"))
    choose(page, "Strategy", "Direct answer")
    run_button(page).click()
    expect(page.get_by_text("500 such questions")).to_be_visible()


def test_text_from_outside_stays_text(page: Any) -> None:
    hostile = "<b>bold</b> **stars** $x^2$ :red[red] :material/home: [link](https://example.invalid)"
    choose(page, "Strategy", "Direct answer")
    ask(page, hostile)
    expect(page.get_by_text("500 such questions")).to_be_visible()
    page.reload()
    opened(page)
    expect(page.get_by_text(hostile, exact=True).first).to_be_visible()
    assert page.locator("a[href*='example.invalid']").count() == 0
    page.get_by_text("Recent runs").click()
    expect(page.locator("[class*=st-key-ask-recent-]").first).to_contain_text("**stars** $x")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_appearances_have_the_accent_colour(app: str, visit: Visit, scheme: str) -> None:
    page = opened(visit(app, color_scheme=scheme, viewport={"width": 1280, "height": 800}))
    background = page.evaluate(
        "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    )
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"}[scheme]
    # Nothing sticks out sideways, and the buttons under the question fit on one line.
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    run, examples = (
        run_button(page).bounding_box(),
        page.get_by_role("button", name="Examples").bounding_box(),
    )
    assert abs(run["y"] - examples["y"]) < 4
