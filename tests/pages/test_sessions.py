"""The Sessions and Explore pages on a real store and runner, with a scripted model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from streamlit.testing.v1 import AppTest

from components import explore_state
from playground import exchange
from playground.engine import InThread
from playground.events import RunStarted
from playground.execute import RunSpec
from playground.runner import Runner
from playground.store import Store
from tests.pages.conftest import ENTRY
from tests.pages.fakes import MODELS, WORKED
from tests.scripted import Scripted, way

HOSTILE = "<script>alert(1)</script> **b** $x^2$ :red[r] ![i](https://x.example/i)"
OTHER = (way(0.9, "", answer="11"), *WORKED[1:])


class Changing:
    """Loads a scripted model whose script a test can change."""

    def __init__(self) -> None:
        self.ways: Any = WORKED
        self.versions = {"weights": "one"}

    def __call__(self, name: str) -> Any:
        model = Scripted(lambda prompt: self.ways)
        model.versions = dict(self.versions)
        return model


@pytest.fixture
def model() -> Changing:
    return Changing()


@pytest.fixture
def runner(tmp_path: Path, model: Changing) -> Iterator[Runner]:
    runner = Runner(Store(tmp_path / "runs.db"), InThread(model))
    with (
        patch("components.engine.runner", lambda: runner),
        patch("components.engine.models", lambda: MODELS),
        patch("components.engine.model_info", lambda name: MODELS[0]),
    ):
        yield runner
    runner.close()


@pytest.fixture
def save(runner: Runner) -> Callable[..., str]:
    """Runs a question to its end and returns the run's id."""

    def run(question: str = "What is 3 + 6?", **changes: Any) -> str:
        spec = RunSpec(question, "cot-decoding", "embedded", {"k": 3}, gold="9")
        run_id = runner.start(replace(spec, **changes))
        assert runner.wait(run_id, 60) == "finished"
        runner.store.flush()
        return run_id

    return run


def open_page(name: str, **query: str) -> AppTest:
    page = AppTest.from_file(str(ENTRY), default_timeout=60).run()
    page.switch_page(f"pages/{name}.py")
    for key, value in query.items():
        page.query_params[key] = value
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception, page.exception
    return page


def listed(page: AppTest) -> list[str]:
    return list(page.dataframe[0].value["Session"]) if page.dataframe else []


def select(page: AppTest, *rows: int) -> AppTest:
    """As a click on the rows' boxes; the harness has no such click."""
    from components.sessions import finder

    with patch.object(finder.st, "dataframe", lambda *a, **k: {"selection": {"rows": list(rows)}}):
        return checked(page.run())


class TestSessions:
    def test_nothing_saved_yet(self, runner: Runner) -> None:
        page = open_page("sessions")
        assert "Nothing is saved yet" in page.info[0].value

    def test_search_and_filters(self, save: Callable[..., str]) -> None:
        save("How many shells?")
        save("How many coins?", strategy="direct", params={})
        page = open_page("sessions")
        assert listed(page) == ["How many coins?", "How many shells?"]
        assert listed(checked(page.text_input(key="sessions.text").set_value("shell").run())) == [
            "How many shells?"
        ]
        page.text_input(key="sessions.text").set_value("")
        assert listed(checked(page.selectbox(key="sessions.strategy").select("direct").run())) == [
            "How many coins?"
        ]
        assert listed(checked(page.selectbox(key="sessions.marked").select("wrong").run())) == [
            "How many coins?"
        ]
        page = checked(page.selectbox(key="sessions.marked").select("right").run())
        assert listed(page) == []
        assert "No session fits" in page.info[0].value

    def test_name_tags_and_note_are_kept(self, runner: Runner, save: Callable[..., str]) -> None:
        run_id = save()
        page = select(open_page("sessions"), 0)
        page.text_input(key=f"sessions.name.{run_id}").set_value("Monday")
        page.text_area(key=f"sessions.note.{run_id}").set_value("too easy")
        with patch("components.sessions.finder.st.dataframe", lambda *a, **k: {"selection": {"rows": [0]}}):
            checked(page.run())
            checked(page.multiselect(key=f"sessions.tags.{run_id}").set_value(["class 7"]).run())
        session = runner.store.sessions.get(run_id)
        assert (session.name, session.note, session.tags) == ("Monday", "too easy", ("class 7",))

    def test_delete_and_undo(self, save: Callable[..., str]) -> None:
        save("One?")
        save("Two?")
        page = select(open_page("sessions"), 0)
        page = checked(page.button(key="sessions.delete").click().run())
        assert listed(page) == ["One?"]
        assert "1 session deleted" in page.info[0].value
        page = checked(page.button(key="sessions.undo").click().run())
        assert listed(page) == ["Two?", "One?"]

    def test_what_was_exported_is_brought_in_elsewhere(
        self, runner: Runner, save: Callable[..., str], tmp_path: Path
    ) -> None:
        run_id = save()
        data = exchange.to_json(runner.store, [run_id])
        other = Store(tmp_path / "other.db")
        assert exchange.bring_in(other, exchange.read_json(data)).new == 1
        assert other.records(run_id) == runner.store.records(run_id)
        other.close()

    def test_a_file_that_is_none_is_refused_in_words(self, runner: Runner) -> None:
        from components.sessions import actions, state

        page = open_page("sessions")
        page.session_state["sessions"] = broken = state.SessionsState()
        with patch.object(actions.states, "current", lambda: broken):
            actions.bring_in(b"<html>")
        page = checked(page.run())
        assert page.error

    def test_hostile_text_stays_text(self, save: Callable[..., str]) -> None:
        save(HOSTILE)
        page = select(open_page("sessions"), 0)
        assert unmarked(page.subheader[0].value) == HOSTILE


