"""The owner's keys in the environment of a real server: not on the page, in its messages, its log or its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.browser.conftest import launch
from tests.browser.test_ask import ENTRY, choose, environment, expect, opened, run_button, settled
from tests.test_keys import CANARY, SECRETS, without_keys


def test_keys_of_the_owner_reach_neither_page_nor_disk(browser: Any, tmp_path: Path) -> None:
    process, address = launch(ENTRY, tmp_path / "server.log", environment(tmp_path / "data") | SECRETS)
    context = browser.new_context()
    try:
        page = context.new_page()
        received: list[bytes] = []
        page.on(
            "websocket",
            lambda socket: socket.on("framereceived", lambda data: received.append(as_bytes(data))),
        )
        page.goto(address)
        opened(page)
        choose(page, "Strategy", "Direct answer")
        page.get_by_label("Question").fill(CANARY)
        page.get_by_label("Question").press("Control+Enter")
        expect(page.get_by_text("500 such questions")).to_be_visible()
        expect(run_button(page)).to_be_visible()
        for tab in ("Prompts sent", "Raw events"):
            page.get_by_role("tab", name=tab).click()
            settled(page)
        (tmp_path / "page.html").write_text(page.content())
        (tmp_path / "received.bin").write_bytes(b"\n".join(received))
    finally:
        context.close()
        process.terminate()
        process.wait(30)
    places = without_keys(tmp_path)
    for name in ("page.html", "received.bin", "runs.question"):
        assert CANARY.encode() in places[name], "the test looks in the right places"


def as_bytes(data: bytes | str) -> bytes:
    return data if isinstance(data, bytes) else data.encode()
