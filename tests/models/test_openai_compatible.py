"""Servers that speak OpenAI's API, through its real SDK against a server on loopback."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from playground import keys
from playground.errors import BadInput, CapabilityError, KeyRefused, ServerFailed
from playground.events import Alternative, TextEnded, TokenAdded
from playground.execute import RunSpec, execute
from playground.models import openai_compatible
from playground.models.base import Capabilities, TokenModel
from playground.models.openai_compatible import Place
from playground.models.remote import RemoteModel
from playground.prompts import plain
from playground.sampling import GREEDY, Sampling
from playground.settings import settings
from playground.trace import Trace
from tests.models.chat_server import Answer, ChatServer, Json, Refusal, Reply, Request, serving
from tests.models.tiny import run, spent

LISTED = [{"id": "m", "object": "model", "created": 1, "owned_by": "vllm"}]


def told(text: str, p: float, *others: tuple[str, float]) -> Json:
    """What a server says of a token, in the chat endpoint's form."""

    def entry(text: str, p: float) -> Json:
        return {"token": text, "bytes": list(text.encode()), "logprob": math.log(p)}

    likeliest = sorted([(text, p), *others], key=lambda pair: -pair[1])
    return {"content": [entry(text, p) | {"top_logprobs": [entry(*other) for other in likeliest]}]}


def old(text: str, p: float, *others: tuple[str, float]) -> Json:
    """The same in the form of the completions endpoint."""
    likeliest = {t: math.log(q) for t, q in [(text, p), *others]}
    return {"tokens": [text], "token_logprobs": [math.log(p)], "top_logprobs": [likeliest]}


def reply(form: Callable[..., Json], *tokens: tuple[Any, ...], finish: str = "stop") -> Reply:
    return Reply(
        [token[0] for token in tokens],
        logprobs=[form(*token) for token in tokens],
        usage=(5, len(tokens)),
        finish=finish,
    )


FIRST = (" The", 0.5, (" It", 0.3), (" <", 0.15))


def answers(form: Callable[..., Json]) -> Callable[[Request, int], Answer]:
    """A model that says three things, after how its reply begins."""

    def answer(request: Request, number: int) -> Answer:
        if request.body["max_tokens"] == 1:
            return reply(form, FIRST, finish="length")
        begun = request.text.rpartition("A:")[2] if form is old else request.body["messages"][-1]["content"]
        if begun.endswith(" The"):
            return reply(
                form, (" answer", 0.9, (" result", 0.1)), (" is", 0.99), (" 4", 0.8, (" 5", 0.15)), (".", 1.0)
            )
        if begun.endswith(" It"):
            return reply(form, (" is", 0.9), (" 5", 0.6, (" 4", 0.35)), (".", 1.0))
        return reply(form, (" no", 0.5, (" yes", 0.4)), ("idea", 0.9))

    return answer


@pytest.fixture
def opened() -> Iterator[Callable[..., RemoteModel]]:
    made: list[RemoteModel] = []

    def load(server: ChatServer, endpoint: str = "", key: str | None = None) -> RemoteModel:
        address = f"{server.url}/v1"
        with keys.given({address: key} if key else None):
            made.append(openai_compatible.load(f"openai:m@{address}{endpoint}"))
        return made[-1]

    yield load
    for model in made:
        model.close()


