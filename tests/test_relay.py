"""Lanes: runs of one session that follow each other, share an allowance, and take turns with other lanes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from playground import keys
from playground.engine import InThread
from playground.errors import BadInput
from playground.events import RunStarted, TokenAdded
from playground.execute import RunSpec
from playground.models import catalog
from playground.runner import Runner
from playground.runner.relay import Relay, Relays
from playground.store import Store
from tests.fakes import find, load, running, spec

LONG = 100_000


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    with running(tmp_path / "runs.db") as runner:
        yield runner


def specs(count: int, n: int = 3, **rest: Any) -> list[RunSpec]:
    return [replace(spec(n, **rest), seed=seed, parent={"lane": 0, "repeat": seed}) for seed in range(count)]


def wait(runner: Runner, relay: Relay) -> list[str]:
    """The lane's runs, once all of them are over."""
    give_up = time.monotonic() + 60
    while not relay.over:
        assert time.monotonic() < give_up
        time.sleep(0.005)
    for run_id in relay.run_ids:
        runner.wait(run_id, 60)
    return relay.run_ids


def opening(runner: Runner, run_id: str) -> RunStarted:
    first = runner.records(run_id)[0].event
    assert isinstance(first, RunStarted)
    return first


class TestSessions:
    def test_runs_are_started_in_a_session_that_was_made_for_them(self, runner: Runner) -> None:
        session = runner.new_session("Comparison: how far?")
        ids = [runner.start(spec(2), session) for _ in range(3)]
        for run_id in ids:
            runner.wait(run_id)
        runner.store.flush()
        assert [run.id for run in runner.store.runs_in(session)] == ids
        kept = runner.store.sessions.get(session)
        assert (kept.name, kept.named, kept.runs) == ("Comparison: how far?", True, tuple(ids))

    def test_without_one_a_run_has_its_own(self, runner: Runner) -> None:
        run_id = runner.start(spec(1))
        runner.wait(run_id)
        runner.store.flush()
        assert runner.store.run(run_id).session == run_id


class TestRepeats:
    def test_they_follow_each_other_in_one_session(self, runner: Runner) -> None:
        session = runner.new_session()
        ids = wait(runner, Relays(runner).start(session, 0, specs(4)))
        assert [opening(runner, id).seed for id in ids] == [0, 1, 2, 3]
        runner.store.flush()
        assert [run.id for run in runner.store.runs_in(session)] == ids
        ends = [runner.records(id)[-1].time for id in ids]
        begins = [runner.records(id)[0].time for id in ids]
        assert all(end <= begin for end, begin in zip(ends[:-1], begins[1:], strict=True))

    def test_they_share_one_allowance(self, runner: Runner) -> None:
        ids = wait(
            runner, Relays(runner).start(runner.new_session(), 0, specs(9, n=4, budget={"tokens": 10}))
        )
        assert [opening(runner, id).budget for id in ids] == [{"tokens": 10}, {"tokens": 6}, {"tokens": 2}]
        assert [runner.status(id) for id in ids] == ["finished", "finished", "cancelled"]
        assert sum(isinstance(r.event, TokenAdded) for id in ids for r in runner.records(id)) == 10

    def test_an_allowance_that_is_exactly_used_up_begins_nothing_more(self, runner: Runner) -> None:
        ids = wait(
            runner, Relays(runner).start(runner.new_session(), 0, specs(9, n=5, budget={"tokens": 10}))
        )
        assert [runner.status(id) for id in ids] == ["finished", "finished"]

    def test_stopping_stops_the_one_that_goes_and_begins_no_other(self, runner: Runner) -> None:
        relays, session = Relays(runner), runner.new_session()
        relay = relays.start(session, 0, specs(3, n=LONG, delay=0.001))
        other = relays.start(session, 1, specs(2, n=2))
        assert relays.find(session, 0) is relay
        relays.stop(session, 0)
        [only] = relay.run_ids
        assert runner.wait(only, 30) == "cancelled"
        assert [runner.status(id) for id in wait(runner, other)] == ["finished", "finished"]
        assert len(relay.run_ids) == 1

    def test_a_lane_that_is_begun_again_stops_first(self, runner: Runner) -> None:
        relays, session = Relays(runner), runner.new_session()
        old = relays.start(session, 0, specs(2, n=LONG, delay=0.001))
        new = relays.start(session, 0, specs(1))
        assert runner.wait(old.run_ids[0], 30) == "cancelled"
        assert [runner.status(id) for id in wait(runner, new)] == ["finished"]

    def test_all_of_them_run_with_the_keys_of_whoever_began_them(self, tmp_path: Path) -> None:
        seen: list[dict[str, str]] = []

        class Watched(InThread):
            def start(self, run_id: str, spec: RunSpec) -> None:
                seen.append(dict(keys.typed()))
                super().start(run_id, spec)

        with running(tmp_path / "runs.db", Watched(load, find_strategy=find)) as runner:
            with keys.given({"groq": "a visitor's"}):
                relay = Relays(runner).start(runner.new_session(), 0, specs(3))
            wait(runner, relay)
        assert seen == [{"groq": "a visitor's"}] * 3

    def test_a_failed_run_ends_its_lane(self, runner: Runner) -> None:
        ids = wait(runner, Relays(runner).start(runner.new_session(), 0, specs(3, model="damaged")))
        assert [runner.status(id) for id in ids] == ["failed"]

    def test_what_cannot_begin_is_raised(self, runner: Runner) -> None:
        relays, session = Relays(runner), runner.new_session()
        with pytest.raises(BadInput, match="n = -1"):
            relays.start(session, 0, specs(1, n=-1))
        assert relays.find(session, 0) is None


def test_two_lanes_on_one_local_model_take_turns(tmp_path: Path) -> None:
    """Step by step, first come first served: neither gets far ahead while both write."""
    order: list[str] = []

    class Watched(InThread):
        def open(self, emit: Any) -> None:
            def seen(run_id: str, events: Any) -> None:
                order.extend(run_id for _, event in events if isinstance(event, TokenAdded))
                emit(run_id, events)

            super().open(seen)

    runner = Runner(Store(tmp_path / "runs.db"), Watched(catalog.load))
    try:
        runner.warm("embedded")
        hot = {"do_sample": True, "temperature": 3.0, "max_new_tokens": 60}
        question = "Sue has 35 pens. Sue gives 25 to Leo. How many pens does Sue have now?"
        relays, session = Relays(runner), runner.new_session()
        lanes = [
            relays.start(session, lane, [RunSpec(question, "zero-shot-cot", "embedded", hot, seed=lane)])
            for lane in (0, 1)
        ]
        first, second = (wait(runner, relay)[0] for relay in lanes)
    finally:
        runner.close()
    together = order[order.index(second) : max(order.index(second), _last_common(order, first, second))]
    assert len(together) > 40
    assert max(len(list(same)) for _, same in groupby(together)) <= 5
    ahead = [together[: i + 1].count(first) - together[: i + 1].count(second) for i in range(len(together))]
    assert max(ahead) - min(ahead) <= 8


def _last_common(order: list[str], first: str, second: str) -> int:
    """Where the first of the two wrote its last token."""
    return min(len(order) - 1 - order[::-1].index(id) for id in (first, second))
