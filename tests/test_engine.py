"""The engine: how a run goes from its description to its end, and the lines it speaks as a child process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from playground.answers import CheckerUnavailable
from playground.engine import InThread, Outbox, from_plain, serve, to_plain
from playground.errors import BadInput, DownloadStopped, UnknownName
from playground.events import (
    Answered,
    Event,
    NodeOpened,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
    TokenAdded,
    Warned,
    from_json,
)
from playground.execute import RunSpec, check, execute
from playground.models import patience
from tests import fakes
from tests.fakes import find, load, spec


def events(run: RunSpec, **options: Any) -> list[Event]:
    return list(execute(run, load_model=load, find_strategy=find, **options))


def failure(run: RunSpec, **options: Any) -> RunFailed:
    """What a run fails on, after its opening."""
    first, *_, last = events(run, **options)
    assert isinstance(first, RunStarted)
    assert isinstance(last, RunFailed)
    return last


# Descriptions


def test_a_description_survives_json() -> None:
    run = RunSpec("q", "count", "fake", {"n": 2}, 5, "2", "sums", {"run": "a", "token": 7})
    assert RunSpec.from_json(json.loads(json.dumps(run.to_json()))) == run
    with pytest.raises(BadInput, match="surprise"):
        RunSpec.from_json({**run.to_json(), "surprise": 1})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"question": " \n\t"}, "question is empty"),
        ({"question": "x" * 20_001}, "20,001 characters"),
        ({"question": "half \ud83d"}, "half characters"),
        ({"question": None}, "question is not a text"),
        ({"gold": 7}, "gold is not a text"),
        ({"strategy": "cuont"}, "no strategy called 'cuont'"),
        ({"model": " "}, "No model"),
        ({"seed": -1}, "seed = -1"),
        ({"seed": 2**63}, "seed"),
        ({"seed": 1.5}, "seed = 1.5"),
        ({"params": {"n": -1}}, "n = -1"),
        ({"params": {"m": 1}}, "no setting 'm'"),
        ({"params": {"n": "many"}}, "n = 'many'"),
        ({"params": [1]}, "params"),
        ({"parent": {"run": object()}}, "parent"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_loaded(wrong: dict[str, Any], said: str) -> None:
    run = RunSpec(**{"question": "q", "strategy": "count", "model": "fake", **wrong})
    with pytest.raises(BadInput, match=said) as caught:
        check(run, find)
    assert caught.value.hint


# Runs


def test_a_run_opens_with_its_whole_configuration_and_ends_with_its_mark() -> None:
    log = events(spec(2, gold="2", seed=3, parent={"run": "a"}))
    assert log[0] == RunStarted(
        "How far can you count?",
        "count",
        "fake",
        {"max_new_tokens": 256, "n": 2, "delay": 0.0, "alternatives": 0},
        3,
        "2",
        local=True,
        parent={"run": "a"},
        versions={"fake": "1"},
    )
    assert isinstance(log[1], NodeOpened)
    assert log[-2:] == [Answered("2", "q/a", 0.5, "counted"), RunFinished(True)]
    assert [e.id for e in log if isinstance(e, TokenAdded)] == [0, 1]


@pytest.mark.parametrize(("gold", "correct"), [(None, None), ("2.0", True), ("3", False)])
def test_the_mark(gold: str | None, correct: bool | None) -> None:
    assert events(spec(2, gold=gold))[-1] == RunFinished(correct)


def test_an_answer_that_cannot_be_compared_stands_without_a_mark() -> None:
    def broken(a: str, b: str) -> bool:
        raise CheckerUnavailable("It does not start.")

    *_, warning, end = events(spec(2, gold="2"), equal=broken)
    assert isinstance(warning, Warned)
    assert end == RunFinished(None)


@pytest.mark.parametrize(
    ("run", "error", "said"),
    [
        (spec(question=""), "BadInput", "empty"),
        (spec(model="nothing"), "UnknownName", "nothing"),
        (spec(model="damaged"), "ModelError", "damaged"),
        (spec(strategy="look", model="blind"), "CapabilityError", "full next-token distribution"),
        (spec(strategy="fail", question="model"), "ModelError", "No distribution"),
        (spec(strategy="fail", question="memory"), "OutOfMemory", "memory"),
        (spec(strategy="fail", question="allocator"), "OutOfMemory", "memory"),
        (spec(strategy="fail", question="python"), "OutOfMemory", "memory"),
        (spec(strategy="fail"), "ZeroDivisionError", "division by zero"),
        (spec(strategy="boast"), "TypeError", "float32"),
    ],
)
def test_every_failure_is_an_event_with_a_hint(run: RunSpec, error: str, said: str) -> None:
    failed = failure(run)
    assert failed.error == error
    assert said in failed.message
    assert failed.hint


def test_a_surprise_goes_to_the_log_in_full(caplog: pytest.LogCaptureFixture) -> None:
    failure(spec(strategy="fail"))
    assert "Traceback" in caplog.text
    caplog.clear()
    failure(spec(strategy="fail", question="model"))
    assert "Traceback" not in caplog.text


def test_cancelling_takes_effect_at_the_next_event() -> None:
    seen: list[Event] = []
    for event in execute(spec(1000), load_model=load, find_strategy=find, cancelled=lambda: len(seen) == 5):
        seen.append(event)
    assert isinstance(seen[-1], RunCancelled)
    assert len(seen) == 6


def test_a_run_cancelled_in_line_never_loads_its_model() -> None:
    assert [e.kind for e in events(spec(model="damaged"), cancelled=lambda: True)] == [
        "run_started",
        "run_cancelled",
    ]


def test_a_download_that_ends_because_the_run_was_cancelled_is_no_failure() -> None:
    stopped = False

    def wait(name: str) -> Any:
        nonlocal stopped
        stopped = name == "cancelled"
        assert patience.unwanted() == stopped
        raise DownloadStopped("It was stopped.", "Start it again.")

    def ends(model: str) -> Event:
        run = spec(model=model)
        return list(execute(run, load_model=wait, find_strategy=find, cancelled=lambda: stopped))[-1]

    assert isinstance(ends("stopped by somebody"), RunFailed)
    assert isinstance(ends("cancelled"), RunCancelled)
    assert not patience.unwanted()


# Threads


class Collector:
    """Takes what a backend emits."""

    def __init__(self) -> None:
        self.log: list[tuple[str, Event]] = []
        self.ended: dict[str, threading.Event] = {}

    def emit(self, run_id: str, timed: Sequence[tuple[float, Event]]) -> None:
        for _, event in timed:
            self.log.append((run_id, event))
            if isinstance(event, RunFinished | RunFailed | RunCancelled):
                self.ended.setdefault(run_id, threading.Event()).set()

    def wait(self, run_id: str) -> None:
        assert self.ended.setdefault(run_id, threading.Event()).wait(20)


def test_later_runs_wait_in_the_order_they_came() -> None:
    engine, seen = InThread(load, find_strategy=find, limit=1), Collector()
    engine.open(seen.emit)
    for run_id in "abcd":
        engine.start(run_id, spec(20, delay=0.001))
    for run_id in "abcd":
        seen.wait(run_id)
    order = [run_id for run_id, event in seen.log if isinstance(event, RunStarted | RunFinished)]
    assert order == list("aabbccdd")


def test_runs_work_side_by_side_up_to_the_limit() -> None:
    fakes.GATE.clear()
    engine, seen = InThread(load, find_strategy=find, limit=2), Collector()
    engine.open(seen.emit)
    engine.start("stuck", spec(model="gated"))
    engine.start("free", spec())
    seen.wait("free")
    assert "stuck" not in {run_id for run_id, _ in seen.log}
    fakes.GATE.set()
    seen.wait("stuck")


def test_asking_for_logits_and_for_nonsense() -> None:
    engine = InThread(load, find_strategy=find)
    assert engine.call("load", model="fake") is None
    assert engine.call("logits", model="fake", prompt="2 + 2 =").shape == (151_936,)
    with pytest.raises(BadInput, match="no method 'dance'"):
        engine.call("dance")


def test_an_array_survives_the_pipe() -> None:
    array = np.array([[1.5, -np.inf, np.nan]], dtype=np.float32).T
    back = from_plain(json.loads(json.dumps(to_plain(array))))
    np.testing.assert_array_equal(back, array)
    assert back.dtype == np.float32
    assert from_plain(to_plain({"shape": [1]})) == {"shape": [1]}


# Lines


def test_the_conversation() -> None:
    asked = [
        {"do": "start", "run": "a", "spec": spec(2).to_json()},
        {"do": "call", "id": 7, "method": "logits", "params": {"model": "nothing", "prompt": "x"}},
        {"do": "cancel", "run": "unknown"},
    ]
    replies = io.BytesIO()
    engine = InThread(load, find_strategy=find)
    serve(io.BytesIO(b"".join(json.dumps(line).encode() + b"\n" for line in asked)), replies, engine)
    lines = [json.loads(line) for line in replies.getvalue().splitlines()]
    heard = [
        from_json(event) for line in lines for run_id, _, event in line.get("events", []) if run_id == "a"
    ]
    assert isinstance(heard[0], RunStarted)
    assert isinstance(
        heard[-1], RunFinished | RunCancelled
    )  # the end of the requests cancels what still runs
    [answer] = [line for line in lines if "id" in line]
    assert (answer["id"], answer["failure"]["error"]) == (7, "UnknownName")


def test_a_first_event_goes_at_once_and_a_flood_in_few_lines() -> None:
    lines: list[tuple[float, bytes]] = []

    class Pipe(io.BytesIO):
        def write(self, data: Any) -> int:
            lines.append((time.monotonic(), bytes(data)))
            return len(data)

    outbox = Outbox(Pipe())
    begun = time.monotonic()
    outbox.emit("a", [(0.0, RunCancelled())])
    while not lines:
        time.sleep(0.001)
    for _ in range(500):
        outbox.emit("a", [(0.0, RunCancelled())])
    took = time.monotonic() - begun
    outbox.close()
    assert b"run_cancelled" in lines[0][1]
    assert len(lines) <= 3 + took / 0.015
    assert sum(line.count(b"run_cancelled") for _, line in lines) == 501


def test_a_parent_that_does_not_read_slows_the_run_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.engine.MOST_GATHERED", 10)
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe, os.fdopen(reading, "rb") as parent:
        outbox = Outbox(pipe)
        sent = 0

        def flood() -> None:
            nonlocal sent
            for _ in range(300):
                outbox.emit("a", [(0.0, Warned("x" * 1000))])
                sent += 1

        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        time.sleep(0.3)
        held = sent
        assert held < 200
        received = 0
        while received < 300:
            received += len(json.loads(parent.readline())["events"])
        thread.join(5)
        assert sent == 300
        outbox.close()


def test_the_child_ends_with_its_parent() -> None:
    child = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "playground.engine",
            "--models",
            "tests.fakes:load",
            "--strategies",
            "tests.fakes:find",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin
    assert child.stdout
    child.stdin.write(
        json.dumps({"do": "start", "run": "a", "spec": spec(10_000, delay=0.01).to_json()}).encode()
    )
    child.stdin.write(b"\n")
    child.stdin.flush()
    assert b"run_started" in child.stdout.readline()
    child.stdin.close()
    assert child.wait(30) == 0
    child.stdout.close()


def test_unknown_names_stay_what_they_are() -> None:
    with pytest.raises(UnknownName):
        InThread(load).call("load", model="nothing")
