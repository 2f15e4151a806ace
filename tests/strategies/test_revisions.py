"""Revisions: who sees what, the choice within and across chains, and answers that were left again."""

from __future__ import annotations

import pytest

from playground.errors import CapabilityError
from playground.events import CallStarted, TextAdded, TokenAdded
from playground.prompts import texts
from playground.strategies import Question
from playground.strategies.revisions import left_again
from tests.strategies.players import SILENT, Chat, Rewards, Table, Tokens, events, play

BOTH = pytest.mark.parametrize("model", [Tokens, Chat])

# Chain 1: 8, then 7, then 7 again. Chain 2: 6, then 9, then 6 in other words.
A1, A2, A3 = "First. The answer is 8.", "Second. The answer is 7.", "Third. The answer is 7."
B1, B2, B3 = "One. The answer is 6.", "Two. The answer is 9.", "Three. The answer is 6."
TABLE: Table = [
    ((texts.REVISE, f"Attempt 1: {A1}", f"Attempt 2: {A2}"), [A3]),
    ((texts.REVISE, f"Attempt 1: {B1}", f"Attempt 2: {B2}"), [B3]),
    ((texts.REVISE, f"Attempt 1: {A1}"), [A2]),
    ((texts.REVISE, f"Attempt 1: {B1}"), [B2]),
    ((), [A1, B1]),
]
# Within chain 1: 8 has 0.7, 7 has 0.8; its best 7 has 0.5. Within chain 2: 6 has 0.5, 9 has 0.6.
SCORES = {A1: 0.7, A2: 0.3, A3: 0.5, B1: 0.1, B2: 0.6, B3: 0.4}


