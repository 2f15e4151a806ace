"""Runs in SQLite: every event as it happened, and one row a run for lists.

Boundary: knows events and their fold; knows neither models nor who runs what. The event log is the truth and is only
ever added to; the columns of `runs` are what its fold says, kept for searching. Nothing secret comes here.

- `database`: the file, its connections and errors, and which process owns a run; `tables`: what is in it.
- `packing`: a log as bytes; `sessions`: named sets of runs, searched, tagged, deleted and brought back.
- `bringing`: runs from elsewhere, in one transaction.
- `writer`: the thread that writes, so that nobody who reads events waits for a disk.
- `Store`: both, and the reading.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from playground.errors import BadInput, PlaygroundError, StoreError
from playground.events import Record, RunStarted
from playground.store import bringing, database
from playground.store.bringing import NewRun, NewSession
from playground.store.sessions import Session, Sessions, Wanted, no_session
from playground.store.writer import FLUSH_EVERY, Writer
from playground.trace import RunStatus, Trace, fold

__all__ = ["SavedRun", "Session", "Sessions", "Store", "Wanted"]


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run as a list shows it.

    Attributes:
        created: Unix seconds.
        status: "interrupted" when its process is gone and its log has no end.
        error: what it failed on; None if it did not.
        seconds: wall-clock time from its first event to its last so far.
        cost_usd: 0.0 when the model ran on this machine, None when nobody told the price.
    """

    id: str
    session: str
    created: float
    status: RunStatus
    question: str
    strategy: str
    model: str
    params: Mapping[str, Any]
    seed: int
    gold: str | None
    family: str | None
    parent: Mapping[str, Any] | None
    versions: Mapping[str, str]
    answer: str | None
    confidence: float | None
    correct: bool | None
    error: str | None
    calls: int
    prompt_tokens: int
    completion_tokens: int
    forward_passes: int
    seconds: float
    cost_usd: float | None = None


_AT_A_TIME = 100
"""Sessions whose runs are read at a time."""


