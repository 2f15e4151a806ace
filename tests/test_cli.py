"""The command line: one JSON object, one line for what can be mended, exit code 2, no traceback."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playground import cli
from playground.models import catalog
from tests.scripted import Scripted, Way, way

ROOT = Path(__file__).parents[1]
TEN = (
    way(0.5, "", answer="7", answer_margin=0.2),
    way(0.3, "First 3 + 6 = 9. So the answer is", 0.4, answer="9", answer_margin=0.95),
    way(0.1, "<img src=x onerror=alert(1)>", answer="7", answer_margin=0.1),
)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command line in this process on a scripted model; returns (exit code, out, err)."""
    from playground.settings import settings

    def script(prompt: str) -> tuple[Way, ...]:
        if "JSON" in prompt:
            done = prompt.count('"next_action": ') > 0
            action = "final_answer" if done else "continue"
            step = json.dumps({"title": "Add", "content": "3 + 6 = 9", "next_action": action})
            return (way(1.0, "The answer is 9.") if "final answer as plain" in prompt else way(1.0, step),)
        return TEN

    monkeypatch.setenv("PLAYGROUND_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(catalog, "load", lambda name: Scripted(script))
    settings.cache_clear()

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["playground", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    yield run
    settings.cache_clear()


def ask(call: Any, *arguments: str) -> dict[str, Any]:
    code, out, err = call("ask", "How many?", "--json", *arguments)
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert isinstance(result, dict)
    return result


def test_a_budget_ends_the_run_and_is_named(call: Any) -> None:
    result = ask(call, "--k", "3", "--gold", "9", "--budget", "tokens=4")
    assert (result["answer"], result["correct"], result["status"]) == (None, None, "cancelled")
    assert result["stopped"] == "its allowance of 4 tokens is used up"
    assert "stopped" not in ask(call, "--k", "3", "--budget", "tokens=400")
    code, out, _ = call("ask", "How many?", "--k", "3", "--budget", "calls=2")
    assert code == 0
    assert "Stopped: its allowance of 2 calls is used up." in out
    for wrong in ("words=4", "tokens", "tokens=many", "tokens=-1"):
        code, out, err = call("ask", "How many?", "--budget", wrong)
        assert (code, out, err.count("\n")) == (2, "", 1), wrong


def test_json_of_a_branching_strategy(call: Any) -> None:
    result = ask(call, "--k", "3", "--seed", "4", "--gold", "9")
    assert (result["answer"], result["correct"], result["strategy"]) == ("9", True, "cot-decoding")
    assert result["confidence"] == pytest.approx(0.95)
    assert (result["model"], result["seed"], result["params"]["k"]) == ("embedded", 4, 3)
    usage = result["usage"]
    assert (usage["calls"], usage["prompt_tokens"], usage["cost_usd"]) == (3, 10, 0.0)
    assert usage["completion_tokens"] == sum(len(w.pieces) + 1 for w in TEN)
    assert [p["answer"] for p in result["paths"]] == ["7", "9", "7"]
    assert set(result["paths"][0]["tokens"][0]) == {"id", "text", "logprob", "margin", "entropy"}
    assert result["run_id"]


def test_unknown_right_answer_is_null(call: Any) -> None:
    assert ask(call, "--strategy", "direct")["correct"] is None


def test_json_of_a_chain(call: Any) -> None:
    result = ask(call, "--strategy", "titled-chain")
    assert [(s["title"], s["content"]) for s in result["steps"]] == [("Add", "3 + 6 = 9")] * 2
    assert result["answer"] == "9"
    assert all(s["tokens"] > 0 for s in result["steps"])


def test_flags_reach_the_strategy(call: Any) -> None:
    result = ask(
        call, "--strategy", "direct", "--do-sample", "--temperature", "0.5", "--top-p", "0.9", "--top-k", "5"
    )
    params = result["params"]
    assert (params["do_sample"], params["temperature"], params["top_p"], params["top_k"]) == (
        True,
        0.5,
        0.9,
        5,
    )
    assert ask(call, "--strategy", "direct", "--no-do-sample")["params"]["do_sample"] is False


def test_a_person_reads_the_branches_and_the_bill(call: Any) -> None:
    code, out, _ = call("ask", "How many?", "--k", "3")
    assert code == 0
    assert "Answer: 9" in out
    assert "Confidence: 0.950" in out
    assert "3 calls" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ask", ""], "The question is empty"),
        (["ask", "x" * 30_000], "30,000 characters"),
        (["ask", "a", "--strategy", "cot-decodng"], "cot-decoding"),
        (["ask", "a", "--k", "0"], "Change k"),
        (["ask", "a", "--k", "900"], "vocabulary"),
        (["ask", "a", "--strategy", "direct", "--k", "3"], "direct has no setting 'k'"),
        (["ask", "a", "--strategy", "direct", "--temperature", "-1"], "Change temperature"),
        (["ask", "a", "--strategy", "direct", "--top-p", "0"], "Change top_p"),
        (["ask", "a", "--seed", "-1"], "seed"),
        (["ask", "a", "--nonsense", "1"], "--nonsense"),
        (["ask"], "QUESTION"),
        (["puzzles", "aritmetic"], "arithmetic"),
        (["puzzles", "arithmetic", "--difficulty", "99"], "difficulty 99"),
        (["logits", ""], "prompt is empty"),
        (["logits", "a", "--temperature", "-2"], "temperature"),
        (["logits", "a", "--top-p", "0"], "top_p"),
        (["nonsense"], "nonsense"),
    ],
)
def test_what_can_be_mended_is_one_line_and_exit_code_2(call: Any, arguments: list[str], says: str) -> None:
    code, out, err = call(*arguments)
    assert code == 2
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert out == ""


