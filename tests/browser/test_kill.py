"""A server killed with -9 in the middle of a run: its link, opened in Chromium on the next server, has every token.

Each kill is a life of a server on one and the same folder: the run that the life before left behind is opened and run
again, and the server is killed at a random moment of that. `make crash` does so fifty times; tests/test_kill.py
compares event by event what a process knew with what it saved.
"""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest

from playground.events import Record, TokenAdded, to_json
from playground.store import database
from tests.browser.conftest import launch
from tests.browser.test_ask import (
    ENTRY,
    PATIENCE,
    QUESTION,
    ask,
    engine_pid,
    environment,
    expect,
    opened,
    run_button,
    settled,
    slow_settings,
)

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the engine process in /proc")

LAST_SECOND = 1.0
T = TypeVar("T")

# When the page showed how many tokens, in Unix milliseconds.
KEEP_COUNTS = """
window.counts = [];
new MutationObserver(() => {
  const found = /([\\d,]+) tokens? written/.exec(document.body ? document.body.innerText : "");
  if (found) window.counts.push([Date.now(), Number(found[1].replaceAll(",", ""))]);
}).observe(document, {subtree: true, childList: true, characterData: true});
"""


@dataclass
class Life:
    """A server, and what it leaves behind for the next one.

    Attributes:
        run_id: the run that the last server was killed in, None before the first.
    """

    folder: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None
    address: str = ""
    run_id: str | None = None

    @property
    def database(self) -> Path:
        return self.folder / "playground.db"

    def begin(self) -> None:
        self.process, self.address = launch(ENTRY, self.log, environment(self.folder))

    def kill(self) -> float:
        """Kill the server; returns when. Its engine ends by itself."""
        assert self.process
        engine = engine_pid(self.address)
        killed = time.time()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        give_up = time.monotonic() + 60
        while is_alive(engine):
            assert time.monotonic() < give_up, "the engine outlived its server"
            time.sleep(0.02)
        return killed

    def saved(self, run_id: str) -> list[Record]:
        """What the file holds while nobody has it open; it must be whole."""
        with closing(sqlite3.connect(self.database)) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
            return database.read_log(connection, run_id)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    life = Life(tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("server") / "log.txt")
    life.begin()
    yield life
    if life.process:
        life.process.terminate()
        life.process.wait(30)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.add_init_script(KEEP_COUNTS)
    yield page
    context.close()


def test_every_token_from_before_is_there_again(life: Life, page: Any, kill: int) -> None:
    run_id = begin(life, page)
    time.sleep(Random(kill).uniform(0.0, 5.0))
    counts = page.evaluate("window.counts")
    killed = life.kill()
    saved = life.saved(run_id)
    written = sum(isinstance(record.event, TokenAdded) for record in saved)
    shown = [(at / 1000, count) for at, count in counts]
    before = max((count for at, count in shown if killed - at > LAST_SECOND), default=0)
    assert written >= before, f"{before} tokens were on screen a second before the kill, {written} are saved"

    life.begin()
    page.goto(f"{life.address}/?run={run_id}")
    opened(page)
    expect(page.get_by_text("Interrupted after")).to_be_visible()
    expect(run_button(page)).to_be_visible()
    assert events_on(page) == [as_shown(record) for record in saved]
    if written:
        persistently(lambda: branches(page))
    life.run_id = run_id
    age = killed - saved[-1].time if saved else 0.0
    most = max((count for _, count in shown), default=0)
    print(
        f"kill {kill}: {written} tokens saved, {most} had been seen, {before} of them a second before; "
        f"the last saved event was {age:.2f} s old"
    )


def begin(life: Life, page: Any) -> str:
    """Start a long run: by hand the first time, then the one that was interrupted once more. Returns its id."""
    persistently(lambda: by_hand(life, page) if life.run_id is None else again(life, page))
    return str(run_of(page.url))


def by_hand(life: Life, page: Any) -> None:
    page.goto(life.address)
    opened(page)
    slow_settings(page)
    ask(page, QUESTION)
    wait_for_run(page, None)


def again(life: Life, page: Any) -> None:
    page.goto(f"{life.address}/?run={life.run_id}")
    opened(page)
    expect(page.get_by_text("Interrupted after")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Settings").last.click()
    page.get_by_role("button", name="Use these settings again").click()
    settled(page)
    run_button(page).click()
    wait_for_run(page, life.run_id)


def wait_for_run(page: Any, before: str | None) -> None:
    page.wait_for_function(
        "before => ![null, before].includes(new URLSearchParams(location.search).get('run'))",
        arg=before,
        timeout=PATIENCE / 6,
    )


def persistently(step: Callable[[], T]) -> T:
    """A page that redraws just then may swallow a click or break off a download; a person would try again."""
    from playwright.sync_api import Error

    for _ in range(4):
        with suppress(Error):
            return step()
    return step()


def run_of(url: str) -> str | None:
    return next(iter(parse_qs(urlsplit(url).query).get("run", [])), None)


def events_on(page: Any) -> list[dict[str, Any]]:
    """All events of the run on screen, as the page gives them."""
    page.get_by_role("tab", name="Raw events").click()
    count = page.get_by_text("One JSON object a line").inner_text()
    lines = persistently(lambda: downloaded(page)).split("\n")
    events = [json.loads(line) for line in lines if line]
    assert int(re.sub(r"\D", "", count.split("event")[0])) == len(events)
    return events


def branches(page: Any) -> None:
    page.get_by_role("tab", name="Branches").click()
    page.get_by_role("listbox", name="Branches").wait_for(timeout=PATIENCE / 6)


def downloaded(page: Any) -> str:
    settled(page)
    with page.expect_download(timeout=PATIENCE / 6) as download:
        page.get_by_role("button", name="Download all").click()
    return Path(download.value.path()).read_text("utf-8")


def as_shown(record: Record) -> dict[str, Any]:
    shown = {"seq": record.seq, "time": round(record.time, 6), **to_json(record.event)}
    plain: dict[str, Any] = json.loads(json.dumps(shown))
    return plain


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
