"""Sessions out of one store and into another: nothing is lost, nothing is doubled, all or nothing."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.errors import BadInput, StoreError
from playground.events import Answered, NodeOpened, Record, RunFinished, RunStarted, TokenAdded, Warned
from playground.exchange import (
    Bundle,
    Imported,
    SharedRun,
    SharedSession,
    bring_in,
    form,
    in_files,
    read_json,
    to_json,
)
from playground.exchange.writing import written
from playground.store import Store, Wanted, bringing
from playground.store.bringing import NewRun, NewSession
from tests.exchange.samples import START, ask, fill, new_store, odd_events, save

Filled = tuple[Store, list[str]]


def run(
    run_id: str, question: str = "Q?", parent: dict[str, Any] | None = None, end: bool = True
) -> SharedRun:
    started = RunStarted(question, "fork" if parent else "direct", "m", {}, 0, parent=parent)
    events = [started, NodeOpened("q", None, "question"), *([RunFinished()] if end else [])]
    return SharedRun(run_id, START, tuple((START + i, event) for i, event in enumerate(events)))


def session(id: str, *runs: SharedRun, created: float = START, **said: Any) -> SharedSession:
    return replace(SharedSession(id, created, None, "", (), runs), **said)


def lines(store: Store, run_id: str) -> list[str]:
    return [form.line((record.time, record.event)) for record in store.records(run_id)]


class TestThereAndBack:
    def test_byte_for_byte(self, filled: Filled, exported: bytes, fresh: Store) -> None:
        done = bring_in(fresh, read_json(exported))
        assert done == Imported(tuple(filled[1]), 13, 0, 0)
        assert to_json(fresh, filled[1]) == exported

    def test_it_is_strict_json_in_ascii(self, exported: bytes) -> None:
        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is not JSON")

        document = json.loads(exported.decode("ascii"), parse_constant=refuse)
        assert (document["format"], document["version"]) == ("reasoning-playground/sessions", 2)
        odd = next(s for s in document["sessions"] if s["id"] == "odd")
        assert odd["tags"] == ["class 7", "zoo", "Äpfel"]
        token = next(e for _, e in odd["runs"][0]["events"] if e["kind"] == "token")
        assert token["logprob"] == {"$number": "NaN"}
        assert token["alternatives"][1] == [2, "", {"$number": "-Infinity"}]
        assert odd["runs"][0]["events"][0][1]["params"]["$$number"] == "NaN"

    def test_the_same_twice(self, filled: Filled, exported: bytes) -> None:
        store, ids = filled
        assert to_json(store, ids) == exported
        assert to_json(store, [*ids, ids[0]]) == exported

    def test_what_the_store_says_of_them(self, filled: Filled, exported: bytes, fresh: Store) -> None:
        old, ids = filled
        bring_in(fresh, read_json(exported))
        for id in ids:
            assert fresh.sessions.get(id) == old.sessions.get(id)
            for before, after in zip(old.runs_in(id), fresh.runs_in(id), strict=True):
                waiting = before.status in ("waiting", "running")
                # NaN is not equal to itself, and what still runs there has ended here.
                assert repr(after) == repr(replace(before, status="interrupted") if waiting else before)
                assert waiting or lines(fresh, after.id) == lines(old, after.id)
        assert [r.id for r in fresh.forks("cot")] == ["cot-fork", "cot-fork-2"]
        for words, found in (
            ("odd", ["odd"]),
            ("answer is 9", ["all-strategies", "cot"]),
            ("äpfel", ["odd"]),
        ):
            for store in (old, fresh):
                assert sorted(s.id for s in store.sessions.find(Wanted(words))) == found

    def test_a_session_of_another_form_of_log(self, filled: Filled, exported: bytes, tmp_path: Path) -> None:
        """However the store keeps a log (chunks while it is written, blocks later), it exports the same."""
        store = new_store(tmp_path, "chunks")
        bring_in(store, read_json(exported))
        with sqlite3.connect(store.path) as connection:
            assert connection.execute("select count(*) from blocks").fetchone()[0] > 0
        store.close()
        reopened = new_store(tmp_path, "chunks")
        assert to_json(reopened, filled[1]) == exported
        reopened.close()

    def test_unknown_sessions(self, fresh: Store) -> None:
        with pytest.raises(BadInput, match="no session 'nothing'"):
            to_json(fresh, ["nothing"])

    def test_what_could_not_be_read_again_is_not_written(
        self, filled: Filled, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(form, "MOST_BYTES", 2**20 // 1024)
        with pytest.raises(BadInput, match="too large") as refused:
            to_json(*filled)
        assert "fewer" in refused.value.hint

    def test_no_session_at_all(self, fresh: Store) -> None:
        assert bring_in(fresh, read_json(to_json(fresh, []))) == Imported((), 0, 0, 0)


class TestSeveralFiles:
    def test_one_where_one_is_enough(self, filled: Filled, exported: bytes, fresh: Store) -> None:
        assert list(in_files(*filled)) == [exported]
        assert list(in_files(fresh, [])) == [to_json(fresh, [])]

    @pytest.mark.parametrize(("limit", "most"), [("MOST_BYTES", -1), ("MOST_SESSIONS", 1), ("MOST_RUNS", 6)])
    def test_each_can_be_read_and_together_they_are_all(
        self,
        filled: Filled,
        exported: bytes,
        fresh: Store,
        monkeypatch: pytest.MonkeyPatch,
        limit: str,
        most: int,
    ) -> None:
        store, ids = filled
        monkeypatch.setattr(form, limit, len(exported) - 1 if most < 0 else most)
        files = list(in_files(store, ids))
        assert 1 < len(files) <= len(ids)
        for data in files:
            assert len(data) <= form.MOST_BYTES
            bring_in(fresh, read_json(data))
        monkeypatch.undo()
        assert to_json(fresh, ids) == exported

    def test_a_session_that_is_too_large_by_itself(
        self, filled: Filled, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(form, "MOST_BYTES", 10_000)
        with pytest.raises(BadInput, match="Session all-strategies alone") as refused:
            list(in_files(*filled))
        assert "CSV" in refused.value.hint

    def test_forks_stay_with_the_run_they_grew_from(self, filled: Filled, fresh: Store) -> None:
        store, _ = filled
        bring_in(fresh, read_json(to_json(store, ["cot"])))
        assert [run.id for run in fresh.runs_in("cot")] == ["cot", "cot-fork", "cot-fork-2"]
        for fork in ("cot-fork", "cot-fork-2"):
            assert fresh.run(fork).parent == store.run(fork).parent
            assert fresh.run(fork).parent["run"] == "cot"  # type: ignore[index]
        assert fresh.run("cot-fork-2").parent["of"] == "cot-fork"  # type: ignore[index]
        assert [run.id for run in fresh.forks("cot")] == ["cot-fork", "cot-fork-2"]


class TestWhatIsThereAlready:
    def test_again_brings_nothing(self, filled: Filled, exported: bytes, fresh: Store) -> None:
        bring_in(fresh, read_json(exported))
        assert bring_in(fresh, read_json(exported)) == Imported(tuple(filled[1]), 0, 13, 0)
        assert to_json(fresh, filled[1]) == exported

    def test_into_the_store_it_came_from(self, tmp_path: Path) -> None:
        store = new_store(tmp_path)
        ids = fill(store)
        data = to_json(store, ids)
        store.sessions.rename("cot", "Mine")
        assert bring_in(store, read_json(data)).new == 0
        assert store.sessions.get("cot").name == "Mine", "what a person wrote here stays"
        store.close()

    def test_a_log_that_has_grown_since(self, fresh: Store) -> None:
        events = odd_events()
        fresh.create_run("a", events[0])  # type: ignore[arg-type]
        fresh.append("a", [Record("a", i, START + i, event) for i, event in enumerate(events)])
        fresh.flush()
        data = to_json(fresh, ["a"])
        fresh.append("a", [Record("a", len(events), START + 99, RunFinished())])
        fresh.flush()
        assert bring_in(fresh, read_json(data)) == Imported(("a",), 0, 1, 0)
        assert fresh.run("a").status == "finished"

    def test_a_deleted_session_comes_back(self, fresh: Store) -> None:
        ask(fresh, "a", "direct")
        data = to_json(fresh, ["a"])
        fresh.sessions.delete(["a"])
        assert fresh.sessions.find() == []
        bring_in(fresh, read_json(data))
        assert [s.id for s in fresh.sessions.find()] == ["a"]

    def test_missing_runs_are_added_to_a_session(self, fresh: Store) -> None:
        bring_in(fresh, Bundle((session("c", run("r1"), name="Two ways"),)))
        assert bring_in(fresh, Bundle((session("c", run("r1"), run("r2")),))) == Imported(("c",), 1, 1, 0)
        assert fresh.sessions.get("c").runs == ("r1", "r2")
        assert fresh.sessions.get("c").name == "Two ways"

    def test_runs_that_stand_in_another_session_stay_there(self, fresh: Store) -> None:
        bring_in(fresh, Bundle((session("c", run("r1")),)))
        assert bring_in(fresh, Bundle((session("d", run("r1")),))) == Imported(("c",), 0, 1, 0)
        assert [s.id for s in fresh.sessions.find()] == ["c"]


class TestTakenIds:
    def test_another_run_has_the_id(self, fresh: Store) -> None:
        bring_in(fresh, Bundle((session("a", run("a", "Here?")),)))
        child = run("b", "There?", {"run": "a", "of": "a", "node": "q", "index": 0})
        grandchild = run("c", "There?", {"run": "a", "of": "b", "node": "q/fork", "index": 1})
        other = Bundle((session("a", run("a", "There?"), grandchild, child, created=START + 5),))
        done = bring_in(fresh, other)
        assert (done.new, done.already_there, done.renamed) == (3, 0, 1)
        [new_id] = done.sessions
        assert new_id != "a"
        assert {r.id for r in fresh.runs_in(new_id)} == {new_id, "b", "c"}
        assert fresh.run("b").parent == {"run": new_id, "of": new_id, "node": "q", "index": 0}
        assert fresh.run("c").parent == {"run": new_id, "of": "b", "node": "q/fork", "index": 1}
        assert [r.id for r in fresh.forks(new_id)] == ["b", "c"]
        assert fresh.run("a").question == "Here?"
        assert bring_in(fresh, other) == Imported((new_id,), 0, 3, 0), "the same file again is known again"

    def test_another_session_has_the_id(self, fresh: Store) -> None:
        bring_in(fresh, Bundle((session("c", run("r1"), name="Mine"),)))
        other = Bundle((session("c", run("r2"), created=START + 5, name="Yours"),))
        done = bring_in(fresh, other)
        assert fresh.sessions.get("c").runs == ("r1",)
        assert fresh.sessions.get(done.sessions[0]).name == "Yours"
        assert bring_in(fresh, other) == Imported(done.sessions, 0, 1, 0)

    def test_a_new_id_is_not_one_of_the_file(self, fresh: Store) -> None:
        bring_in(fresh, Bundle((session("a", run("a", "Here?")),)))
        there = run("a", "There?")
        [wanted] = bring_in(fresh, Bundle((session("a", there, created=START + 5),))).sessions
        other = new_store(fresh.path.parent, "other")
        bring_in(other, Bundle((session("a", run("a", "Here?")),)))
        done = bring_in(other, Bundle((session("c", there, run(wanted, "Third?")),)))
        assert (done.new, done.renamed) == (2, 1)
        assert other.run(wanted).question == "Third?"
        assert len(other.runs_in("c")) == 2
        other.close()

    def test_forks_in_a_circle(self, fresh: Store) -> None:
        bundle = Bundle(
            (session("s", run("a", parent={"run": "b", "of": "b"}), run("b", parent={"run": "a"})),)
        )
        with pytest.raises(BadInput, match="circle"):
            bring_in(fresh, read_json(written(bundle)))
        with pytest.raises(BadInput, match="circle"):
            bring_in(fresh, Bundle((session("s", run("a", parent={"run": "a"})),)))
        assert fresh.sessions.find() == []


class TestAllOrNothing:
    def test_an_error_in_the_middle(
        self, fresh: Store, exported: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, calls = bringing._add_run, []

        def fail_later(*arguments: Any) -> None:
            calls.append(arguments)
            if len(calls) == 5:
                raise sqlite3.OperationalError("database or disk is full")
            real(*arguments)

        monkeypatch.setattr(bringing, "_add_run", fail_later)
        with pytest.raises(StoreError, match="disk"):
            bring_in(fresh, read_json(exported))
        assert len(calls) == 5
        assert fresh.sessions.find() == []
        assert fresh.runs() == []
        monkeypatch.undo()
        assert bring_in(fresh, read_json(exported)).new == 13

    def test_the_id_was_taken_meanwhile(self, fresh: Store) -> None:
        records = [Record("a", i, time, event) for i, (time, event) in enumerate(run("a").log)]
        new = NewRun("a", "a", START, records)
        fresh.bring_in([NewSession("a", START, None, "", ())], [new])
        with pytest.raises(StoreError):
            fresh.bring_in([NewSession("z", START, "Z", "", ())], [replace(new, id="b", session="z"), new])
        assert [s.id for s in fresh.sessions.find()] == ["a"]


def test_a_warning_after_the_end_is_kept(fresh: Store, tmp_path: Path) -> None:
    save(
        fresh,
        "a",
        [RunStarted("Q?", "direct", "m", {}, 0), Answered(None), RunFinished(), Warned("not saved")],
    )
    data = to_json(fresh, ["a"])
    other = new_store(tmp_path, "other")
    bring_in(other, read_json(data))
    assert to_json(other, ["a"]) == data
    other.close()


def test_a_file_from_before_varentropies_is_read(exported: bytes) -> None:
    """It is of version 1, and its tokens know none."""
    document = json.loads(exported)
    document["version"] = 1
    for session in document["sessions"]:
        for run in session["runs"]:
            for _, event in run["events"]:
                event.pop("varentropy", None)
    found = read_json(json.dumps(document).encode())
    tokens = [e for s in found.sessions for r in s.runs for _, e in r.log if isinstance(e, TokenAdded)]
    assert tokens
    assert {token.varentropy for token in tokens} == {None}


def test_reading_and_writing_again_is_the_same(exported: bytes) -> None:
    assert written(read_json(exported)) == exported
