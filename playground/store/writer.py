"""The thread that writes runs to the database.

Boundary: takes records in memory and commits them in batches; reads nothing back. A run that cannot be written is
reported once and tried again with everything it has gathered meanwhile.
"""

from __future__ import annotations

import json
import math
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playground.errors import StoreError
from playground.events import Record, RunCancelled, RunFailed, RunFinished, RunStarted
from playground.store import database
from playground.store.database import Owner
from playground.trace import Trace

FLUSH_EVERY = 0.1
"""Seconds between commits while runs write."""

TURN = 0.001
"""Seconds after which a thread that computes (a page being drawn) lets others have the interpreter. A commit asks for
it a dozen times; with Python's own 5 ms each, a busy server would save up to twice as late."""

HEARTBEAT = 2.0
"""Seconds after which a run without events still says that its process lives, or is tried again."""

LAST_TIDYING = 1.0
"""Seconds that closing may take for storing ended runs anew."""

MOST_UNSAVED = 50
"""Ended runs kept for another try."""


@dataclass(slots=True)
class OpenRun:
    """A run being written. `waiting` is filled under the writer's lock; all else belongs to its thread."""

    id: str
    session: str
    created: float
    started: RunStarted
    on_failure: Callable[[StoreError], None]
    trace: Trace = field(default_factory=Trace)
    waiting: list[Record] = field(default_factory=list)
    unsaved: list[Record] = field(default_factory=list)
    ended: bool = False
    has_row: bool = False
    told: bool = False


