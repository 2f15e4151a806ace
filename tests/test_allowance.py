"""An allowance: exact at its boundary, by what the events say was spent, and in the log."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from playground import allowance
from playground.again import spec_of
from playground.allowance import Allowance
from playground.errors import BadInput
from playground.events import (
    Answered,
    CallStarted,
    Event,
    NodeOpened,
    NodeScored,
    RunCancelled,
    RunFinished,
    RunStarted,
    Spent,
    TextAdded,
    TokenAdded,
    Usage,
    from_json,
    to_json,
)
from playground.execute import RunSpec, check, execute
from playground.strategies.base import Place, Question, Result, Strategy
from playground.trace import fold
from tests.fakes import Counting, find, load, spec


def token(i: int = 0) -> TokenAdded:
    return TokenAdded("q", i, " x", -1.0, 1.0, 0.5, "greedy")


def run(budget: dict[str, Any] | None, n: int, **options: Any) -> list[Event]:
    return list(execute(spec(n, budget=budget), load_model=load, find_strategy=find, **options))


def playing(events: Callable[[], Iterator[Event]]) -> Callable[[str], Strategy]:
    """A strategy that yields these events."""

    def steps(
        question: Question, model: Any, params: Counting, place: Place
    ) -> Generator[Event, None, Result]:
        yield from events()
        return Result("7")

    return lambda name: Strategy(name, name, "", "", frozenset(), "branches", Counting, steps)


def written(log: list[Event]) -> int:
    return sum(isinstance(e, TokenAdded) for e in log)


class TestWhatIsABudget:
    @pytest.mark.parametrize(
        ("budget", "read"),
        [
            ({"tokens": 500}, ("tokens", 500)),
            ({"calls": 5.0}, ("calls", 5.0)),
            ({"seconds": 2.5}, ("seconds", 2.5)),
        ],
    )
    def test_one_of_three(self, budget: dict[str, float], read: tuple[str, float]) -> None:
        assert allowance.read(budget) == read

    @pytest.mark.parametrize(
        "budget",
        [
            {},
            {"tokens": 5, "calls": 5},
            {"tokens": 5, "surprise": 1},
            {"words": 5},
            {"tokens": 0},
            {"tokens": -1},
            {"tokens": 2.5},
            {"tokens": "many"},
            {"tokens": True},
            {"tokens": 10**10},
            {"seconds": float("nan")},
            {"seconds": float("inf")},
        ],
    )
    def test_anything_else_is_refused_before_a_model_is_loaded(self, budget: dict[str, Any]) -> None:
        with pytest.raises(BadInput) as caught:
            check(spec(3, budget=budget), find)
        assert caught.value.hint

    def test_no_mapping_is_refused(self) -> None:
        with pytest.raises(BadInput, match="budget"):
            check(spec(3, budget=[500]), find)

    @pytest.mark.parametrize(
        ("unit", "amount", "said"),
        [
            ("tokens", 500, "500 tokens"),
            ("tokens", 12345.0, "12,345 tokens"),
            ("calls", 1, "1 call"),
            ("seconds", 2.5, "2.5 seconds"),
            ("seconds", 1.0, "1 second"),
            ("seconds", 0.333333, "0.33 seconds"),
        ],
    )
    def test_in_words(self, unit: str, amount: float, said: str) -> None:
        assert allowance.words(unit, amount) == said


class TestTokens:
    def test_a_run_that_needs_exactly_its_allowance_finishes(self) -> None:
        log = run({"tokens": 5}, 5)
        assert written(log) == 5
        assert log[-2:] == [Answered("5", "q/a", 0.5, "counted"), RunFinished(None)]

    def test_one_that_needs_a_token_more_ends_with_what_it_has(self) -> None:
        log = run({"tokens": 5}, 6)
        trace = fold(log)
        assert written(log) == 5
        assert trace.usage.completion_tokens == 5
        assert log[-1] == RunCancelled("its allowance of 5 tokens is used up")
        assert (trace.status, trace.stopped) == ("cancelled", "its allowance of 5 tokens is used up")
        assert trace.answered is None
        assert trace.correct is None

    def test_without_a_budget_nothing_ends_it(self) -> None:
        assert run(None, 50)[-1] == RunFinished(None)

    def test_a_batch_is_not_split_and_its_marks_still_come(self) -> None:
        def batch() -> Iterator[Event]:
            for _ in range(3):
                yield from (token(), token(), token())
                yield Spent("q", Usage(completion_tokens=3))
            yield NodeScored("q", "delta", 0.5)

        log = list(execute(spec(1, budget={"tokens": 7}), load_model=load, find_strategy=playing(batch)))
        assert written(log) == 9  # the step that reached 7 is whole
        assert isinstance(log[-1], RunFinished)
        log = list(execute(spec(1, budget={"tokens": 6}), load_model=load, find_strategy=playing(batch)))
        assert written(log) == 6
        assert isinstance(log[-1], RunCancelled)

    def test_an_answer_that_was_announced_stays_and_is_marked(self) -> None:
        def chatty() -> Iterator[Event]:
            yield token()
            yield Spent("q", Usage(completion_tokens=1))
            yield Answered("7")
            yield token()

        described = spec(1, budget={"tokens": 1}, gold="7")
        log = list(execute(described, load_model=load, find_strategy=playing(chatty)))
        assert log[-2:] == [Answered("7"), RunFinished(True)]

    def test_a_person_may_stop_it_first(self) -> None:
        log = run({"tokens": 5}, 6, cancelled=iter([False, False, True]).__next__)
        assert log[-1] == RunCancelled()


class TestCalls:
    def test_the_last_call_goes_on_to_its_end_and_no_other_begins(self) -> None:
        def calls() -> Iterator[Event]:
            for i in range(3):
                yield CallStarted("q", "step", f"prompt {i}")
                yield token()
                yield Spent("q", Usage(calls=1, completion_tokens=1))
                yield token()
                yield TextAdded("q", "x")
                yield Spent("q", Usage(completion_tokens=1))

        log = list(execute(spec(1, budget={"calls": 2}), load_model=load, find_strategy=playing(calls)))
        assert sum(isinstance(e, CallStarted) for e in log) == 2
        assert written(log) == 4
        assert log[-1] == RunCancelled("its allowance of 2 calls is used up")
        log = list(execute(spec(1, budget={"calls": 3}), load_model=load, find_strategy=playing(calls)))
        assert isinstance(log[-1], RunFinished)

    def test_of_a_batch_of_more_calls_than_allowed_so_many_begin_and_are_on_the_bill(self) -> None:
        def batch() -> Iterator[Event]:
            yield CallStarted("q", "sample", "prompt")
            for step in range(4):
                for node in ("q/1", "q/2", "q/3"):
                    yield TokenAdded(node, 1, " x", -1.0, 1.0, 0.5, "sampled")
                yield Spent("q", Usage(calls=0 if step else 3, completion_tokens=3))

        log = list(execute(spec(1, budget={"calls": 2}), load_model=load, find_strategy=playing(batch)))
        assert written(log) == 2
        assert log[-2:] == [
            Spent("q/2", Usage(calls=2, completion_tokens=2)),
            RunCancelled("its allowance of 2 calls is used up"),
        ]
        log = list(execute(spec(1, budget={"calls": 3}), load_model=load, find_strategy=playing(batch)))
        assert written(log) == 12
        assert fold(log).usage.calls == 3
        assert isinstance(log[-1], RunFinished)

    def test_calls_that_are_billed_before_they_write_are_not_counted_twice(self) -> None:
        def billed_first() -> Iterator[Event]:
            yield CallStarted("q", "sample", "prompt")
            yield Spent("q", Usage(calls=2))
            for node in ("q/1", "q/2"):
                yield TextAdded(node, "x")

        log = list(
            execute(spec(1, budget={"calls": 2}), load_model=load, find_strategy=playing(billed_first))
        )
        assert isinstance(log[-1], RunFinished)


class TestSeconds:
    def test_they_are_counted_on_the_clock_given_from_when_the_model_is_there(self) -> None:
        now = [100.0]

        def slow_load(name: str) -> Any:
            now[0] += 50  # loading is not the lane's time
            return load(name)

        def ticking() -> Iterator[Event]:
            for i in range(10):
                yield token(i)
                now[0] += 1.0

        log = list(
            execute(
                spec(1, budget={"seconds": 3.0}),
                load_model=slow_load,
                find_strategy=playing(ticking),
                clock=lambda: now[0],
            )
        )
        assert written(log) == 3  # at 0, 1 and 2 s; at 3 s nothing is left
        assert fold(log).usage.completion_tokens == 3  # in the middle of a step, and on the bill all the same
        assert log[-1] == RunCancelled("its allowance of 3 seconds is used up")

    def test_what_costs_nothing_still_comes_when_time_is_up(self) -> None:
        now = [0.0]
        allowed = Allowance({"seconds": 1}, lambda: now[0])
        assert not allowed.refuses(token())
        now[0] = 1.0
        assert not allowed.refuses(NodeScored("q", "delta", 0.5))
        assert not allowed.refuses(Answered("7"))
        assert allowed.refuses(token())
        assert allowed.refuses(CallStarted("q", "step", "prompt"))


class TestInTheLog:
    def test_it_is_in_the_opening_and_comes_back(self) -> None:
        opening = run({"tokens": 5}, 1)[0]
        assert isinstance(opening, RunStarted)
        assert opening.budget == {"tokens": 5}
        assert from_json(to_json(opening)) == opening
        assert spec_of(fold([opening])).budget == {"tokens": 5}
        described = RunSpec("q", "count", "fake", budget={"seconds": 1.5})
        assert RunSpec.from_json(described.to_json()) == described

    def test_old_logs_are_read(self) -> None:
        old = {"kind": "run_started", "question": "q", "strategy": "s", "model": "m", "params": {}, "seed": 0}
        trace = fold(
            [from_json(old), NodeOpened("q", None, "question"), from_json({"kind": "run_cancelled"})]
        )
        assert trace.started is not None
        assert trace.started.budget is None
        assert (trace.status, trace.stopped) == ("cancelled", "")

    def test_the_reason_comes_back(self) -> None:
        end = RunCancelled("its allowance of 5 tokens is used up")
        assert from_json(to_json(end)) == end
        assert to_json(RunCancelled()) == {"kind": "run_cancelled"}
