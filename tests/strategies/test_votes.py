"""Vote and filter-vote against tables of replies and results computed by hand."""

from __future__ import annotations

import pytest

from playground.events import CallStarted, TextAdded, TokenAdded
from playground.prompts import texts
from tests.strategies.players import SILENT, Chat, Table, Tokens, events, play

FIVE = ("The answer is 7.", "The answer is 9.", "The answer is 7.", "The answer is 9.", "The answer is 7.")


def reviewed(seven: str, nine: str) -> Table:
    return [
        ((texts.REVIEW, "Answer: The answer is 7."), [seven]),
        ((texts.REVIEW, "Answer: The answer is 9."), [nine]),
        ((), FIVE),
    ]


@pytest.mark.parametrize("model", [Tokens, Chat])
class TestVote:
    def test_the_commonest_answer_to_the_plain_question(self, model: type[Tokens | Chat]) -> None:
        played = model([((), FIVE)])
        trace = play("vote", played, n=5)
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.confidence) == ("7", pytest.approx(3 / 5))
        assert trace.answered.info["votes"] == [["7", 3], ["9", 2]]
        assert set(played.prompts) == {"Q: How many?\nA:"}
        assert trace.usage.calls == 5
        assert len(trace.with_role("branch")) == 5


@pytest.mark.parametrize("model", [Tokens, Chat])
class TestFilterVote:
    def test_only_what_was_called_correct_votes(self, model: type[Tokens | Chat]) -> None:
        trace = play("filter-vote", model(reviewed("No. [[wrong]]", "Yes. [[correct]]")), n=5)
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.confidence) == ("9", 1.0)
        assert trace.answered.node == "q/sample-2"
        assert trace.answered.info["kept"] == 2
        assert trace.answered.info["votes"] == [["9", 2]]
        assert [n.status for n in trace.with_role("branch")] == [
            "pruned",
            "chosen",
            "pruned",
            "kept",
            "pruned",
        ]
        assert [n.scores["review"].value for n in trace.with_role("branch")] == [0, 1, 0, 1, 0]
        assert [n.parent for n in trace.with_role("verdict")] == [f"q/sample-{i}" for i in range(1, 6)]

    def test_a_review_counts_by_its_last_verdict(self, model: type[Tokens | Chat]) -> None:
        both = "It looks [[wrong]], but no: [[correct]]"
        trace = play("filter-vote", model(reviewed("[[wrong]]", both)), n=5)
        assert trace.answered is not None
        assert trace.answered.text == "9"

    def test_none_kept_and_all_vote(self, model: type[Tokens | Chat]) -> None:
        trace = play("filter-vote", model(reviewed("[[wrong]]", "[[wrong]]")), n=5)
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.confidence) == ("7", pytest.approx(3 / 5))
        assert trace.answered.info["kept"] == 0
        assert "none was kept" in trace.answered.info["filter"]
        assert all(n.status in ("kept", "chosen") for n in trace.with_role("branch"))

    def test_a_review_without_a_verdict_is_said_and_keeps_nothing(self, model: type[Tokens | Chat]) -> None:
        trace = play("filter-vote", model(reviewed("Hard to say.", "[[correct]]")), n=5)
        assert trace.answered is not None
        assert trace.answered.text == "9"
        assert "3 of 5 reviews ended without a verdict" in trace.warnings[0].message
        assert trace.nodes["q/sample-1/review"].status == "failed"
        assert "review" not in trace.nodes["q/sample-1"].scores

    def test_reviews_are_paid_for(self, model: type[Tokens | Chat]) -> None:
        trace = play("filter-vote", model(reviewed("[[wrong]]", "[[correct]]")), n=5)
        assert trace.usage.calls == 10

    def test_what_has_no_answer_is_not_reviewed(self, model: type[Tokens | Chat]) -> None:
        trace = play("filter-vote", model([((texts.REVIEW,), ["[[correct]]"]), ((), [SILENT])]), n=3)
        assert trace.answered is not None
        assert trace.answered.text is None
        assert trace.answered.confidence_kind is None
        assert trace.usage.calls == 3
        assert trace.with_role("verdict") == []

    def test_reviews_are_one_batch(self, model: type[Tokens | Chat]) -> None:
        seen = list(events("filter-vote", model(reviewed("[[wrong]]", "[[correct]]")), n=5))
        asked = [i for i, e in enumerate(seen) if isinstance(e, CallStarted) and e.purpose == "review"]
        written = [
            i
            for i, e in enumerate(seen)
            if isinstance(e, TokenAdded | TextAdded) and e.node.endswith("/review")
        ]
        assert len(asked) == 5
        assert max(asked) < min(written)


def test_a_worked_answer_is_reviewed_with_the_answer_that_was_asked_for() -> None:
    # A chat backend states the answer in a further call; the reviewer sees it behind the working.
    table: Table = [
        ((texts.REVIEW, f"{SILENT} So the answer is 9."), ["[[correct]]"]),
        ((texts.STATE_ANSWER,), ["9"]),
        ((), [SILENT]),
    ]
    trace = play("filter-vote", Chat(table), n=2, prompt="zero-shot CoT")
    assert trace.answered is not None
    assert trace.answered.text == "9"
    assert trace.answered.info["kept"] == 2
    assert trace.usage.calls == 6
