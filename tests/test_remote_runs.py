"""Runs on servers through the runner, its engine process and the store: nothing lost, and no key anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground import keys
from playground.events import RunFailed
from playground.execute import RunSpec, attempt
from playground.runner import EngineProcess, Runner
from playground.store import Store
from playground.trace import Trace, fold
from tests.models.chat_server import ChatServer, Refusal, Reply, serving
from tests.models.test_openai_compatible import LISTED, answers, told

KEY = "gsk_key-of-this-test"
STEP = '{"title": "Count", "content": "2 and 2 make 4.", "next_action": "final_answer"}'


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    runner = Runner(Store(tmp_path / "runs.db"), EngineProcess())
    yield runner
    runner.close()


def run(
    runner: Runner, server: ChatServer, monkeypatch: pytest.MonkeyPatch, strategy: str = "direct"
) -> Trace:
    monkeypatch.setenv("GROQ_BASE_URL", server.url)
    with keys.given({"groq": KEY}):
        run_id = runner.start(RunSpec("What is 2 + 2?", strategy, "groq:llama-test"))
    return fold(runner.watch(run_id))


def test_a_malformed_step_is_tried_again(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Reply(["{not", " a step"]), Reply([STEP]), Reply(["So the answer is 4."])) as server:
        trace = run(runner, server, monkeypatch, "titled-chain")
    assert trace.status == "finished"
    assert [node.status for node in trace.with_role("step")] == ["failed", "kept"]
    assert trace.answered
    assert trace.answered.text == "4"
    assert trace.usage.calls == 3
    assert [request.body.get("response_format") for request in server.requests] == [
        {"type": "json_object"}, {"type": "json_object"}, None,
    ]  # fmt: skip


def test_a_reply_that_breaks_off_is_saved_as_far_as_it_came(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Reply([STEP]), Reply(["It is "], breaks=True)) as server:
        trace = run(runner, server, monkeypatch, "titled-chain")
    assert trace.status == "failed"
    assert trace.failure
    assert trace.failure.error == "ServerFailed"
    assert trace.failure.retryable
    assert trace.with_role("step")[0].title == "Count"
    assert trace.with_role("answer")[0].text == "It is "
    runner.store.flush()
    assert runner.store.trace(trace.run_id).with_role("answer")[0].text == "It is "


def test_no_key_is_stored(runner: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(Refusal(401, f"Invalid {KEY}"), Reply(["It is 4."])) as server:
        trace = run(runner, server, monkeypatch)
        assert trace.failure
        assert trace.failure.error == "KeyRefused"
        assert server.requests[0].key == KEY
        assert run(runner, server, monkeypatch).status == "finished"
    runner.close()
    for path in tmp_path.iterdir():
        assert KEY.encode() not in path.read_bytes()


def test_a_key_serves_its_visitors_run_only(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    with serving(Reply(["It is 4."])) as server:
        assert run(runner, server, monkeypatch).status == "finished"
        without = runner.start(RunSpec("What is 2 + 2?", "direct", "groq:llama-test"))
        assert runner.wait(without, 120) == "failed"
        assert len(server.requests) == 1


def test_a_typed_key_in_an_unforeseen_error_is_taken_out() -> None:
    def fail() -> None:
        raise RuntimeError(f"a library quotes {KEY}")

    with keys.given({"groq": KEY}):
        failure = attempt(fail)
    assert isinstance(failure, RunFailed)
    assert failure.message == "a library quotes [key for groq]"
    assert KEY in str(attempt(fail)), "outside that visitor's work nobody knows the key"


def test_the_command_line(tmp_path: Path) -> None:
    with serving(answer=answers(told), models=LISTED) as server:
        done = subprocess.run(
            [
                sys.executable, "-m", "playground", "ask", "2 + 2?", "--model", "openai:m", "--base-url",
                f"{server.url}/v1", "--strategy", "cot-decoding", "--k", "3", "--no-state-answer", "--json",
            ],
            env=os.environ | {"PLAYGROUND_DATA_DIR": str(tmp_path)},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["answer"] == "4"
    assert result["model"] == f"openai:m@{server.url}/v1"
    assert [path["text"] for path in result["paths"]] == [" The answer is 4.", " It is 5.", " < noidea"]
    assert result["paths"][0]["tokens"][0]["entropy"] is None
    assert result["usage"]["cost_usd"] is None