class TestExplore:
    def test_nothing_saved_yet(self, runner: Runner) -> None:
        assert "Nothing is saved yet" in open_page("explore").info[0].value

    def test_no_session_named_offers_the_latest(self, save: Callable[..., str]) -> None:
        run_id = save("Which one?")
        page = checked(open_page("explore").button(key=f"explore.open.{run_id}").click().run())
        assert page.subheader[0].value == "Which one\\?"
        assert page.query_params["session"] == run_id

    def test_a_place_in_the_address_opens_its_tab(self, save: Callable[..., str]) -> None:
        run_id = save()
        page = open_page("explore", run=run_id, node="q")
        assert page.session_state["explore.view"] == "Tree"
        page.session_state["explore.tree_text"] = True
        page.run()
        assert "▶ question" in page.code[-1].value
        page = open_page("explore", run=run_id, node="q/branch-2", token="1")
        assert page.session_state["explore.view"] == "Branches"
        assert page.session_state["explore"].target.index == 0
        page = open_page("explore", run=run_id, node="q/branch-2", token="77")
        assert "There is no token '77'" in unmarked(page.warning[0].value)
        assert page.title[1].value == "9"

    def test_a_run_that_was_interrupted_is_compared_as_far_as_it_came(
        self, runner: Runner, save: Callable[..., str]
    ) -> None:
        whole = runner.store.records(save())
        started = whole[0].event
        assert isinstance(started, RunStarted)
        runner.store.create_run("cut", started)
        half = whole[: len(whole) // 2]
        runner.store.append("cut", [replace(record, run_id="cut") for record in half])
        runner.store.flush()
        with patch.object(explore_state.ExploreState, "going", False):
            page = open_page("explore", run="cut")
            page = until_again(page.button(key="explore.again").click().run())
        assert "saved before it was interrupted are the same" in page.success[0].value

    def test_one_that_is_not_there(self, runner: Runner) -> None:
        assert "no session" in open_page("explore", session="nothing").error[0].value

    def test_it_opens_whole_without_a_model(self, runner: Runner, save: Callable[..., str]) -> None:
        run_id = save()
        refuse = {"side_effect": AssertionError}
        with patch.object(runner, "start", **refuse), patch.object(runner, "call", **refuse):
            page = open_page("explore", session=run_id)
        assert page.title[1].value == "9"
        assert page.button(key="explore.play").label == "Replay"

    def test_a_run_names_its_session(self, save: Callable[..., str]) -> None:
        run_id = save("Which one?")
        assert open_page("explore", run=run_id).subheader[0].value == "Which one?".replace("?", "\\?")

    def test_the_scrubber_shows_the_run_as_it_was_then(
        self, runner: Runner, save: Callable[..., str]
    ) -> None:
        run_id = save()
        page = open_page("explore", session=run_id)
        page = checked(page.slider(key="explore.position").set_value(0.0).run())
        assert "Replay: 0.00 s" in "".join(caption.value for caption in page.caption)
        state = page.session_state["explore"]
        whole = state.seconds
        counts = []
        for share in (0.0, 0.5, 1.0):
            state.at = whole * share
            counts.append(state.trace().count)
        assert 1 <= counts[0] <= counts[1] < counts[2] == len(runner.records(run_id))

    def test_playing_moves_on_and_stops_at_the_end(self, save: Callable[..., str]) -> None:
        page = open_page("explore", session=save())
        clock = [100.0]
        with patch.object(explore_state.time, "monotonic", lambda: clock[0]):
            page = checked(page.button(key="explore.play").click().run())
            assert page.button(key="explore.play").label == "Pause"
            assert page.session_state["explore"].at == 0.0
            clock[0] += page.session_state["explore"].seconds / 2
            page = checked(page.run())
            assert 0 < page.session_state["explore"].at < page.session_state["explore"].seconds
            clock[0] += 100
            page = checked(page.run())
        assert page.button(key="explore.play").label == "Replay"
        assert page.title[1].value == "9"

    def test_run_again_says_that_all_tokens_match(self, save: Callable[..., str]) -> None:
        page = open_page("explore", session=save())
        page = until_again(page.button(key="explore.again").click().run())
        assert "are the same" in page.success[0].value

    def test_run_again_names_the_first_difference_and_what_changed(
        self, save: Callable[..., str], model: Changing
    ) -> None:
        page = open_page("explore", session=save())
        model.ways, model.versions = OTHER, {"weights": "two"}
        page = until_again(page.button(key="explore.again").click().run())
        said = unmarked(page.warning[0].value)
        assert "part at token 1 of" in said
        assert "weights: one → two" in said


def unmarked(text: str) -> str:
    """Markdown made by `plain`, as it is read."""
    return text.replace("\\", "").replace("\u2060", "")


def until_again(page: AppTest) -> AppTest:
    for _ in range(200):
        again = checked(page).session_state["explore"].again
        if again is not None and not again.running:
            return page
        page = page.run()
    raise AssertionError("the run did not end")
