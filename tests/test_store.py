"""The store: what goes in comes out, whoever reads, whatever happens to the disk or the process."""

from __future__ import annotations

import math
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.errors import BadInput, StoreError
from playground.events import (
    Answered,
    Event,
    NodeOpened,
    Record,
    RunFailed,
    RunFinished,
    RunStarted,
    Spent,
    TokenAdded,
    Usage,
    Warned,
)
from playground.store import Store, database, tables

STARTED = RunStarted("What is 7 × 8?", "count", "fake", {"n": 3}, 11, "56", "sums", True, None, {"fake": "1"})
ROOT = Path(__file__).parents[1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "runs.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()


def token(i: int, text: str = "x") -> TokenAdded:
    return TokenAdded("q", i, text, -0.1 * i, 0.5, 0.25, "greedy")


def records(run_id: str, *events: Event, first: int = 0) -> list[Record]:
    return [Record(run_id, first + i, 1000.0 + (first + i) / 8, event) for i, event in enumerate(events)]


def whole(run_id: str = "a") -> list[Record]:
    return records(
        run_id,
        STARTED,
        NodeOpened("q", None, "question", "Wie weit?\u2028 \x00 \n é 🙂"),
        token(0, "\u2028line separators\x85"),
        token(1, "\ud83d"),
        Spent("q", Usage(1, 5, 2, 2, 3)),
        Warned("careful"),
        Answered("56", "q", 0.75, "counted"),
        RunFinished(True),
    )


def test_events_come_out_as_they_went_in(path: Path, store: Store) -> None:
    log = whole()
    store.create_run("a", STARTED)
    for record in log:
        store.append("a", [record])
    store.close()
    assert Store(path).records("a") == log
    assert store.records("a", after=4) == log[5:]
    assert store.records("a", after=99) == []


def test_records_after_one_in_the_middle_of_a_chunk(store: Store) -> None:
    store.create_run("a", STARTED)
    store.append("a", whole()[:5])
    store.flush()
    store.append("a", whole()[5:])
    store.flush()
    assert [r.seq for r in store.records("a", after=2)] == [3, 4, 5, 6, 7]


def test_the_row_says_what_the_events_say(store: Store) -> None:
    store.create_run("a", STARTED)
    store.flush()
    assert store.run("a").status == "waiting"
    store.append("a", whole()[:5])
    store.flush()
    assert (store.run("a").status, store.run("a").completion_tokens) == ("running", 2)
    store.append("a", whole()[5:])
    store.flush()
    row = store.run("a")
    assert (row.status, row.answer, row.confidence, row.correct) == ("finished", "56", 0.75, True)
    assert (row.calls, row.prompt_tokens, row.completion_tokens, row.forward_passes) == (1, 5, 2, 3)
    assert (row.params, row.versions, row.parent, row.seed) == ({"n": 3}, {"fake": "1"}, None, 11)
    assert row.seconds == pytest.approx(7 / 8)
    assert store.trace("a").answered == Answered("56", "q", 0.75, "counted")


def test_a_failure_and_an_answer_of_half_a_character_have_a_row(store: Store) -> None:
    store.create_run("a", STARTED)
    store.append(
        "a", records("a", STARTED, Answered("\ud83d", None, math.nan), RunFailed("ModelError", "No."))
    )
    store.flush()
    row = store.run("a")
    assert (row.status, row.answer, row.confidence, row.error) == ("failed", "?", None, "ModelError: No.")


def test_numbers_that_are_not_finite_do_not_spoil_a_row(store: Store) -> None:
    started = RunStarted("q?", "fork", "m", {"t": math.nan}, 0, parent={"run": "a", "place": [math.inf, 1.5]})
    store.create_run("b", started)
    store.append("b", records("b", started, RunFinished()))
    assert store.flush()
    row = store.run("b")
    assert (row.status, row.params, row.parent) == (
        "finished",
        {"t": None},
        {"run": "a", "place": [None, 1.5]},
    )
    assert [fork.id for fork in store.forks("a")] == ["b"]
    assert math.isinf(store.records("b")[0].event.parent["place"][0])  # type: ignore[union-attr, index]


def test_lists_are_newest_first_and_searched_as_text(store: Store) -> None:
    for run_id in ("a", "b", "c"):
        store.create_run(run_id, RunStarted(f"Is 100% of {run_id} more than _?", "count", "fake", {}, 0))
    store.flush()
    assert [run.id for run in store.runs()] == ["c", "b", "a"]
    assert [run.id for run in store.runs(1, before="c")] == ["b"]
    assert [run.id for run in store.runs(text="% OF A")] == ["a"]
    assert store.runs(text="_of") == []
    assert store.runs(text="'; drop table runs; --\ud800") == []


@pytest.mark.parametrize("run_id", ["nothing", "' or 1=1 --", "\ud800"])
def test_an_unknown_run_is_a_wish_not_a_crash(store: Store, run_id: str) -> None:
    assert store.records(run_id) == []
    with pytest.raises(BadInput):
        store.run(run_id)
    with pytest.raises(BadInput):
        store.trace(run_id)


def test_many_threads_write_and_read_at_once(store: Store) -> None:
    failures: list[str] = []

    def write(run_id: str) -> None:
        store.create_run(run_id, STARTED)
        for i in range(40):
            store.append(run_id, records(run_id, STARTED if i == 0 else token(i), first=i))
            seen = store.records(run_id)
            if [r.seq for r in seen] != list(range(len(seen))):
                failures.append(run_id)
        store.append(run_id, records(run_id, RunFinished(), first=40))

    threads = [threading.Thread(target=write, args=(f"run{i}",)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.flush()
    assert not failures
    for i in range(12):
        assert [r.seq for r in store.records(f"run{i}")] == list(range(41))
        assert store.run(f"run{i}").status == "finished"


def test_writing_never_waits_for_another_program(path: Path, store: Store) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    before = time.monotonic()
    store.create_run("a", STARTED)
    store.append("a", whole())
    assert time.monotonic() - before < database.PATIENCE / 2
    other.execute("rollback")
    assert store.flush()
    assert store.records("a") == whole()


def run_elsewhere(path: Path, code: str) -> subprocess.Popen[str]:
    """Another process with a store on `path`, a run "a" with three tokens, and then `code`."""
    program = f"""
        import os, sys, time
        from tests.test_store import *
        store = Store({str(path)!r})
        store.create_run("a", STARTED)
        store.append("a", records("a", STARTED, NodeOpened("q", None, "question"), token(0), token(1)))
        {code}
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_another_process_reads_along_and_a_killed_one_leaves_an_interrupted_run(
    path: Path, store: Store
) -> None:
    # The tokens are handed over and then the process dies without a chance to say so.
    with run_elsewhere(path, "print('go', flush=True); sys.stdin.read()") as child:
        assert child.stdout
        child.stdout.readline()
        give_up = time.monotonic() + 20
        while len(store.records("a")) < 4 and time.monotonic() < give_up:
            time.sleep(0.02)
        assert len(store.records("a")) == 4
        assert store.run("a").status == "running"
        child.kill()
    assert store.run("a").status == "interrupted"
    assert store.trace("a").status == "interrupted"
    assert len(Store(path).records("a")) == 4
    with sqlite3.connect(path) as connection:
        assert connection.execute("select status from runs").fetchall() == [("interrupted",)]


def test_a_run_is_not_interrupted_by_a_second_store_of_the_same_process(path: Path, store: Store) -> None:
    store.create_run("a", STARTED)
    store.append("a", whole()[:3])
    store.flush()
    Store(path).close()
    assert store.run("a").status == "running"


@pytest.mark.parametrize(
    ("owner", "beat", "gone"),
    [
        ("elsewhere:1:t", 100.0, False),
        ("elsewhere:1:t", 80.0, True),
        (f"{database.Owner.new().host}:{os.getpid()}:earlier life", 100.0, True),
        (f"{database.Owner.new().host}:{os.getppid()}:t", 100.0, False),
        (f"{database.Owner.new().host}:999999999:t", 100.0, os.name == "posix"),
        (f"{database.Owner.new().host}:{os.getppid()}:t", 80.0, True),
    ],
    ids=[
        "elsewhere",
        "elsewhere and silent",
        "an earlier life of our pid",
        "alive",
        "dead",
        "alive and silent",
    ],
)
def test_when_a_process_is_taken_for_gone(owner: str, beat: float, gone: bool) -> None:
    assert database.is_gone({"owner": owner, "heartbeat": beat}, now=101.0) is gone


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not show it")
def test_a_killed_process_whose_parent_does_not_care_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner = f"{database.Owner.new().host}:{child.pid}:t"
        assert not database.is_gone({"owner": owner, "heartbeat": 100.0}, now=101.0)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, but not buried
        assert database.is_gone({"owner": owner, "heartbeat": 100.0}, now=101.0)


def test_a_run_without_events_still_shows_that_its_process_lives(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.store.writer.HEARTBEAT", 0.05)
    store = Store(path, flush_every=0.01)
    store.create_run("a", STARTED)
    store.flush()
    beats = set()
    for _ in range(10):
        time.sleep(0.05)
        with sqlite3.connect(path) as connection:
            beats.add(connection.execute("select heartbeat from runs").fetchone())
    store.close()
    assert len(beats) > 2


def test_a_folder_that_cannot_be_made_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="PLAYGROUND_DATA_DIR"):
        Store(tmp_path / "file" / "runs.db")
    with pytest.raises(StoreError, match="PLAYGROUND_DATA_DIR"):
        Store(tmp_path)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.write_bytes(b"this is a diary, not a database" * 100)
    with pytest.raises(StoreError, match="Move it away"):
        Store(path)
    assert path.read_bytes().startswith(b"this is a diary")


def test_a_read_only_database_is_refused_at_once(path: Path) -> None:
    Store(path).close()

    def read_only(file: Path) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{file}?mode=ro", uri=True, check_same_thread=False)

    with pytest.raises(StoreError, match="PLAYGROUND_DATA_DIR"):
        Store(path, connect=read_only)


def test_damaged_events_are_an_error_that_names_the_run(path: Path, store: Store) -> None:
    store.create_run("a", STARTED)
    store.append("a", whole())
    store.flush()
    with sqlite3.connect(path) as connection:
        connection.execute("update chunks set data = x'00ff'")
    with pytest.raises(StoreError, match="run a "):
        store.records("a")


def small(pages: list[int]) -> Callable[[Path], sqlite3.Connection]:
    """Connections to a database that may grow by no page as long as `pages` is empty."""

    def connect(path: Path) -> sqlite3.Connection:
        connection = database.connect(path)
        if not pages:
            connection.execute("pragma max_page_count = 1")
        return connection

    return connect


def test_a_full_disk_is_told_once_and_what_gathered_is_written_when_there_is_room(path: Path) -> None:
    Store(path).close()
    store = Store(path, connect=small([]), flush_every=0.01)
    told: list[StoreError] = []
    store.create_run("a", STARTED, told.append)
    for i in range(200):  # more than the last page can hold
        store.append("a", records("a", STARTED if i == 0 else token(i, os.urandom(50).hex()), first=i))
        if i % 50 == 0:
            store.flush()
    store.flush()
    assert len(told) == 1
    assert "full" in told[0].message
    assert "PLAYGROUND_DATA_DIR" in told[0].hint
    store._writer._connection.execute("pragma max_page_count = 10000")
    store.append("a", records("a", RunFinished(), first=200))
    store.flush()
    assert [r.seq for r in store.records("a")] == list(range(201))
    assert store.run("a").status == "finished"
    store.close()


def test_one_run_that_cannot_be_written_does_not_keep_others(store: Store) -> None:
    told: list[StoreError] = []
    store.create_run("a", RunStarted("half a \ud800", "count", "fake", {}, 0), told.append)
    store.create_run("b", STARTED)
    store.append("b", whole("b"))
    store.flush()
    assert len(told) == 1
    assert store.run("b").status == "finished"


def test_settling_comes_after_the_failure_was_told_and_at_once_when_closed(path: Path) -> None:
    Store(path).close()
    store = Store(path, connect=small([]))
    said: list[str] = []
    store.create_run(
        "a", RunStarted("long " * 4000, "count", "fake", {}, 0), lambda error: said.append("failed")
    )
    done = threading.Event()
    store.settle(lambda: (said.append("settled"), done.set()))  # type: ignore[func-returns-value]
    assert done.wait(5)
    assert said == ["failed", "settled"]
    store.close()
    store.settle(lambda: said.append("closed"))
    assert said[-1] == "closed"


def test_a_file_that_is_up_to_date_opens_without_sqlite_utils(path: Path) -> None:
    Store(path).close()
    assert len(tables.migrations.pending(Database(memory=True))) == database.TABLES
    code = f"import sys; from playground.store import Store; Store({str(path)!r}); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_many_processes_may_open_a_new_database_at_once(path: Path) -> None:
    code = f"from playground.store import Store; Store({str(path)!r}).close()"
    children = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE) for _ in range(4)
    ]
    for child in children:
        _, error = child.communicate()
        assert child.returncode == 0, error.decode()
