"""Best-of-N and coverage: scores, sums and curves computed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from playground.errors import BadInput, CapabilityError
from playground.strategies import Question
from playground.strategies.answering import Path
from playground.strategies.best_of_n import distances
from tests.strategies.players import SILENT, Chat, Rewards, Table, Tokens, play

# 5 is commonest, 7 has the largest sum, 9 is the single best.
SCORES = {
    "Count them. The answer is 5.": 0.1,
    "See three. The answer is 5.": 0.2,
    "I guess. The answer is 5.": 0.1,
    "One by one. The answer is 7.": 0.6,
    "Twice over. The answer is 7.": 0.5,
    "All at once. The answer is 9.": 0.9,
}
SIX: Table = [((), list(SCORES))]
BOTH = pytest.mark.parametrize("model", [Tokens, Chat])


@BOTH
class TestBestOfN:
    @pytest.mark.parametrize(
        ("select", "answer", "node", "confidence"),
        [
            ("naive", "9", "q/sample-6", 0.9),
            ("weighted", "7", "q/sample-4", 1.1 / 2.4),
            ("majority", "5", "q/sample-2", 3 / 6),
        ],
    )
    def test_three_rules_choose_three_answers(
        self, model: type[Tokens | Chat], select: str, answer: str, node: str, confidence: float
    ) -> None:
        trace = play("best-of-n", model(SIX), n=6, select=select, load=Rewards(SCORES).load)
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.node) == (answer, node)
        assert trace.answered.confidence == pytest.approx(confidence)
        assert trace.answered.info["choices"] == {"naive": "9", "weighted": "7", "majority": "5"}
        assert trace.nodes[node].status == "chosen"
        assert [n.status for n in trace.with_role("branch")].count("chosen") == 1

    def test_the_reward_model_reads_steps_and_its_last_reward_counts(
        self, model: type[Tokens | Chat]
    ) -> None:
        rewards = Rewards(SCORES)
        trace = play("best-of-n", model(SIX), n=6, load=rewards.load)
        assert rewards.items[3] == ("How many?", ("One by one.", "The answer is 7."))
        assert [n.scores["PRM"].value for n in trace.with_role("branch")] == list(SCORES.values())

    def test_samples_and_scores_are_paid_for(self, model: type[Tokens | Chat]) -> None:
        assert play("best-of-n", model(SIX), n=6, load=Rewards(SCORES).load).usage.calls == 12

    def test_a_sample_without_an_answer_is_neither_scored_nor_chosen(
        self, model: type[Tokens | Chat]
    ) -> None:
        rewards = Rewards(SCORES)
        table: Table = [((), [SILENT, "One by one. The answer is 7."])]
        trace = play("best-of-n", model(table), n=2, prompt="plain", load=rewards.load)
        assert len(rewards.items) == 1
        assert trace.nodes["q/sample-1"].status == "pruned"
        assert trace.answered is not None
        assert trace.answered.text == "7"

    def test_no_answer_at_all(self, model: type[Tokens | Chat]) -> None:
        trace = play("best-of-n", model([((), [SILENT])]), n=2, prompt="plain", load=Rewards({}).load)
        assert trace.answered is not None
        assert trace.answered.text is None
        assert trace.answered.info["choices"]["naive"] is None

    @pytest.mark.parametrize(
        ("params", "error"),
        [({"scorer": "PRM"}, CapabilityError), ({"scorer": "checker"}, BadInput)],
    )
    def test_what_cannot_be_scored_is_not_drawn(
        self, model: type[Tokens | Chat], params: dict[str, Any], error: type[Exception]
    ) -> None:
        played = model(SIX)
        with pytest.raises(error):
            play("best-of-n", played, n=6, **params)
        assert played.prompts == []

    def test_the_checker_scores_by_the_right_answer(self, model: type[Tokens | Chat]) -> None:
        question = Question("How many?", gold="9")
        trace = play("best-of-n", model(SIX), question, n=6, scorer="checker", select="naive")
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.confidence) == ("9", 1.0)


class TestScorersOfTheModelItself:
    @pytest.mark.parametrize(
        "params", [{"scorer": "delta"}, {"scorer": "logprob"}, {"regularise": 1.0, "distance": "likelihood"}]
    )
    def test_they_need_tokens(self, params: dict[str, Any]) -> None:
        played = Chat(SIX)
        with pytest.raises(CapabilityError, match="tokens with probabilities"):
            play("best-of-n", played, n=6, load=Rewards(SCORES).load, **params)
        assert played.prompts == []

    def test_log_probabilities_add_up_as_probabilities(self) -> None:
        # All samples have −0.5 a token: sums of the negative numbers would choose the rarest answer.
        trace = play("best-of-n", Tokens(SIX), n=6, scorer="logprob")
        assert trace.answered is not None
        assert trace.answered.text == "5"
        assert trace.answered.confidence == pytest.approx(3 / 6)


SHORT = "The answer is 7."
LONG = "Let me think of it again. The answer is 9."


class TestRegularised:
    def test_by_length(self) -> None:
        # Words 4, 4 and 10: mean 6, distances 1/3, 1/3 and 2/3. Of 0.5, 0.5 and 0.8, β = 1 leaves 1/6, 1/6, 2/15.
        table: Table = [((), [SHORT, SHORT, LONG])]
        rewards = Rewards({SHORT: 0.5, LONG: 0.8})
        free = play("best-of-n", Tokens(table), n=3, select="naive", load=rewards.load)
        held = play("best-of-n", Tokens(table), n=3, select="naive", regularise=1.0, load=rewards.load)
        assert free.answered is not None
        assert held.answered is not None
        assert (free.answered.text, held.answered.text) == ("9", "7")
        branches = held.with_role("branch")
        assert [n.scores["distance"].value for n in branches] == pytest.approx([1 / 3, 1 / 3, 2 / 3])
        assert [n.scores["regularised"].value for n in branches] == pytest.approx([1 / 6, 1 / 6, 2 / 15])
        assert [n.scores["PRM"].value for n in branches] == [0.5, 0.5, 0.8]
        assert "distance" not in free.with_role("branch")[0].scores

    def test_less_than_nothing_has_no_say_in_a_sum(self) -> None:
        table: Table = [((), [LONG, SHORT, SHORT, SHORT])]
        rewards = Rewards({SHORT: 0.2, LONG: 0.9})
        # Words 10, 4, 4, 4: mean 5.5, distances 9/11 and 3/11. β = 1: 0.9 − 0.818 = 0.082, 0.2 − 0.273 < 0.
        trace = play("best-of-n", Tokens(table), n=4, regularise=1.0, load=rewards.load)
        assert trace.answered is not None
        assert trace.answered.text == "9"
        assert trace.answered.confidence == pytest.approx(1.0)

    def test_by_likelihood(self) -> None:
        def path(logprob: float | None) -> Path:
            return Path("q", None, None, None, logprob, "some text")

        assert distances([path(-0.1), path(-2.0)], "likelihood") == [0.1, 2.0]
        with pytest.raises(CapabilityError):
            distances([path(-0.1), path(None)], "likelihood")
        assert distances([], "length") == []


NINE = ("The answer is 7.", "The answer is 9.", "The answer is 7.", "The answer is 9.", "The answer is 7.")


@BOTH
class TestCoverage:
    def test_the_curve(self, model: type[Tokens | Chat]) -> None:
        trace = play("coverage", model([((), NINE)]), Question("How many?", gold="9.0"), n=5)
        # 2 of 5 are right: 1 − 3/5, 1 − 3/10, 1 − 1/10, 1, 1.
        assert trace.answered is not None
        assert trace.answered.info["pass_at"] == [[1, 0.4], [2, 0.7], [3, 0.9], [4, 1.0], [5, 1.0]]
        assert (trace.answered.text, trace.answered.node) == ("9", "q/sample-2")
        assert trace.answered.confidence == pytest.approx(0.4)
        assert trace.answered.info["votes"] == [["7", 3], ["9", 2]]
        assert [n.scores["checker"].value for n in trace.with_role("branch")] == [0, 1, 0, 1, 0]
        assert trace.usage.calls == 5

    def test_none_right_and_the_commonest_is_named(self, model: type[Tokens | Chat]) -> None:
        said = ["The answer is 9.", "The answer is 7.", "The answer is 7."]
        trace = play("coverage", model([((), said)]), Question("How many?", gold="8"), n=3)
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.confidence) == ("7", 0.0)
        assert {value for _, value in trace.answered.info["pass_at"]} == {0.0}

    def test_a_sample_without_an_answer_is_wrong(self, model: type[Tokens | Chat]) -> None:
        table: Table = [((), [SILENT, "The answer is 9."])]
        trace = play("coverage", model(table), Question("How many?", gold="9"), n=2, prompt="plain")
        assert trace.answered is not None
        assert trace.answered.info["pass_at"] == [[1, 0.5], [2, 1.0]]
        assert trace.nodes["q/sample-1"].status == "pruned"

    def test_every_way_to_make_24_is_right(self, model: type[Tokens | Chat]) -> None:
        said = [
            "The answer is (8 - 4) * 6 * 1.",
            "The answer is 8 + 6 + 4 + 1.",
            "The answer is 6 * (8 - 4) / 1.",
        ]
        question = Question("Use 1 4 6 8 once each with + - * / to make 24.", family="game_of_24")
        trace = play("coverage", model([((), said)]), question, n=3)
        assert trace.answered is not None
        assert trace.answered.info["right"] == 2

    def test_unknown_right_answers_are_said_before_anything_is_spent(
        self, model: type[Tokens | Chat]
    ) -> None:
        played = model([((), NINE)])
        with pytest.raises(BadInput, match="right answer is known"):
            play("coverage", played, n=5)
        assert played.prompts == []
