"""A question with steps towards its answer as the text a reward model reads, and the token at which each step ends.

Boundary: knows tokenizers and their chat templates; not models. Importing it imports neither torch nor transformers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from jinja2.exceptions import TemplateError

from playground.errors import ModelError


@dataclass(frozen=True, slots=True)
class StepText:
    """What is read, and for each step how many characters of the text there are up to its end."""

    text: str
    ends: tuple[int, ...]


def written(tokenizer: Any, question: str, steps: Sequence[str]) -> StepText:
    """By the tokenizer's chat template where it has one: the question is the user's turn, the steps joined by spaces
    are the assistant's. Else "Q: …", and on the next line "A: …".

    Raises:
        ModelError: the chat template cannot show this, or changes what is said.
    """
    question, *plain = (_as_words(tokenizer, text.strip()) for text in (question, *steps))
    answer = " ".join(plain)
    templated = bool(tokenizer.chat_template)
    text = _templated(tokenizer, question, answer) if templated else f"Q: {question}\nA: {answer}"
    start = text.rfind(answer)
    ends, end = [], start
    for step in plain:
        end += len(step)
        ends.append(end)
        end += 1
    return StepText(text, tuple(ends))


def _as_words(tokenizer: Any, text: str) -> str:
    """The text with a gap in everything that spells a control token, so that it is read as words."""
    special = [str(t.content) for t in tokenizer.added_tokens_decoder.values() if t.special and t.content]
    if not any(token in text for token in special):
        return text
    longest_first = "|".join(map(re.escape, sorted(special, key=len, reverse=True)))
    return re.sub(longest_first, lambda found: f"{found[0][0]} {found[0][1:]}", text)


def _templated(tokenizer: Any, question: str, answer: str) -> str:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    try:
        text = str(tokenizer.apply_chat_template(turns, tokenize=False))
    except TemplateError as error:
        raise ModelError(
            f"The reward model's chat template cannot show a question and its answer: {error}.",
            "Choose another reward model.",
        ) from error
    if answer not in text:
        raise ModelError(
            "The reward model's chat template changes the answer it is given.",
            "Choose another reward model.",
        )
    return text


def encoded(tokenizer: Any, read: StepText) -> tuple[list[int], list[int]]:
    """The text's token ids, and for each step the place of the token that has its last character."""
    # A chat template writes by itself what stands at the beginning.
    options = {"add_special_tokens": not tokenizer.chat_template}
    if not tokenizer.is_fast:
        ids = list(tokenizer(read.text, **options)["input_ids"])
        plain = tokenizer(read.text, add_special_tokens=False)["input_ids"]
        front = next(i for i in range(len(ids)) if ids[i : i + len(plain)] == plain)
        beginnings = [tokenizer(read.text[:end], add_special_tokens=False)["input_ids"] for end in read.ends]
        return ids, [front + _shared(plain, beginning) for beginning in beginnings]
    found = tokenizer(read.text, return_offsets_mapping=True, **options)
    spans: list[tuple[int, int]] = found["offset_mapping"]
    # Tokens that are no characters of the text have empty spans; of a character's several bytes the last counts.
    last = [max(i for i, (a, b) in enumerate(spans) if a < b and a < end) for end in read.ends]
    return list(found["input_ids"]), last


def _shared(ids: Sequence[int], beginning: Sequence[int]) -> int:
    """The last token that a text and its beginning have in common; what follows is cut otherwise there."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(ids, beginning, strict=False))
    return max(0, sum(1 for _ in same) - 1)
