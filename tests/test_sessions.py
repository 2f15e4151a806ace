"""Sessions in the store: found, named, tagged, deleted and brought back; and how a finished log is kept."""

from __future__ import annotations

import json
import math
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.errors import BadInput, StoreError
from playground.events import (
    Alternative,
    Answered,
    Event,
    NodeOpened,
    Record,
    RunFinished,
    RunStarted,
    Spent,
    TokenAdded,
    Usage,
    Warned,
)
from playground.store import Store, Wanted, blocks, database, packing


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "runs.db")
    yield store
    store.close()


def save(
    store: Store,
    run_id: str,
    question: str = "What is 7 × 8?",
    answer: str = "56",
    correct: bool | None = True,
    strategy: str = "direct",
    model: str = "embedded",
    text: str = "It is fifty-six",
    **row: Any,
) -> None:
    started = RunStarted(question, strategy, model, {}, 0, parent=row.pop("parent", None))
    words = [
        TokenAdded("q/a", i, f" {word}", -0.5, 1.0, 0.5, "greedy") for i, word in enumerate(text.split())
    ]
    events: list[Event] = [
        started, NodeOpened("q", None, "question", question), NodeOpened("q/a", "q", "branch"), *words,
        Spent("q", Usage(1, 5, 0, len(words), 3)), Answered(answer, "q/a"), RunFinished(correct),
    ]  # fmt: skip
    store.create_run(run_id, started, **row)
    store.append(run_id, [Record(run_id, i, 1000.0 + i, event) for i, event in enumerate(events)])
    store.flush()


def ids(store: Store, **wanted: Any) -> list[str]:
    return [session.id for session in store.sessions.find(Wanted(**wanted))]


class TestFinding:
    def test_a_question_asked_is_a_session_and_its_forks_belong_to_it(self, store: Store) -> None:
        save(store, "a")
        save(store, "b", strategy="fork", parent={"run": "a", "of": "a"})
        [session] = store.sessions.find()
        assert (session.id, session.name, session.named) == ("a", "What is 7 × 8?", False)
        assert (session.runs, session.answers, session.right, session.wrong) == (("a",), ("56",), 1, 0)
        assert store.run("b").session == "a"

    def test_a_comparison_is_one_session(self, store: Store) -> None:
        store.sessions.create("c", "Two ways")
        save(store, "r1", session="c", strategy="direct")
        save(store, "r2", session="c", strategy="cot-decoding", correct=False, answer="54")
        save(store, "r3", strategy="fork", parent={"run": "r2", "of": "r2"})
        assert store.run("r3").session == "c"
        assert ids(store, text="two ways") == ["c"]
        [session] = store.sessions.find()
        assert (session.name, session.named, session.runs) == ("Two ways", True, ("r1", "r2"))
        assert (session.strategies, session.answers) == (("direct", "cot-decoding"), ("56", "54"))
        assert (session.right, session.wrong, session.tokens) == (1, 1, 6)

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("sea", ["b"]), ("SEA shells", ["b"]), ("shells sea", ["b"]), ("fifty", ["a"]), ("fif", ["a"]),
            ("naïve", ["b"]), ("naive", ["b"]), ("42", ["b"]), ("nothing", []), ("", ["b", "a"]), ('"', ["b", "a"]),
            ("sea AND nowhere", []), ("note OR", []), ("a) OR (b", []), ("\ud800", ["b", "a"]),
        ],
    )  # fmt: skip
    def test_words_of_questions_answers_and_texts(self, store: Store, text: str, found: list[str]) -> None:
        save(store, "a")
        save(store, "b", "How many shells in the sea?", "42", text="a naïve guess")
        assert ids(store, text=text) == found

    def test_names_notes_and_tags_are_found_too(self, store: Store) -> None:
        save(store, "a")
        save(store, "b")
        store.sessions.rename("a", "Monday's lesson")
        store.sessions.set_note("a", "too easy")
        store.sessions.set_tags("b", ["class 7", " class  7 ", "", "sums"])
        for text in ("monday", "easy", "too monday"):
            assert ids(store, text=text) == ["a"]
        assert ids(store, text="class") == ["b"]
        assert ids(store, tag="class 7") == ["b"]
        assert store.sessions.get("b").tags == ("class 7", "sums")
        assert store.sessions.tags() == ["class 7", "sums"]
        store.sessions.rename("a", "  ")
        assert not store.sessions.get("a").named
        assert ids(store, text="monday") == []

    def test_filters_hold_for_one_and_the_same_run(self, store: Store) -> None:
        store.sessions.create("c")
        save(store, "r1", session="c", strategy="direct", correct=True)
        save(store, "r2", session="c", strategy="cot-decoding", correct=False, model="other")
        save(store, "d", correct=None)
        assert ids(store, strategy="direct", mark="right") == ["c"]
        assert ids(store, strategy="direct", mark="wrong") == []
        assert ids(store, model="other") == ["c"]
        assert ids(store, mark="unmarked") == ["d"]
        assert store.sessions.count(Wanted(mark="right")) == 1
        assert store.sessions.strategies_and_models() == (["cot-decoding", "direct"], ["embedded", "other"])

    def test_pages(self, store: Store) -> None:
        for i in range(7):
            save(store, f"r{i}")
        assert [s.id for s in store.sessions.find(limit=3, offset=2)] == ["r4", "r3", "r2"]
        assert store.sessions.count() == 7
        assert store.sessions.ids() == [f"r{i}" for i in (6, 5, 4, 3, 2, 1, 0)]

    def test_runs_of_many_sessions(self, store: Store) -> None:
        names = [f"r{i:03}" for i in range(230)]
        for name in names:
            store.create_run(name, RunStarted("q?", "direct", "m", {}, 0))
        save(store, "b", strategy="fork", parent={"run": "r007"})
        asked = [*reversed(names), "r007"]
        assert [run.id for run in store.runs_of(asked)] == [
            run for name in asked for run in (("b", name) if name == "r007" else (name,))
        ]
        assert list(store.runs_of([])) == []
        with pytest.raises(BadInput, match="no session 'nothing'"):
            list(store.runs_of([*names, "nothing", "nor this"]))

    @pytest.mark.parametrize(
        "change",
        [
            lambda s: s.rename("nothing", "x"),
            lambda s: s.set_note("nothing", "x"),
            lambda s: s.set_tags("nothing", []),
            lambda s: s.get("nothing"),
            lambda s: s.rename("a", "x" * 201),
            lambda s: s.set_tags("a", ["x" * 61]),
            lambda s: s.set_note("a", "x" * 20_001),
        ],
    )
    def test_bad_input_changes_nothing(self, store: Store, change: Callable[[Any], None]) -> None:
        save(store, "a")
        before = store.sessions.get("a")
        with pytest.raises(BadInput):
            change(store.sessions)
        assert store.sessions.get("a") == before


