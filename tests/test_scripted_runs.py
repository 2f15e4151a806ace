"""Runs on scripted models, in the background and from the command line: slow, failing and malformed ones end as they
should, and what was written up to there is saved."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from playground import cli
from playground.errors import PlaygroundError
from playground.execute import RunSpec
from playground.models import catalog
from playground.models.script import ERRORS
from playground.runner import EngineProcess, InThread, Runner
from playground.settings import settings
from playground.store import Store
from playground.trace import Trace, fold

Write = Callable[..., str]
CHAIN = Path(__file__).parents[1] / "assets" / "scripted" / "titled-chain.json"


def step(title: str, action: str = "continue") -> str:
    return json.dumps({"title": title, "content": f"About {title}.", "next_action": action})


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a script of these replies and gives its model's name."""

    def write(*replies: dict[str, Any], pace: float = 0.0, **can: Any) -> str:
        file = tmp_path / f"script-{len(list(tmp_path.iterdir()))}.json"
        file.write_text(json.dumps({"capabilities": can, "pace": pace, "replies": replies}), "utf-8")
        return f"scripted:{file}"

    return write


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Trace]]:
    """Runs to the end; the trace is folded from what another reader finds in the database."""
    store = Store(tmp_path / "runs.db")
    runner = Runner(store, InThread(catalog.load))

    def run(model: str, strategy: str = "direct", gold: str | None = None, **params: Any) -> Trace:
        run_id = runner.start(RunSpec("How many?", strategy, model, params, gold=gold))
        assert runner.wait(run_id, 20) not in ("waiting", "running")
        assert store.flush()
        return fold(store.records(run_id))

    yield run
    runner.close()


class TestTheTitledChain:
    def test_on_a_chat_only_model(self, run: Any, write: Write) -> None:
        model = write(
            {"when": {"purpose": "step 1"}, "text": step("Look")},
            {"when": {"purpose": "step 2", "contains": ["About Look."]}, "text": step("Add", "final_answer")},
            {"when": {"purpose": "final answer", "contains": ["About Add."]}, "text": "The answer is 9."},
            json_mode=True,
        )
        trace = run(model, "titled-chain", gold="9")
        assert (trace.status, trace.answered.text, trace.correct) == ("finished", "9", True)
        assert [node.title for node in trace.with_role("step")] == ["Look", "Add"]
        assert trace.usage.calls == 3
        assert (
            trace.usage.completion_tokens == len(f"{step('Look')} {step('Add', 'final_answer')}".split()) + 4
        )
        assert trace.usage.forward_passes == 0
        assert trace.cost_usd == 0.0
        assert not any(node.tokens for node in trace.nodes.values())

    def test_steps_that_cannot_be_read_are_tried_again_and_then_mended(self, run: Any, write: Write) -> None:
        model = write(
            {"when": {"node": "*/step-1"}, "text": "I would rather chat about it."},
            {"when": {"node": "*/step-1-try-2"}, "text": ""},
            {"when": {"node": "*/step-1-try-3"}, "pieces": ['Sure: {"ti', 'tle": "Cut", "content": "off']},
            {"when": {"purpose": "step 2"}, "text": f"```json\n{step('Fenced', 'final_answer')}\n```"},
            {"text": "It is 4."},
        )
        trace = run(model, "titled-chain")
        assert (trace.status, trace.answered.text) == ("finished", "4")
        assert [(node.id, node.status) for node in trace.with_role("step")] == [
            ("q/step-1", "failed"),
            ("q/step-1-try-2", "failed"),
            ("q/step-1-try-3", "kept"),
            ("q/step-2", "kept"),
        ]
        assert trace.nodes["q/step-1-try-3"].note.startswith("The JSON was cut off and has been closed.")
        assert "left out" in trace.nodes["q/step-2"].note

    def test_not_one_step_that_can_be_read(self, run: Any, write: Write) -> None:
        trace = run(write({"text": "{{{{"}), "titled-chain", retries=1)
        assert (trace.status, trace.failure.error) == ("failed", "ModelError")
        assert "not write a single step" in trace.failure.message
        assert [node.text for node in trace.with_role("step")] == ["{{{{", "{{{{"]

    def test_an_endless_step_ends_at_its_limit(self, run: Any, write: Write) -> None:
        model = write(
            {"when": {"purpose": "step 1"}, "text": "and then ", "endless": True}, {"text": "It is 4."}
        )
        trace = run(model, "titled-chain", retries=0, max_new_tokens=40)
        assert trace.status == "failed"
        assert trace.nodes["q/step-1"].end == "length"
        assert trace.usage.completion_tokens == 40

    def test_a_server_that_breaks_off_in_the_third_step(self, run: Any, write: Write) -> None:
        model = write(
            {"when": {"purpose": "step 1"}, "text": step("One")},
            {"when": {"purpose": "step 2"}, "text": step("Two")},
            {
                "text": step("Three"),
                "error": {"type": "ServerFailed", "message": "It broke off.", "hint": "Again.", "after": 3},
            },
        )
        trace = run(model, "titled-chain")
        assert (trace.status, trace.failure.error, trace.failure.retryable) == (
            "failed",
            "ServerFailed",
            True,
        )
        assert (trace.failure.message, trace.failure.hint) == ("It broke off.", "Again.")
        assert [node.title for node in trace.with_role("step")] == ["One", "Two", "Step 3"]
        assert trace.nodes["q/step-3"].text == '{"title": "Three", "content":'
        assert trace.usage.calls == 3
        assert trace.usage.completion_tokens == len(f"{step('One')} {step('Two')}".split()) + 3


