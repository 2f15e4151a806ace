"""Self-refine against tables of replies."""

from __future__ import annotations

import pytest

from playground.prompts import texts
from playground.strategies.self_refine import finds_nothing
from tests.strategies.players import SILENT, Chat, Table, Tokens, play

ONE = "3 + 5 = 9. So the answer is 9."
TWO = "3 + 5 = 7. So the answer is 7."
THREE = "3 + 5 = 8. So the answer is 8."
WRONG_ONE = "3 + 5 = 9 is wrong. Better: less."
WRONG_TWO = "3 + 5 = 7 is wrong. Better: more."

TABLE: Table = [
    ((texts.CORRECT, ONE, f"Critique: {WRONG_ONE}"), [TWO]),
    ((texts.CORRECT, TWO, f"Critique: {WRONG_TWO}"), [THREE]),
    ((texts.CRITIQUE, f"Answer: {ONE}"), [WRONG_ONE]),
    ((texts.CRITIQUE, f"Answer: {TWO}"), [WRONG_TWO]),
    ((texts.CRITIQUE, f"Answer: {THREE}"), ["Nothing is wrong."]),
    ((texts.STEP_BY_STEP,), [ONE]),
]
BOTH = pytest.mark.parametrize("model", [Tokens, Chat])


@BOTH
class TestSelfRefine:
    def test_until_nothing_is_wrong(self, model: type[Tokens | Chat]) -> None:
        trace = play("self-refine", model(TABLE), rounds=5)
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.node) == ("8", "q/corrected-answer-2")
        assert trace.answered.info == {
            "rounds": 2,
            "stopped": "nothing is wrong",
            "answers": ["9", "7", "8"],
        }
        assert [(n.title, n.content, n.status) for n in trace.with_role("step")] == [
            ("Answer", ONE, "pruned"),
            ("Critique 1", WRONG_ONE, "kept"),
            ("Corrected answer 1", TWO, "pruned"),
            ("Critique 2", WRONG_TWO, "kept"),
            ("Corrected answer 2", THREE, "chosen"),
            ("Critique 3", "Nothing is wrong.", "kept"),
        ]
        # Three answers and three critiques.
        assert trace.usage.calls == 6

    def test_each_writing_hangs_under_what_it_read(self, model: type[Tokens | Chat]) -> None:
        trace = play("self-refine", model(TABLE), rounds=5)
        node = trace.nodes["q/critique-3"]
        above = []
        while node.parent:
            above.append(node.parent)
            node = trace.nodes[node.parent]
        assert above == [
            "q/corrected-answer-2",
            "q/critique-2",
            "q/corrected-answer-1",
            "q/critique-1",
            "q/answer",
            "q",
        ]

    def test_rounds_are_a_limit(self, model: type[Tokens | Chat]) -> None:
        trace = play("self-refine", model(TABLE), rounds=1)
        assert trace.answered is not None
        assert trace.answered.text == "7"
        assert trace.answered.info["stopped"] == "all rounds done"
        assert trace.usage.calls == 3

    def test_an_empty_critique_leaves_the_answer(self, model: type[Tokens | Chat]) -> None:
        trace = play("self-refine", model([((texts.CRITIQUE,), [" "]), ((), [ONE])]))
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.info["stopped"]) == ("9", "the critique is empty")
        assert "Critique 1 is empty" in trace.warnings[0].message
        assert trace.nodes["q/critique-1"].status == "failed"

    def test_no_answer_is_no_answer(self, model: type[Tokens | Chat]) -> None:
        table: Table = [((texts.CRITIQUE,), ["Nothing is wrong."]), ((), [SILENT])]
        trace = play("self-refine", model(table), prompt="plain")
        assert trace.answered is not None
        assert trace.answered.text is None
        assert trace.with_role("step")[0].reason == "no answer found in the text"


@pytest.mark.parametrize(
    ("critique", "nothing"),
    [
        ("Nothing is wrong.", True),
        ("nothing is wrong", True),
        ("I checked every step. Nothing is wrong!", True),
        ("**Nothing is wrong.**", True),
        ("Nothing is wrong in the first step, but 3 + 5 is 8.", False),
        ("If nothing is wrong I should say so. 3 + 5 = 9 is wrong.", False),
        ("3 + 5 = 9 is wrong. Better: 3 + 5 = 8.", False),
        ("", False),
    ],
)
def test_a_critique_that_finds_nothing(critique: str, nothing: bool) -> None:
    assert finds_nothing(critique) is nothing