class Store:
    """The saved runs in one file, made if it is not there. Safe to use from any thread.

    Calls that write return at once; what is lost when this process is killed is less than a second. While the
    file refuses to be written, runs go on, their `on_failure` says so, and writing is tried again.

    Args:
        path: the database file; missing folders are made.
        clock: Unix seconds.
        connect: opens a connection to `path`.
        flush_every: seconds between commits while runs write; the end of a run is committed at once.

    Raises:
        StoreError: the file cannot be made, opened or written, or is not a database of this project.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        clock: Callable[[], float] = time.time,
        connect: Callable[[Path], sqlite3.Connection] = database.connect,
        flush_every: float = FLUSH_EVERY,
    ) -> None:
        self.path = Path(path)
        self._clock = clock
        self._connect = connect
        self._owner = database.Owner.new()
        with database.translated(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = connect(self.path)
            try:
                database.prepare(connection)
                interrupted = database.mark_interrupted(connection, clock())
            except BaseException:
                connection.close()
                raise
        self._writer = Writer(connection, self.path, self._owner, clock, flush_every, interrupted)
        self.sessions = Sessions(self.path, connect, clock)
        self.sessions.purge()

    def create_run(
        self,
        run_id: str,
        started: RunStarted,
        on_failure: Callable[[StoreError], None] = lambda error: None,
        *,
        session: str | None = None,
    ) -> None:
        """Begin a run. `on_failure` is called at most once, on the store's own thread, when it cannot be written.

        `session` is the id of the session it belongs to: None for that of the run it grew from, or else its own.
        """
        grown_from = started.parent.get("run") if started.parent else None
        if session is None and grown_from is not None:
            with suppress(PlaygroundError):
                session = self.run(grown_from).session
        self._writer.create(run_id, session or grown_from or run_id, started, on_failure)

    def append(self, run_id: str, records: Iterable[Record]) -> None:
        """Add to the log of a run created here; a `RunEnd` ends it and is committed at once."""
        self._writer.append(run_id, records)

    def settle(self, done: Callable[[], None]) -> None:
        """Call `done`, on the store's own thread, once all that was handed over before is written or has failed.

        A failure has then been reported. On a closed store it is called at once.
        """
        self._writer.settle(done)

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait as `settle`, at most `timeout` seconds; False when that was too short."""
        return self._writer.flush(timeout)

    def close(self) -> None:
        """Write what is left and close the file. What is handed over later is not saved; reading still works."""
        self._writer.close()

    def run(self, run_id: str) -> SavedRun:
        """One run's row.

        Raises:
            BadInput: there is no such run.
            StoreError: the file cannot be read.
        """
        for row in self._rows("select * from runs where id = :id", {"id": run_id}):
            return self._saved(row)
        raise BadInput(f"There is no saved run {run_id!r}.", "Choose one from the list of runs.")

    def runs(
        self, limit: int = 50, *, before: str | None = None, text: str = "", forks: bool = True
    ) -> list[SavedRun]:
        """The latest runs, newest first.

        Args:
            limit: at most so many.
            before: only runs older than this one, to go on where a list ended.
            text: only runs with this in the question or the answer; letters of either case are equal.
            forks: also runs that were forked from another one.

        Raises:
            StoreError: the file cannot be read.
        """
        like = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = self._rows(
            "select * from runs where (:before is null or id < :before) "
            "and (:forks or strategy <> 'fork') "
            "and (:text = '' or question like :like escape '\\' or answer like :like escape '\\') "
            "order by id desc limit :limit",
            {"before": before, "text": text, "like": like, "limit": max(0, limit), "forks": forks},
        )
        return [self._saved(row) for row in rows]

    def forks(self, run_id: str) -> list[SavedRun]:
        """The runs that were forked from this one or from its forks, in the order they were begun.

        Raises:
            StoreError: the file cannot be read.
        """
        rows = self._rows(
            "select * from runs where strategy = 'fork' and json_extract(parent, '$.run') = :id order by id",
            {"id": run_id},
        )
        return [self._saved(row) for row in rows]

    def runs_in(self, session: str) -> list[SavedRun]:
        """All runs of a session, forks too, in the order they were begun.

        Raises:
            StoreError: the file cannot be read.
        """
        rows = self._rows("select * from runs where session = :session order by id", {"session": session})
        return [self._saved(row) for row in rows]

    def runs_of(self, sessions: Sequence[str]) -> Iterator[SavedRun]:
        """All runs of many sessions, forks too, session after session; what is read meanwhile is a hundred sessions.

        Raises:
            BadInput: one of them is not there; names the first.
            StoreError: the file cannot be read.
        """
        for start in range(0, len(sessions), _AT_A_TIME):
            asked = {"sessions": json.dumps(sessions[start : start + _AT_A_TIME])}
            for row in self._rows(
                "select value from json_each(:sessions) where value not in (select id from sessions) "
                "order by key limit 1",
                asked,
            ):
                raise no_session(row["value"])
            rows = self._rows(
                "select r.* from json_each(:sessions) asked cross join runs r on r.session = asked.value "
                "order by asked.key, r.id",
                asked,
            )
            yield from map(self._saved, rows)

    def bring_in(self, sessions: Sequence[NewSession], runs: Sequence[NewRun]) -> None:
        """Write runs that are over, from elsewhere: all or none. A session that is there stays as it is, and is taken
        back from the deleted ones.

        Raises:
            StoreError: they cannot be written, or a run of this id is there.
        """
        ready = [bringing.ready(run, self._owner) for run in runs]
        with self._reading() as connection:
            with database.transaction(connection):
                bringing.bring_in(connection, sessions, ready)
            for run in runs:  # smaller; what is not made so can be read just as well
                with suppress(sqlite3.Error, StoreError), database.transaction(connection):
                    database.settle_log(connection, run.id)

    def records(self, run_id: str, after: int = -1) -> list[Record]:
        """The run's written events whose `seq` is above `after`, in order; none for an unknown run.

        Raises:
            StoreError: the file cannot be read, or this run in it is damaged.
        """
        with self._reading() as connection:
            try:
                return database.read_log(connection, run_id, after)
            except UnicodeEncodeError:
                return []

    def trace(self, run_id: str) -> Trace:
        """The run's tree from its written events.

        Raises:
            BadInput: there is no such run.
            StoreError: as `records`.
        """
        status = self.run(run_id).status
        trace = fold(self.records(run_id))
        trace.run_id = run_id
        if trace.running:
            trace.status = status  # that its process is gone is not in the log
        return trace

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        # A connection a read: screens read from ever new threads, each of which would leave one behind.
        with database.translated(self.path), closing(self._connect(self.path)) as connection:
            yield connection

    def _rows(self, sql: str, values: dict[str, Any]) -> list[sqlite3.Row]:
        with self._reading() as connection:
            connection.row_factory = sqlite3.Row
            try:
                return connection.execute(sql, values).fetchall()
            except UnicodeEncodeError:  # half a character, which no row holds
                return []

    def _saved(self, row: sqlite3.Row) -> SavedRun:
        values = {f.name: row[f.name] for f in fields(SavedRun)}
        for name in ("params", "versions", "parent"):
            values[name] = json.loads(row[name])
        if row["correct"] is not None:
            values["correct"] = bool(row["correct"])
        if row["status"] in ("waiting", "running") and database.is_gone(row, self._clock()):
            values["status"] = "interrupted"
        return SavedRun(**values)