class TestSelfConsistency:
    def test_a_majority_of_drawn_ways(self, run: Any, write: Write) -> None:
        model = write({"ways": [{"p": 8, "text": "The answer is 7."}, {"p": 2, "text": "The answer is 9."}]})
        trace = run(model, "self-consistency", n=40)
        votes = dict(trace.answered.info["votes"])
        assert trace.answered.text == "7"
        assert votes["7"] + votes["9"] == 40
        assert trace.answered.confidence == votes["7"] / 40
        assert trace.usage.calls == 40
        again = run(model, "self-consistency", n=40)
        assert [n.text for n in again.with_role("branch")] == [n.text for n in trace.with_role("branch")]

    def test_a_reply_without_an_answer_is_asked_for_it(self, run: Any, write: Write) -> None:
        model = write(
            {"when": {"purpose": "state the answer"}, "text": "7"},
            {
                "when": {"node": "q/sample-2"},
                "text": "There were 3 pens, 4 more came along, and some were lost on the way to school again.",
            },
            {"text": "The answer is 7."},
        )
        trace = run(model, "self-consistency", n=3)
        assert trace.answered.info["votes"] == [["7", 3]]
        assert trace.nodes["q/sample-2/answer"].text == "7"

    def test_one_failing_sample_fails_the_run_and_the_others_are_kept(self, run: Any, write: Write) -> None:
        failing = {"when": {"node": "q/sample-2"}, "text": "So", "error": {"type": "RateLimited", "after": 1}}
        trace = run(write(failing, {"text": "The answer is 7."}), "self-consistency", n=3)
        assert (trace.status, trace.failure.error, trace.failure.retryable) == ("failed", "RateLimited", True)
        assert [node.text for node in trace.with_role("branch")] == ["The answer", "So", "The"]


class TestDirect:
    @pytest.mark.parametrize("kind", sorted(ERRORS))
    @pytest.mark.parametrize("after", [0, 2])
    def test_each_error_is_the_outcome_it_is(self, run: Any, write: Write, kind: str, after: int) -> None:
        model = write(
            {
                "text": "one two three",
                "error": {"type": kind, "message": "No.", "hint": "Wait.", "after": after},
            }
        )
        trace = run(model)
        assert (trace.status, trace.failure.error, trace.failure.message) == ("failed", kind, "No.")
        assert (trace.failure.hint, trace.failure.retryable) == ("Wait.", ERRORS[kind].retryable)
        assert trace.nodes["q/reply"].text == ("one two" if after else "")
        assert trace.usage.completion_tokens == after

    def test_the_second_try_works(self, run: Any, write: Write) -> None:
        model = write({"times": 1, "error": {"type": "RateLimited"}}, {"text": "It is 7."})
        assert [run(model).status, run(model).status] == ["failed", "finished"]

    def test_an_empty_reply_has_no_answer(self, run: Any, write: Write) -> None:
        trace = run(write({"text": ""}))
        assert (trace.status, trace.answered.text) == ("finished", None)

    def test_numbers_of_a_server_with_log_probabilities(self, run: Any, write: Write) -> None:
        tokens = [
            {"text": "It is", "logprob": -0.5, "margin": 0.3},
            {"text": " 7", "logprob": -0.1, "margin": 0.8},
        ]
        trace = run(write({"tokens": tokens}, top_logprobs=2))
        assert trace.answered.confidence == pytest.approx(0.8)
        assert trace.nodes["q/reply"].scores["logprob"].value == pytest.approx(-0.3)
        assert [token.entropy for token in trace.nodes["q/reply"].tokens] == [None, None]

    def test_what_a_chat_only_model_cannot_run_says_so(self, run: Any, write: Write) -> None:
        trace = run(write({"text": "x"}), "cot-decoding")
        assert (trace.status, trace.failure.error) == ("failed", "CapabilityError")

    def test_a_wrong_file_fails_with_the_field(self, run: Any, tmp_path: Path) -> None:
        (tmp_path / "wrong.json").write_text('{"replies": [{"text": "a", "wait": "long"}]}')
        trace = run(f"scripted:{tmp_path / 'wrong.json'}")
        assert (trace.status, trace.failure.error) == ("failed", "BadInput")
        assert "at replies.0.wait" in trace.failure.message