class Writer:
    """Owns `connection` from now on. `unsettled`: runs that ended in an earlier life, to be stored anew."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        owner: Owner,
        clock: Callable[[], float],
        flush_every: float,
        unsettled: Iterable[str] = (),
    ) -> None:
        self._connection = connection
        self._path = path
        self._owner = owner
        self._clock = clock
        self._flush_every = flush_every
        self._changed = threading.Condition()
        self._open: dict[str, OpenRun] = {}
        self._settling: list[Callable[[], None]] = []
        self._unsettled = deque(unsettled)
        self._work = bool(self._unsettled)
        self._hurry = self._closing = False
        sys.setswitchinterval(min(TURN, sys.getswitchinterval()))
        database.open_here.add(owner.token)
        self._thread = threading.Thread(target=self._write_until_closed, name="store", daemon=True)
        self._thread.start()

    def create(
        self, run_id: str, session: str, started: RunStarted, on_failure: Callable[[StoreError], None]
    ) -> None:
        with self._changed:
            self._open[run_id] = OpenRun(run_id, session, self._clock(), started, on_failure)
            self._wake(hurry=True)

    def append(self, run_id: str, records: Iterable[Record]) -> None:
        with self._changed:
            run = self._open.get(run_id)
            if run is None or self._closing:
                return
            run.waiting.extend(records)
            self._wake(
                hurry=any(isinstance(r.event, RunFinished | RunFailed | RunCancelled) for r in run.waiting)
            )

    def settle(self, done: Callable[[], None]) -> None:
        with self._changed:
            if not self._closing:
                self._settling.append(done)
                self._wake(hurry=True)
                return
        done()

    def flush(self, timeout: float) -> bool:
        settled = threading.Event()
        self.settle(settled.set)
        return settled.wait(timeout)

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._wake(hurry=True)
        self._thread.join(timeout=2 * database.PATIENCE)

    def _wake(self, *, hurry: bool) -> None:
        self._work = True
        self._hurry = self._hurry or hurry
        self._changed.notify_all()

    def _write_until_closed(self) -> None:
        closing = False
        while not closing:
            with self._changed:
                self._changed.wait_for(lambda: self._work, HEARTBEAT if self._open else None)
                # A moment's pause gathers many tokens into one commit.
                self._changed.wait_for(lambda: self._hurry, self._flush_every)
                closing, self._work, self._hurry = self._closing, False, False
                settling, self._settling = self._settling, []
                runs = list(self._open.values())
                taken = [(run, run.waiting) for run in runs]
                for run in runs:
                    run.waiting = []
            for run, records in taken:
                run.unsaved += records
                for record in records:
                    run.trace.apply(record)
                    run.ended = run.ended or not run.trace.running
                self._save(run)
            self._forget(runs)
            for done in settling:
                done()
            give_up = time.monotonic() + LAST_TIDYING
            while self._unsettled and (time.monotonic() < give_up if closing else not self._work):
                self._settle_log(self._unsettled.popleft())
        database.open_here.discard(self._owner.token)
        self._connection.close()

    def _save(self, run: OpenRun) -> None:
        try:
            with database.transaction(self._connection):
                self._write(run)
        except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
            if not run.told:
                run.told = True
                run.on_failure(database.store_error(error, self._path))
        else:
            run.unsaved, run.has_row = [], True

    def _write(self, run: OpenRun) -> None:
        columns = row_of(run) | {"owner": str(self._owner), "heartbeat": self._clock()}
        if run.has_row:
            changes = ", ".join(f"{name} = :{name}" for name in columns)
            self._connection.execute(f"update runs set {changes} where id = :id", columns)
        else:
            names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
            self._connection.execute(f"insert into runs ({names}) values ({values})", columns)
            self._connection.execute(
                "insert or ignore into sessions (id, created, note) values (:session, :created, '')", columns
            )
        if run.unsaved:
            database.add_chunk(self._connection, run.unsaved)
        if run.ended or not run.has_row:
            self._connection.execute("delete from search where run = ?", (run.id,))
            self._connection.execute(
                "insert into search (session, run, question, answer, text, note) "
                "values (:session, :id, :question, coalesce(:answer, ''), :text, '')",
                columns | {"text": all_text(run.trace)},
            )

    def _settle_log(self, run_id: str) -> None:
        """Store a log in fewer bytes while nobody waits; as it is, it can be read just as well."""
        with suppress(sqlite3.Error, StoreError), database.transaction(self._connection):
            database.settle_log(self._connection, run_id)

    def _forget(self, runs: list[OpenRun]) -> None:
        """Let go of runs that ended and are written, and of the oldest of too many that cannot be."""
        ended = [run for run in runs if run.ended]
        unsaved = [run for run in ended if run.unsaved]
        gone = [run for run in ended if not run.unsaved] + unsaved[: max(0, len(unsaved) - MOST_UNSAVED)]
        with self._changed:
            for run in gone:
                if not run.waiting:
                    del self._open[run.id]
                    if run.has_row:
                        self._unsettled.append(run.id)


def all_text(trace: Trace) -> str:
    """What was written in a run, for the search."""
    texts = (f"{node.title}\n{node.content}\n{node.text}" for node in trace.nodes.values())
    return "\n".join(texts).encode(errors="replace").decode()


def _as_json(value: Any) -> str:
    """Strict JSON, which SQLite can look into: a number that is not finite becomes null. The log keeps it."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
    return value


def row_of(run: OpenRun) -> dict[str, Any]:
    """A run's row as its events so far have it."""
    trace, started = run.trace, run.trace.started or run.started
    answered, failure = trace.answered, trace.failure
    answer = answered.text if answered else None
    confidence = answered.confidence if answered else None
    return {
        "id": run.id,
        "session": run.session,
        "created": run.created,
        "status": trace.status,
        "question": started.question,
        "strategy": started.strategy,
        "model": started.model,
        "params": _as_json(dict(started.params)),
        "seed": started.seed,
        "gold": started.gold,
        "family": started.family,
        "parent": _as_json(started.parent and dict(started.parent)),
        "versions": _as_json(dict(started.versions)),
        # A model may write half a character, which SQLite cannot hold as text.
        "answer": answer and answer.encode(errors="replace").decode(),
        "confidence": confidence if confidence is None or math.isfinite(confidence) else None,
        "correct": trace.correct,
        "error": failure and f"{failure.error}: {failure.message}".encode(errors="replace").decode(),
        "calls": trace.usage.calls,
        "prompt_tokens": trace.usage.prompt_tokens,
        "completion_tokens": trace.usage.completion_tokens,
        "forward_passes": trace.usage.forward_passes,
        "seconds": trace.seconds,
        "cost_usd": trace.cost_usd,
    }
