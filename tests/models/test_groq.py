"""Groq through its real SDK, against a server on loopback: what comes, what goes wrong, and what is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from playground import keys
from playground.errors import BadInput, KeyRefused, PlaygroundError, RateLimited, ServerFailed
from playground.events import CallStarted, Event, TextAdded, TextEnded, Usage, Waiting, Warned
from playground.models import groq
from playground.models.remote import RemoteModel
from playground.prompts import Message, Prompt
from playground.sampling import GREEDY, Sampling
from playground.settings import settings
from tests.models.chat_server import ChatServer, Refusal, Reply, Silence, serving
from tests.models.tiny import run, spent

KEY = "gsk_a-key-of-a-test"
WARM = Sampling(True, 0.7, 0, 0.9, 0.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groq._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr("groq._base_client.MAX_RETRY_DELAY", 0.02)


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    yield
    settings.cache_clear()


@pytest.fixture
def opened() -> Iterator[list[RemoteModel]]:
    made: list[RemoteModel] = []
    yield made
    for model in made:
        model.close()


def load(name: str = "groq:llama-test", key: str | None = KEY) -> RemoteModel:
    with keys.given({"groq": key} if key else None):
        return groq.load(name)


def model_at(server: ChatServer, opened: list[RemoteModel], silent: float = 30.0) -> RemoteModel:
    model = load()
    model.close()
    api = type(model._api)(replace(model._api.server, silent=silent, base_url=server.url))
    opened.append(RemoteModel(model.name, "llama-test", api, model.capabilities))
    return opened[-1]


def ask(
    model: RemoteModel, *nodes: str, sampling: Sampling = GREEDY, **options: Any
) -> tuple[list[Event], list[Any]]:
    prompt = Prompt((Message("system", "Be brief."), Message("user", "How many?")))
    given: dict[str, Any] = {"node": "q", "purpose": "test", "max_new_tokens": 50, "seed": 3} | options
    return run(model.sample(prompt, nodes or ("q/a",), sampling, **given))


def failure(model: RemoteModel) -> tuple[PlaygroundError, list[Event]]:
    prompt = Prompt((Message("user", "How many?"),))
    events: list[Event] = []
    work = model.sample(prompt, ["q/a"], GREEDY, node="q", purpose="test", max_new_tokens=50, seed=0)
    with pytest.raises(PlaygroundError) as caught:
        events.extend(work)
    return caught.value, events


def test_a_reply_streams_and_is_counted(opened: list[RemoteModel]) -> None:
    with serving(Reply(["For", "ty ", "two."], usage=(11, 3))) as server:
        events, [reply] = ask(model_at(server, opened))
    assert [e.text for e in events if isinstance(e, TextAdded)] == ["For", "ty ", "two."]
    assert (reply.text, reply.tokens, reply.end, reply.node) == ("Forty two.", (), "stop", "q/a")
    assert spent(events) == Usage(calls=1, prompt_tokens=11, completion_tokens=3)
    assert events[-1] == TextEnded("q/a", "stop")
    [request] = server.requests
    assert request.path == "/openai/v1/chat/completions"
    assert request.key == KEY
    assert request.body == {
        "model": "llama-test",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How many?"}],
        "temperature": 0.0,
        "max_tokens": 50,
        "stream": True,
    }
    assert isinstance(events[0], CallStarted)
    assert '"How many?"' in events[0].prompt
    assert KEY not in repr(events)


def test_settings_and_seeds_of_several_samples(opened: list[RemoteModel]) -> None:
    with serving(answer=lambda request, n: Reply([f"seed {request.body['seed']}"])) as server:
        model = model_at(server, opened)
        _, replies = ask(model, "q/a", "q/b", sampling=WARM, stop=["."], json_mode=True)
        _, again = ask(model, "q/a", "q/b", sampling=WARM)
    bodies = [request.body for request in server.requests]
    assert all(body["temperature"] == 0.7 and body["top_p"] == 0.9 for body in bodies)
    assert bodies[0]["stop"] == ["."]
    assert bodies[0]["response_format"] == {"type": "json_object"}
    assert [r.node for r in replies] == ["q/a", "q/b"]
    assert replies[0].text != replies[1].text
    assert [r.text for r in again] == [r.text for r in replies]


def test_the_length_limit_is_told(opened: list[RemoteModel]) -> None:
    with serving(Reply(["On and on"], finish="length")) as server:
        events, [reply] = ask(model_at(server, opened))
    assert reply.end == "length"
    assert events[-1] == TextEnded("q/a", "length")


def test_two_429_then_a_reply_and_the_waiting_shows(opened: list[RemoteModel]) -> None:
    busy = Refusal(429, "Rate limit reached", {"retry-after": "0.02"})
    with serving(busy, busy, Reply(["Here."])) as server:
        events, [reply] = ask(model_at(server, opened))
    assert reply.text == "Here."
    waits = [e for e in events if isinstance(e, Waiting) and "rate limit" in e.reason]
    assert [(w.node, w.seconds) for w in waits] == [("q/a", 0.02)] * 2
    assert "try 2 of 4" in waits[0].reason
    assert "try 3 of 4" in waits[1].reason
    assert spent(events).calls == 1


def test_while_the_rate_limit_is_waited_for_that_stays_the_reason(
    opened: list[RemoteModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.models.remote.TICK", 0.1)
    with serving(Refusal(429, "Slow down", {"retry-after": "0.5"}), Reply(["Here."])) as server:
        events, _ = ask(model_at(server, opened))
    waits = [e for e in events if isinstance(e, Waiting) and "rate limit" in e.reason]
    assert len(waits) >= 3
    assert [w.seconds for w in waits] == sorted((w.seconds for w in waits), reverse=True)
    assert waits[0].seconds == 0.5


def test_errors_of_the_server_are_tried_again(opened: list[RemoteModel]) -> None:
    with serving(Refusal(500), Refusal(503), Reply(["Here."])) as server:
        events, [reply] = ask(model_at(server, opened))
    assert reply.text == "Here."
    assert [w.reason.split(";")[0] for w in events if isinstance(w, Waiting)] == [
        "it answered with error 500",
        "it answered with error 503",
    ]


@pytest.mark.parametrize(
    ("refusal", "kind", "words", "requests"),
    [
        (Refusal(401, f"Invalid API Key {KEY}"), KeyRefused, "GROQ_API_KEY", 1),
        (Refusal(403, "Not for you"), KeyRefused, "another key", 1),
        (Refusal(404, "The model does not exist"), BadInput, "list of models", 1),
        (Refusal(400, "top_p is wrong"), BadInput, "top_p is wrong", 1),
        (Refusal(413, "Too long"), BadInput, "Too long", 1),
        (Refusal(429, "Slow down", {"retry-after": "0.01"}), RateLimited, "Slow down", 4),
        (Refusal(500, "Broken"), ServerFailed, "Broken", 4),
    ],
)
def test_refusals(
    refusal: Refusal, kind: type[PlaygroundError], words: str, requests: int, opened: list[RemoteModel]
) -> None:
    with serving(refusal) as server:
        error, events = failure(model_at(server, opened))
    assert type(error) is kind
    assert words in str(error)
    assert error.hint
    assert KEY not in str(error) + repr(events)
    assert len(server.requests) == requests
    assert error.__cause__ is None
    assert error.retryable == issubclass(kind, RateLimited | ServerFailed)


def test_a_reset_in_the_middle_keeps_what_came(opened: list[RemoteModel]) -> None:
    with serving(Reply(["First ", "half"], breaks=True)) as server:
        error, events = failure(model_at(server, opened))
    assert isinstance(error, ServerFailed)
    assert "middle" in error.message
    assert [e.text for e in events if isinstance(e, TextAdded)] == ["First ", "half"]


def test_a_stream_that_just_ends_is_no_reply(opened: list[RemoteModel]) -> None:
    with serving(Reply(["First half"], finish=None)) as server:
        error, events = failure(model_at(server, opened))
    assert isinstance(error, ServerFailed)
    # What was spent is known all the same.
    assert spent(events).completion_tokens == 3


def test_a_line_that_is_no_json(opened: list[RemoteModel]) -> None:
    with serving(Reply(["Fine"], garbage=True)) as server:
        error, _ = failure(model_at(server, opened))
    assert isinstance(error, ServerFailed)


def test_nobody_there(opened: list[RemoteModel]) -> None:
    with serving(Silence()) as server:
        pass
    error, _ = failure(model_at(server, opened))
    assert isinstance(error, ServerFailed)
    assert server.url in error.message


def test_a_server_that_hangs_is_given_up(opened: list[RemoteModel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.models.remote.TICK", 0.05)
    with serving(Reply(["Begun"], hangs=True)) as server:
        error, events = failure(model_at(server, opened, silent=0.5))
    assert isinstance(error, ServerFailed)
    assert "has not sent anything for 0.5 seconds" in error.message
    waits = [e.seconds for e in events if isinstance(e, Waiting)]
    assert waits
    assert waits == sorted(waits)


def test_a_stopped_run_lets_go_of_a_silent_server(
    opened: list[RemoteModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.models.remote.TICK", 0.02)
    with serving(Silence()) as server:
        work = model_at(server, opened).sample(
            Prompt((Message("user", "?"),)),
            ["q/a"],
            GREEDY,
            node="q",
            purpose="test",
            max_new_tokens=5,
            seed=0,
        )
        while not server.requests:
            next(work)
        assert isinstance(next(work), Waiting)
        work.close()


def test_what_groq_could_not_read_as_json_is_the_reply(opened: list[RemoteModel]) -> None:
    refusal = Refusal(400, "Failed to generate JSON", more={"failed_generation": '{"title": "Half'})
    with serving(refusal) as server:
        events, [reply] = ask(model_at(server, opened), json_mode=True)
    assert reply.text == '{"title": "Half'
    # The server does not say what that cost.
    assert any(isinstance(e, Warned) and "tokens" in e.message for e in events)


def test_json_comes_whole_because_groq_does_not_stream_it(opened: list[RemoteModel]) -> None:
    with serving(Reply(['{"title"', ': "One"}'], usage=(9, 4))) as server:
        events, [reply] = ask(model_at(server, opened), json_mode=True)
        _, [streamed] = ask(model_at(server, opened))
    assert [request.body.get("stream", False) for request in server.requests] == [False, True]
    assert reply.text == streamed.text == '{"title": "One"}'
    assert (reply.end, reply.node) == ("stop", "q/a")
    cost = spent(events)
    assert cost == Usage(calls=1, prompt_tokens=9, completion_tokens=4)


def test_a_whole_reply_is_asked_for_again_when_the_connection_breaks(opened: list[RemoteModel]) -> None:
    with serving(Reply(["x"], breaks=True), Reply(['{"a": 1}'])) as server:
        _, [reply] = ask(model_at(server, opened), json_mode=True)
    assert reply.text == '{"a": 1}'
    assert len(server.requests) == 2


def test_64_requests_are_bounded_and_leave_nothing_behind(opened: list[RemoteModel]) -> None:
    with serving(Reply()) as server:
        # The loop looks names up on a few threads, which stay.
        ask(first := model_at(server, opened), *[f"q/{i}" for i in range(8)])
        first.close()
    before = threading.active_count()
    with serving(Reply(["a"] * 50, delay=0.02)) as server:
        model = model_at(server, opened)
        limit = model._api.server.at_once
        nodes = [f"q/{i}" for i in range(64)]
        prompt = Prompt((Message("user", "?"),))
        work = model.sample(prompt, nodes, GREEDY, node="q", purpose="test", max_new_tokens=50, seed=0)
        texts = 0
        while texts < 2 * limit:
            texts += isinstance(next(work), TextAdded)
        assert server.most <= limit
        work.close()
        model.close()
        eventually(lambda: server.open == 0)
        assert len(server.requests) <= 2 * limit
        _, replies = ask(again := model_at(server, opened), *nodes[:40])
        again.close()
        assert server.most <= limit
        assert len(replies) == 40
    eventually(lambda: threading.active_count() <= before)


def test_the_key_is_in_no_representation() -> None:
    model = load()
    try:
        assert KEY not in repr(model._api.server) + repr(model) + repr(vars(model)) + repr(model.versions)
    finally:
        model.close()


def test_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    settings.cache_clear()
    with pytest.raises(KeyRefused, match="GROQ_API_KEY"):
        load(key=None)


def test_the_owners_key_serves_who_typed_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk_the-owners")
    settings.cache_clear()
    model = load(key=None)
    model.close()
    assert model._api.server.key == "gsk_the-owners"


def test_the_list_of_models(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [{"id": id, "object": "model", "created": 1, "owned_by": "x"} for id in ("b", "whisper-1", "a")]
    with serving(Reply(), models=listed) as server:
        monkeypatch.setenv("GROQ_BASE_URL", server.url)
        with keys.given({"groq": KEY}):
            found = groq.models()
    assert [info.name for info in found] == ["groq:a", "groq:b"]
    assert not found[0].capabilities.full_logits
    assert found[0].capabilities.json_mode


def eventually(true: Any, limit: float = 20.0) -> None:
    give_up = time.monotonic() + limit
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.01)
