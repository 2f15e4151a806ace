"""The Compare page on a real store and runner, with a scripted model."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from streamlit.testing.v1 import AppTest

from components.compare import heads, start
from components.engine import WarmUp
from playground.engine import InThread
from playground.errors import UnknownName
from playground.models.base import ModelInfo
from playground.runner import Runner
from playground.runner.relay import Relays
from playground.store import Store
from tests.pages.conftest import ENTRY
from tests.pages.fakes import MODELS, WORKED
from tests.scripted import Scripted, way

HOSTILE = "<script>alert(1)</script> **b** $x^2$ :red[r] ![i](https://x.example/i)"
ON_BOARD = "compare_board"


class Model:
    """Loads a scripted model; what it writes after a prompt waits until `gate` is open."""

    def __init__(self) -> None:
        self.ways: Any = WORKED
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, name: str) -> Any:
        return Scripted(self.script)

    def script(self, prompt: str) -> Any:
        self.gate.wait(30)
        return self.ways


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model()
    yield model
    model.gate.set()


@pytest.fixture
def runner(tmp_path: Path, model: Model) -> Iterator[Runner]:
    runner = Runner(Store(tmp_path / "runs.db"), InThread(model))
    relays = Relays(runner)

    def info(name: str) -> ModelInfo:
        for known in MODELS:
            if known.name == name:
                return known
        raise UnknownName("model", name, ["embedded"])

    with (
        patch("components.engine.runner", lambda: runner),
        patch("components.engine.relays", lambda: relays),
        patch("components.engine.models", lambda: MODELS),
        patch("components.engine.model_info", info),
        patch("components.engine.warm", lambda model: WarmUp("ready")),
        patch.object(start, "DOUBLE_CLICK", 0.0),
    ):
        yield runner
        model.gate.set()
    runner.close()


@pytest.fixture
def open_page(runner: Runner) -> Callable[..., AppTest]:
    """Opens the Compare page as a new visitor."""

    def open(**query: str) -> AppTest:
        page = AppTest.from_file(str(ENTRY), default_timeout=30).switch_page("pages/compare.py")
        for name, value in query.items():
            page.query_params[name] = value
        return page.run()

    return open


def board(page: AppTest) -> dict[str, Any]:
    """What the lanes' picture is sent."""
    assert not page.exception
    [element] = [e for e in page.get("bidi_component") if e.proto.component_name == ON_BOARD]
    return dict(json.loads(element.proto.json))


def lanes(page: AppTest) -> list[dict[str, Any]]:
    return list(board(page)["lanes"])


def chips(page: AppTest) -> list[str]:
    return [
        m.value.replace("\\", "") for m in page.markdown if m.value.startswith("**") and "badge" in m.value
    ]


def table(page: AppTest) -> list[dict[str, str]]:
    return list(page.table[0].value.to_dict("records"))


def run_all(page: AppTest, question: str = "How many?") -> AppTest:
    page.text_area(key="compare.question").set_value(question)
    return page.button(key="compare.go").click().run()


def until_done(page: AppTest) -> AppTest:
    give_up = time.monotonic() + 60
    while page.button(key="compare.go").label != "Run all":
        assert time.monotonic() < give_up
        time.sleep(0.02)
        page.run()
    return page


def session_of(page: AppTest) -> str:
    found = page.query_params["session"]
    return str(found if isinstance(found, str) else found[0])


def preset(page: AppTest, name: str) -> AppTest:
    return page.button(key=f"compare.preset.{name}").click().run()


def menu(page: AppTest, place: int, choice: str) -> AppTest:
    """Choose from a lane's menu, which the harness cannot click."""
    state = page.session_state["compare"]
    with (
        patch("components.compare.start.current", lambda: state),
        patch("streamlit.session_state", page.session_state),
    ):
        page.session_state[f"compare.menu.{place}"] = choice
        heads.choose(place)
        del page.session_state[f"compare.menu.{place}"]
    return page.run()