@pytest.mark.parametrize(("form", "endpoint"), [(told, ""), (old, "#completions")])
def test_cot_decoding_by_requests(form: Any, endpoint: str, opened: Any) -> None:
    with serving(answer=answers(form), models=LISTED) as server:
        model = opened(server, endpoint)
        assert model.capabilities.branches
        assert isinstance(model, TokenModel)
        trace = Trace()
        # The prompt's own request says 3 first tokens; the probe when it was loaded said the same.
        spec = RunSpec("2 + 2?", "cot-decoding", model.name, {"k": 3, "state_answer": False})
        for event in execute(spec, load_model=lambda _: model):
            trace.apply(event)
    assert trace.status == "finished", trace.failure
    one, two, three = trace.with_role("branch")
    assert [one.text, two.text, three.text] == [" The answer is 4.", " It is 5.", " < noidea"]
    # Δ over the answer's own token: p(first) − p(second) as returned.
    assert one.scores["delta"].value == pytest.approx(0.8 - 0.15)
    assert two.scores["delta"].value == pytest.approx(0.6 - 0.35)
    assert trace.answered
    assert (trace.answered.text, trace.answered.node) == ("4", one.id)
    first = one.tokens[0]
    assert (first.text, first.chosen, first.id, first.entropy) == (" The", "forced", None, None)
    assert first.margin == pytest.approx(0.2)
    assert first.alternatives[1] == Alternative(None, " It", math.log(0.3))
    assert trace.usage.prompt_tokens == 5 * 4
    assert trace.usage.completion_tokens == 1 + 4 + 3 + 2
    assert trace.usage.calls == 4
    bodies = [request.body for request in server.requests[1:]]
    if endpoint:
        assert bodies[0]["prompt"] == "Q: 2 + 2?\nA:"
        assert sorted(body["prompt"] for body in bodies[1:]) == [
            "Q: 2 + 2?\nA: <", "Q: 2 + 2?\nA: It", "Q: 2 + 2?\nA: The",
        ]  # fmt: skip
    else:
        assert all(
            body["continue_final_message"] and not body["add_generation_prompt"] for body in bodies[1:]
        )
        assert [m["role"] for m in bodies[-1]["messages"]] == ["user", "assistant"]


def test_k_is_bounded_by_what_the_server_tells(opened: Any) -> None:
    with serving(answer=answers(told), models=LISTED) as server:
        _, prefix = run(opened(server).prefill(plain("2 + 2?"), node="q", purpose="test"))
        assert prefix.token_count == 5
        assert [a.text for a in prefix.top(3)] == [" The", " It", " <"]
        with pytest.raises(BadInput, match="tells 3 first tokens"):
            prefix.top(4)
        with pytest.raises(CapabilityError):
            prefix.logits()
        [branch] = prefix.fork(["q/a"])
        with pytest.raises(CapabilityError):
            branch.force(" So")


def test_a_first_token_that_ends_the_text_is_an_empty_branch(opened: Any) -> None:
    first = (" The", 0.5, ("<|im_end|>", 0.3), ("", 0.1))
    with serving(reply(told, first), models=LISTED) as server:
        model = opened(server)
        _, prefix = run(model.prefill(plain("?"), node="q", purpose="test"))
        branches = prefix.fork(["q/a", "q/b"], [1, 2])
        asked = len(server.requests)
        events, _ = run(model.decode(branches, GREEDY, node="q", max_new_tokens=9, seed=0))
    assert events == [TextEnded("q/a", "stop"), TextEnded("q/b", "stop")]
    assert [b.text for b in branches] == ["", ""]
    assert len(server.requests) == asked


def test_half_a_character_cannot_begin_a_reply(opened: Any) -> None:
    logprobs = told("The", 0.5, ("x", 0.3))
    logprobs["content"][0]["top_logprobs"][1] |= {"token": "\\xf0", "bytes": [0xF0]}
    with serving(Reply(["The"], logprobs=[logprobs]), models=LISTED) as server:
        model = opened(server)
        _, prefix = run(model.prefill(plain("?"), node="q", purpose="test"))
        assert [a.text for a in prefix.top(1)] == ["The"]
        with pytest.raises(BadInput):
            prefix.top(2)
        _, [said] = run(
            model.sample(plain("?"), ["q/a"], GREEDY, node="q", purpose="test", max_new_tokens=5, seed=0)
        )
    assert said.tokens[0].alternatives[1].text == "f0"


def test_a_smaller_number_where_twenty_are_refused(opened: Any) -> None:
    def answer(request: Request, number: int) -> Answer:
        if request.body.get("top_logprobs", 0) > 5:
            return Refusal(400, "top_logprobs must be at most 5")
        return reply(told, ("a", 0.6, ("b", 0.2), ("c", 0.1)))

    with serving(answer=answer, models=LISTED) as server:
        model = opened(server)
        assert model.capabilities.top_logprobs == 3
        run(model.sample(plain("?"), ["q/a"], GREEDY, node="q", purpose="test", max_new_tokens=5, seed=0))
    assert server.requests[-1].body["top_logprobs"] == 3


def test_a_server_without_log_probabilities_gives_text(opened: Any) -> None:
    with serving(Reply(["It is 4."], usage=(9, 4)), models=[{**LISTED[0], "owned_by": "x"}]) as server:
        model = opened(server)
        able = model.capabilities
        assert able == Capabilities(json_mode=True, streaming=True, cancel=True)
        assert not isinstance(model, TokenModel)
        events, [said] = run(
            model.sample(plain("?"), ["q/a"], GREEDY, node="q", purpose="test", max_new_tokens=5, seed=0)
        )
        assert (said.text, said.tokens) == ("It is 4.", ())
        assert not any(isinstance(event, TokenAdded) for event in events)
        assert spent(events).prompt_tokens == 9
        with pytest.raises(BadInput, match="no log-probabilities"):
            opened(server, "#completions")


