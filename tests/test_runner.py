"""The runner: runs in the background, seen by many, saved, and safe from a model that dies."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playground.engine import InThread
from playground.errors import BadInput, EngineError, UnknownName
from playground.events import Event, Record, RunCancelled, RunFailed, RunStarted, TokenAdded, Warned
from playground.runner import EngineProcess, Runner, default_backend, run_ids
from playground.settings import settings
from playground.store import Store, database
from playground.trace import fold
from tests import fakes
from tests.fakes import find, load, running, spec

ROOT = Path(__file__).parents[1]
FAKES = ("--models", "tests.fakes:load", "--strategies", "tests.fakes:find")
LONG = 100_000
"""More tokens than any test waits for."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def runner(path: Path) -> Iterator[Runner]:
    with running(path) as runner:
        yield runner


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A runner with an engine process, shared because a process takes its time to start."""
    with running(tmp_path_factory.mktemp("child") / "runs.db", EngineProcess(FAKES)) as runner:
        yield runner


def until(runner: Runner, run_id: str, count: int) -> list[Record]:
    """The first `count` records, as soon as there are so many."""
    seen = []
    for record in runner.watch(run_id):
        seen.append(record)
        if len(seen) == count:
            break
    return seen


def last(runner: Runner, run_id: str) -> Event:
    return runner.records(run_id)[-1].event


def pid(runner: Runner) -> int:
    assert isinstance(runner._backend, EngineProcess)
    assert runner._backend.pid
    return runner._backend.pid


# Watching


def test_a_run_is_watched_once_and_in_order_and_stays_in_the_store(runner: Runner, path: Path) -> None:
    run_id = runner.start(spec(30, delay=0.001, gold="30"))
    seen = list(runner.watch(run_id))
    assert [r.seq for r in seen] == list(range(len(seen)))
    assert {r.run_id for r in seen} == {run_id}
    assert runner.status(run_id) == "finished"
    assert runner.records(run_id) == seen
    assert runner.records(run_id, after=len(seen) - 3) == seen[-2:]
    runner.close()
    store = Store(path)
    assert store.records(run_id) == seen
    assert store.run(run_id).correct is True


def test_many_watchers_see_the_same_whoever_comes_late(runner: Runner) -> None:
    run_id = runner.start(spec(200, delay=0.0005))
    logs: list[list[Record]] = []

    def watch() -> None:
        logs.append(list(runner.watch(run_id)))

    threads = []
    for _ in range(5):
        threads.append(threading.Thread(target=watch))
        threads[-1].start()
        time.sleep(0.02)
    for thread in threads:
        thread.join(20)
    assert logs == [runner.records(run_id)] * 5


def test_a_new_runner_finds_what_an_old_one_ran(path: Path) -> None:
    with running(path) as runner:
        run_id = runner.start(spec(5))
        runner.wait(run_id, 20)
        log = runner.records(run_id)
    with running(path) as runner:
        assert list(runner.watch(run_id)) == log
        assert runner.wait(run_id, 0) == "finished"
        assert fold(runner.records(run_id)).answered
        runner.cancel(run_id)
        assert runner.status(run_id) == "finished"


def test_ended_runs_leave_memory_and_are_still_there(path: Path) -> None:
    with running(path, keep=2) as runner:
        ids = [runner.start(spec(2)) for _ in range(6)]
        logs = [list(runner.watch(run_id)) for run_id in ids]
        runner.store.flush()
        assert len(runner._runs) == 2
        assert [runner.records(run_id) for run_id in ids] == logs
        assert {runner.status(run_id) for run_id in ids} == {"finished"}


def test_what_is_wrong_is_raised_before_there_is_a_run(runner: Runner) -> None:
    with pytest.raises(UnknownName):
        runner.start(spec(strategy="nothing"))
    with pytest.raises(BadInput):
        runner.start(spec(-1))
    assert runner.store.runs() == []


@pytest.mark.parametrize("run_id", ["nothing", "", "\ud800"])
def test_an_unknown_run_is_said_to_be_unknown(runner: Runner, run_id: str) -> None:
    with pytest.raises(BadInput):
        runner.records(run_id)
    with pytest.raises(BadInput):
        runner.status(run_id)
    runner.cancel(run_id)


def test_a_run_of_another_process_can_be_watched(runner: Runner, path: Path) -> None:
    with running(path) as other:
        run_id = other.start(spec(10, delay=0.01))
        other.store.flush()
        seen = list(runner.watch(run_id))
        assert seen == other.records(run_id)


def test_ids_sort_by_time_even_within_a_millisecond() -> None:
    new = run_ids(lambda: 1_800_000_000.0)
    ids = [new() for _ in range(1000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    assert {len(i) for i in ids} == {12}
    assert run_ids(lambda: 1_800_000_002.0)() > ids[-1]


# Waiting and cancelling


def test_a_cancelled_run_stops_within_a_token(runner: Runner) -> None:
    run_id = runner.start(spec(100, strategy="step"))
    fakes.STEPS.release(3)
    until(runner, run_id, 5)
    runner.cancel(run_id)
    assert runner.status(run_id) == "running"  # the fourth token is being made
    fakes.STEPS.release()
    assert runner.wait(run_id, 20) == "cancelled"
    kinds = [r.event.kind for r in runner.records(run_id)]
    assert kinds == ["run_started", "node_opened", *["token"] * 4, "run_cancelled"]


def test_a_run_in_line_is_waiting_and_is_cancelled_at_once(path: Path) -> None:
    with running(path, limit=1) as runner:
        first = runner.start(spec(LONG, delay=0.005))
        until(runner, first, 1)
        second = runner.start(spec(2))
        third = runner.start(spec(2))
        assert runner.status(second) == "waiting"
        runner.cancel(second)
        assert runner.wait(second, 5) == "cancelled"
        assert [type(r.event) for r in runner.records(second)] == [RunStarted, RunCancelled]
        assert runner.status(first) == "running"
        runner.cancel(first)
        assert runner.wait(third, 10) == "finished"
        assert len(runner.records(second)) == 2


def test_a_run_whose_model_is_still_loading_is_cancelled_at_once(runner: Runner) -> None:
    fakes.GATE.clear()
    run_id = runner.start(spec(model="gated"))
    assert runner.wait(run_id, 0.05) == "waiting"
    runner.cancel(run_id)
    assert runner.wait(run_id, 5) == "cancelled"
    fakes.GATE.set()
    assert [type(r.event) for r in runner.records(run_id)] == [RunStarted, RunCancelled]


def test_twenty_runs_at_once(runner: Runner) -> None:
    ids = [runner.start(spec(20, delay=0.001)) for _ in range(20)]
    assert {runner.wait(run_id, 60) for run_id in ids} == {"finished"}
    for run_id in ids:
        tokens = [r.event.id for r in runner.records(run_id) if isinstance(r.event, TokenAdded)]
        assert tokens == list(range(20))
    runner.store.flush()
    assert [run.id for run in runner.store.runs()] == ids[::-1]


def test_closing_ends_and_saves_what_runs(path: Path) -> None:
    with running(path) as runner:
        run_id = runner.start(spec(LONG, delay=0.01))
        until(runner, run_id, 5)
    assert Store(path).run(run_id).status == "cancelled"


def test_closing_waits_for_a_store_that_is_kept_waiting(path: Path) -> None:
    with running(path) as runner:
        run_id = runner.start(spec(LONG, delay=0.01))
        until(runner, run_id, 5)
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("begin immediate")
        threading.Timer(1.0, other.execute, ("rollback",)).start()
    assert Store(path).run(run_id).status == "cancelled"


# A store that fails


def full(path: Path) -> sqlite3.Connection:
    connection = database.connect(path)
    connection.execute("pragma max_page_count = 1")
    return connection


def test_a_run_that_cannot_be_saved_goes_on_with_a_warning(path: Path) -> None:
    Store(path).close()
    with running(path, store=Store(path, connect=full, flush_every=0.01)) as runner:
        run_id = runner.start(spec(500, question="long " * 4000))
        seen = list(runner.watch(run_id))
        assert isinstance(seen[0].event, RunStarted)
        assert [r.seq for r in seen] == list(range(len(seen)))
        [warning] = [r.event for r in seen if isinstance(r.event, Warned)]
        assert "PLAYGROUND_DATA_DIR" in warning.message
        assert len([r for r in seen if isinstance(r.event, TokenAdded)]) == 500
        assert runner.status(run_id) == "finished"


def test_a_store_that_fails_at_the_very_end_still_warns_before_the_end(path: Path) -> None:
    store = Store(path)
    with running(path, store=store) as runner:
        run_id = runner.start(spec(1, delay=0.3))
        store.flush()
        store._writer._connection.execute("drop table chunks")
        *_, warning, end = runner.watch(run_id)
        assert isinstance(warning.event, Warned)
        assert end.event.kind == "run_finished"


# The engine process


def test_tokens_cross_from_the_child_while_they_are_made(child: Runner) -> None:
    run_id = child.start(spec(LONG, delay=0.05))
    until(child, run_id, 4)
    assert child.status(run_id) == "running"
    child.cancel(run_id)
    assert child.wait(run_id, 20) == "cancelled"


def test_the_child_gives_the_same_events_as_a_thread(child: Runner, runner: Runner) -> None:
    wanted = spec(25, gold="25", seed=4, parent={"run": "a"})
    logs = []
    for each in (child, runner):
        run_id = each.start(wanted)
        assert each.wait(run_id, 60) == "finished"
        logs.append([r.event for r in each.records(run_id)])
    assert logs[0] == logs[1]


def test_what_libraries_print_does_not_disturb(child: Runner) -> None:
    run_id = child.start(spec(3, strategy="talk"))
    assert child.wait(run_id, 60) == "finished"
    assert child.call("logits", model="fake", prompt="x").dtype == np.float32


def test_logits_and_errors_cross(child: Runner) -> None:
    got = child.call("logits", model="fake", prompt="x")
    np.testing.assert_array_equal(got, np.arange(151_936, dtype=np.float32) / 7)
    child.warm("fake")
    with pytest.raises(UnknownName) as caught:
        child.warm("nothing")
    assert "fake" in caught.value.hint
    with pytest.raises(BadInput):
        child.call("dance")
    with pytest.raises(EngineError, match="TypeError"):
        child.call("logits", wrong=1)


def test_a_failure_in_the_child_is_the_runs_failure_only(child: Runner) -> None:
    before = pid(child)
    run_id = child.start(spec(strategy="fail"))
    assert child.wait(run_id, 60) == "failed"
    failed = last(child, run_id)
    assert isinstance(failed, RunFailed)
    assert failed.error == "ZeroDivisionError"
    assert pid(child) == before


def test_a_killed_engine_fails_its_runs_keeps_their_tokens_and_starts_again(path: Path) -> None:
    with running(path, EngineProcess(FAKES)) as runner:
        assert runner._backend.pid is None  # type: ignore[attr-defined]
        ids = [runner.start(spec(LONG, delay=0.01)) for _ in range(3)]
        for run_id in ids:
            until(runner, run_id, 10)
        first = pid(runner)
        counts = [len(runner.records(run_id)) for run_id in ids]
        os.kill(first, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        for run_id, count in zip(ids, counts, strict=True):
            assert runner.wait(run_id, 20) == "failed"
            failed = last(runner, run_id)
            assert isinstance(failed, RunFailed)
            assert (failed.error, failed.retryable) == ("EngineError", True)
            assert failed.hint
            assert len(runner.records(run_id)) > count
        again = runner.start(spec(3))
        assert runner.wait(again, 60) == "finished"
        assert pid(runner) != first
        logs = [runner.records(run_id) for run_id in ids]
    store = Store(path)
    assert [store.records(run_id) for run_id in ids] == logs
    assert {store.run(run_id).status for run_id in ids} == {"failed"}


def test_a_call_to_an_engine_that_dies_is_an_error(path: Path) -> None:
    with running(path, EngineProcess(FAKES)) as runner:
        runner.warm("fake")
        failed = threading.Event()

        def ask() -> None:
            with pytest.raises(EngineError, match="ended"):
                runner.warm("gated")  # in the child nobody opens this gate
            failed.set()

        threading.Thread(target=ask).start()
        backend = runner._backend
        assert isinstance(backend, EngineProcess)
        assert backend._child
        while not backend._child._answers:
            time.sleep(0.01)
        os.kill(pid(runner), signal.SIGTERM)
        assert failed.wait(20)
        runner.warm("fake")
    with pytest.raises(EngineError, match="closed"):
        backend.call("load", model="fake")


def test_an_engine_that_cannot_even_start_fails_the_run(path: Path) -> None:
    with running(path, EngineProcess(("--models", "tests.nowhere:load"))) as runner:
        run_id = runner.start(spec(3))
        assert runner.wait(run_id, 60) == "failed"
        failed = last(runner, run_id)
        assert isinstance(failed, RunFailed)
        assert "exit code 1" in failed.message


def test_the_engine_ends_with_its_parent(path: Path) -> None:
    program = f"""