class TestSlowness:
    def test_a_slow_run_is_stopped_within_moments_and_saved(self, tmp_path: Path, write: Write) -> None:
        model = write({"pieces": ["one", " two"], "wait": 0.05, "pace": 600.0})
        quick = write({"when": {"node": "*"}, "pieces": ["one"], "pace": 0.0, "error": {"after": 9}})
        store = Store(tmp_path / "runs.db")
        runner = Runner(store, InThread(catalog.load))
        try:
            run_id = runner.start(RunSpec("How long?", "direct", model))
            time.sleep(1.2)
            began = time.monotonic()
            runner.cancel(run_id)
            assert runner.wait(run_id, 5) == "cancelled"
            assert time.monotonic() - began < 2
            assert store.flush()
            kinds = [record.event.kind for record in store.records(run_id)]
            assert kinds[-1] == "run_cancelled"
            assert "call_started" in kinds
            assert "waiting" in kinds
            assert runner.wait(runner.start(RunSpec("And then?", "direct", quick)), 5) == "failed"
        finally:
            runner.close()

    def test_in_the_engine_process_too(self, tmp_path: Path) -> None:
        runner = Runner(Store(tmp_path / "runs.db"), EngineProcess())
        try:
            spec = RunSpec("Which is larger, 9.11 or 9.9?", "titled-chain", f"scripted:{CHAIN}", gold="9.9")
            run_id = runner.start(spec)
            assert runner.wait(run_id, 60) == "finished"
            trace = fold(runner.records(run_id))
            assert (trace.correct, len(trace.with_role("step"))) == (True, 4)
            assert trace.seconds > 98 * 0.05 * 0.9  # so many words, twenty a second
        finally:
            runner.close()


class TestTheCommandLine:
    @pytest.fixture
    def call(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> Iterator[Any]:
        monkeypatch.setenv("PLAYGROUND_DATA_DIR", str(tmp_path / "data"))
        settings.cache_clear()

        def call(*arguments: str) -> tuple[int, str, str]:
            monkeypatch.setattr(sys, "argv", ["playground", *arguments])
            code = 0
            try:
                cli.main()
            except SystemExit as stop:
                code = int(stop.code or 0)
            out, err = capsys.readouterr()
            return code, out, err

        yield call
        settings.cache_clear()

    @pytest.mark.parametrize(
        ("strategy", "calls", "written"),
        [
            ("direct", 1, 4),
            ("self-consistency", 10, 40),
            ("titled-chain", 2, len(step("Add", "final_answer").split()) + 4),
        ],
    )
    def test_it_answers(self, call: Any, write: Write, strategy: str, calls: int, written: int) -> None:
        model = write(
            {"when": {"purpose": "step 1"}, "text": step("Add", "final_answer")}, {"text": "The answer is 7."}
        )
        code, out, _ = call("ask", "How many?", "--model", model, "--strategy", strategy, "--json")
        result = json.loads(out)
        assert (code, result["answer"], result["model"]) == (0, "7", model)
        usage = result["usage"]
        assert (usage["calls"], usage["completion_tokens"], usage["cost_usd"]) == (calls, written, 0.0)

    def test_a_failing_one_is_one_line_and_exit_code_2_and_the_run_is_saved(
        self, call: Any, write: Write
    ) -> None:
        model = write(
            {
                "text": "one two",
                "error": {"type": "RateLimited", "message": "Too many.", "hint": "Wait.", "after": 1},
            }
        )
        code, out, err = call("ask", "How many?", "--model", model, "--strategy", "direct", "--json")
        assert (code, out, err) == (2, "", "Too many. Wait.\n")
        [session] = json.loads(call("sessions", "list", "--json")[1])
        assert "How many?" in json.dumps(session)

    def test_a_missing_and_a_wrong_file(self, call: Any, tmp_path: Path) -> None:
        (tmp_path / "wrong.json").write_text("{}")
        for name, says in (
            ("none.json", "There is no script"),
            ("wrong.json", "wrong at replies: field required"),
        ):
            code, _, err = call("ask", "a", "--model", f"scripted:{tmp_path / name}", "--strategy", "direct")
            assert code == 2
            assert says in err
            assert len(err.strip().splitlines()) == 1


def test_errors_are_ours() -> None:
    assert all(issubclass(kind, PlaygroundError) for kind in ERRORS.values())
