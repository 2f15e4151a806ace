"""What the Compare page works out: what differs between lanes, ways to begin, lanes out of a session, and sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from components.compare import saved, tally
from components.compare.board import read_open
from components.compare.figures import Point, ceiling, cost_figure, cost_words
from components.compare.setups import (
    MOST,
    Setup,
    chips,
    first_setups,
    name,
    presets,
    sendable,
    setup,
    why_not,
)
from components.compare.state import Lane
from components.compare.wire import encode, state_words
from components.live_run import LiveRun
from playground.events import (
    Answered,
    CallStarted,
    Event,
    NodeOpened,
    Record,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
    Spent,
    TextEnded,
    TokenAdded,
    Usage,
)
from playground.models.base import Capabilities, ModelInfo
from playground.store import SavedRun, Session
from playground.strategies.base import load_all, offered
from playground.trace import Trace, fold
from tests.scripted import Scripted

LOCAL = ModelInfo("embedded", "Embedded model", "local", Scripted.capabilities)
SERVER = ModelInfo("server:small", "A model on a server", "server", Capabilities(json_mode=True))


def made(strategy: str = "direct", model: str = "embedded", seed: int = 0, **values: Any) -> Setup:
    return setup(model, load_all()[strategy], values, seed)


def started(**rest: Any) -> RunStarted:
    return RunStarted("Q?", "direct", "embedded", {}, rest.pop("seed", 0), local=True, **rest)


def run(*events: Event, gold: str | None = "7", seconds: float = 2.0, **rest: Any) -> Trace:
    log = [started(gold=gold, **rest), *events]
    step = seconds / max(1, len(log) - 1)
    return fold([Record("r", i, 100.0 + i * step, event) for i, event in enumerate(log)])


def answered(text: str, correct: bool | None, *, tokens: int = 10, confidence: float | None = 0.5) -> Trace:
    return run(
        Spent("q", Usage(calls=1, completion_tokens=tokens, forward_passes=tokens)),
        Answered(text, "q", confidence),
        RunFinished(correct),
    )


class TestChips:
    def test_only_what_differs_is_named(self) -> None:
        lanes = [made(temperature=t, do_sample=True, top_p=0.9) for t in (0.0, 0.5)]
        assert chips(lanes) == [("Temperature 0",), ("Temperature 0.5",)]
        assert chips([lanes[0], lanes[0]]) == [(), ()]

    def test_model_strategy_and_seed(self) -> None:
        lanes = [made(seed=1), made(model="other/model", seed=2), made("zero-shot-cot", seed=1)]
        assert chips(lanes) == [
            ("embedded", "Direct answer", "Seed 1"),
            ("other/model", "Direct answer", "Seed 2"),
            ("embedded", "Zero-shot chain of thought", "Seed 1"),
        ]

    def test_settings_are_compared_within_a_strategy(self) -> None:
        lanes = [made("cot-decoding", k=2), made("cot-decoding", k=5), made("direct", max_new_tokens=9)]
        assert chips(lanes) == [
            ("CoT-decoding", "k 2"),
            ("CoT-decoding", "k 5"),
            ("Direct answer", "Max new tokens 9"),  # alone with it, so named where it is not the default
        ]

    def test_a_setting_that_does_nothing_is_not_named(self) -> None:
        lanes = [made("self-consistency", group=3), made("self-consistency", group=4)]
        assert chips(lanes) == [(), ()]  # groups matter only with stop_early

    def test_a_lane_without_anything_of_its_own_is_called_by_its_strategy(self) -> None:
        assert name(made(), ()) == "Direct answer"
        assert name(made(), ("k 2", "Seed 1")) == "k 2, Seed 1"


class TestPresets:
    def by_name(self, base: Setup, models: Sequence[ModelInfo] = (LOCAL,)) -> dict[str, Any]:
        return {preset.name: preset for preset in presets(base, models)}

    def test_each_varies_one_thing(self) -> None:
        for preset in presets(made("zero-shot-cot", temperature=0.3, seed=4), [LOCAL]):
            assert 2 <= len(preset.setups) <= MOST or preset.reason
            if preset.name in ("temperature", "k"):
                assert {len(chip) for chip in chips(preset.setups)} == {1}
            assert {one.seed for one in preset.setups} <= {4}

    def test_the_temperature_ladder_keeps_the_rest(self) -> None:
        ladder = self.by_name(made("self-consistency", n=4))["temperature"].setups
        assert [one.params["temperature"] for one in ladder] == [0.0, 0.5, 1.0, 1.5]
        assert {one.strategy for one in ladder} == {"self-consistency"}
        assert {one.params["n"] for one in ladder} == {4}
        assert {one.params["do_sample"] for one in ladder} == {True}

    def test_a_strategy_without_the_setting_gives_way(self) -> None:
        ladder = self.by_name(made("direct"))["k"].setups
        assert [(one.strategy, one.params["k"]) for one in ladder] == [
            ("cot-decoding", k) for k in (1, 2, 5, 10, 20)
        ]

    def test_different_strategies_are_those_the_model_can_run(self) -> None:
        able = [s for s in offered().values() if not SERVER.capabilities.missing(s.needs)]
        found = self.by_name(made(model="server:small"), [LOCAL, SERVER])["strategies"].setups
        names = [one.strategy for one in found]
        assert len(names) == MOST
        assert set(names) <= {s.name for s in able}
        # One of every group at least, in the order of the list.
        assert {s.group for s in able if s.name in names} == {s.group for s in able}
        assert names == [s.name for s in able if s.name in names]
        assert "cot-decoding" not in names

    def test_greedy_against_sampled(self) -> None:
        greedy, sampled = self.by_name(made("few-shot-cot"))["greedy"].setups
        assert (greedy.params["do_sample"], sampled.params["do_sample"]) == (False, True)
        assert sampled.params["temperature"] == 1.0

    def test_two_models_need_a_second_one_that_can(self) -> None:
        assert "Only one" in self.by_name(made())["models"].reason
        first, second = self.by_name(made(), [LOCAL, SERVER])["models"].setups
        assert (first.model, second.model) == ("embedded", "server:small")
        assert first.params == second.params
        assert self.by_name(made("cot-decoding"), [LOCAL, SERVER])["models"].reason

    def test_a_new_visitor_finds_lanes_even_without_models(self) -> None:
        assert len(first_setups([LOCAL])) == 4
        assert len(first_setups([])) >= 2

    def test_what_a_model_cannot_honour_is_not_sent(self) -> None:
        assert "top_k" in sendable(made(top_k=5), LOCAL)
        assert "top_k" not in sendable(made(top_k=5), SERVER)

    def test_a_combination_that_cannot_run_says_why(self) -> None:
        assert why_not(made("cot-decoding"), LOCAL) is None
        assert "cannot run on A model on a server" in str(why_not(made("cot-decoding"), SERVER))
        assert "no strategy" in str(why_not(Setup("embedded", "gone"), LOCAL))


class TestSavedLanes:
    def saved(self, id: str, parent: dict[str, Any] | None = None, **rest: Any) -> SavedRun:
        values = {"strategy": "direct", "model": "embedded", "params": {}, "seed": 0, **rest}
        return SavedRun(
            id=id, session="s", created=0.0, status="finished", question="Q?", gold=None, family=None,
            parent=parent, versions={}, answer=None, confidence=None, correct=None, error=None, calls=0,
            prompt_tokens=0, completion_tokens=0, forward_passes=0, seconds=0.0, **values,
        )  # fmt: skip

    def test_notes_say_which_lane_and_the_last_try_counts(self) -> None:
        runs = [
            self.saved("a", saved.note(0, 0, 0, 2)),
            self.saved("b", saved.note(1, 0, 0, 2), strategy="zero-shot-cot"),
            self.saved("c", saved.note(0, 0, 1, 2), seed=1),
            self.saved("d", saved.note(0, 1, 0, 1), seed=5),
        ]
        first, second = saved.lanes_of(runs)
        assert (first.place, first.attempt, first.runs, first.repeats, first.setup.seed) == (
            0,
            1,
            ("d",),
            1,
            5,
        )
        assert (second.place, second.runs, second.setup.strategy) == (1, ("b",), "zero-shot-cot")

    def test_without_notes_equal_configurations_are_one_lane(self) -> None:
        runs = [
            self.saved("a"),
            self.saved("b", params={"temperature": 1.0}),
            self.saved("c", seed=1),
            self.saved("d", {"run": "a"}, strategy="fork"),
        ]
        first, second = saved.lanes_of(runs)
        assert (first.runs, first.repeats) == (("a", "c"), 2)
        assert second.runs == ("b",)
        assert second.setup.params["temperature"] == 1.0

    @pytest.mark.parametrize(
        "parent",
        [
            {"lane": "0", "attempt": 0, "repeat": 0, "repeats": 1},
            {"lane": True, "attempt": 0, "repeat": 0, "repeats": 1},
            {"lane": -1, "attempt": 0, "repeat": 0, "repeats": 1},
            {"lane": 0},
        ],
    )
    def test_a_note_from_elsewhere_that_is_none_does_no_harm(self, parent: dict[str, Any]) -> None:
        [lane] = saved.lanes_of([self.saved("a", parent)])
        assert lane.runs == ("a",)

    def test_at_most_six(self) -> None:
        runs = [self.saved(f"r{i}", saved.note(i, 0, 0, 1)) for i in range(9)]
        assert [lane.place for lane in saved.lanes_of(runs)] == [0, 1, 2, 3, 4, 5]

    def test_a_session_with_several_runs_has_a_link(self) -> None:
        session = Session("s", 0.0, "n", False, "Q?", "", (), ("a", "b"), (), (), (), 0, 0, 0, 0.0)
        assert saved.compare_link(session) == {"session": "s"}
        assert saved.compare_link(replace(session, runs=("a",))) is None


class TestTally:
    def test_answers_are_pooled_and_everything_added_up(self) -> None:
        lane = tally.tally(
            [answered("7", True), answered("7.0", True, confidence=None), answered("9", False)]
        )
        assert lane.answers == (tally.Counted("7", 2, True), tally.Counted("9", 1, False))
        assert (lane.runs, lane.over, lane.marked, lane.right) == (3, 3, 3, 2)
        assert lane.confidence == 0.5
        assert (lane.usage.calls, lane.usage.completion_tokens, lane.seconds) == (3, 30, 6.0)
        assert lane.cost_usd == 0.0

    def test_a_run_out_of_allowance_counts_as_not_right_and_one_stopped_by_hand_not_at_all(self) -> None:
        out, by_hand = run(RunCancelled("its allowance is used up")), run(RunCancelled())
        lane = tally.tally([out, by_hand, answered("7", True)])
        assert (lane.marked, lane.right) == (2, 1)
        assert tally.marked(run(RunCancelled("its allowance is used up"), gold=None)) is None

    def test_an_unknown_price_stays_unknown(self) -> None:
        dear = fold([RunStarted("Q?", "direct", "server:small", {}, 0), RunFinished()])
        assert tally.tally([dear, answered("7", True)]).cost_usd is None

    def test_who_used_what(self) -> None:
        lane = tally.tally([answered("7", True, tokens=240), answered("7", True, tokens=240)])
        assert tally.spent(lane, {"tokens": 500}) == "480 of 500 tokens (96 %)"
        assert tally.spent(lane, {"calls": 4}) == "2 of 4 calls (50 %)"
        assert tally.spent(lane, {"seconds": 8.0}) == "4.00 of 8 seconds (50 %)"
        assert tally.spent(lane, None) == ""

    def test_a_row_of_the_summary(self) -> None:
        lane = tally.tally([answered("7", True, tokens=1200), answered("*9*", False)])
        row = tally.row(2, "k 5", lane, {"tokens": 2000})
        assert row == {
            "Lane": "**2** k 5",
            "Answer": "7 ×1, \\*9\\* ×1",
            "Right": "1 of 2",
            "Confidence": "0.500",
            "Calls": "2",
            "Tokens written": "1,210",
            "Forward passes": "1,210",
            "Time": "4.0 s",
            "Money": "free",
            "Of its allowance": "1,210 of 2,000 tokens (60 %)",
        }

    def test_a_lone_run_is_right_or_wrong_in_words(self) -> None:
        assert tally.right(tally.tally([answered("7", True)])) == "✓ right"
        assert tally.right(tally.tally([answered("9", False)])) == "✗ wrong"
        assert tally.right(tally.tally([run(RunCancelled("used up"))])) == "✗ no answer"
        assert tally.right(tally.tally([answered("7", None)])) == ""
        assert tally.said(tally.tally([run(RunCancelled())])) == "no answer"
        assert tally.said(tally.tally([])) == ""


class TestPicture:
    POINTS = (Point(1, "k <b>2</b>", 40.0, 1, 2), Point(2, "k 5", 100.0, 1, 1))

    def test_axes_are_fixed_and_say_their_units(self) -> None:
        figure = cost_figure(self.POINTS, "tokens")
        assert tuple(figure.layout.xaxis.range) == (0, 150)
        assert figure.layout.xaxis.title.text == "tokens written per run (mean)"
        assert figure.layout.yaxis.title.text == "share of right answers"
        assert figure.layout.yaxis.range[0] < 0 < 1 < figure.layout.yaxis.range[1]

    def test_whiskers_are_wilson_intervals_where_there_are_several_runs(self) -> None:
        several, one = cost_figure(self.POINTS, "tokens").data
        # 1 of 2, by hand: centre 0.5, half width z / (1 + z²/2) · √(1/8 + z²/16), z = 1.96
        assert several.error_y.array[0] == pytest.approx(0.4055, abs=1e-3)
        assert several.error_y.visible
        assert not one.error_y.visible

    def test_names_are_no_markup(self) -> None:
        assert cost_figure(self.POINTS, "tokens").data[0].name == "1 · k &lt;b&gt;2&lt;/b&gt;"

    def test_lanes_that_came_to_the_same_share_a_label(self) -> None:
        same = [Point(n, "x", 40.0, 1, 1) for n in (1, 2, 3)]
        figure = cost_figure([*same, Point(4, "y", 90.0, 1, 1)], "tokens")
        assert [trace.text[0] for trace in figure.data] == ["", "", "1, 2, 3", "4"]
        assert len({trace.marker.size for trace in figure.data[:3]}) == 3

    def test_the_same_in_words(self) -> None:
        assert cost_words(self.POINTS, "tokens") == (
            "Lane 1 (k <b>2</b>): 1 of 2 right, 95 % interval 0.09 to 0.91, for 40 tokens written per run. "
            "Lane 2 (k 5): 1 of 1 right, for 100 tokens written per run."
        )

    @pytest.mark.parametrize(
        ("value", "end"),
        [(0, 1), (0.9, 1), (0.95, 1.5), (1, 1.5), (90, 100), (95, 150), (260, 300), (700, 1000)],
    )
    def test_the_cost_axis_ends_at_a_round_number(self, value: float, end: float) -> None:
        assert ceiling(value) == pytest.approx(end)


class TestLanesOnScreen:
    def lane(self, *traces: Trace, **rest: Any) -> Lane:
        runs = [LiveRun(f"r{i}", trace) for i, trace in enumerate(traces)]
        return Lane(0, made(), repeats=rest.pop("repeats", max(1, len(runs))), runs=runs, **rest)

    def test_how_a_lane_stands(self) -> None:
        call = CallStarted("q", "answer", "prompt")
        assert state_words(self.lane()) == "Not run yet"
        assert state_words(self.lane(run())) == "Waiting for the model …"
        assert state_words(self.lane(run(call))) == "Running"
        assert state_words(self.lane(run(RunFinished()), run(call), repeats=3)) == "Run 2 of 3"
        assert state_words(self.lane(run(RunFinished()), run(RunFinished()))) == "Done, 2 runs"
        assert state_words(self.lane(run(RunCancelled()))) == "Stopped by hand"
        stopped = run(RunCancelled("its allowance of 20 tokens is used up"))
        assert (
            state_words(self.lane(stopped, budget={"tokens": 500}))
            == "Stopped at its allowance of 500 tokens"
        )

    def test_a_budget_from_elsewhere_that_is_none_does_no_harm(self) -> None:
        stopped = run(RunCancelled("it was enough"), budget={"words": "many"})
        with patch("components.live_run.engine.runner"):
            lane = self.lane(stopped)
            lane.pull()
        assert lane.budget is None
        assert state_words(lane) == "Stopped: it was enough"

    def test_one_lanes_error_is_in_that_lane_only(self) -> None:
        failed = run(RunFailed("EngineError", "The engine <b>ended</b>.", "Run it again."))
        wire = encode([self.lane(failed), self.lane(answered("7", True))], ["a", "b"])
        first, second = wire["lanes"]
        assert (first["error"], first["tone"]) == ("The engine <b>ended</b>. Run it again.", "bad")
        assert (second["error"], second["tone"]) == ("", "over")

    def test_texts_branches_and_runs_are_sent(self) -> None:
        def told(words: str, answer: str) -> Trace:
            return run(
                CallStarted("q", "answer", "prompt"),
                NodeOpened("q/a", "q", "branch", "a"),
                *(TokenAdded("q/a", 1, f" {w}", -1.0, 1.0, 0.5, "greedy") for w in words.split()),
                TextEnded("q/a", "stop"),
                Answered(answer, "q/a"),
                RunFinished(answer == "7"),
            )

        wire = encode(
            [self.lane(told("one two 7", "7")), self.lane(told("one 2 9", "9"), told("one 2 7", "7"))],
            ["a", "b"],
        )
        first, second = wire["lanes"]
        assert "".join(text for _, _, text in first["text"]) == "one two 7\n"
        assert [look for look, _, _ in first["text"]] == [0, 2, 0]
        assert wire["places"] == [1]
        assert first["runs"] == []
        assert second["runs"] == [["r0", 0, "9", False], ["r1", 0, "7", True]]
        assert (second["open"], second["answers"]) == ("r1", [["9", 1, False], ["7", 1, True]])
        assert second["branches"] == []  # one branch is the text itself

    @pytest.mark.parametrize(
        "value",
        [None, 7, {}, {"place": "0", "run": "a"}, {"place": True, "run": "a"}, {"place": 0, "run": 7}],
    )
    def test_what_the_browser_says_is_checked(self, value: Any) -> None:
        assert read_open(value) is None
        assert read_open({"place": 0, "run": "a"}) == (0, "a")