def strategy(page: AppTest) -> Any:
    """The choice of a strategy in a lane's form."""
    [found] = [box for box in page.selectbox if box.label == "Strategy"]
    return found


class TestFirstSight:
    def test_a_new_visitor_finds_lanes_that_vary_one_thing(self, open_page: Callable[..., AppTest]) -> None:
        page = open_page()
        assert page.title[0].value == "Compare"
        assert [chip.split("[")[1].rstrip("]") for chip in chips(page)] == [
            "Temperature 0",
            "Temperature 0.5",
            "Temperature 1",
            "Temperature 1.5",
        ]
        assert [lane["state"] for lane in lanes(page)] == ["Not run yet"] * 4
        assert any("Nothing has been run yet" in c.value for c in page.caption)
        assert page.button(key="compare.lane.0").disabled

    def test_an_unknown_session_is_said(self, open_page: Callable[..., AppTest]) -> None:
        page = open_page(session="nosuch")
        assert "There is no session" in page.error[0].value
        assert len(lanes(page)) == 4

    def test_no_question_starts_nothing(self, open_page: Callable[..., AppTest], runner: Runner) -> None:
        page = run_all(open_page(), "  ")
        assert "question is empty" in page.error[0].value
        assert runner.store.sessions.count() == 0

    def test_ways_to_begin(self, open_page: Callable[..., AppTest]) -> None:
        page = preset(open_page(), "k")
        assert [lane["name"] for lane in lanes(page)] == ["k 1", "k 2", "k 5", "k 10", "k 20"]
        page = preset(page, "strategies")
        assert [lane["name"] for lane in lanes(page)] == [
            "Direct answer",
            "Titled chain",
            "CoT-decoding",
            "Self-consistency",
            "Tree of thoughts",
            "Router",
        ]
        page = preset(page, "greedy")
        assert len(lanes(page)) == 2
        page = preset(page, "models")
        assert [lane["name"] for lane in lanes(page)] == ["embedded", "server:small"]


class TestRunning:
    def test_all_lanes_start_together_and_are_one_session(
        self, open_page: Callable[..., AppTest], runner: Runner, model: Model
    ) -> None:
        model.gate.clear()
        page = run_all(preset(open_page(), "temperature"))
        session = session_of(page)
        assert page.button(key="compare.go").label == "Stop all"
        assert all(lane["tone"] == "going" for lane in lanes(page))
        assert page.button(key="compare.preset.k").disabled
        model.gate.set()
        until_done(page)
        kept = runner.store.sessions.get(session)
        assert kept.name == "Comparison: How many?"
        assert len(kept.runs) == len(lanes(page)) == 4
        assert [lane["state"] for lane in lanes(page)] == ["Done"] * 4
        assert [row["Lane"].replace("*", "")[:1] for row in table(page)] == list("1234")
        assert {row["Money"] for row in table(page)} == {"free"}

    def test_the_link_opens_it_elsewhere(self, open_page: Callable[..., AppTest]) -> None:
        page = until_done(run_all(preset(open_page(), "k"), "How *many*?"))
        again = open_page(session=session_of(page))
        assert board(again) == board(page)
        assert table(again) == table(page)
        assert again.text_area(key="compare.question").value == "How *many*?"

    def test_while_it_runs_too(self, open_page: Callable[..., AppTest], model: Model) -> None:
        model.gate.clear()
        page = run_all(open_page())
        other = open_page(session=session_of(page))
        assert [lane["tone"] for lane in lanes(other)] == ["going"] * 4
        model.gate.set()
        assert [lane["state"] for lane in lanes(until_done(other))] == ["Done"] * 4

    def test_a_wrong_link_takes_the_old_comparison_off_the_screen(
        self, open_page: Callable[..., AppTest]
    ) -> None:
        page = until_done(run_all(preset(open_page(), "greedy")))
        page.query_params["session"] = "nosuch"
        page.run()
        assert "There is no session" in page.error[0].value
        assert [lane["state"] for lane in lanes(page)] == ["Not run yet"] * 2

    def test_coming_back_to_the_page_finds_it(self, open_page: Callable[..., AppTest]) -> None:
        page = until_done(run_all(open_page()))
        session = session_of(page)
        page.switch_page("pages/ask.py").run()
        page.query_params.clear()
        page.switch_page("pages/compare.py").run()
        assert session_of(page) == session
        assert lanes(page)[0]["state"] == "Done"

    def test_one_lane_is_stopped_and_run_again(
        self, open_page: Callable[..., AppTest], runner: Runner, model: Model
    ) -> None:
        model.gate.clear()
        page = run_all(preset(open_page(), "greedy"))
        page.button(key="compare.lane.1").click().run()
        model.gate.set()
        until_done(page)
        assert [lane["state"] for lane in lanes(page)] == ["Done", "Stopped by hand"]
        page.button(key="compare.lane.1").click().run()
        until_done(page)
        assert [lane["state"] for lane in lanes(page)] == ["Done", "Done"]
        assert len(runner.store.runs_in(session_of(page))) == 3
        assert [lane["state"] for lane in lanes(open_page(session=session_of(page)))] == ["Done", "Done"]

    def test_one_lanes_error_stays_in_its_lane(self, open_page: Callable[..., AppTest]) -> None:
        page = preset(open_page(), "strategies")
        state = page.session_state["compare"]
        state.lanes[1].setup = start.setup("server:small", start.pickers.offered()["cot-decoding"])
        page.run()
        assert page.button(key="compare.lane.1").disabled
        page = until_done(run_all(page))
        first, second, *_ = lanes(page)
        assert (first["state"], first["error"]) == ("Done", "")
        assert second["state"] == "Could not begin"
        assert "cannot run on A model on a server" in second["error"]

    def test_all_is_stopped(self, open_page: Callable[..., AppTest], model: Model) -> None:
        model.gate.clear()
        page = run_all(open_page())
        page.button(key="compare.go").click().run()
        model.gate.set()
        assert {lane["state"] for lane in lanes(until_done(page))} == {"Stopped by hand"}