class TestDeleting:
    def test_it_can_be_undone(self, store: Store) -> None:
        save(store, "a")
        save(store, "b")
        log = store.records("a")
        store.sessions.delete(["a"])
        assert ids(store) == ["b"]
        assert ids(store, deleted=True) == ["a"]
        store.sessions.restore(["a"])
        assert ids(store) == ["b", "a"]
        assert store.records("a") == log

    def test_it_is_for_good_after_a_week(self, tmp_path: Path) -> None:
        now = 1e9
        store = Store(tmp_path / "runs.db", clock=lambda: now)
        save(store, "a", text="shared words " * 20)
        save(store, "b", text="shared words " * 20)
        save(store, "c", text="own words " * 20)
        store.flush()
        store.sessions.delete(["a", "c"])
        assert store.sessions.purge() == 0
        now += 8 * 24 * 3600
        assert store.sessions.purge() == 2
        assert ids(store) == ["b"]
        assert ids(store, deleted=True) == []
        assert store.records("a") == []
        assert len(store.records("b")) > 40, "what it shared with another is still there"
        with pytest.raises(BadInput):
            store.run("c")
        store.close()

    def test_opening_the_file_does_so(self, tmp_path: Path) -> None:
        now = 1e9
        store = Store(tmp_path / "runs.db", clock=lambda: now)
        save(store, "a")
        store.sessions.delete(["a"])
        store.close()
        now += 8 * 24 * 3600
        store = Store(tmp_path / "runs.db", clock=lambda: now)
        with pytest.raises(BadInput):
            store.sessions.get("a")
        store.close()


# How a finished log is kept

numbers = st.one_of(
    st.floats(-20, 0, width=32), st.floats(allow_nan=False), st.sampled_from([0.0, -0.0, -math.inf, 1e-45])
)
ids_of_tokens = st.one_of(st.integers(0, 300), st.none(), st.sampled_from([2**32 - 1, 2**32, 2**63]))
texts = st.text(st.characters(exclude_categories=()), max_size=6)
tokens = st.builds(
    TokenAdded, st.sampled_from(["q/a", "q/b", "q/ü"]), ids_of_tokens, texts, numbers, st.none() | numbers, numbers,
    st.sampled_from(["greedy", "sampled", "forced"]),
    st.lists(st.builds(Alternative, ids_of_tokens, texts, numbers), max_size=3).map(tuple),
    st.none() | numbers, st.sampled_from(["", "e298"]), st.none() | numbers,
)  # fmt: skip
others = st.sampled_from([NodeOpened("q/a", None, "branch"), Spent("q", Usage(1)), Warned("\u2028\n\ud800")])
times = st.one_of(
    st.floats(0, 2e9).map(lambda t: round(t, 6)), st.floats(allow_nan=False, allow_infinity=False)
)