@pytest.mark.parametrize("name", ["embeded", "no-such-model", "./no/such/dir"])
def test_unknown_models(name: str, tmp_path: Path) -> None:
    done = command("ask", "2+2?", "--model", name, PLAYGROUND_DATA_DIR=str(tmp_path))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert name in done.stderr


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    done = command("ask", "2+2?", PLAYGROUND_DATA_DIR=str(file / "below"))
    assert done.returncode == 2
    assert "PLAYGROUND_DATA_DIR" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "playground", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip


def test_lists(call: Any) -> None:
    listed = {s["name"]: s for s in json.loads(call("strategies", "--json")[1])}
    assert listed["cot-decoding"]["params"]["k"]["default"] == 10
    assert "given" not in listed["titled-chain"]["params"]
    models = json.loads(call("models", "--json")[1])
    assert models[0]["name"] == "embedded"
    assert models[0]["capabilities"]["full_logits"] is True


def test_puzzles_are_reproducible_json_lines(call: Any) -> None:
    arguments = ("puzzles", "arithmetic", "-n", "5", "--seed", "7", "--difficulty", "3")
    out = call(*arguments)[1]
    lines = [json.loads(line) for line in out.splitlines()]
    assert len({line["question"] for line in lines}) == 5
    assert {(line["family"], line["difficulty"]) for line in lines} == {("arithmetic", 3)}
    assert call(*arguments)[1] == out
    assert call("puzzles", "arithmetic", "-n", "5", "--seed", "8", "--difficulty", "3")[1] != out


def test_logits_are_exact_over_the_vocabulary(call: Any) -> None:
    table = json.loads(call("logits", "a", "--temperature", "2", "--top-p", "0.7", "--top", "2", "--json")[1])
    # p = .5, .3, .1 of .9; at T = 2 they go as their square roots.
    roots = [math.sqrt(p) for p in (0.5, 0.3, 0.1)]
    first, second = table["tokens"]
    assert first["probability_before"] == pytest.approx(0.5 / 0.9, abs=1e-5)
    assert first["scaled_logit"] == pytest.approx(math.log(0.5) / 2, abs=1e-5)
    # the first two hold .79 of the mass, the smallest set that reaches .7
    assert first["probability"] == pytest.approx(roots[0] / (roots[0] + roots[1]), abs=1e-5)
    assert (first["kept"], second["kept"], first["cut_by"]) == (True, True, None)
    assert table["rest"]["count"] == 1
    assert table["rest"]["probability"] == pytest.approx(0, abs=1e-6)
    assert table["rest"]["probability_before"] == pytest.approx(0.1 / 0.9, abs=1e-5)
    assert table["kept"] == 2
