"""A server that goes wrong, seen in a real browser with Groq's real SDK: every trouble says what it is and what to do,
and what came before it is saved and opens again from its link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.test_ask import ENTRY, KEEP_SIGHTS, choose, environment, expect, opened
from tests.browser.test_servers import GROQ, KEYS, STEPS, Serve, Visit, ask, at_groq
from tests.models.chat_server import Answer, Refusal, Reply, Request, Silence, serving

NOT_A_STEP = "{this is no step"

spoilt: list[int] = []
"""The request that got a bad step where one is wanted once."""


def behave(request: Request, number: int) -> Answer:
    """What the stand-in for Groq does: what the question asks for."""
    tries = sum(message["role"] == "assistant" for message in request.body["messages"])
    if "break down" in request.text:
        return Refusal(500, "Out of order", {"retry-after": "1"})
    if "say nothing" in request.text:
        return Silence()
    if "fall silent" in request.text:
        return Reply(["It is ", "nearly"], hangs=True)
    if "never a step" in request.text:
        return Reply([NOT_A_STEP])
    if "a bad step" in request.text and not spoilt:
        spoilt.append(number)
        return Reply([NOT_A_STEP])
    if "reset in a stream" in request.text:
        return Reply(["It is ", "nearly"], breaks=True)
    if "reset at the second step" in request.text and tries > 1:
        return Reply(['{"title": "Half', ' a step", "con'], breaks=True)
    return Reply([STEPS[min(max(tries - 1, 0), 2)]], usage=(20, 9))


@pytest.fixture(scope="module")
def address(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(answer=behave, models=GROQ) as server:
        env = environment(tmp_path_factory.mktemp("data")) | {
            "GROQ_BASE_URL": server.url,
            "GROQ_API_KEY": "",
            "PLAYGROUND_SERVER_SILENCE": "2",
        }
        yield serve(ENTRY, env)


@pytest.fixture
def page(address: str, visit: Visit) -> Any:
    page = visit("about:blank")
    page.add_init_script(KEEP_SIGHTS)
    page.goto(address)
    opened(page)
    at_groq(page, KEYS[0])
    return page


def says(page: Any, *texts: str) -> None:
    for text in texts:
        expect(page.get_by_text(text).locator("visible=true").first).to_be_visible()


@pytest.mark.parametrize(
    ("strategy", "question", "seen", "waited"),
    [
        (
            "Direct", "Please break down",
            ["Groq failed with error 500: Out of order", "Try again later."],
            ["it answered with error 500; next is try"],
        ),
        (
            "Direct", "Please say nothing",
            ["Groq has not sent anything for 2 seconds.", "Try again, or choose another model."],
            ["nothing has come from the server"],
        ),
        (
            "Direct", "Please fall silent",
            ["broke off in the middle of a reply: it has not sent anything for 2 seconds", "It is nearly"],
            ["nothing has come from the server"],
        ),
        (
            "Titled chain", "Please never a step",
            ["did not write a single step that can be read", "Choose the other step format", "Unreadable try"],
            [],
        ),
        (
            "Direct", "Please reset in a stream",
            ["broke off in the middle of a reply", "Run it again; what came is kept.", "It is nearly"],
            [],
        ),
        (
            "Titled chain", "Please reset at the second step",
            ["broke the connection off before its reply was whole", "Run it again; what came is kept.", "Count"],
            [],
        ),
    ],
    ids=["500s", "silence", "silence in mid reply", "malformed steps", "a reset", "a reset whole"],
)  # fmt: skip
def test_a_trouble_is_said_and_what_came_is_kept(
    page: Any, visit: Visit, strategy: str, question: str, seen: list[str], waited: list[str]
) -> None:
    choose(page, "Strategy", strategy)
    ask(page, question)
    says(page, "Failed after", *seen)
    sights = "\n".join(page.evaluate("sights"))
    for text in waited:
        assert text in sights
    again = opened(visit(page.url))
    says(again, question, "Failed after", *seen)


def test_a_malformed_step_is_tried_again_and_the_chain_goes_on(page: Any, visit: Visit) -> None:
    choose(page, "Strategy", "Titled chain")
    ask(page, "After a bad step, what is 2 + 2?")
    expect(page.get_by_text("Calls", exact=True)).to_be_visible()
    for look in (page, opened(visit(page.url))):
        says(look, "Unreadable try", "not a readable JSON step", "Add")
        expect(look.get_by_role("heading", name="4", exact=True)).to_be_visible()
