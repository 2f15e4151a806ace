"""Reading a step while it is written, and the outline of a tree."""

from __future__ import annotations

import json

import pytest

from components.answer_card import many, money
from components.chain import Draft, read_draft
from components.outline import outline
from playground.events import (
    AnswerFound,
    NodeClosed,
    NodeOpened,
    NodeScored,
    Record,
    RunStarted,
    Spent,
    TextAdded,
    Usage,
)
from playground.trace import fold

STEP = json.dumps({"title": 'Say "a\\b"', "content": "ünï\ncode ✓", "next_action": "continue"})


def test_a_step_can_be_read_wherever_it_stops() -> None:
    whole = Draft('Say "a\\b"', "ünï\ncode ✓")
    assert read_draft(STEP) == whole
    for end in range(len(STEP)):
        draft = read_draft(STEP[:end])
        assert whole.title.startswith(draft.title)
        assert whole.content.startswith(draft.content)


@pytest.mark.parametrize(
    ("text", "draft"),
    [
        ("", Draft("", "")),
        ("Add: 3 + 4", Draft("Add", "3 + 4")),
        ("no title yet", Draft("", "no title yet")),
        ('```json\n{"title": "T", "content": "c', Draft("T", "c")),
        ('{"content": 7', Draft("", "")),
    ],
)
def test_drafts(text: str, draft: Draft) -> None:
    assert read_draft(text) == draft


def test_the_outline_has_a_line_a_node() -> None:
    trace = fold(
        [
            NodeOpened("q", None, "question", "How many?"),
            NodeOpened("a", "q", "branch", "one"),
            NodeOpened("a/x", "a", "answer"),
            NodeOpened("b", "q", "branch", "two"),
            TextAdded("a", "so\nthe answer is 7"),
            AnswerFound("a", "7", "7", 14, 15),
            NodeScored("a", "logprob", -0.5),
            NodeClosed("a", "chosen"),
            NodeClosed("b", "pruned", "no answer found"),
        ]
    )
    assert outline(trace).splitlines() == [
        "question “How many?”",
        "├─ branch “one” · answer 7 · ✓ chosen · logprob -0.5 nats  so the answer is 7",
        "│  └─ answer",
        "└─ branch “two” · ✗ pruned (no answer found)",
    ]
    assert outline(fold([])) == ""


def test_what_many_questions_would_take() -> None:
    def trace(local: bool):  # type: ignore[no-untyped-def]
        return fold(
            [
                Record("r", 0, 10.0, RunStarted("?", "direct", "m", {}, 0, local=local)),
                Record("r", 1, 12.0, Spent("q", Usage(calls=1, completion_tokens=20))),
            ]
        )

    assert many(trace(True)).startswith(
        "500 such questions, one after another, would take about 17 min and write 10,000 tokens, free on this machine."
    )
    assert "unknown price" in many(trace(False))
    assert [money(None), money(0.0), money(0.01234)] == ["unknown", "free", "$0.0123"]
