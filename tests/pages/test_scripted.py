"""The Ask page on scripted models, through the real runner: slow, failing and malformed ones give the right outcome on
screen, and what was written is saved."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from streamlit.testing.v1 import AppTest

from components import ask_state, question
from components.engine import WarmUp
from components.pickers import OTHER
from playground import extensions
from playground.extensions import Broken
from playground.models import catalog
from playground.prices import Price
from playground.runner import InThread, Runner
from playground.store import Store
from playground.trace import Trace, fold
from tests.pages.conftest import ENTRY
from tests.pages.test_ask import shown

Write = Callable[..., str]
Ask = Callable[..., AppTest]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a script of these replies and gives its model's name."""

    def write(*replies: dict[str, Any], pace: float = 0.0, **can: Any) -> str:
        file = tmp_path / "script.json"
        file.write_text(json.dumps({"capabilities": can, "pace": pace, "replies": replies}), "utf-8")
        return f"scripted:{file}"

    return write


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """The real runner, in this process."""
    real = Runner(Store(tmp_path / "runs.db"), InThread(catalog.load))
    with (
        patch("components.engine.runner", lambda: real),
        patch("components.engine.warm", lambda model: WarmUp("ready")),
        patch.object(question, "DOUBLE_CLICK", 0.0),
        patch.object(ask_state.AskState, "pull_first_token", lambda self: None),
    ):
        yield real
    real.close()


@pytest.fixture
def ask(runner: Runner) -> Ask:
    """Opens the page, names a model and a strategy and presses Run."""

    def ask(model: str, strategy: str = "direct") -> AppTest:
        page = AppTest.from_file(str(ENTRY), default_timeout=30).run()
        page.selectbox(key="ask.model").select(OTHER).run()
        page.text_input(key="ask.other_model").set_value(model).run()
        strategies(page).select(strategy).run()
        page.text_area(key="ask.question").set_value("How many?")
        return page.button(key="ask.go").click().run()

    return ask


def strategies(page: AppTest) -> Any:
    """The list of strategies; one that says which cannot run has a key that says so too."""
    return next(box for box in page.selectbox if str(box.key).startswith("ask.strategy"))


def over(page: AppTest) -> AppTest:
    give_up = time.monotonic() + 20
    while page.button(key="ask.go").label != "Run":
        assert time.monotonic() < give_up, shown(page)
        time.sleep(0.02)
        page.run()
    return page


def saved(runner: Runner, page: AppTest) -> Trace:
    """The run on screen, as it stands in the database."""
    assert runner.store.flush()
    return fold(runner.store.records(page.query_params["run"]))


def test_a_chain_on_a_chat_only_model(ask: Ask, write: Write, runner: Runner) -> None:
    step = {"title": "Count them", "content": "3 and 4", "next_action": "final_answer"}
    model = write(
        {"when": {"purpose": "step *"}, "text": json.dumps(step)},
        {"text": "The answer is 7."},
        json_mode=True,
    )
    page = over(ask(model, "titled-chain"))
    assert page.title[1].value == "7"
    text = shown(page)
    assert "Count them" in text
    assert {metric.label: metric.value for metric in page.metric}["Money"] == "free"
    assert saved(runner, page).status == "finished"


def test_a_majority_on_a_chat_only_model(ask: Ask, write: Write, runner: Runner) -> None:
    odd = {"when": {"node": "q/sample-3"}, "text": "The answer is 9."}
    page = over(ask(write(odd, {"text": "The answer is 7."}), "self-consistency"))
    assert page.title[1].value == "7"
    assert "0.900" in shown(page)
    assert len(saved(runner, page).with_role("branch")) == 10


def test_what_the_file_declares_is_greyed_out_or_offered(ask: Ask, write: Write) -> None:
    page = ask(write({"text": "7"}))
    options = strategies(page).options
    assert any("CoT-decoding" in option and "not with this model" in option for option in options)
    token = {"text": "7", "logprob": 0}
    page = ask(write({"tokens": [token]}, full_logits=True).replace("script.json", "./script.json"))
    options = strategies(page).options
    assert not any("CoT-decoding" in option and "not with this model" in option for option in options)


