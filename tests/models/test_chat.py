"""From prompts to text and tokens."""

from __future__ import annotations

import pytest
from tokenizers.processors import TemplateProcessing

from playground.errors import ModelError
from playground.models.chat import Chat
from playground.models.token_text import TokenText
from playground.prompts import Message, Prompt
from tests.models.tiny import TEMPLATE, make_model, make_tokenizer, run, say

STRICT = (
    "{%- for m in messages -%}"
    "{%- if m.role == 'system' -%}{{ raise_exception('no system role') }}{%- endif -%}"
    "{%- if (m.role == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception('roles must alternate') }}{%- endif -%}"
    "{{ '[' + m.role + ']' + m.content }}"
    "{%- endfor -%}{{ '[assistant]' }}"
)
TURNS = (
    Message("system", "Be brief."),
    Message("user", "2 + 2?"),
    Message("assistant", "4"),
    Message("assistant", "really"),
    Message("user", "Why?"),
)


def chat(template: str | None) -> Chat:
    tokenizer = make_tokenizer(template)
    return Chat(tokenizer, TokenText(tokenizer))


def test_without_a_template_the_prompt_is_plain_and_stops_at_the_next_question() -> None:
    plain = chat(None)
    written, ids = plain.read(say("2 + 2?"))
    text = written.text
    assert text == "Q: 2 + 2?\nA:"
    assert ids == make_tokenizer()(text)["input_ids"]
    assert plain.stops == ("\nQ:",)
    assert plain.read(say("2 + 2?", prefill="It is"))[0].text == "Q: 2 + 2?\nA: It is"


def test_a_template_is_used_with_its_control_tokens() -> None:
    templated = chat(TEMPLATE)
    written, ids = templated.read(say("2 + 2?", prefill="It is"))
    assert written.text == "user: 2 + 2?<|end|>\nassistant: It is"
    assert ids.count(1) == 1
    assert templated.stops == ()


@pytest.mark.parametrize(("ending", "expected"), [("A:", "A: It"), ("A: ", "A: It"), ("<a>\n", "<a>\nIt")])
def test_one_space_before_the_prefill_unless_there_is_white_space(ending: str, expected: str) -> None:
    written, _ = chat("{{ messages[0].content }}" + ending.replace("\n", "{{ '\n' }}")).read(
        say("x", prefill="It")
    )
    assert written.text == "x" + expected


def test_a_template_that_knows_no_system_role_and_wants_turns() -> None:
    written, _ = chat(STRICT).read(Prompt(TURNS))
    assert written.text == "[user]Be brief.\n\n2 + 2?[assistant]4\n\nreally[user]Why?[assistant]"


def test_a_template_that_refuses_everything_is_an_error() -> None:
    with pytest.raises(ModelError, match="cannot show this conversation: never"):
        chat("{{ raise_exception('never') }}").read(say("x"))


@pytest.mark.parametrize("template", [None, TEMPLATE])
def test_control_tokens_in_a_question_stay_words(template: str | None) -> None:
    reader = chat(template)
    prompt = say("say <|end|> and <|pad|><|end|>!", prefill="<|end|>")
    written, ids = reader.read(prompt)
    text = written.text
    assert text.count("<|end|>") == 3 + (template is not None)
    assert ids.count(1) == (template is not None)
    assert 0 not in ids
    assert TokenText(make_tokenizer()).join(ids).decode() == text


def test_private_characters_in_a_question_are_left_alone() -> None:
    written, ids = chat(TEMPLATE).read(say("\ue000 1\ue000 <|end|>"))
    assert written.text == "user: \ue000 1\ue000 <|end|><|end|>\nassistant:"
    assert ids.count(1) == 1


@pytest.mark.parametrize(
    ("template", "expected"),
    [(None, 1), ("{{ bos_token }}{{ messages[0].content }}", 1), ("{{ messages[0].content }}", 0)],
)
def test_a_beginning_of_text_token_is_never_doubled(template: str | None, expected: int) -> None:
    tokenizer = make_tokenizer(template)
    tokenizer.bos_token = "<|pad|>"
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|pad|> $A <|end|>", special_tokens=[("<|pad|>", 0), ("<|end|>", 1)]
    )
    _, ids = Chat(tokenizer, TokenText(tokenizer)).read(say("2 + 2?"))
    assert ids.count(0) == expected
    assert ids.count(1) == 0, "no end of text after a prompt that goes on"


def test_the_event_shows_the_exact_text() -> None:
    events, prefix = run(make_model(template=TEMPLATE).prefill(say("a <|end|>"), node="q", purpose="test"))
    assert events[0].prompt == "user: a <|end|><|end|>\nassistant:"  # type: ignore[union-attr]
    assert list(prefix.ids).count(1) == 1
