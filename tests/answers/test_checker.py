"""The checker's process: reused, killed at the limit, replaced, never left behind."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from playground.answers import CheckerUnavailable, checker
from playground.answers.checker import Checker

ENDLESS = r"\sum_{n=1}^{\infty}\sin(n)/n^3", "2x"
SAME = "x+1", "1+x"


@pytest.fixture
def asked() -> Iterator[Checker]:
    asked = Checker(limit=60)
    yield asked
    asked.close()


def process_of(checker: Checker) -> "subprocess.Popen[bytes]":
    assert checker._process is not None
    return checker._process


def test_one_process_answers_all(asked: Checker) -> None:
    assert asked.agree(*SAME) is True
    first = process_of(asked).pid
    assert asked.agree("x+1", "x+2") is False
    assert asked.agree("\\frac{", "x") is False
    assert process_of(asked).pid == first


def test_limit_kills_and_the_next_question_is_answered(asked: Checker) -> None:
    assert asked.agree(*SAME) is True
    hung = process_of(asked)
    asked.limit = 0.5
    assert asked.agree(*ENDLESS) is None
    assert hung.returncode is not None
    asked.limit = 60
    assert asked.agree(*SAME) is True


def test_a_worker_that_died_between_questions_is_replaced(asked: Checker) -> None:
    assert asked.agree(*SAME) is True
    process_of(asked).kill()
    process_of(asked).wait()
    assert asked.agree(*SAME) is True


def test_a_worker_that_dies_over_a_question_gives_no_verdict(asked: Checker) -> None:
    assert asked.agree(*SAME) is True
    verdicts: list[bool | None] = []
    asker = Thread(target=lambda: verdicts.append(asked.agree(*ENDLESS)))
    asker.start()
    asker.join(0.5)
    process_of(asked).kill()
    asker.join()
    assert verdicts == [None]


def test_closing_ends_the_process(asked: Checker) -> None:
    assert asked.agree(*SAME) is True
    process = process_of(asked)
    asked.close()
    assert process.returncode is not None


@pytest.mark.parametrize("script", ["raise SystemExit(1)", "print('hello')", "import time; time.sleep(60)"])
def test_a_worker_that_does_not_start_is_an_error(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "worker.py").write_text(script)
    monkeypatch.setattr(checker, "WORKER", tmp_path / "worker.py")
    with pytest.raises(CheckerUnavailable, match="pip install"):
        Checker(start_limit=2).agree(*SAME)


def test_a_worker_without_a_parent_ends_by_itself() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-P", str(checker.WORKER), "0.1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with worker:
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(ENDLESS).encode() + b"\n")
        worker.stdin.flush()
        assert worker.wait(timeout=60) == (-signal.SIGALRM if hasattr(signal, "SIGALRM") else 1)


def test_the_main_script_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    script.write_text("from playground.answers import equal\nprint('page', equal('x+1', '1+x'))\n")
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.splitlines() == ["page True"]
