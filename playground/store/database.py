"""The database file: its tables, its connections, what its errors mean, and which process owns a run.

Boundary: SQL and bytes; no thread. What the tables are is in `tables`.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
import uuid
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.errors import StoreError
from playground.events import Record
from playground.store import packing

PATIENCE = 5.0
"""Seconds to wait while another process writes."""

SILENT = 15.0
"""Seconds without a sign of life after which a run's process is taken for gone."""

MOST_SETTLED = 20_000
"""Events up to which the log of an ended run is stored anew; more would keep running ones waiting too long."""

_MOVE = "Set PLAYGROUND_DATA_DIR to a folder you can write to."

TABLES = 4
"""How many migrations there are. A file that says it has had them all is not looked at with sqlite-utils, whose
import brings pandas and would hold up the first screen."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection that waits its turn; whoever opens it may hand it to another thread."""
    connection = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False)
    # With write-ahead logging a commit survives the death of the process without waiting for the disk.
    connection.execute("pragma synchronous = normal")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One write transaction. It takes the write lock first: one that reads first and then finds that another
    process has written in between fails without waiting."""
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        connection.rollback()
        raise


def prepare(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date; several processes may do so at once."""
    # Of a new file: a block of tokens has about a thousand bytes, and few of them fill a small page badly.
    connection.execute("pragma page_size = 8192")
    _use_write_ahead_log(connection)
    if connection.execute("pragma user_version").fetchone()[0] >= TABLES:
        return
    from playground.store import tables

    with transaction(connection):
        tables.bring_up_to_date(connection)
        connection.execute(f"pragma user_version = {TABLES}")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    # SQLite does not wait for its turn when it changes the journal.
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
        time.sleep(0.02)


# Which process owns a run


@dataclass(frozen=True, slots=True)
class Owner:
    """Who writes a run: a store in a process on a host. The token tells two lives of one process id apart."""

    host: str
    pid: int
    token: str

    @classmethod
    def new(cls) -> Owner:
        return cls(socket.gethostname(), os.getpid(), uuid.uuid4().hex)

    @classmethod
    def read(cls, text: str) -> Owner:
        host, pid, token = text.rsplit(":", 2)
        return cls(host, int(pid), token)

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.token}"


open_here: set[str] = set()
"""Tokens of the stores open in this process."""


def is_gone(row: Mapping[str, Any] | sqlite3.Row, now: float) -> bool:
    """Whether the process that was writing this run can write no more."""
    owner = Owner.read(row["owner"])
    if owner.token in open_here:
        return False
    if abs(now - row["heartbeat"]) > SILENT:
        return True
    if owner.host != socket.gethostname():
        return False
    return owner.pid == os.getpid() or not _lives(owner.pid)


def _lives(pid: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is a real signal; silence has to tell
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state != "Z"  # killed, though its parent (a container's, say) has not asked how


def mark_interrupted(connection: sqlite3.Connection, now: float) -> list[str]:
    """Give the runs whose process is gone the status "interrupted"; their events stay. Returns their ids."""
    with transaction(connection):
        unfinished = connection.execute(
            "select id, owner, heartbeat from runs where status in ('waiting', 'running')"
        ).fetchall()
        gone = [
            run_id for run_id, owner, beat in unfinished if is_gone({"owner": owner, "heartbeat": beat}, now)
        ]
        # Also without such runs: a file that cannot be written shows here, not in the middle of a run.
        connection.execute(
            "update runs set status = 'interrupted' where id in (select value from json_each(?))",
            [json.dumps(gone)],
        )
    return gone


# Logs


def add_chunk(connection: sqlite3.Connection, records: Sequence[Record]) -> None:
    """Write records that follow each other; inside a transaction."""
    first = records[0]
    connection.execute(
        "insert into chunks (run_id, first_seq, count, data) values (?, ?, ?, ?)",
        (first.run_id, first.seq, len(records), packing.pack_chunk(records)),
    )


def read_log(connection: sqlite3.Connection, run_id: str, after: int = -1) -> list[Record]:
    """A run's written records whose `seq` is above `after`, in order.

    Raises:
        StoreError: the bytes are damaged, or a newer version wrote them.
    """
    rows = connection.execute(
        "select first_seq, data from chunks where run_id = ? and first_seq + count - 1 > ? order by first_seq",
        (run_id, after),
    ).fetchall()
    found: list[Record] = []
    for first_seq, data in rows:
        try:
            names = packing.block_names(data)
            found += packing.unpack(run_id, first_seq, data, _blocks(connection, names))
        except (
            zlib.error,
            ValueError,
            KeyError,
            TypeError,
            IndexError,
            StopIteration,
            RuntimeError,
        ) as error:
            raise StoreError(
                f"The saved run {run_id} cannot be read from event {first_seq} on: {error!r}.",
                "Update the playground if a newer version saved it; else this part of the file is damaged.",
            ) from error
    return [record for record in found if record.seq > after]


def _blocks(connection: sqlite3.Connection, names: Sequence[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for start in range(0, len(names), 500):  # SQLite takes a limited number of values
        asked = names[start : start + 500]
        marks = ", ".join("?" * len(asked))
        found |= dict(connection.execute(f"select hash, data from blocks where hash in ({marks})", asked))
    return found


def settle_log(connection: sqlite3.Connection, run_id: str) -> None:
    """Write the log of a run that is over anew: one row, its tokens in shared blocks; inside a transaction. One of more
    than `MOST_SETTLED` events stays as it is."""
    [count] = connection.execute("select sum(count) from chunks where run_id = ?", (run_id,)).fetchone()
    if count is None or count > MOST_SETTLED:
        return
    records = read_log(connection, run_id)
    whole = packing.pack_whole(records)
    drop_log(connection, run_id)
    connection.executemany(
        "insert into blocks (hash, refs, data) values (?, 1, ?) on conflict (hash) do update set refs = refs + 1",
        list(whole.blocks.items()),
    )
    connection.execute(
        "insert into chunks (run_id, first_seq, count, data) values (?, ?, ?, ?)",
        (run_id, records[0].seq, len(records), whole.data),
    )


def drop_log(connection: sqlite3.Connection, run_id: str) -> None:
    """Delete a run's log, and the blocks that no other run shares; inside a transaction."""
    for (data,) in connection.execute("select data from chunks where run_id = ?", (run_id,)).fetchall():
        names = [(name,) for name in packing.block_names(data)]
        connection.executemany("update blocks set refs = refs - 1 where hash = ?", names)
        connection.executemany("delete from blocks where hash = ? and refs <= 0", names)
    connection.execute("delete from chunks where run_id = ?", (run_id,))


# What went wrong


@contextmanager
def translated(path: Path) -> Generator[None, None, None]:
    """Turn errors of SQLite and of the file system into a StoreError that says what to do."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise store_error(error, path) from error


def store_error(error: Exception, path: Path) -> StoreError:
    said = str(error)
    if "disk is full" in said or "No space left" in said:
        return StoreError(f"The disk of {path} is full.", f"Free some space. {_MOVE}")
    if "not a database" in said or "malformed" in said:
        return StoreError(f"{path} is damaged or is no database.", f"Move it away and start again. {_MOVE}")
    if "locked" in said:
        return StoreError(f"{path} is in use by another program.", f"Close that program. {_MOVE}")
    return StoreError(f"Runs cannot be saved in {path}: {said}.", _MOVE)
