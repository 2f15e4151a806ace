"""The lab's plain values: settings, what the browser reports, the packed view, luck, charts, and the page's state."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from components import lab_address, lab_state
from components.lab import Drawn, LabView, Look, Token, read_action
from components.lab.figures import (
    TEMPERATURES,
    curves_figure,
    draws_figure,
    label,
    reading_figure,
    surprisal,
    visible,
)
from components.lab.luck import Flip, Luck
from components.lab.settings import LabSettings, read_settings
from components.lab.view import ReadToken
from components.lab_state import FORM_KEY, TEXT, TEXT_KEY, LabState
from playground.errors import BadInput
from playground.sampling import Sampling
from tests.components.lab_views import HOSTILE, LUCK, distribution

BEYOND: list[dict[str, Any]] = [
    {"temperature": 99},
    {"temperature": -1},
    {"temperature": math.nan},
    {"temperature": "hot"},
    {"temperature": None},
    {"top_k": -4},
    {"top_k": 1e99},
    {"top_k": []},
    {"top_p": 0},
    {"top_p": 7},
    {"min_p": math.inf},
    {"min_p": -1},
    {"seed": -1},
    {"seed": 2**40},
    {"seed": "x"},
    {},
]


class TestSettings:
    @pytest.mark.parametrize("values", BEYOND)
    def test_whatever_comes_from_outside_becomes_settings_that_can_be_used(
        self, values: dict[str, Any]
    ) -> None:
        settings = read_settings(values)
        sampling = settings.sampling
        assert 0.05 <= sampling.temperature <= 5
        assert 0 <= sampling.top_k < 2**31
        assert 0 < sampling.top_p <= 1
        assert 0 <= sampling.min_p <= 1
        assert 0 <= settings.seed < 2**31

    @pytest.mark.parametrize(
        "settings",
        [
            LabSettings(),
            LabSettings(Sampling(False, 0.7, 40, 0.92, 0.05), 7),
            LabSettings(Sampling(True, 1.25)),
        ],
    )
    def test_an_address_says_what_differs_and_gives_the_same_settings_back(
        self, settings: LabSettings
    ) -> None:
        query = settings.to_query()
        assert all(isinstance(value, str) for value in query.values())
        assert read_settings(query) == settings
        assert read_settings(settings.to_json()) == settings
        assert LabSettings().to_query() == {}


class TestReports:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            3,
            [],
            {},
            {"do": "delete", "cursor": 0},
            {"do": "append", "cursor": 0},
            {"do": "open", "cursor": 0},
            {"do": "append", "cursor": 0, "id": -1},
            {"do": "append", "cursor": 0, "id": True},
            {"do": "open", "cursor": "0", "at": 1},
            {"do": "open", "at": 1},
        ],
    )
    def test_what_is_no_action_is_none(self, value: Any) -> None:
        assert read_action(value) is None

    def test_an_action_is_read(self) -> None:
        action = read_action({"do": "append", "cursor": 2, "id": 5})
        assert action is not None
        assert (action.do, action.cursor, action.id) == ("append", 2, 5)


def unpacked(view: LabView) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    data = view.pack("k")
    [length] = struct.unpack("<I", data[:4])
    return json.loads(data[4 : 4 + length]), np.frombuffer(data[4 + length :], dtype="<f4")


class TestView:
    def test_header_and_logits_come_out_as_they_went_in(self) -> None:
        look = distribution(474)
        path = (Token(1, "a"), Token(3, HOSTILE[0]), Token(9, "\ud83d"))
        view = LabView(look, "A <b>model</b>", path, 1, 0, 2, revision="r", drawn=Drawn("a", 0.5, 0.25, 2))
        header, logits = unpacked(view)
        assert look.logits is not None
        assert logits.tolist() == look.logits.tolist()
        assert header["vocabulary"] == 474
        assert header["path"][1]["text"] == HOSTILE[0]
        assert header["next"] == {"id": 3, "text": HOSTILE[0]}
        assert header["able"]

    def test_without_logits_there_are_log_probabilities_and_a_rest(self) -> None:
        header, logits = unpacked(LabView(Look((Token(1, "a"),), logprobs=(-0.5,), rest=0.4), "m", why="no"))
        assert len(logits) == 0
        assert header["tokens"] == [{"id": 1, "text": "a", "logprob": -0.5}]
        assert (header["rest"], header["exact"], header["able"], header["vocabulary"]) == (
            0.4,
            False,
            False,
            None,
        )

    def test_the_engines_answer_is_read(self) -> None:
        answer = {
            "model": "m",
            "exact": True,
            "vocabulary": 2,
            "position": 4,
            "path": [{"id": 1, "text": "x"}],
            "tokens": [{"id": 0, "text": "a"}, {"id": 1, "text": "b"}],
            "logits": np.array([2.0, 1.0], dtype=np.float32),
        }
        look = Look.read(answer)
        assert look.exact
        assert look.path == (Token(1, "x"),)
        assert look.position == 4


class TestLuck:
    def test_the_nearest_flips_either_way(self) -> None:
        luck = Luck.read(LUCK)
        assert luck.flip_above() == Flip(0.8, 1, Token(5, HOSTILE[0]))
        assert luck.flip_below() == Flip(0.5, 1, Token(3, " dog"))
        assert luck.steps[1].at(0.6).id == 4
        assert luck.steps[1].at(0.01).id == 3

    def test_where_nothing_flips_there_is_no_flip(self) -> None:
        luck = replace(Luck.read(LUCK), steps=Luck.read(LUCK).steps[2:])
        assert luck.flip_above() is None
        assert luck.flip_below() is None

    def test_of_two_at_one_temperature_the_earlier_token_counts(self) -> None:
        steps = Luck.read(LUCK).steps
        luck = Luck(0.7, (steps[2], steps[1], steps[1]))
        above, below = luck.flip_above(), luck.flip_below()
        assert above is not None
        assert below is not None
        assert above.step == below.step == 1


def read_token(text: str, p: float | None, rank: int | None = 1) -> ReadToken:
    logprob = None if p is None else math.log(p)
    return ReadToken.read(
        {
            "id": 1,
            "text": text,
            "hex": "",
            "logprob": logprob,
            "rank": rank,
            "entropy": p and 1.0,
            "margin": p and 0.5,
            "alternatives": [[1, text, logprob or 0.0]],
        }
    )


class TestFigures:
    def test_plotly_gets_no_markup_from_a_model(self) -> None:
        assert "<" not in label(HOSTILE[0])
        assert label("a&b") == "a&amp;b"
        figure = curves_figure([HOSTILE[0]], {"before": [[0.5] * 97], "after": [[0.6] * 97]}, 0.7)
        assert all("<" not in str(trace.name) for trace in figure.data)

    def test_what_cannot_be_seen_gets_a_mark(self) -> None:
        assert visible(" a\n") == "␣a⏎"
        assert visible("\u202e") == "U+202E"
        assert visible("") == "(no text)"
        assert len(visible("a" * 200)) < 30

    def test_curves_have_both_ends_a_fixed_axis_and_the_present_temperature(self) -> None:
        assert (TEMPERATURES[0], TEMPERATURES[-1]) == (0.05, 5.0)
        curves = {"before": [[0.5] * 97] * 2, "after": [[0.6] * 97] * 2}
        figure = curves_figure([" a", " b"], curves, 0.7)
        assert tuple(figure.layout.yaxis.range) == (0, 1.02)
        assert figure.layout.shapes[0].x0 == 0.7
        assert figure.layout.annotations[0].x == pytest.approx(math.log10(0.7))
        assert {trace.line.dash for trace in figure.data} == {"solid", "dash"}
        assert not curves_figure([" a", " b"], curves, None).layout.shapes

    def test_whiskers_stand_around_the_probability(self) -> None:
        rows = [{"text": " a", "p": 0.5, "count": 40, "low": 0.4, "high": 0.6}]
        theory, drawn = draws_figure(rows, 100).data
        assert (theory.error_x.array[0], theory.error_x.arrayminus[0]) == (
            pytest.approx(0.1),
            pytest.approx(0.1),
        )
        assert drawn.x[0] == 0.4

    def test_reading_is_in_bits(self) -> None:
        tokens = [read_token("a", None, None), read_token(" b", 0.25, 3)]
        bars = reading_figure(tokens, 1).data[0]
        assert bars.y[1] == pytest.approx(2.0)
        assert math.isnan(bars.y[0])
        assert surprisal(read_token("c", 1.0)) == 0.0
        assert str(surprisal(read_token("c", 1.0))) == "0.0"


@pytest.fixture
def session() -> Iterator[dict[str, Any]]:
    """A session of its own for the state."""
    held: dict[str, Any] = {TEXT_KEY: "The cat", FORM_KEY: TEXT}
    with patch.object(lab_state, "st", SimpleNamespace(session_state=held)):
        yield held


def tokens(*ids: int) -> tuple[Token, ...]:
    return tuple(Token(id, f" t{id}") for id in ids)


class TestState:
    def test_the_same_token_walks_on_and_another_one_parts(self, session: dict[str, Any]) -> None:
        state = LabState("m", tokens(1, 2, 3), cursor=1)
        state.append(tokens(2))
        assert (state.cursor, len(state.path)) == (2, 3)
        state.append(tokens(9), Drawn(" t9", 0.5, 0.1, 4))
        assert [token.id for token in state.path] == [1, 2, 9]
        assert state.cursor == 3
        assert state.drawn is not None
        state.open(1)
        assert state.drawn is None
        assert state.place.path == (1,)
        assert state.whole.path == (1, 2, 9)

    def test_a_position_inside_the_text_is_opened_by_the_texts_own_tokens(
        self, session: dict[str, Any]
    ) -> None:
        state = LabState("m", tokens(7), cursor=1)
        read = tuple(replace(read_token(f" t{id}", 0.5), id=id) for id in (4, 5, 6, 7))
        with (
            patch("components.lab_engine.read_text", lambda place: read),
            patch("components.lab_engine.beginning", lambda model, id: ()),
        ):
            state.open_token(2)
            assert (state.spelled, state.cursor, state.first) == (3, 2, 1)
            assert (state.place.text, state.place.path) == ("", (4, 5))
            state.open_token(3)
            assert state.cursor == 3
            state.open(0)
            assert state.cursor == 1

    def test_what_a_model_begins_with_by_itself_is_not_put_in_the_path_twice(
        self, session: dict[str, Any]
    ) -> None:
        state = LabState("m")
        read = tuple(replace(read_token(f" t{id}", 0.5), id=id) for id in (0, 4, 5))
        with (
            patch("components.lab_engine.read_text", lambda place: read),
            patch("components.lab_engine.beginning", lambda model, id: (0,)),
        ):
            state.open_token(2)
        assert [token.id for token in state.path] == [4, 5]
        assert (state.spelled, state.cursor, state.first) == (2, 1, 0)

    def test_nothing_stands_before_the_first_token(self, session: dict[str, Any]) -> None:
        state = LabState("m")
        with (
            patch("components.lab_engine.read_text", lambda place: (read_token("a", None, None),)),
            patch("components.lab_engine.beginning", lambda model, id: ()),
            pytest.raises(BadInput, match="Nothing"),
        ):
            state.open_token(0)
        assert state.path == ()

    def test_leaving_the_text_in_its_middle_empties_the_box(self, session: dict[str, Any]) -> None:
        state = LabState("m", tokens(1, 2, 3), cursor=1, first=1, spelled=2)
        state.append(tokens(8))
        assert (state.spelled, state.place.text, state.place.path) == (0, "", (1, 8))
        assert session[TEXT_KEY] == ""

    def test_another_text_or_model_starts_anew(self, session: dict[str, Any]) -> None:
        state = LabState("m", tokens(1, 2), cursor=2)
        state.use("m")
        assert state.path
        state.use("n")
        assert not state.path
        assert state.model == "n"

    def test_given_settings_are_new_to_the_browser(self, session: dict[str, Any]) -> None:
        state = LabState("m")
        revision = state.revision
        state.seed_next()
        assert state.revision != revision
        assert state.given.seed == state.settings.seed == 1

    def test_an_address_too_long_says_only_the_settings(self, session: dict[str, Any]) -> None:
        state = LabState("m", tokens(1))
        assert lab_address.to_query(state) == {
            "text": "The cat",
            "form": "text",
            "model": "m",
            "path": "1",
            "at": "0",
        }
        session[TEXT_KEY] = "long " * 1000
        assert lab_address.to_query(state) == {}