def test_a_slow_one_is_watched_and_stopped(ask: Ask, write: Write, runner: Runner) -> None:
    page = ask(write({"pieces": ["one", " two", " three"], "pace": 300.0}))
    assert page.button(key="ask.go").label == "Stop"
    time.sleep(0.7)
    page.run()
    assert page.button(key="ask.go").label == "Stop"
    page.button(key="ask.go").click().run()
    over(page)
    assert "Stopped by hand" in shown(page)
    assert saved(runner, page).status == "cancelled"


@pytest.mark.parametrize(
    ("kind", "retryable"),
    [
        ("RateLimited", True),
        ("KeyRefused", False),
        ("ServerFailed", True),
        ("BadInput", False),
        ("EngineError", True),
    ],
)
def test_a_failing_one_says_why_and_keeps_what_came(
    ask: Ask, write: Write, runner: Runner, kind: str, retryable: bool
) -> None:
    error = {"type": kind, "message": "The *server* said no.", "hint": "Wait 5 seconds.", "after": 2}
    page = over(ask(write({"text": "one two three", "error": error})))
    text = shown(page)
    assert "Failed after" in text
    assert "The *server* said no. Wait 5 seconds." in text
    trace = saved(runner, page)
    assert (trace.status, trace.nodes["q/reply"].text) == ("failed", "one two")
    assert trace.failure is not None
    assert (trace.failure.error, trace.failure.retryable) == (kind, retryable)


def test_what_it_cost_and_what_many_would(ask: Ask, write: Write, runner: Runner) -> None:
    """4 words read at $100 and 4 written at $400 for a million: $0.002."""
    price = Price(100.0, 400.0, None, "2026-11-21", "a table")
    with patch("playground.prices.price_of", lambda model: price):
        page = over(ask(write({"text": "The answer is 7."}, local=False)))
    [money] = [metric for metric in page.metric if metric.label == "Money"]
    assert money.value == "$0.0020"
    assert "100 read, 400 written" in money.help.replace("\\", "")
    assert "2026-11-21 from a table" in money.help.replace("\\", "").replace("\u2060", "")
    assert "for $1.00. Scaled up" in shown(page)
    assert saved(runner, page).cost_usd == pytest.approx(0.002)
    unknown = over(
        ask(write({"text": "The answer is 7."}, local=False).replace("script.json", "./script.json"))
    )
    assert {metric.label: metric.value for metric in unknown.metric}["Money"] == "unknown"


def test_malformed_steps_are_shown_as_what_they_are(ask: Ask, write: Write, runner: Runner) -> None:
    model = write(
        {"when": {"node": "*/step-1"}, "text": "no JSON <b>at all</b>"},
        {"when": {"purpose": "step 1"}, "text": '{"title": "Cut off", "content": "here'},
        {"when": {"purpose": "step 2"}, "text": ""},
        {"text": "It is 4."},
    )
    page = over(ask(model, "titled-chain"))
    text = shown(page)
    assert "Cut off" in text
    assert "could not be read in 3 tries" in text
    assert page.title[1].value == "4"
    assert [node.status for node in saved(runner, page).with_role("step")] == [
        "failed",
        "kept",
        *["failed"] * 3,
    ]


def test_an_endless_reply_ends_at_the_limit(ask: Ask, write: Write, runner: Runner) -> None:
    page = over(ask(write({"text": "on and ", "endless": True})))
    node = saved(runner, page).nodes["q/reply"]
    assert (node.end, node.usage.completion_tokens or len(node.pieces)) == ("length", 256)


def test_a_wrong_file_is_told_before_and_after(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"replies": [{"text": 3}]}')
    page = over(ask(f"scripted:{tmp_path / 'bad.json'}"))
    assert shown(page).count("wrong at replies.0.text") >= 2


def test_a_broken_package_is_named_in_the_sidebar(ask: Ask, write: Write) -> None:
    broken = Broken("half-done 0.1", "The entry 'half'", "ImportError: no <b>such</b> thing")
    with patch.object(extensions, "broken", lambda: (broken,)):
        page = over(ask(write({"text": "It is 7."})))
    assert page.title[1].value == "7"
    assert (
        "The entry 'half' of the package half-done 0.1 cannot be used: ImportError: no <b>such</b> thing."
        in shown(page)
    )
