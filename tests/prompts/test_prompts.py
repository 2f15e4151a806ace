"""Prompts: exact renderings, parseable steps, exemplars that are right."""

import json
import re

import pytest

from playground import prompts
from playground.prompts import Exemplar, Message, Prompt, Step
from playground.puzzles import FAMILIES


def test_plain_and_zero_shot():
    assert prompts.plain("Why?") == Prompt((Message("user", "Why?"),))
    assert prompts.render_plain(prompts.plain("Why?")) == "Q: Why?\nA:"
    assert prompts.render_plain(prompts.zero_shot_cot("Why?")) == "Q: Why?\nA: Let's think step by step."


def test_few_shot_puts_exemplars_before_the_question():
    prompt = prompts.few_shot_cot("Why?", [Exemplar("How?", "Thus. So the answer is 1.")])
    assert prompts.render_plain(prompt) == "Q: How?\nA: Thus. So the answer is 1.\n\nQ: Why?\nA:"
    assert len(prompts.few_shot_cot("Why?").messages) == 17
    assert prompts.few_shot_cot("Why?", []) == prompts.plain("Why?")


def test_exemplars_cover_the_families_and_their_sums_are_right():
    shown = prompts.exemplars()
    assert len(shown) == 8
    one_answer = {name for name, family in FAMILIES.items() if family.check is None}
    assert {exemplar.family for exemplar in shown} == one_answer
    for exemplar in shown:
        assert re.search(r"So the answer is \S+\.$", exemplar.worked)
        for sum_, result in re.findall(r"(\d+ [-+*/] \d+) = (\d+)", exemplar.worked):
            assert eval(sum_) == int(result)  # digits and one operator only


def test_exemplars_hold_no_held_out_name():
    from playground.puzzles import words

    for exemplar in prompts.exemplars():
        used = [w for w in re.findall(r"\w+", exemplar.question) if w in words.NAMES or w in words.THINGS]
        assert used or exemplar.family in ("letter_count", "decimal_compare")
        assert all(words.split_of(word) == "train" for word in used), used


def test_titled_chain_appends_steps_as_json_turns():
    steps = [Step("Start", 'Sue said "35".'), Step("Answer", "So the answer is 3.", "final_answer")]
    prompt = prompts.titled_chain("Why?", steps)
    assert [message.role for message in prompt.messages] == ["system", "user", *["assistant"] * 3]
    for message, step in zip(prompt.messages[3:], steps, strict=True):
        assert Step(**json.loads(message.content)) == step
    assert prompts.titled_chain_final("Why?", steps).messages[-1].role == "user"
    system = prompt.messages[0].content
    assert all(word in system for word in ("title", "content", "next_action", "continue", "final_answer"))
    assert len(system.split()) <= 80


def test_classification_names_every_band():
    system = prompts.classify_difficulty("Why?").messages[0].content
    assert all(word in system for word in prompts.texts.DIFFICULTIES)


def test_render_plain_knows_system_turns():
    prompt = Prompt((Message("system", "Be kind."), Message("user", "Why?")), prefill="Since")
    assert prompts.render_plain(prompt) == "Be kind.\n\nQ: Why?\nA: Since"


def test_prompts_are_values():
    with pytest.raises(AttributeError):
        prompts.plain("Why?").prefill = "x"  # type: ignore[misc]
