"""Kill -9 in the middle of runs: what happened more than a second before is saved, and the database is whole.

A child process runs what a server runs (runner, engine process, store) and tells of every event as soon as anybody
there can see it; then it is killed. What it told is compared with what the database holds. `make crash` does so fifty
times; tests/browser/test_kill.py goes the whole way, from the page to the page.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from playground.errors import BadInput
from playground.events import Record, RunFinished
from playground.exchange import form
from playground.runner import EngineProcess, Runner
from playground.store import Store
from tests.fakes import find, spec

ROOT = Path(__file__).parents[1]
FAKES = ("--models", "tests.fakes:load", "--strategies", "tests.fakes:find")
LAST_SECOND = 1.0


def live(path: str, seed: str) -> None:
    """The child: two long runs, and beside them one short run after the other, until it is killed."""
    runner = Runner(Store(path), EngineProcess(FAKES), find_strategy=find)
    telling = threading.Lock()

    def tell(*values: object) -> None:
        with telling:
            print(json.dumps(values), flush=True)

    def watch(run_id: str) -> None:
        for record in runner.watch(run_id):
            tell(run_id, record.time, form.line((record.time, record.event)))

    rng = Random(seed)
    for _ in range(2):
        long = runner.start(spec(100_000, delay=0.004))
        threading.Thread(target=watch, args=(long,)).start()
    while True:
        short = runner.start(spec(rng.randrange(1, 60), delay=0.002))
        watch(short)


@dataclass
class Told:
    """What the child said before it was killed, by run: when each event happened, and the event."""

    killed: float = 0.0
    runs: dict[str, list[tuple[float, str]]] = field(default_factory=dict)

    def of(self, run_id: str, since: int) -> list[tuple[float, str]]:
        return self.runs[run_id][since:]


def until_killed(path: Path, seed: int) -> Told:
    """Let the child live for a while."""
    code = f"from tests.test_kill import live; live({str(path)!r}, {str(seed)!r})"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout
    told = Told()

    def listen() -> None:
        assert child.stdout
        for line in child.stdout:
            if line.endswith(b"\n"):  # else it died in the middle of it
                run_id, at, event = json.loads(line)
                told.runs.setdefault(run_id, []).append((at, event))
                begun.set()

    begun = threading.Event()
    listener = threading.Thread(target=listen)
    listener.start()
    assert begun.wait(60)
    time.sleep(Random(seed).uniform(0.0, 3.0))
    told.killed = time.time()
    child.send_signal(signal.SIGKILL)
    child.wait()
    listener.join()
    return told


def check(path: Path, told: Told) -> tuple[int, int, float]:
    """Fails if too much is lost or anything is wrong; returns events told, those lost, and the age of the oldest."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    store = Store(path)
    lost: list[float] = []
    for run_id, events in told.runs.items():
        saved = [form.line((record.time, record.event)) for record in store.records(run_id)]
        common = min(len(saved), len(events))
        assert saved[:common] == [event for _, event in events[:common]]
        lost += [at for at, _ in told.of(run_id, len(saved))]
        try:
            status = store.run(run_id).status
        except BadInput:
            assert not saved
        else:
            over = bool(saved) and json.loads(saved[-1])[1]["kind"] == "run_finished"
            assert status == ("finished" if over else "interrupted")
    store.close()
    oldest = max((told.killed - at for at in lost), default=0.0)
    assert oldest < LAST_SECOND, (
        f"{len(lost)} events are lost; the oldest happened {oldest:.2f} s before the kill"
    )
    return sum(map(len, told.runs.values())), len(lost), oldest


def test_what_happened_more_than_a_second_before_is_saved(tmp_path: Path, kill: int) -> None:
    path = tmp_path / "runs.db"
    told = until_killed(path, kill)
    seen, lost, oldest = check(path, told)
    print(
        f"kill {kill}: {len(told.runs)} runs, {seen} events seen, {lost} lost, the oldest {oldest:.2f} s old"
    )
    again_after(path)


def again_after(path: Path) -> None:
    """The same file serves the next process."""
    store = Store(path)
    log = list(whole("after"))
    store.create_run("after", log[0].event)  # type: ignore[arg-type]
    store.append("after", log)
    assert store.flush()
    assert store.records("after") == log
    store.close()


def whole(run_id: str) -> Iterator[Record]:
    started = spec(1).started()
    for i, event in enumerate((started, RunFinished())):
        yield Record(run_id, i, 1000.0 + i, event)
