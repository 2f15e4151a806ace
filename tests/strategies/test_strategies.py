"""Each strategy against a scripted model and hand-computed results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from playground import prompts
from playground.errors import BadInput, CapabilityError, ModelError, UnknownName
from playground.events import Usage
from playground.models.base import Capabilities
from playground.strategies import Question, get, load_all
from playground.strategies.difficulty import overtaken_reason
from playground.strategies.few_shot_cot import FewShotParams
from playground.strategies.titled_chain import read_json, read_plain
from playground.trace import Trace
from tests.scripted import Scripted, Way, way


def play(name: str, model: Any, question: str = "How many?", **params: Any) -> Trace:
    strategy = get(name)
    trace = Trace()
    for event in strategy.run(Question(question), model, strategy.parse(params), seed=3):
        trace.apply(event)
    return trace


def always(*ways: Way) -> Scripted:
    return Scripted(lambda prompt: ways)


# Two blurt 7 without conviction, one works its way to 9, one says nothing at first.
TEN = (
    way(0.5, "", answer="7", answer_margin=0.2),
    way(0.3, "The answer is", answer="7", answer_margin=0.3),
    way(0.1, "First 3 + 6 = 9. So the answer is", 0.4, answer="9", answer_margin=0.95),
    way(0.05, "Let me think about what is asked here", after="9.", answer_margin=0.6),
)


def deltas(trace: Trace) -> dict[str, float]:
    return {n.id: round(n.scores["delta"].value, 6) for n in trace.with_role("branch") if "delta" in n.scores}


class TestDirect:
    def test_answer_confidence_and_cost(self) -> None:
        trace = play("direct", always(TEN[0]))
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.confidence) == ("7", 0.2)
        assert trace.usage == Usage(calls=1, prompt_tokens=10, completion_tokens=2, forward_passes=3)

    def test_no_answer_is_no_answer(self) -> None:
        trace = play(
            "direct", always(way(1.0, "well this is hard to say without knowing more about everything here"))
        )
        assert trace.answered is not None
        assert trace.answered.text is None
        assert trace.answered.confidence is None


class TestChainsOfThought:
    def test_zero_shot_begins_the_reply(self) -> None:
        model = always(TEN[2])
        trace = play("zero-shot-cot", model)
        assert model.prompts == ["Q: How many?\nA: Let's think step by step."]
        assert trace.answered is not None
        assert trace.answered.text == "9"

    def test_unstated_answer_is_led_to(self) -> None:
        trace = play("zero-shot-cot", always(TEN[3]))
        node = trace.with_role("branch")[0]
        assert node.text == " Let me think about what is asked here So the answer is 9."
        assert [t.chosen for t in node.tokens][8:12] == ["forced"] * 4
        assert node.answer is not None
        assert (node.answer.text, node.answer.first_token) == ("9", 12)

    def test_few_shot_shows_the_exemplars_in_order(self) -> None:
        model = always(TEN[2])
        play("few-shot-cot", model, shots=2)
        first, second = prompts.exemplars()[:2]
        assert model.prompts[0].index(first.question) < model.prompts[0].index(second.question)
        assert prompts.exemplars()[2].question not in model.prompts[0]

    def test_exemplars_can_be_edited_and_shuffled(self) -> None:
        text = "Q: a?\nA: 1.\n\nQ: b?\nA: two\nlines.\n\nQ: c?\nA: 3."
        params = FewShotParams(exemplars=text)
        assert [(e.question, e.worked) for e in params.chosen(0)] == [
            ("a?", "1."),
            ("b?", "two\nlines."),
            ("c?", "3."),
        ]
        orders = {
            tuple(e.question for e in FewShotParams(exemplars=text, shuffle=True).chosen(s))
            for s in range(20)
        }
        assert len(orders) > 3
        with pytest.raises(BadInput, match="no worked example"):
            FewShotParams(exemplars="nothing here").chosen(0)


class TestCotDecoding:
    def test_max_path_takes_the_surest_branch(self) -> None:
        trace = play("cot-decoding", always(*TEN), k=4)
        assert deltas(trace) == {
            "q/branch-1": 0.2,
            "q/branch-2": 0.3,
            "q/branch-3": 0.95,
            "q/branch-4": 0.6,
        }
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.node) == ("9", "q/branch-3")
        assert trace.answered.confidence == pytest.approx(0.95)
        assert trace.nodes["q/branch-3"].status == "chosen"

    def test_aggregate_sums_equal_answers(self) -> None:
        ways = (*TEN[:2], way(0.1, "The answer is", answer="7", answer_margin=0.5), TEN[2])
        trace = play("cot-decoding", always(*ways), k=4, answer_by="aggregate")
        assert trace.answered is not None
        assert trace.answered.text == "7"
        assert trace.answered.info["sums"] == [["7", 1.0], ["9", 0.95]]
        assert trace.answered.confidence == pytest.approx(1.0 / 1.95)
        assert trace.answered.node == "q/branch-3"  # the surest of the branches that say 7

    def test_delta_is_over_the_answer_not_the_sequence(self) -> None:
        node = play("cot-decoding", always(*TEN), k=4).nodes["q/branch-3"]
        # "First 3 + 6 = 9. So the answer is" are ten tokens at 0.4, the answer one at 0.95.
        assert node.scores["sequence delta"].value == pytest.approx((10 * 0.4 + 0.95) / 11)

    def test_a_forced_first_token_inside_the_answer_has_its_real_margin(self) -> None:
        trace = play("cot-decoding", always(*TEN), k=1)
        node = trace.nodes["q/branch-1"]
        assert node.tokens[0].chosen == "forced"
        assert node.scores["delta"].value == pytest.approx(0.2)

    def test_every_branch_is_paid_for(self) -> None:
        usage = play("cot-decoding", always(*TEN), k=4, state_answer=False).usage
        assert usage.calls == 4
        assert usage.prompt_tokens == 10
        # a token per word and one that ends the text, for each branch
        assert usage.completion_tokens == sum(len(w.pieces) + 1 for w in TEN)

    @pytest.mark.parametrize(("word", "k"), [("easy", 3), ("simple.", 4)])
    def test_k_from_the_difficulty(self, word: str, k: int) -> None:
        model = Scripted(lambda prompt: (way(1.0, word),) if "how hard" in prompt else TEN)
        trace = play("cot-decoding", model, paths="difficulty")
        assert len(trace.with_role("branch")) == k
        assert trace.usage.calls == k + 1
        assert trace.answered is not None
        assert trace.answered.info["classification"] == word.strip(".")

    def test_an_unreadable_difficulty_is_said(self) -> None:
        ways = tuple(way(0.1, f"w{i}", answer="7") for i in range(8))
        model = Scripted(lambda prompt: (way(1.0, "purple"),) if "how hard" in prompt else ways)
        trace = play("cot-decoding", model, paths="difficulty")
        assert "purple" in trace.warnings[0].message
        assert len(trace.with_role("branch")) == 7

    def test_stop_early_when_two_sure_branches_agree(self) -> None:
        ways = tuple(way(0.1, f"w{i}", answer="9", answer_margin=0.995) for i in range(9))
        trace = play("cot-decoding", always(*ways), k=9, paths="stop-early", group=3)
        assert len(trace.with_role("branch")) == 3
        assert trace.answered is not None
        assert "two branches agree" in trace.answered.info["stopped_early"]

    def test_overtaking(self) -> None:
        assert overtaken_reason({"7": 2.0, "9": 0.5}, 1) is not None
        assert overtaken_reason({"7": 2.0, "9": 0.5}, 2) is None
        assert overtaken_reason({"7": 2.0}, 2) is not None
        assert overtaken_reason({}, 2) is None

    def test_k_beyond_the_vocabulary(self) -> None:
        with pytest.raises(BadInput, match="vocabulary"):
            play("cot-decoding", always(*TEN), k=5)

    def test_a_model_without_logits_is_refused_with_the_reason(self) -> None:
        model = always(*TEN)
        model.capabilities = Capabilities(streaming=True)
        with pytest.raises(CapabilityError, match="likeliest first tokens"):
            play("cot-decoding", model)


class TestSelfConsistency:
    def test_majority_and_votes(self) -> None:
        trace = play("self-consistency", always(*TEN[:3]), n=6)
        assert trace.answered is not None
        assert (trace.answered.text, trace.answered.confidence) == ("7", pytest.approx(4 / 6))
        assert trace.answered.info["votes"] == [["7", 4], ["9", 2]]
        votes = [n.scores["votes"].value for n in trace.with_role("branch")]
        assert votes == [4, 4, 2, 4, 4, 2]
        assert trace.usage.calls == 6

    def test_equal_answers_in_other_words_are_one(self) -> None:
        ways = (
            way(0.5, "The answer is 1,000."),
            way(0.3, "The answer is 1000"),
            way(0.2, "The answer is 5."),
        )
        trace = play("self-consistency", always(*ways), n=3)
        assert trace.answered is not None
        assert trace.answered.confidence == pytest.approx(2 / 3)

    def test_stops_when_the_leader_is_safe(self) -> None:
        trace = play("self-consistency", always(TEN[0]), n=10, stop_early=True, group=2)
        # after six samples six votes lead and four samples are left
        assert len(trace.with_role("branch")) == 6
        assert trace.answered is not None
        assert "6 votes ahead with 4 samples left" in trace.answered.info["stopped_early"]


def chain_model(replies: Mapping[int, Sequence[str]], answer: str = "The answer is 9.") -> Scripted:
    """Replies by the number of steps already in the prompt; several replies are given out in turn."""

    def script(prompt: str) -> Sequence[Way]:
        if prompts.texts.TITLED_CHAIN_FINAL in prompt:
            return (way(1.0, answer),)
        done = (
            prompt.count('"next_action": ')
            + prompt.count("[continue]")
            - (1 if "[final answer]" in prompt else 0)
        )
        return tuple(way(1.0, text) for text in replies[done])

    return Scripted(script)


def step(title: str, content: str, action: str = "continue") -> str:
    return json.dumps({"title": title, "content": content, "next_action": action})


class TestTitledChain:
    def test_steps_until_the_final_answer(self) -> None:
        trace = play(
            "titled-chain",
            chain_model({0: [step("Read", "3 and 6")], 1: [step("Add", "3 + 6 = 9", "final_answer")]}),
        )
        assert [(n.title, n.content) for n in trace.with_role("step")] == [
            ("Read", "3 and 6"),
            ("Add", "3 + 6 = 9"),
        ]
        assert trace.answered is not None
        assert trace.answered.text == "9"
        assert trace.usage.calls == 3

    def test_the_cap_is_exact(self) -> None:
        model = chain_model({i: [step(f"S{i}", "on")] for i in range(9)})
        trace = play("titled-chain", model, max_steps=4)
        assert len(trace.with_role("step")) == 4
        assert "limit of 4 steps" in trace.warnings[0].message
        assert trace.answered is not None
        assert trace.answered.text == "9"

    def test_a_minimum_of_steps_is_enforced(self) -> None:
        model = chain_model({i: [step(f"S{i}", "done", "final_answer")] for i in range(9)})
        trace = play("titled-chain", model, min_steps=3)
        assert len(trace.with_role("step")) == 3
        assert "asked to go on" in trace.with_role("step")[0].note
        assert '"next_action": "final_answer"' not in model.prompts[1].split("I will think")[1]

    def test_an_unreadable_step_is_a_failure_and_is_tried_again(self) -> None:
        model = chain_model({0: ["what?", step("Read", "x", "final_answer")]})
        trace = play("titled-chain", model)
        failed, good = trace.with_role("step")
        assert (failed.status, failed.content) == ("failed", "")
        assert good.title == "Read"

    def test_nothing_readable_is_an_error(self) -> None:
        with pytest.raises(ModelError, match="not write a single step"):
            play("titled-chain", chain_model({0: ["what?"]}))

    def test_an_unreadable_later_step_answers_from_the_steps_so_far(self) -> None:
        trace = play("titled-chain", chain_model({0: [step("Read", "x")], 1: ["what?"]}), retries=1)
        assert [n.status for n in trace.with_role("step")] == ["kept", "failed", "failed"]
        assert "could not be read in 2 tries" in trace.warnings[0].message
        assert trace.answered is not None
        assert trace.answered.text == "9"

    def test_given_steps_are_not_asked_for(self) -> None:
        model = chain_model({1: [step("Add", "9", "final_answer")]})
        trace = play("titled-chain", model, given=[{"title": "Read", "content": "mine"}])
        assert [n.title for n in trace.with_role("step")] == ["Read", "Add"]
        assert trace.usage.calls == 2

    def test_plain_text_steps(self) -> None:
        model = chain_model({0: ["Read: 3 and 6 [continue]"], 1: ["Add: 3 + 6 = 9 [final answer]"]})
        trace = play("titled-chain", model, format="plain text")
        assert [(n.title, n.content) for n in trace.with_role("step")] == [
            ("Read", "3 and 6"),
            ("Add", "3 + 6 = 9"),
        ]


@pytest.mark.parametrize(
    ("text", "title", "action", "note"),
    [
        (step("A", "b"), "A", "continue", ""),
        ("```json\n" + step("A", "b", "final_answer") + "\n```", "A", "final_answer", "left out"),
        ("Sure! " + step("A", "b"), "A", "continue", "left out"),
        ('{"title": "A", "content": "b", "next_action": "continue"', "A", "continue", "closed"),
        ('{"title": "A", "content": "b', "A", "continue", "closed"),
        ('{"title": "A", "content": "b", "next_action": "Final Answer"}', "A", "final_answer", ""),
        ('{"title": "A", "content": 9}', "A", "continue", "read as continue"),
    ],
)
def test_tolerant_json(text: str, title: str, action: str, note: str) -> None:
    read = read_json(text)
    assert read is not None
    assert (read[0].title, read[0].next_action) == (title, action)
    assert (note in read[1]) if note else read[1] == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[1]",
        '{"title": "A"}',
        '{"content": "b"}',
        '{"title": 1, "content": "b"}',
        "[" * 9999,
        "{" * 9999,
    ],
)
def test_not_a_json_step(text: str) -> None:
    assert read_json(text) is None


@pytest.mark.parametrize("text", ["", "no colon at all", ":", "Title:"])
def test_not_a_plain_step(text: str) -> None:
    assert read_plain(text) is None


class TestRegistry:
    def test_the_first_six(self) -> None:
        assert {
            "direct",
            "zero-shot-cot",
            "few-shot-cot",
            "titled-chain",
            "cot-decoding",
            "self-consistency",
        } <= set(load_all())

    def test_nearest_names(self) -> None:
        with pytest.raises(UnknownName, match="cot-decoding"):
            get("cot-decodng")

    @pytest.mark.parametrize(
        ("name", "params", "word"),
        [
            ("direct", {"temperature": -1}, "temperature"),
            ("direct", {"top_p": 0}, "top_p"),
            ("direct", {"k": 3}, "no setting 'k'"),
            ("cot-decoding", {"k": 0}, "k"),
            ("cot-decoding", {"k": "many"}, "k"),
        ],
    )
    def test_bad_settings_are_named(self, name: str, params: dict[str, Any], word: str) -> None:
        with pytest.raises(BadInput, match=word):
            get(name).parse(params)

    def test_every_setting_says_what_it_is(self) -> None:
        for strategy in load_all().values():
            assert strategy.summary
            for name, info in strategy.params.model_fields.items():
                assert info.description, f"{strategy.name}.{name}"
