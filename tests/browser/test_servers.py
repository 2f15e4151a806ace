"""Models on servers, in a real browser with the real SDKs: a server on loopback stands in for Groq and for others."""

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
    PATIENCE,
    choose,
    environment,
    expect,
    opened,
    run_button,
    settled,
)
from tests.models.chat_server import Answer, ChatServer, Refusal, Reply, Request, serving
from tests.models.test_openai_compatible import told

Serve = Callable[..., str]
Visit = Callable[..., Any]

KEYS = ("gsk_the-first-visitors-key", "gsk_the-second-visitors-key")
GROQ = [{"id": "llama-test", "object": "model", "created": 1, "owned_by": "groq"}]
VLLM = [{"id": "m", "object": "model", "created": 1, "owned_by": "vllm"}]
STEPS = [
    '{"title": "Count", "content": "2 and 2.", "next_action": "continue"}',
    '{"title": "Add", "content": "2 + 2 = 4.", "next_action": "final_answer"}',
    "So the answer is 4.",
]


@dataclass
class Place:
    """A playground, its folder, and the server it takes for Groq."""

    address: str
    data: Path
    groq: ChatServer


def behave(request: Request, number: int) -> Answer:
    """What the stand-in for Groq does: what the question asks for."""
    tries = sum(1 for earlier in request.body["messages"] if earlier["role"] == "assistant")
    if request.key not in KEYS:
        return Refusal(401, f"Invalid API Key {request.key}")
    if "break off" in request.text:
        return Reply(["The first ", "half of it"], breaks=True)
    if "titled" in request.text or "JSON" in request.text:
        return Reply([STEPS[min(max(tries - 1, 0), 2)]], usage=(20, 9))
    return Reply(["I think ", "it is 4."], usage=(12, 5), delay=0.05)


def ten_ways(request: Request, number: int) -> Answer:
    """A server that tells ten first tokens; what begins with " The" knows the answer."""
    if request.body["max_tokens"] == 1:
        others = [(f" way{i}", 0.04) for i in range(9)]
        return Reply([" The"], logprobs=[told(" The", 0.5, *others)], finish="length")
    sure = 0.9 if request.text.endswith(" The") else 0.3
    pieces = [(" answer", 0.9), (" is", 0.9), (" 4" if sure > 0.5 else " 7", sure), (".", 1.0)]
    return Reply(
        [text for text, _ in pieces], logprobs=[told(t, p, (" 9", 0.2)) for t, p in pieces], delay=0.02
    )


