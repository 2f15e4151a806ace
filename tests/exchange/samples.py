"""Stores with real runs in them, and with what real runs seldom hold."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

from playground.events import (
    Alternative,
    Answered,
    AnswerFound,
    CallStarted,
    Event,
    NodeClosed,
    NodeOpened,
    NodeScored,
    Record,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
    Spent,
    TextAdded,
    TextEnded,
    Titled,
    TokenAdded,
    Usage,
    Warned,
)
from playground.execute import RunSpec, execute
from playground.forking import fork
from playground.store import Store
from tests.scripted import Scripted, Way, way

START = 1_700_000_000.25
HOSTILE = (
    "<img src=x onerror=\"document.title='hacked'\"></script><script>document.title='hacked'</script>`` # *b*"
)
TEN = (
    way(0.5, "", answer="7", answer_margin=0.2),
    way(0.3, "First 3 + 6 = 9. So the answer is", 0.4, answer="9", answer_margin=0.95),
    way(0.1, HOSTILE, answer="7", answer_margin=0.1),
)


def model() -> Scripted:
    def script(prompt: str) -> tuple[Way, ...]:
        if "JSON" in prompt:
            done = prompt.count('"next_action": ') > 0
            step = {
                "title": "Add",
                "content": "3 + 6 = 9",
                "next_action": "final_answer" if done else "continue",
            }
            return (
                way(1.0, "The answer is 9.")
                if "final answer as plain" in prompt
                else way(1.0, json.dumps(step)),
            )
        return TEN

    return Scripted(script)


def save(
    store: Store, run_id: str, events: Iterable[Event], session: str | None = None, at: float = START
) -> None:
    """Write a run's events, a tenth of a second apart, as the runner does."""
    listed = list(events)
    started = listed[0]
    assert isinstance(started, RunStarted)
    store.create_run(run_id, started, session=session)
    store.append(run_id, [Record(run_id, i, at + i / 10, event) for i, event in enumerate(listed)])
    assert store.flush()


def ask(store: Store, run_id: str, strategy: str, session: str | None = None, **spec: Any) -> None:
    """Run a strategy on the scripted model and save it."""
    asked = RunSpec("How many?", strategy, "scripted", **spec)
    save(store, run_id, execute(asked, load_model=lambda name: model()), session)


def odd_events() -> list[Event]:
    """Every kind of event, with texts and numbers that break programs."""
    odd = "half \ud83d, \udc80\u2028\u2029\x00\r\n\ttab 😀 \u202ertl"
    likeliest = (Alternative(1, odd, -0.0), Alternative(2, "", -math.inf), Alternative(3, "x", math.nan))
    params = {
        "T": math.inf,
        "$number": "NaN",
        "$$": [{"$x": -math.inf}],
        "deep": {"a": [1, 2.5, None, True, "$"]},
    }
    return [
        RunStarted(
            "Odd? \u2028",
            "odd",
            "m/ü",
            params,
            2**63 - 1,
            "9",
            "family",
            True,
            None,
            {"torch": "2"},
            None,
            {"input": math.nan, "$x": [1]},
        ),
        NodeOpened("q", None, "question"),
        CallStarted("q", "ask", f"prompt {odd}", {"T": math.nan}, (1, 2, 3)),
        NodeOpened("q/a", "q", "branch", odd),
        TokenAdded("q/a", 1, odd, math.nan, math.inf, -0.0, "sampled", likeliest, -math.inf),
        TokenAdded("q/a", 2, "", -1e-45, 1 / 3, 0.1, "greedy", (), 0, "e282", math.nan),
        TokenAdded("q/a", 3, "€", -1e300, 5e-324, 1, "forced", (), None, "ac", 2.5),
        TextEnded("q/a", "loop"),
        NodeOpened("q/s", "q", "step"),
        TextAdded("q/s", HOSTILE),
        Titled("q/s", odd, HOSTILE, True, odd),
        Spent("q/s", Usage(1, 2, 3, 4, 5)),
        NodeScored("q/a", "votes", 3),
        NodeScored("q/a", "delta", -math.inf, odd),
        AnswerFound("q/a", odd, "9", 0, 3, 0, 2),
        AnswerFound("q/s", "9", "9", 0, 1),
        NodeClosed("q/a", "chosen"),
        NodeClosed("q/s", "pruned", odd),
        Warned(odd, "q/a"),
        Answered(odd, "q/a", 1, "Δ", {"votes": {"9": math.nan}}),
    ]


def fill(store: Store) -> list[str]:
    """Sessions of every sort; their ids."""
    for strategy in ("direct", "zero-shot-cot", "few-shot-cot", "titled-chain", "self-consistency"):
        ask(store, f"run-{strategy}", strategy, session="all-strategies", gold="9")
    ask(store, "cot", "cot-decoding", params={"k": 3})
    spec = fork(store.trace("cot"), "q/branch-2", 3, 0)
    save(store, "cot-fork", execute(spec, load_model=lambda name: model()))
    again = fork(store.trace("cot-fork"), "q/fork", 1, 0, root="cot")
    save(store, "cot-fork-2", execute(again, load_model=lambda name: model()))
    save(store, "odd", [*odd_events(), RunFinished(False)])
    save(store, "odd-cut", odd_events()[:6], session="odd")
    save(store, "odd-failed", [*odd_events(), RunFailed("E", HOSTILE, "hint", True)], session="odd")
    save(store, "odd-cancelled", [odd_events()[0], RunCancelled(), Warned("late")], session="odd")
    store.create_run("odd-never-begun", RunStarted("Ever?", "direct", "m", {}, 0), session="odd")
    store.sessions.create("empty", "Nothing yet")
    store.sessions.rename("odd", "Ünamed 'session' =1+1")
    store.sessions.set_note("odd", "lines\n\u2028 and 😀\n<b>note</b>")
    store.sessions.set_tags("odd", ["class 7", "Äpfel", "zoo"])
    assert store.flush()
    return ["all-strategies", "cot", "odd", "empty"]


def new_store(folder: Path, name: str = "runs") -> Store:
    ticks = count()
    return Store(folder / f"{name}.db", clock=lambda: START + next(ticks) / 7)
