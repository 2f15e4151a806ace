"""The tables of the database file, as a row of migrations by sqlite-utils.

Boundary: the only way tables change. A new migration goes at the end, and `database.TABLES` counts it.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlite_utils import Database, Migrations

migrations = Migrations("playground")


@migrations()  # type: ignore[untyped-decorator]
def m001_runs_and_their_events(db: Any) -> None:
    db["runs"].create(
        {
            "id": str,
            "created": float,
            "status": str,
            "question": str,
            "strategy": str,
            "model": str,
            "params": str,  # JSON, as are parent and versions
            "seed": int,
            "gold": str,
            "family": str,
            "parent": str,
            "versions": str,
            "answer": str,
            "confidence": float,
            "correct": int,
            "error": str,
            "calls": int,
            "prompt_tokens": int,
            "completion_tokens": int,
            "forward_passes": int,
            "seconds": float,
            "owner": str,
            "heartbeat": float,
        },
        pk="id",
    )
    db["runs"].create_index(["status"])
    db["chunks"].create(
        {"run_id": str, "first_seq": int, "count": int, "data": bytes},
        pk=("run_id", "first_seq"),
        foreign_keys=[("run_id", "runs", "id")],
    )


@migrations()  # type: ignore[untyped-decorator]
def m002_forks_by_their_run(db: Any) -> None:
    db.execute(
        "create index idx_runs_forked_from on runs (json_extract(parent, '$.run')) where strategy = 'fork'"
    )


@migrations()  # type: ignore[untyped-decorator]
def m003_sessions_search_and_shared_blocks(db: Any) -> None:
    db["blocks"].create({"hash": bytes, "refs": int, "data": bytes}, pk="hash")
    # A session is a named set of runs: one for each question asked, one for each comparison.
    db["sessions"].create(
        {"id": str, "created": float, "name": str, "note": str, "deleted": float}, pk="id", not_null={"note"}
    )
    db["tags"].create({"session": str, "tag": str}, pk=("session", "tag"))
    db["tags"].create_index(["tag"])
    db["runs"].add_column("session", str)
    db.execute("update runs set session = coalesce(json_extract(parent, '$.run'), id)")
    db["runs"].create_index(["session"])
    db.execute("insert into sessions select id, created, null, '', null from runs where session = id")
    # One row a run, and one with what a person wrote about the session.
    db.execute(
        "create virtual table search using fts5 (session unindexed, run unindexed, question, answer, text, note, "
        "tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')"
    )
    db.execute(
        "insert into search (session, run, question, answer, text, note) "
        "select session, id, question, coalesce(answer, ''), '', '' from runs"
    )


@migrations()  # type: ignore[untyped-decorator]
def m004_what_a_run_cost(db: Any) -> None:
    db["runs"].add_column("cost_usd", float)
    # Until then there were no other models than those on one's own machine, which cost nothing.
    db.execute("update runs set cost_usd = 0 where exists (select 1 from chunks where run_id = id)")


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Apply the migrations that this file has not had; inside a transaction they are all applied or none."""
    migrations.apply(Database(connection, recursive_triggers=False, execute_plugins=False))