@BOTH
class TestRevisions:
    def test_the_best_of_each_chain_then_of_all(self, model: type[Tokens | Chat]) -> None:
        trace = play("revisions", model(TABLE), chains=2, length=3, load=Rewards(SCORES).load)
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.node) == ("9", "q/chain-2-attempt-2")
        assert trace.answered.confidence == pytest.approx(0.6 / 1.1)
        assert trace.answered.info["weights"] == [["9", 0.6], ["7", 0.5]]
        assert {id: n.status for id, n in trace.nodes.items() if "attempt" in id} == {
            "q/chain-1-attempt-1": "kept",
            "q/chain-1-attempt-2": "kept",
            "q/chain-1-attempt-3": "kept",
            "q/chain-2-attempt-1": "kept",
            "q/chain-2-attempt-2": "chosen",
            "q/chain-2-attempt-3": "kept",
        }

    @pytest.mark.parametrize(("select", "answer"), [("naive", "8"), ("majority", "7")])
    def test_the_best_single_attempt_or_the_commonest_answer(
        self, model: type[Tokens | Chat], select: str, answer: str
    ) -> None:
        trace = play("revisions", model(TABLE), chains=2, length=3, select=select, load=Rewards(SCORES).load)
        assert trace.answered is not None
        assert trace.answered.text == answer

    def test_every_attempt_and_every_score_is_paid_for(self, model: type[Tokens | Chat]) -> None:
        rewards = Rewards(SCORES)
        scored = play("revisions", model(TABLE), chains=2, length=3, load=rewards.load)
        counted = play("revisions", model(TABLE), chains=2, length=3, select="majority", load=rewards.load)
        assert (scored.usage.calls, counted.usage.calls) == (12, 6)
        assert len(rewards.items) == 6

    def test_attempts_hang_under_the_ones_they_revise(self, model: type[Tokens | Chat]) -> None:
        trace = play("revisions", model(TABLE), chains=2, length=3, load=Rewards(SCORES).load)
        assert [n.id for n in trace.with_role("branch")] == ["q/chain-1-attempt-1", "q/chain-2-attempt-1"]
        assert [(n.id, n.parent) for n in trace.with_role("revision")] == [
            ("q/chain-1-attempt-2", "q/chain-1-attempt-1"),
            ("q/chain-2-attempt-2", "q/chain-2-attempt-1"),
            ("q/chain-1-attempt-3", "q/chain-1-attempt-2"),
            ("q/chain-2-attempt-3", "q/chain-2-attempt-2"),
        ]

    def test_all_chains_are_revised_in_one_batch(self, model: type[Tokens | Chat]) -> None:
        seen = list(events("revisions", model(TABLE), chains=2, length=2, load=Rewards(SCORES).load))
        asked = [i for i, e in enumerate(seen) if isinstance(e, CallStarted) and e.purpose == "attempt 2"]
        written = [
            i
            for i, e in enumerate(seen)
            if isinstance(e, TokenAdded | TextAdded) and e.node.endswith("attempt-2")
        ]
        assert len(asked) == 2
        assert max(asked) < min(written)

    def test_how_often_a_right_answer_was_left_again(self, model: type[Tokens | Chat]) -> None:
        # 9 comes once and is left again; 3 of the 4 attempts that were revised are wrong, one of them is mended.
        question = Question("How many?", gold="9")
        trace = play("revisions", model(TABLE), question, chains=2, length=3, load=Rewards(SCORES).load)
        assert trace.answered is not None
        assert trace.answered.info["right"] == {"good": 1, "left": 1, "bad": 3, "mended": 1}
        # Scores from one half: 0.7 -> 0.3 -> 0.5 and 0.1 -> 0.6 -> 0.4.
        assert trace.answered.info["likely"] == {"good": 2, "left": 2, "bad": 2, "mended": 2}

    def test_without_a_known_answer_nothing_is_said_of_right(self, model: type[Tokens | Chat]) -> None:
        trace = play("revisions", model(TABLE), chains=2, length=2, load=Rewards(SCORES).load)
        assert trace.answered is not None
        assert "right" not in trace.answered.info

    def test_the_right_answer_does_not_choose(self, model: type[Tokens | Chat]) -> None:
        question = Question("How many?", gold="8")
        trace = play("revisions", model(TABLE), question, chains=2, length=3, load=Rewards(SCORES).load)
        assert trace.answered is not None
        assert trace.answered.text == "9"

    def test_a_revision_sees_the_last_four(self, model: type[Tokens | Chat]) -> None:
        said = {i: f"Try {i}. The answer is {i}." for i in range(1, 8)}
        table: Table = [((texts.REVISE, said[i]), [said[i + 1]]) for i in range(6, 0, -1)]
        played = model([*table, ((), [said[1]])])
        play("revisions", played, chains=1, length=7, select="majority")
        last = played.prompts[-1]
        assert [i for i in said if f"{said[i]}" in last] == [3, 4, 5, 6]
        assert f"Attempt 1: {said[3]}" in last

    def test_a_chain_without_answers_has_no_say(self, model: type[Tokens | Chat]) -> None:
        table: Table = [
            ((texts.STATE_ANSWER,), [SILENT]),
            ((texts.REVISE, SILENT), [SILENT]),
            ((texts.REVISE, A1), [A2]),
            ((), [SILENT, A1]),
        ]
        trace = play("revisions", model(table), chains=2, length=2, prompt="plain", load=Rewards(SCORES).load)
        assert trace.answered is not None
        assert trace.answered.text == "8"
        assert trace.nodes["q/chain-1-attempt-1"].status == "pruned"
        assert trace.nodes["q/chain-1-attempt-2"].status == "pruned"

    def test_no_answer_anywhere(self, model: type[Tokens | Chat]) -> None:
        trace = play(
            "revisions", model([((), [SILENT])]), chains=2, length=1, prompt="plain", load=Rewards({}).load
        )
        assert trace.answered is not None
        assert trace.answered.text is None

    def test_a_missing_scorer_is_said_before_anything_is_spent(self, model: type[Tokens | Chat]) -> None:
        played = model(TABLE)
        with pytest.raises(CapabilityError):
            play("revisions", played, chains=2, length=2, scorer="PRM")
        assert played.prompts == []


def test_left_again() -> None:
    assert left_again([[True, False, True], [False, True]]) == {"good": 1, "left": 1, "bad": 2, "mended": 2}
    assert left_again([[True], [False]]) == {"good": 0, "left": 0, "bad": 0, "mended": 0}