@pytest.fixture(scope="module")
def place(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    data = tmp_path_factory.mktemp("data")
    with serving(answer=behave, models=GROQ) as server:
        env = environment(data) | {"GROQ_BASE_URL": server.url, "GROQ_API_KEY": ""}
        yield Place(serve(ENTRY, env), data, server)


def at_groq(page: Any, key: str) -> None:
    choose(page, "Model", "Groq …")
    page.get_by_label("Groq API key", exact=True).fill(key)
    page.get_by_label("Groq API key", exact=True).press("Enter")
    expect(page.get_by_text("Your key is kept in memory until you leave")).to_be_visible()
    choose(page, "Model there", "llama-test")


def ask(page: Any, question: str) -> None:
    page.get_by_label("Question").fill(question)
    page.get_by_label("Question").press("Tab")
    settled(page)
    run_button(page).click()


def test_each_visitors_requests_carry_that_visitors_key(
    place: Place, visit: Visit, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pages = [opened(visit(place.address)) for _ in KEYS]
    for page, key in zip(pages, KEYS, strict=True):
        at_groq(page, key)
        choose(page, "Strategy", "Direct")
    before = len(place.groq.requests)
    for page, key in zip(pages, KEYS, strict=True):
        ask(page, f"What is 2 + 2? ({key[4:9]})")
    for page in pages:
        expect(page.get_by_text("Calls", exact=True)).to_be_visible()
        expect(page.get_by_role("heading", name="4")).to_be_visible()
    asked = place.groq.requests[before:]
    assert len(asked) == 2
    for request in asked:
        assert request.key[4:9] in request.text
    for page, other in zip(pages, reversed(KEYS), strict=True):
        content = page.content()
        assert other not in content
        assert not any(key in content for key in KEYS), "a typed key is drawn again"
    stored = b"".join(path.read_bytes() for path in place.data.rglob("*") if path.is_file())
    assert stored
    logs = [path.read_bytes() for path in tmp_path_factory.getbasetemp().rglob("log.txt")]
    assert any(logs)
    assert not any(key.encode() in kept for key in KEYS for kept in (stored, *logs))


def test_a_titled_chain_at_groq(place: Place, visit: Visit) -> None:
    page = opened(visit(place.address))
    at_groq(page, KEYS[0])
    choose(page, "Strategy", "Titled chain")
    ask(page, "What is 2 + 2?")
    expect(page.get_by_text("Calls", exact=True)).to_be_visible()
    expect(page.get_by_text("Add", exact=True).first).to_be_visible()


def test_groq_greys_out_what_it_cannot_do(place: Place, visit: Visit) -> None:
    page = opened(visit(place.address))
    at_groq(page, KEYS[0])
    page.get_by_label("Strategy", exact=True).click()
    expect(page.get_by_role("option", name="CoT-decoding (not with this model)")).to_be_visible()
    page.keyboard.press("Escape")
    choose(page, "Strategy", "CoT-decoding")
    expect(page.get_by_text(re.compile("cannot run on llama-test.*likeliest first tokens"))).to_be_visible()
    expect(run_button(page)).to_be_disabled()


def test_waiting_for_the_rate_limit_shows(place: Place, visit: Visit) -> None:
    page = visit("about:blank")
    page.add_init_script(KEEP_SIGHTS)
    page.goto(place.address)
    opened(page)
    at_groq(page, KEYS[1])
    choose(page, "Strategy", "Direct")

    def twice(request: Request, number: int) -> Answer:
        refused = sum("hurry" in earlier.text for earlier in place.groq.requests[:number])
        return Refusal(429, "Slow down", {"retry-after": "1"}) if refused < 2 else Reply(["It is 4."])

    place.groq.answer = lambda request, n: (
        twice(request, n) if "hurry" in request.text else behave(request, n)
    )
    ask(page, "In a hurry: what is 2 + 2?")
    expect(page.get_by_role("heading", name="4")).to_be_visible()
    sights = "\n".join(page.evaluate("sights"))
    assert "its rate limit is reached" in sights
    assert "try 2 of 4" in sights
    assert "try 3 of 4" in sights


def test_a_reply_that_breaks_off_is_kept(place: Place, visit: Visit) -> None:
    page = opened(visit(place.address))
    at_groq(page, KEYS[0])
    choose(page, "Strategy", "Direct")
    ask(page, "Please break off")
    expect(page.get_by_text("broke off in the middle of a reply")).to_be_visible()
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(page.get_by_text("broke off in the middle of a reply")).to_be_visible()
    expect(page.get_by_text("The first half of it").first).to_be_visible()


def test_a_wrong_key_is_said_and_can_be_changed(place: Place, visit: Visit) -> None:
    page = opened(visit(place.address))
    choose(page, "Model", "Groq …")
    page.get_by_label("Groq API key", exact=True).fill("gsk_wrong-one")
    page.get_by_label("Groq API key", exact=True).press("Enter")
    expect(page.get_by_text("Your key is kept in memory until you leave")).to_be_visible()
    page.get_by_label("Model there", exact=True).click()
    page.keyboard.type("llama-test")
    page.keyboard.press("Enter")
    settled(page)
    choose(page, "Strategy", "Direct")
    ask(page, "What is 2 + 2?")
    expect(page.get_by_text("does not take the key")).to_be_visible()
    assert "gsk_wrong-one" not in page.content()
    again = opened(visit(page.url))
    expect(again.get_by_text("does not take the key")).to_be_visible()
    assert "gsk_wrong-one" not in again.content()
    page.get_by_role("button", name="Forget it").click()
    expect(page.get_by_label("Groq API key", exact=True)).to_be_visible()


def test_a_server_with_log_probabilities_enables_cot_decoding(place: Place, visit: Visit) -> None:
    with serving(answer=ten_ways, models=VLLM) as server:
        page = opened(visit(place.address))
        choose(page, "Model", "A server of yours …")
        page.get_by_label("Address of the server", exact=True).fill(f"{server.url}/v1")
        page.get_by_label("Address of the server", exact=True).press("Enter")
        settled(page)
        choose(page, "Strategy", "CoT-decoding")
        expect(page.get_by_text("Its server has not been asked yet").first).to_be_visible()
        expect(run_button(page)).to_be_disabled()
        choose(page, "Model there", "m")
        expect(page.get_by_text("It tells 10 likeliest tokens")).to_be_visible()
        expect(run_button(page)).to_be_enabled()
        ask(page, "What is 2 + 2?")
        expect(page.get_by_text("Calls", exact=True)).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_role("heading", name="4")).to_be_visible()
        expect(page.get_by_role("option", name=re.compile("^branch 10,"))).to_be_visible()
        # One to see what it gives, that again when the run begins, one for the first tokens, one for each branch.
        assert len(server.requests) == 1 + 1 + 1 + 10
