"""Least-to-most: smaller questions in order, every answer in view of the next."""

from __future__ import annotations

import pytest

from playground.prompts import texts
from playground.strategies.least_to_most import read_questions
from tests.strategies.players import Chat, Table, Tokens, play

BOTH = pytest.mark.parametrize("model", [Tokens, Chat])
WHOLE = "What do the last letters of Ann, Bob and Kim spell?"
ASKED = tuple(f"Up to {name}, what do the last letters give?" for name in ("Ann", "Bob", "Kim"))
SAID = (
    "Ann ends in n. So the answer is n.",
    "Bob ends in b. n and b give nb. So the answer is nb.",
    "Kim ends in m. nb and m give nbm. So the answer is nbm.",
)
LIST = ((texts.DECOMPOSE,), ["\n".join(ASKED)])
TURNS: Table = [
    # The reply to the last question depends on both answers before it being in the prompt.
    ((SAID[0], SAID[1], ASKED[2]), [SAID[2]]),
    ((SAID[0], ASKED[1]), [SAID[1]]),
    ((ASKED[0],), [SAID[0]]),
]


@BOTH
class TestLeastToMost:
    def test_each_answer_is_fed_into_the_next(self, model: type[Tokens | Chat]) -> None:
        played = model([LIST, *TURNS])
        trace = play("least-to-most", played, WHOLE)
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.node) == ("nbm", "q/question-3")
        assert trace.answered.info == {"questions": 3, "answered": 3}
        assert [(n.title, n.content, n.status) for n in trace.with_role("step")] == [
            ("Smaller questions", "\n".join(ASKED), "kept"),
            (ASKED[0], SAID[0], "kept"),
            (ASKED[1], SAID[1], "kept"),
            (ASKED[2], SAID[2], "chosen"),
        ]
        assert trace.usage.calls == 4
        assert trace.warnings == []
        # The whole question stands before the first smaller one, and once.
        assert played.prompts[3].count(WHOLE) == 1

    def test_an_answer_that_is_not_stated_is_asked_for(self, model: type[Tokens | Chat]) -> None:
        unstated = "so we join them all in the order in which the names are given above"
        table: Table = [
            ((texts.STATE_ANSWER, SAID[0], unstated), ["nbm"]),
            LIST,
            ((ASKED[2],), [unstated]),
            *TURNS[1:],
        ]
        trace = play("least-to-most", model(table), WHOLE)
        assert trace.answered is not None
        assert trace.answered.text == "nbm"
        assert [n.id for n in trace.with_role("answer")] == ["q/question-3/answer"]
        assert trace.usage.calls == 5

    def test_the_cap_is_exact_and_said(self, model: type[Tokens | Chat]) -> None:
        table: Table = [((texts.STATE_ANSWER, SAID[0], SAID[1]), ["nb"]), LIST, *TURNS]
        trace = play("least-to-most", model(table), WHOLE, max_questions=2)
        assert "3 smaller questions were to be asked; after the first 2" in trace.warnings[0].message
        assert len(trace.with_role("step")) == 3
        # The last answer answers only the second question, so the answer to the whole one is asked for.
        assert len(trace.with_role("answer")) == 1
        assert trace.usage.calls == 4

    def test_nothing_to_take_apart_asks_the_question_itself(self, model: type[Tokens | Chat]) -> None:
        table: Table = [((texts.DECOMPOSE,), [" "]), ((), ["The answer is nbm."])]
        played = model(table)
        trace = play("least-to-most", played, WHOLE)
        assert "named no smaller questions" in trace.warnings[0].message
        assert trace.nodes["q/decompose"].status == "failed"
        assert trace.answered is not None
        assert trace.answered.text == "nbm"
        assert trace.nodes["q/question-1"].title == WHOLE

    def test_the_question_itself_at_the_end(self, model: type[Tokens | Chat]) -> None:
        table: Table = [LIST, ((SAID[2], f"Q: {WHOLE}\nA:"), ["So the answer is nbm."]), *TURNS]
        trace = play("least-to-most", model(table), WHOLE, whole_last=True)
        assert trace.with_role("step")[-1].title == WHOLE
        assert trace.usage.calls == 5

    def test_an_empty_reply_is_a_failure_and_is_not_shown_to_the_next(
        self, model: type[Tokens | Chat]
    ) -> None:
        table: Table = [
            LIST,
            ((SAID[0], ASKED[2]), [SAID[2]]),
            ((ASKED[1],), [" "]),
            ((ASKED[0],), [SAID[0]]),
        ]
        trace = play("least-to-most", model(table), WHOLE)
        assert trace.nodes["q/question-2"].status == "failed"
        assert trace.answered is not None
        assert trace.answered.text == "nbm"
        assert trace.answered.info == {"questions": 3, "answered": 2}

    def test_only_empty_replies_are_no_answer(self, model: type[Tokens | Chat]) -> None:
        trace = play("least-to-most", model([LIST, ((), [" "])]), WHOLE)
        assert trace.answered is not None
        assert trace.answered.text is None
        assert "None of the smaller questions" in trace.warnings[-1].message


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("a?\nb?", ["a?", "b?"]),
        ("Here they are:\n1. a?\n2) b?\n\n- c?\n* d?", ["a?", "b?", "c?", "d?"]),
        ("Question 1: a?\nStep 2. b?", ["a?", "b?"]),
        ("**a?**\na?", ["a?"]),
        ("Make 24 from 1 4 6 8.", ["Make 24 from 1 4 6 8."]),
        ("3 cats and 2 dogs: how many?", ["3 cats and 2 dogs: how many?"]),
        (" \n\n", []),
    ],
)
def test_questions_in_a_reply(text: str, asked: list[str]) -> None:
    assert read_questions(text) == asked