class TestRepeatsAndAllowance:
    def test_repeats_collapse_to_answers_and_counts(self, open_page: Callable[..., AppTest]) -> None:
        page = preset(open_page(), "greedy")
        page.number_input(key="compare.repeats").set_value(3).run()
        page.button(key="compare.draw").click().run()
        page.button(key="compare.go").click().run()
        until_done(page)
        first = lanes(page)[0]
        assert first["state"] == "Done, 3 runs"
        assert first["answers"][0][1] == 3
        assert [seed for _, seed, _, _ in first["runs"]] == [0, 1, 2]
        assert first["open"] == first["runs"][-1][0]
        assert table(page)[0]["Right"] in ("0 of 3", "3 of 3")
        [chart] = page.get("plotly_chart")
        assert json.loads(chart.proto.spec)["layout"]["xaxis"]["title"]["text"].startswith("tokens written")

    def test_another_run_is_opened(self, open_page: Callable[..., AppTest]) -> None:
        page = preset(open_page(), "greedy")
        page.number_input(key="compare.repeats").set_value(2).run()
        page = until_done(run_all(page))
        wanted = lanes(page)[0]["runs"][0][0]
        state = page.session_state["compare"]
        with patch("components.compare.start.current", lambda: state):
            start.open_run(0, wanted)
            start.open_run(0, "nosuch")
        assert lanes(page.run())[0]["open"] == wanted

    def test_every_lane_gets_the_same_allowance(
        self, open_page: Callable[..., AppTest], model: Model
    ) -> None:
        model.ways = [way(1.0, "one two three four five six. The answer is 7")]
        page = preset(open_page(), "greedy")
        page.number_input(key="compare.repeats").set_value(5)
        page.segmented_control(key="compare.unit").set_value("tokens").run()
        page.number_input(key="compare.amount.tokens").set_value(20).run()
        page = until_done(run_all(page))
        for lane, row in zip(lanes(page), table(page), strict=True):
            assert lane["state"] == "Stopped at its allowance of 20 tokens"
            assert row["Of its allowance"] == "20 of 20 tokens (100 %)"
        again = open_page(session=session_of(page))
        assert table(again) == table(page)
        assert lanes(again)[0]["state"] == "Stopped at its allowance of 20 tokens"
        assert again.number_input(key="compare.repeats").value == 5
        assert again.segmented_control(key="compare.unit").value == "tokens"
        assert again.number_input(key="compare.amount.tokens").value == 20

    def test_a_rerun_has_the_same_terms(self, open_page: Callable[..., AppTest], runner: Runner) -> None:
        page = preset(open_page(), "greedy")
        page.number_input(key="compare.repeats").set_value(2).run()
        page = until_done(run_all(page))
        page.number_input(key="compare.repeats").set_value(1).run()
        page.button(key="compare.lane.0").click().run()
        until_done(page)
        assert [len(lane["runs"]) for lane in lanes(page)] == [2, 2]


