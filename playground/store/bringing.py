"""Runs from elsewhere into the database: their logs are over, and their ids and times are given.

Boundary: SQL inside a transaction that the caller holds; decides nothing. What a row says is what the writer of live
runs would say.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.events import Record, RunStarted
from playground.store import packing
from playground.store.database import Owner
from playground.store.sessions import index
from playground.store.writer import OpenRun, all_text, row_of
from playground.trace import fold


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be there; one that is there already stays as it is."""

    id: str
    created: float
    name: str | None
    note: str
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is over, its log whole and opened by `run_started`; without an end it was interrupted."""

    id: str
    session: str
    created: float
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Ready:
    """A run as the rows it becomes."""

    columns: Mapping[str, Any]
    text: str
    chunk: bytes
    count: int


def ready(run: NewRun, owner: Owner) -> Ready:
    """What takes long, so that nobody who writes meanwhile has to wait for it.

    Raises:
        ValueError: the log does not open with its run_started.
    """
    started = run.records[0].event
    if not isinstance(started, RunStarted):
        raise ValueError(f"the log of {run.id} opens with a {started.kind}")
    trace = fold(run.records)
    columns = row_of(OpenRun(run.id, run.session, run.created, started, lambda error: None, trace))
    columns |= {"owner": str(owner), "heartbeat": run.created}
    if trace.running:
        columns["status"] = "interrupted"
    return Ready(columns, all_text(trace), packing.pack_chunk(run.records), len(run.records))


def bring_in(connection: sqlite3.Connection, sessions: Sequence[NewSession], runs: Sequence[Ready]) -> None:
    """Write them; inside a transaction.

    Raises:
        sqlite3.IntegrityError: a run of this id is there.
    """
    for session in sessions:
        _add_session(connection, session)
    for run in runs:
        _add_run(connection, run)


def _add_session(connection: sqlite3.Connection, session: NewSession) -> None:
    added = connection.execute(
        "insert or ignore into sessions (id, created, name, note) values (?, ?, ?, ?)",
        (session.id, session.created, session.name, session.note),
    )
    connection.execute("update sessions set deleted = null where id = ?", (session.id,))
    if added.rowcount:
        tags = [(session.id, tag) for tag in session.tags]
        connection.executemany("insert into tags (session, tag) values (?, ?)", tags)
        index(connection, session.id)


def _add_run(connection: sqlite3.Connection, run: Ready) -> None:
    names, values = ", ".join(run.columns), ", ".join(f":{name}" for name in run.columns)
    connection.execute(f"insert into runs ({names}) values ({values})", run.columns)
    connection.execute(
        "insert into chunks (run_id, first_seq, count, data) values (?, 0, ?, ?)",
        (run.columns["id"], run.count, run.chunk),
    )
    connection.execute(
        "insert into search (session, run, question, answer, text, note) "
        "values (:session, :id, :question, coalesce(:answer, ''), :text, '')",
        {**run.columns, "text": run.text},
    )
