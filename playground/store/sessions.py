"""Sessions: named sets of runs with tags and notes, searched and filtered; deleting can be undone.

Boundary: SQL on what the writer wrote, and on what people write themselves (names, notes, tags). Small transactions of
their own beside the writer's; knows no events.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playground.errors import BadInput
from playground.store import database

MOST_NAME, MOST_TAG, MOST_NOTE = 200, 60, 20_000
KEPT_DELETED = 7 * 24 * 3600.0
"""Seconds for which a deleted session can be brought back."""

Mark = Literal["right", "wrong", "unmarked"]


@dataclass(frozen=True, slots=True)
class Session:
    """A session as a list shows it.

    Attributes:
        created: Unix seconds.
        name: as a person named it, else the question of its first run.
        named: whether a person did.
        runs: ids of its runs, forks left out, in the order they were begun.
        strategies, models, answers: of those runs, each once.
        right, wrong: how many of them were marked so.
        tokens: written in all of them.
    """

    id: str
    created: float
    name: str
    named: bool
    question: str
    note: str
    tags: tuple[str, ...]
    runs: tuple[str, ...]
    strategies: tuple[str, ...]
    models: tuple[str, ...]
    answers: tuple[str, ...]
    right: int
    wrong: int
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions a list is asked for; what is left empty does not narrow it.

    Attributes:
        text: words that stand, in this order or another, in a question, answer, written text, name, note or tag; the
            last one may be unfinished.
    """

    text: str = ""
    tag: str | None = None
    strategy: str | None = None
    model: str | None = None
    mark: Mark | None = None
    deleted: bool = False