def test_text_without_its_tokens_is_no_reply(opened: Any) -> None:
    half = Reply(["a", "b"], logprobs=[told("a", 0.6, ("b", 0.2)), None])
    with serving(half, models=LISTED) as server:
        model = opened(server)
        with pytest.raises(ServerFailed, match="without the log-probabilities"):
            run(model.sample(plain("?"), ["q/a"], GREEDY, node="q", purpose="test", max_new_tokens=5, seed=0))


def test_settings_reach_a_server_that_takes_them(opened: Any) -> None:
    with serving(reply(told, ("a", 0.6, ("b", 0.2))), models=LISTED) as server:
        warm = Sampling(True, 0.8, 40, 0.9, 0.05)
        run(
            opened(server).sample(
                plain("?"), ["q/a"], warm, node="q", purpose="test", max_new_tokens=5, seed=0
            )
        )
    body = server.requests[-1].body
    assert (body["temperature"], body["top_p"], body["top_k"], body["min_p"]) == (0.8, 0.9, 40, 0.05)
    assert isinstance(body["seed"], int)
    assert body["stream_options"] == {"include_usage": True}


def test_a_server_that_counts_nothing(opened: Any) -> None:
    uncounted = Reply(["a"], usage=None, logprobs=[told("a", 0.6, ("b", 0.2))])
    with serving(uncounted, models=LISTED) as server:
        events, _ = run(
            opened(server).sample(
                plain("?"), ["q/a", "q/b"], GREEDY, node="q", purpose="test", max_new_tokens=5, seed=0
            )
        )
    assert (spent(events).completion_tokens, spent(events).prompt_tokens) == (2, 0)
    assert [event.message for event in events if event.kind == "warning"] == [
        "The server does not say how many tokens a prompt has; only those written are counted."
    ]


def test_the_key_goes_to_the_server_and_none_is_needed(opened: Any) -> None:
    with serving(reply(told, ("a", 0.6, ("b", 0.2))), models=LISTED) as server:
        opened(server, key="sk-mine")
        opened(server)
    assert {request.key for request in server.requests} == {"sk-mine", "none"}


def test_the_owners_key_goes_to_the_owners_server_only(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-the-owners")
    with serving(reply(told, ("a", 0.6, ("b", 0.2))), models=LISTED) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
        settings.cache_clear()
        opened(server)
        assert {request.key for request in server.requests} == {"none"}
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1/")
        settings.cache_clear()
        opened(server)
        assert server.requests[-1].key == "sk-the-owners"
    monkeypatch.undo()
    settings.cache_clear()


def test_a_refused_key(opened: Any) -> None:
    with (
        serving(Refusal(401, "Incorrect API key provided: sk-mine"), models=LISTED) as server,
        pytest.raises(KeyRefused) as caught,
    ):
        opened(server, key="sk-mine")
    assert "sk-mine" not in str(caught.value)


def test_an_unknown_model_names_those_there_are(opened: Any) -> None:
    with (
        serving(Reply(), models=[{**LISTED[0], "id": "other"}]) as server,
        pytest.raises(BadInput, match="other"),
    ):
        opened(server)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("openai:m@http://h:8000/v1", Place("m", "http://h:8000/v1", "chat")),
        ("openai:m@http://h:8000/v1/#completions", Place("m", "http://h:8000/v1", "completions")),
        ("openai:org/m@main@https://h/v1", Place("org/m@main", "https://h/v1", "chat")),
        ("openai:gpt-x", Place("gpt-x", "https://api.openai.com/v1", "chat")),
    ],
)
def test_names(name: str, place: Place) -> None:
    assert Place.read(name) == place


@pytest.mark.parametrize(
    "name",
    [
        "openai:", "openai:m@", "openai:m@ftp://h", "openai:m@http://", "openai:m@http://u:p@h/v1",
        "openai:m@http://h/v1?key=1", "openai:m@http://h/v1#other", "groq:m",
    ],
)  # fmt: skip
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        Place.read(name)
    assert caught.value.hint