from tests.test_runner import *
runner = Runner(Store({str(path)!r}), EngineProcess(FAKES), find_strategy=find)
run_id = runner.start(spec(LONG, delay=0.01))
until(runner, run_id, 10)
print(run_id, pid(runner), flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        run_id, engine = parent.stdout.readline().split()
        time.sleep(0.5)
        parent.kill()
    give_up = time.monotonic() + 20
    while database._lives(int(engine)) and not is_zombie(int(engine)) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not database._lives(int(engine)) or is_zombie(int(engine))
    with running(path) as runner:
        assert runner.status(run_id) == "interrupted"
        assert len(list(runner.watch(run_id))) > 5


def is_zombie(process: int) -> bool:
    """Dead, though nobody has asked how."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_the_setting_chooses_where_models_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, kind in (("1", EngineProcess), ("0", InThread)):
        monkeypatch.setenv("PLAYGROUND_ENGINE", value)
        settings.cache_clear()
        assert isinstance(default_backend(), kind)
    settings.cache_clear()


def test_a_backend_that_refuses_fails_the_run(path: Path) -> None:
    class Refusing(InThread):
        def start(self, run_id: str, spec: Any) -> None:
            raise EngineError("No process can be started.", "Close something.")

    with running(path, Refusing(load, find_strategy=find)) as runner:
        run_id = runner.start(spec(3))
        assert runner.wait(run_id, 5) == "failed"
        assert [type(r.event) for r in runner.records(run_id)] == [RunStarted, RunFailed]
