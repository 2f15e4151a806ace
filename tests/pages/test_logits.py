"""The logits page: what a person does there and what the page then shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from components import lab_engine, lab_sections
from playground.errors import UnknownName
from playground.models.base import ModelInfo
from tests.pages.conftest import ENTRY
from tests.pages.lab_fakes import ALL, MODELS, LabRunner

Open = Callable[..., AppTest]


@pytest.fixture
def runner() -> Iterator[LabRunner]:
    st.cache_data.clear()
    fake = LabRunner()

    def info(name: str) -> ModelInfo:
        if "/" not in name:
            raise UnknownName("model", name, ["embedded"])
        return ModelInfo(name, name, "local", ALL)

    with (
        patch("components.engine.runner", lambda: fake),
        patch("components.engine.models", lambda: MODELS),
        patch("components.engine.model_info", info),
    ):
        yield fake
    st.cache_data.clear()


@pytest.fixture
def open_page(runner: LabRunner) -> Open:
    def open(**query: str) -> AppTest:
        page = AppTest.from_file(str(ENTRY), default_timeout=60)
        for name, value in query.items():
            page.query_params[name] = value
        return page.switch_page("pages/logits.py").run()

    return open


def shown(page: AppTest) -> str:
    """Everything on the page that a person can read, in one text."""
    assert not page.exception
    kinds = ("title", "markdown", "caption", "error", "warning", "info")
    parts = [str(e.value) for kind in kinds for e in getattr(page, kind)]
    return "\n".join(parts).replace("\\", "").replace("\u2060", "")


def lab_of(page: AppTest) -> dict[str, Any]:
    """What was sent to the lab: its header."""
    [element] = [e for e in page.get("bidi_component") if e.proto.component_name == "logits_lab"]
    data: bytes = element.proto.bytes
    length = int.from_bytes(data[:4], "little")
    header: dict[str, Any] = json.loads(data[4 : 4 + length])
    return header


def chart(page: AppTest) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(page.get("plotly_chart")[0].proto.spec)
    return spec


def tab(page: AppTest, name: str) -> AppTest:
    page.session_state[lab_sections.TABS_KEY] = name
    return page.run()


def state(page: AppTest) -> Any:
    return page.session_state["logits"]


class TestLooking:
    def test_a_first_visit_has_something_to_look_at(self, open_page: Open) -> None:
        page = open_page()
        assert page.title[0].value == "Logits"
        assert page.text_area(key="logits.text").value.endswith("?")
        view = lab_of(page)
        assert view["exact"]
        assert len(view["tokens"]) == 20
        assert view["settings"]["temperature"] == 1.0
        assert "text" not in page.query_params

    def test_another_text_is_looked_at_and_stands_in_the_address(
        self, open_page: Open, runner: LabRunner
    ) -> None:
        page = open_page()
        page.text_area(key="logits.text").set_value("The cat sat").run()
        assert runner.asked[-2][1]["at"] == {"text": "The cat sat", "as_question": True, "path": []}
        assert page.query_params["text"] == "The cat sat"
        page.segmented_control(key="logits.form").set_value("text").run()
        assert lab_of(page)["position"] == 3
        assert page.query_params["form"] == "text"

    def test_what_was_looked_at_is_not_asked_for_again(self, open_page: Open, runner: LabRunner) -> None:
        page = open_page()
        looks = runner.times("look")
        page.run()
        assert runner.times("look") == looks

    def test_an_empty_text_gets_words_instead_of_an_error(self, open_page: Open) -> None:
        page = open_page(text="", form="text")
        assert "Write a text" in shown(page)
        assert not page.error

    def test_an_engine_that_fails_says_so(self, open_page: Open, runner: LabRunner) -> None:
        runner.broken = True
        page = open_page()
        assert "The engine *process* ended. Run it again." in shown(page)


class TestLinks:
    def test_a_link_opens_text_path_position_and_settings(self, open_page: Open, runner: LabRunner) -> None:
        page = open_page(
            text="The cat",
            form="text",
            model="embedded",
            path="261,262,263",
            at="1",
            temperature="0.5",
            top_k="7",
            seed="3",
        )
        view = lab_of(page)
        assert [token["id"] for token in view["path"]] == [261, 262, 263]
        assert all(token["text"] for token in view["path"])
        assert (view["cursor"], view["position"]) == (1, 3)
        assert view["next"]["id"] == 262
        assert view["settings"] == {
            "do_sample": True,
            "temperature": 0.5,
            "top_k": 7,
            "top_p": 1.0,
            "min_p": 0.0,
            "seed": 3,
        }

    def test_a_path_of_a_model_that_is_not_listed_is_left_out_and_nothing_is_downloaded(
        self, open_page: Open, runner: LabRunner
    ) -> None:
        page = open_page(text="The cat", form="text", model="someone/large", path="261")
        assert lab_of(page)["path"] == []
        assert {params["model"] for _, params in runner.asked} == {"embedded"}

    @pytest.mark.parametrize("bad", ["999999999", "1,x,2", "-4", ","])
    def test_a_path_that_is_no_path_breaks_nothing(self, open_page: Open, bad: str) -> None:
        page = open_page(text="The cat", form="text", model="embedded", path=bad)
        assert not page.exception

    @pytest.mark.parametrize("bad", [{"temperature": "nan"}, {"top_k": "-3"}, {"top_p": "0"}, {"min_p": "x"}])
    def test_settings_out_of_range_come_back_into_it(self, open_page: Open, bad: dict[str, str]) -> None:
        page = open_page(text="The cat", form="text", **bad)
        settings = lab_of(page)["settings"]
        assert 0.05 <= settings["temperature"] <= 5
        assert settings["top_k"] >= 0
        assert 0 < settings["top_p"] <= 1
        assert 0 <= settings["min_p"] <= 1


class TestBackends:
    def test_a_server_is_asked_when_told_to_and_its_top_shown_as_it_is(
        self, open_page: Open, runner: LabRunner
    ) -> None:
        page = open_page()
        page.selectbox(key="ask.model").select("server:top").run()
        assert "server:top" not in {params["model"] for _, params in runner.asked}
        page.button(key="logits.ask").click().run()
        view = lab_of(page)
        assert not view["exact"]
        assert view["rest"] == 0.42
        assert "only its 5 likeliest tokens" in view["why"]
        assert not page.get("plotly_chart")

    def test_without_any_the_embedded_model_is_one_button_away(self, open_page: Open) -> None:
        page = open_page()
        page.selectbox(key="ask.model").select("server:none").run()
        assert "does not show its probabilities" in shown(page)
        assert not page.get("bidi_component")
        page.button(key="logits.embedded").click().run()
        assert lab_of(page)["exact"]

    def test_a_model_named_by_hand_is_loaded_only_when_told_to(
        self, open_page: Open, runner: LabRunner
    ) -> None:
        page = open_page()
        page.session_state["ask.model"] = "another local model"
        page.session_state["ask.other_model"] = "someone/large"
        page.run()
        assert "someone/large is not loaded yet" in shown(page)
        assert "someone/large" not in {params["model"] for _, params in runner.asked}
        page.button(key="logits.load").click().run()
        assert lab_of(page)["model"] == "someone/large"

    def test_another_model_starts_the_path_anew(self, open_page: Open) -> None:
        page = open_page(text="The cat", form="text", model="embedded", path="261,262")
        page.selectbox(key="ask.model").select("server:top").run()
        page.button(key="logits.ask").click().run()
        assert lab_of(page)["path"] == []


class TestSections:
    def test_curves_of_the_likeliest_tokens_with_the_present_temperature(self, open_page: Open) -> None:
        page = open_page(text="The cat", form="text", temperature="0.7")
        drawn = chart(page)
        curves = [trace for trace in drawn["data"] if trace.get("showlegend") is not False]
        assert len(curves) == 5
        assert drawn["layout"]["yaxis"]["range"] == [0, 1.02]
        assert "T = 0.7 now" in json.dumps(drawn["layout"]["annotations"])
        assert len(page.table[0].value) == 5

    def test_greedy_has_no_temperature_to_show(self, open_page: Open) -> None:
        page = open_page(text="The cat", form="text", do_sample="0")
        assert "annotations" not in chart(page)["layout"]
        assert "Sampling is off" in shown(page)

    def test_draws_beside_theory_with_the_seed_in_words(self, open_page: Open, runner: LabRunner) -> None:
        page = tab(open_page(text="The cat", form="text"), "Draw N")
        assert "100 draws with seed 0" in shown(page)
        page.segmented_control(key="logits.n").set_value(1000).run()
        page.button(key="logits.again").click().run()
        assert "1,000 draws with seed 1" in shown(page)
        assert lab_of(page)["settings"]["seed"] == 1
        table = page.table[0].value
        assert sum(int(str(n).replace(",", "")) for n in table["drawn"]) == 1000

    def test_same_luck_says_where_the_text_flips(self, open_page: Open) -> None:
        page = tab(open_page(text="The cat", form="text", seed="4"), "Same luck")
        assert "With seed 4 and T = 1 the model writes" in shown(page)
        assert "Moving T up" in shown(page)
        assert [e.proto.component_name for e in page.get("bidi_component")] == ["logits_lab", "same_luck"]

    def test_there_is_no_luck_in_greedy(self, open_page: Open) -> None:
        page = tab(open_page(text="The cat", form="text", do_sample="0"), "Same luck")
        assert "no luck to keep" in shown(page)

    def test_the_lens_reads_text_and_path_and_lets_the_model_write_on(
        self, open_page: Open, runner: LabRunner
    ) -> None:
        page = tab(open_page(text="The cat sat", form="text"), "Text under the lens")
        assert "2 tokens: surprisal" in shown(page)
        rows = page.dataframe[0].value
        assert list(rows["token"]) == ["The", "␣cat", "␣sat"]
        assert rows["rank"].isna().tolist() == [True, False, False]
        page.number_input(key="logits.write").set_value(5).run()
        page.button(key="logits.write_on").click().run()
        view = lab_of(page)
        assert (len(view["path"]), view["cursor"]) == (5, 5)
        assert len(page.dataframe[0].value) == 8

    def test_only_the_open_section_is_computed(self, open_page: Open, runner: LabRunner) -> None:
        open_page(text="The cat", form="text")
        assert runner.times("curves") == 1
        assert runner.times("draws") == runner.times("luck") == runner.times("read_text") == 0


def test_answers_are_the_engines(runner: LabRunner) -> None:
    place = lab_engine.Place("embedded", "The cat", False, (261,))
    look = lab_engine.look(place)
    assert look.logits is not None
    assert (look.logits[:-1] >= look.logits[1:]).all()
    assert lab_engine.beginning("embedded", 261) == ()
    assert [token.token.text for token in lab_engine.read_text(place)][:2] == ["The", " cat"]