class TestLanes:
    def test_lanes_are_added_and_taken_away(self, open_page: Callable[..., AppTest]) -> None:
        page = preset(open_page(), "greedy")
        page.button(key="compare.add").click().run()
        assert len(lanes(page)) == 3
        page = menu(page, 0, "Duplicate")
        assert [lane["place"] for lane in lanes(page)] == [0, 3, 1, 2]
        page = menu(page, 1, "Remove")
        assert [lane["place"] for lane in lanes(page)] == [0, 3, 2]
        for _ in range(5):
            if not page.button(key="compare.add").disabled:
                page.button(key="compare.add").click().run()
        assert len(lanes(page)) == 6
        assert page.button(key="compare.add").disabled

    def test_an_added_lane_joins_the_comparison(
        self, open_page: Callable[..., AppTest], runner: Runner
    ) -> None:
        page = until_done(run_all(preset(open_page(), "greedy")))
        page.button(key="compare.add").click().run()
        assert lanes(page)[2]["state"] == "Not run yet"
        page.button(key="compare.lane.2").click().run()
        until_done(page)
        assert len(runner.store.runs_in(session_of(page))) == 3
        assert len(lanes(open_page(session=session_of(page)))) == 3

    def test_a_lanes_settings_are_changed_in_a_form_of_its_own(
        self, open_page: Callable[..., AppTest]
    ) -> None:
        page = until_done(run_all(preset(open_page(), "greedy")))
        page = menu(page, 1, "Change its settings")
        strategy(page).select("self-consistency").run()
        page.number_input(key="compare.edit.self-consistency.n").set_value(4).run()
        page.button(key="compare.edit.apply").click().run()
        first, second = lanes(page)
        assert first["state"] == "Done"
        assert (second["name"].split(",")[0], second["state"]) == ("Self-consistency", "Not run yet")
        state = page.session_state["compare"]
        assert state.lanes[1].setup.params["n"] == 4
        page.button(key="compare.lane.1").click().run()
        assert len(lanes(until_done(page))[1]["branches"]) == 4

    def test_the_form_says_what_cannot_run(self, open_page: Callable[..., AppTest]) -> None:
        page = menu(preset(open_page(), "greedy"), 0, "Change its settings")
        page.selectbox(key="compare.edit.model").select("server:small").run()
        strategy(page).select("cot-decoding").run()
        assert any("cannot run on" in w.value for w in page.warning)
        assert page.button(key="compare.edit.apply").disabled


def test_text_from_outside_stays_text(open_page: Callable[..., AppTest], model: Model) -> None:
    model.ways = [way(1.0, f"The answer is {HOSTILE}")]
    page = until_done(run_all(preset(open_page(), "greedy"), HOSTILE))
    assert "<script>" in "".join(text for _, _, text in lanes(page)[0]["text"])
    for element in (*page.markdown, *page.caption):
        assert "<script>" not in element.value
        assert "![i]" not in element.value
    assert all("<script>" not in cell for row in table(page) for cell in row.values())