class Sessions:
    """The sessions in one database file. Safe to use from any thread."""

    def __init__(
        self,
        path: Path,
        connect: Callable[[Path], sqlite3.Connection] = database.connect,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._connect = connect
        self._clock = clock

    def find(self, wanted: Wanted = Wanted(), *, limit: int = 50, offset: int = 0) -> list[Session]:
        """The latest sessions that are wanted, newest first.

        Raises:
            StoreError: the file cannot be read.
        """
        where, values = _conditions(wanted)
        with self._open() as connection:
            rows = connection.execute(
                f"select s.* from sessions s where {where} order by s.id desc limit :limit offset :offset",
                values | {"limit": limit, "offset": offset},
            ).fetchall()
            return _filled(connection, rows)

    def count(self, wanted: Wanted = Wanted()) -> int:
        """How many sessions are wanted."""
        where, values = _conditions(wanted)
        with self._open() as connection:
            [number] = connection.execute(f"select count(*) from sessions s where {where}", values).fetchone()
            return int(number)

    def ids(self, wanted: Wanted = Wanted()) -> list[str]:
        """The ids of all that are wanted, newest first."""
        where, values = _conditions(wanted)
        with self._open() as connection:
            rows = connection.execute(f"select s.id from sessions s where {where} order by s.id desc", values)
            return [id for (id,) in map(tuple, rows)]

    def get(self, session: str) -> Session:
        """One session, deleted or not.

        Raises:
            BadInput: there is none of this id.
        """
        with self._open() as connection:
            rows = connection.execute("select * from sessions where id = ?", (session,)).fetchall()
            if not rows:
                raise no_session(session)
            return _filled(connection, rows)[0]

    def tags(self) -> list[str]:
        """All tags in use, in alphabetical order."""
        with self._open() as connection:
            return [
                tag for (tag,) in map(tuple, connection.execute("select distinct tag from tags order by tag"))
            ]

    def strategies_and_models(self) -> tuple[list[str], list[str]]:
        """Names that saved runs have, for filters."""
        with self._open() as connection:
            found = (
                "select distinct strategy from runs order by 1",
                "select distinct model from runs order by 1",
            )
            strategies, models = (
                [value for (value,) in map(tuple, connection.execute(sql))] for sql in found
            )
            return strategies, models

    def create(self, session: str, name: str = "") -> None:
        """A session before its runs are there (a comparison)."""
        with self._writing() as connection:
            connection.execute(
                "insert or ignore into sessions (id, created, name, note) values (?, ?, ?, '')",
                (session, self._clock(), _line(name, MOST_NAME, "name") or None),
            )
            index(connection, session)

    def rename(self, session: str, name: str) -> None:
        """Give it a name; an empty one takes it away again.

        Raises:
            BadInput: the name is too long, or there is no such session.
        """
        self._change(session, "name", _line(name, MOST_NAME, "name") or None)

    def set_note(self, session: str, note: str) -> None:
        """Replace its note; same errors as `rename`."""
        if len(note) > MOST_NOTE:
            raise BadInput(f"The note has {len(note):,} characters; {MOST_NOTE:,} are kept.", "Shorten it.")
        self._change(session, "note", note)

    def set_tags(self, session: str, tags: Iterable[str]) -> None:
        """Replace its tags; same errors as `rename`."""
        wanted = sorted({tag for raw in tags if (tag := _line(raw, MOST_TAG, "tag"))})
        with self._writing() as connection:
            _must_be_there(connection, session)
            connection.execute("delete from tags where session = ?", (session,))
            connection.executemany("insert into tags values (?, ?)", [(session, tag) for tag in wanted])
            index(connection, session)

    def delete(self, sessions: Sequence[str]) -> None:
        """Take sessions off every list; for `KEPT_DELETED` seconds `restore` brings them back."""
        self._mark_deleted(sessions, self._clock())

    def restore(self, sessions: Sequence[str]) -> None:
        """Undo `delete`."""
        self._mark_deleted(sessions, None)

    def purge(self, *, older_than: float = KEPT_DELETED) -> int:
        """Delete for good what was deleted longer ago; returns how many sessions."""
        with self._writing() as connection:
            gone = connection.execute(
                "select id from sessions where deleted < ?", (self._clock() - older_than,)
            ).fetchall()
            for (session,) in map(tuple, gone):
                for (run,) in connection.execute(
                    "select id from runs where session = ?", (session,)
                ).fetchall():
                    database.drop_log(connection, run)
                for table in ("runs", "tags", "search"):
                    connection.execute(f"delete from {table} where session = ?", (session,))
                connection.execute("delete from sessions where id = ?", (session,))
            return len(gone)

    def _mark_deleted(self, sessions: Sequence[str], when: float | None) -> None:
        with self._writing() as connection:
            connection.executemany(
                "update sessions set deleted = ? where id = ?", [(when, id) for id in sessions]
            )

    def _change(self, session: str, column: Literal["name", "note"], value: str | None) -> None:
        with self._writing() as connection:
            _must_be_there(connection, session)
            connection.execute(f"update sessions set {column} = ? where id = ?", (value, session))
            index(connection, session)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with database.translated(self.path), closing(self._connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with (
            database.translated(self.path),
            closing(self._connect(self.path)) as connection,
            database.transaction(connection),
        ):
            yield connection


def _line(text: str, most: int, what: str) -> str:
    clean = " ".join(text.split()).encode(errors="replace").decode()
    if len(clean) > most:
        raise BadInput(f"The {what} has {len(clean)} characters; {most} are kept.", "Shorten it.")
    return clean


def no_session(session: str) -> BadInput:
    return BadInput(f"There is no session {session!r}.", "Choose one from the list of sessions.")


def _must_be_there(connection: sqlite3.Connection, session: str) -> None:
    if connection.execute("select 1 from sessions where id = ?", (session,)).fetchone() is None:
        raise no_session(session)


def index(connection: sqlite3.Connection, session: str) -> None:
    """Let the search know what a person wrote about a session."""
    connection.execute("delete from search where session = ? and run = ''", (session,))
    connection.execute(
        "insert into search (session, run, question, answer, text, note) "
        "select id, '', '', '', '', coalesce(name, '') || char(10) || note || char(10) || "
        "coalesce((select group_concat(tag, char(10)) from tags where session = id), '') from sessions where id = ?",
        (session,),
    )


_MARKS: dict[Mark, str] = {
    "right": "r.correct = 1",
    "wrong": "r.correct = 0",
    "unmarked": "r.correct is null",
}


def _conditions(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """A condition on `sessions s`, and its values."""
    parts = [f"s.deleted is {'not ' if wanted.deleted else ''}null"]
    values: dict[str, Any] = {}
    runs = []
    for column, value in (("strategy", wanted.strategy), ("model", wanted.model)):
        if value is not None:
            runs.append(f"r.{column} = :{column}")
            values[column] = value
    if wanted.mark is not None:
        runs.append(_MARKS[wanted.mark])
    if runs:
        parts.append(f"exists (select 1 from runs r where r.session = s.id and {' and '.join(runs)})")
    if wanted.tag is not None:
        parts.append("exists (select 1 from tags t where t.session = s.id and t.tag = :tag)")
        values["tag"] = wanted.tag
    if words := _query(wanted.text):
        parts.append("s.id in (select session from search where search match :words)")
        values["words"] = words
    return " and ".join(parts), values


def _query(text: str) -> str:
    """What the search is asked: all words, none of them taken for an operator, the last one perhaps unfinished."""
    words = re.findall(r"\w+", text.encode(errors="replace").decode())
    return " ".join(f'"{word}"' for word in words) + "*" if words else ""


def _filled(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> list[Session]:
    """The sessions of these rows, with what their runs and tags say."""
    ids = json.dumps([row["id"] for row in rows])
    runs: dict[str, list[sqlite3.Row]] = {row["id"]: [] for row in rows}
    for run in connection.execute(
        "select id, session, question, strategy, model, answer, correct, completion_tokens, seconds from runs "
        "where session in (select value from json_each(?)) and strategy <> 'fork' order by id",
        [ids],
    ):
        runs[run["session"]].append(run)
    tags: dict[str, list[str]] = {row["id"]: [] for row in rows}
    for session, tag in connection.execute(
        "select session, tag from tags where session in (select value from json_each(?)) order by tag", [ids]
    ):
        tags[session].append(tag)
    return [_session(row, runs[row["id"]], tags[row["id"]]) for row in rows]


def _session(row: sqlite3.Row, runs: Sequence[sqlite3.Row], tags: Sequence[str]) -> Session:
    def once(column: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(run[column] for run in runs if run[column] is not None))

    question = runs[0]["question"] if runs else ""
    return Session(
        row["id"], row["created"], row["name"] or question, row["name"] is not None, question, row["note"], tuple(tags),
        tuple(run["id"] for run in runs), once("strategy"), once("model"), once("answer"),
        sum(run["correct"] == 1 for run in runs), sum(run["correct"] == 0 for run in runs),
        sum(run["completion_tokens"] for run in runs), sum(run["seconds"] for run in runs),
    )  # fmt: skip