@given(st.lists(st.tuples(times, st.one_of(tokens, others)), min_size=1, max_size=60))
def test_a_log_packed_whole_or_in_chunks_comes_out_bit_for_bit(timed: list[tuple[float, Event]]) -> None:
    log = [Record("r", i, time, event) for i, (time, event) in enumerate(timed)]
    whole = packing.pack_whole(log)
    assert set(packing.block_names(whole.data)) == set(whole.blocks)
    for again in (
        packing.unpack("r", 0, whole.data, whole.blocks),
        packing.unpack("r", 0, packing.pack_chunk(log), {}),
    ):
        assert repr(again) == repr(log)  # tells 0.0 from -0.0


def test_blocks_from_before_varentropies_are_read() -> None:
    """A block of version 2 as it was written, and one in JSON."""
    likeliest = (Alternative(3, " a", -0.25), Alternative(None, "b", -1.5))
    written = [
        TokenAdded("q/x", 3, " a", -0.25, 1.5, 0.5, "greedy", likeliest),
        TokenAdded("q/x", None, "b", -1.5, None, 0.5, "forced", likeliest),
        TokenAdded("q/x", 9, "", -2.0, 0.75, 0.125, "sampled", likeliest, -0.5, "e298"),
    ]
    old = bytes.fromhex(
        "02030003000202020001ff000a0503ff0900ff0000ff0000ff000001000100010200000000000000000000000000000000000000"
        "000000000000000000000000000080c080c080c000c04000000000bebfbebfbebfc03f3f3f3f3ebf5b5b222061222c2262222c22"
        "225d2c7b2232223a2265323938227d5d"
    )
    rows = [8, *([t.id, t.text, t.logprob, t.entropy, t.margin, t.chosen, t.sampling_logprob, t.hex,
                  [[a.id, a.text, a.logprob] for a in t.alternatives]] for t in written)]  # fmt: skip
    assert list(blocks.unpack("q/x", old)) == written
    whole = {"nodes": ["q/x"], "blocks": [["00"]], "times": ["s", 1.0, 2.0, 3.0], "events": [0, 0, 0]}
    for block in (old, json.dumps(rows).encode()):
        data = b"w" + zlib.compress(json.dumps(whole).encode())
        records = packing.unpack("r", 0, data, {b"\0": zlib.compress(block)})
        assert [record.event for record in records] == written


def test_equal_beginnings_are_kept_once(store: Store) -> None:
    save(store, "a", text="one two three four " * 20)
    store.flush()
    settled(store)
    alone = block_count(store)
    save(store, "b", text="one two three four " * 16 + "and another end")
    settled(store)
    assert alone == 5
    assert block_count(store) == alone + 1
    assert len(store.records("b")) == len(store.records("a")) - 13


def test_a_finished_log_is_one_row_and_reads_the_same(store: Store) -> None:
    started = RunStarted("q?", "direct", "m", {}, 0)
    log = [Record("a", 0, 1.0, started)]
    store.create_run("a", started)
    store.append("a", log)
    for i in range(1, 40):
        log.append(Record("a", i, 1.0 + i, TokenAdded("q/a", i, "x", -1 / 3, 0.1, 0.2, "greedy")))
        store.append("a", log[-1:])
        if i % 10 == 0:
            store.flush()
    log.append(Record("a", 40, 50.0, RunFinished()))
    assert chunk_count(store) >= 3
    store.append("a", log[-1:])
    settled(store)
    assert chunk_count(store) == 1
    assert store.records("a") == log
    assert store.records("a", after=37) == log[38:]


def test_a_missing_block_is_named(store: Store) -> None:
    save(store, "a")
    settled(store)
    with sqlite3.connect(store.path) as connection:
        connection.execute("delete from blocks")
    with pytest.raises(StoreError, match="The saved run a cannot be read"):
        store.records("a")


