"""The fold: events in, tree out; cut off anywhere, still a tree."""

from __future__ import annotations

import pytest

from playground.events import (
    Answered,
    AnswerFound,
    Event,
    NodeClosed,
    NodeOpened,
    NodeScored,
    Record,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
    Spent,
    TextAdded,
    TextEnded,
    Titled,
    TokenAdded,
    Usage,
    Warned,
)
from playground.trace import fold


def token(node: str, text: str, hex: str = "") -> TokenAdded:
    return TokenAdded(node, 7, text, -0.5, 1.0, 0.25, "greedy", hex=hex)


STORY: list[Event] = [
    RunStarted("2+2?", "direct", "scripted", {}, 0, gold="4", local=True),
    NodeOpened("q", None, "question", "2+2?"),
    NodeOpened("q/a", "q", "branch", "reply"),
    Spent("q", Usage(calls=1, prompt_tokens=5, forward_passes=1)),
    token("q/a", " "),
    token("q/a", "", hex="f09f"),
    token("q/a", "", hex="9982"),
    Spent("q", Usage(completion_tokens=3, forward_passes=3)),
    TextEnded("q/a", "stop"),
    AnswerFound("q/a", "🙂", "🙂", 1, 2, 1, 3),
    NodeScored("q/a", "delta", 0.25, "margin"),
    NodeClosed("q/a", "chosen"),
    Warned("careful", "q/a"),
    Answered("🙂", "q/a", 0.25, "margin"),
    RunFinished(True),
]


def test_the_whole_story() -> None:
    trace = fold(Record("r1", i, 100.0 + i, e) for i, e in enumerate(STORY))
    node = trace.nodes["q/a"]
    assert node.text == " 🙂"
    assert node.scores["delta"].value == 0.25
    assert (node.status, node.end, node.answer is not None) == ("chosen", "stop", True)
    assert trace.usage == Usage(1, 5, 0, 3, 4)
    assert [n.id for n in trace.children(trace.nodes["q"])] == ["q/a"]
    assert (trace.status, trace.correct, trace.seconds, trace.run_id) == ("finished", True, 14.0, "r1")
    assert trace.answered is not None
    assert trace.answered.text == "🙂"
    assert node.seconds == 6.0
    assert trace.cost_usd == 0.0


@pytest.mark.parametrize("cut", range(len(STORY) + 1))
def test_any_beginning_is_a_readable_tree(cut: int) -> None:
    trace = fold(STORY[:cut])
    assert trace.running == (cut < len(STORY))
    for node in trace.nodes.values():
        assert isinstance(node.text, str)


@pytest.mark.parametrize("start", range(len(STORY)))
def test_any_end_is_a_readable_tree(start: int) -> None:
    assert fold(STORY[start:]).status == "finished"


def test_text_backends_and_steps() -> None:
    trace = fold(
        [
            NodeOpened("q", None, "question"),
            NodeOpened("q/s", "q", "step", "Step 1"),
            TextAdded("q/s", '{"title'),
            TextAdded("q/s", '"…'),
            Titled("q/s", "Add", "2+2=4", True, "mended"),
        ]
    )
    node = trace.with_role("step")[0]
    assert (node.text, node.title, node.content, node.final, node.note) == (
        '{"title"…',
        "Add",
        "2+2=4",
        True,
        "mended",
    )


def test_ends() -> None:
    assert fold([*STORY[:5], RunCancelled()]).status == "cancelled"
    failed = fold([*STORY[:5], RunFailed("ModelError", "it broke", "mend it")])
    assert failed.status == "failed"
    assert failed.failure is not None
    assert failed.failure.hint == "mend it"
    assert failed.nodes["q/a"].text == " "