def test_an_old_file_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of the first version, with its chunks and rows, opens with sessions and search."""
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "create table runs (id text primary key, created float, status text, question text, strategy text, model text,"
        "params text, seed integer, gold text, family text, parent text, versions text, answer text, confidence float,"
        "correct integer, error text, calls integer, prompt_tokens integer, completion_tokens integer,"
        "forward_passes integer, seconds float, owner text, heartbeat float);"
        "create index idx_runs_status on runs (status);"
        "create table chunks (run_id text references runs(id), first_seq integer, count integer, data blob,"
        "primary key (run_id, first_seq));"
        "create table _sqlite_migrations (id integer primary key, migration_set text, name text, applied_at text);"
        "create unique index u on _sqlite_migrations (migration_set, name);"
        "insert into _sqlite_migrations (migration_set, name, applied_at)"
        " values ('playground', 'm001_runs_and_their_events', '2026-01-01');"
        "insert into runs (id, created, status, question, strategy, model, params, seed, parent, versions, answer,"
        " correct, calls, prompt_tokens, completion_tokens, forward_passes, seconds, owner, heartbeat) values"
        " ('a', 1.0, 'finished', 'Old question?', 'direct', 'm', '{}', 0, 'null', '{}', '7', 1, 1, 1, 1, 1, 0.5,"
        " 'h:1:t', 0.0);"
        "pragma user_version = 1;"
    )
    log = [
        Record("a", 0, 1.0, RunStarted("Old question?", "direct", "m", {}, 0)),
        Record("a", 1, 2.0, RunFinished()),
    ]
    connection.execute("insert into chunks values ('a', 0, 2, ?)", (packing.pack_chunk(log),))
    connection.commit()
    connection.close()
    store = Store(path)
    assert [session.id for session in store.sessions.find(Wanted(text="old"))] == ["a"]
    assert store.records("a") == log
    assert (store.run("a").session, store.run("a").cost_usd) == ("a", 0.0)
    store.close()


def settled(store: Store) -> None:
    """Wait until finished logs are stored in their last form."""
    for _ in range(200):
        store.flush()
        with sqlite3.connect(store.path) as connection:
            waiting = connection.execute(
                "select count(*) from chunks c join runs r on r.id = c.run_id where r.status = 'finished' "
                "and substr(c.data, 1, 1) <> x'77'"
            ).fetchone()[0]
        if not waiting:
            return
    raise AssertionError("the log was not stored anew")


def block_count(store: Store) -> int:
    with sqlite3.connect(store.path) as connection:
        return int(connection.execute("select count(*) from blocks").fetchone()[0])


def chunk_count(store: Store) -> int:
    with database.connect(store.path) as connection:
        return int(connection.execute("select count(*) from chunks").fetchone()[0])


def test_a_file_with_tokens_written_as_json_is_still_read(store: Store) -> None:
    """Blocks as the first version wrote them: float32 numbers with the digits those need."""
    likeliest = (Alternative(5, " x", 0.0), Alternative(6, "\ud800", -math.inf))
    logprob, margin = (float(np.float32(number)) for number in (-1 / 3, 0.1))
    token = TokenAdded("q/a", 5, " x", logprob, 0.5, margin, "sampled", likeliest, logprob, "e282")
    row = [
        5,
        " x",
        -0.33333334,
        0.5,
        0.1,
        "sampled",
        -0.33333334,
        "e282",
        [[5, " x", 0.0], [6, "\ud800", -math.inf]],
    ]
    whole = {"nodes": ["q/a"], "blocks": [["00"]], "times": ["us", 2_500_000], "events": [0]}
    data = b"w" + zlib.compress(json.dumps(whole).encode())
    stored = packing.unpack("r", 0, data, {b"\0": zlib.compress(json.dumps([4, row]).encode())})
    assert stored == [Record("r", 0, 2.5, token)]


def test_runs_that_ended_or_were_interrupted_are_tidied_up_when_the_file_is_closed_and_opened(
    tmp_path: Path,
) -> None:
    path = tmp_path / "runs.db"
    store = Store(path)
    save(store, "a", text="one two three")
    log = store.records("a")
    store.close()
    assert block_count(store) == 1
    with sqlite3.connect(path) as connection:
        connection.execute("update runs set status = 'running', owner = 'elsewhere:1:t', heartbeat = 0")
        connection.execute("update chunks set data = ?, count = 3", (packing.pack_chunk(log[:3]),))
        connection.execute("delete from blocks")
    store = Store(path)
    assert store.run("a").status == "interrupted"
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("select substr(data, 1, 1) from chunks").fetchall() == [(b"w",)]
    assert store.records("a") == log[:3]


def test_storing_a_log_anew_twice_keeps_no_block_too_long(store: Store) -> None:
    save(store, "a", text="one two three " * 20)
    settled(store)
    for _ in range(2):
        with database.connect(store.path) as connection, database.transaction(connection):
            database.settle_log(connection, "a")
    store.sessions.delete(["a"])
    store.sessions.purge(older_than=-1)
    assert block_count(store) == 0
