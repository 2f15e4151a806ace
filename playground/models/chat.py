"""From a prompt to the exact text and tokens a model reads.

Boundary: knows prompts, chat templates and token texts; not models. Where the model has a chat template, that is
used; else the plain "Q: … A:" form. Words that spell a control token in a question stay words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jinja2.exceptions import TemplateError

from playground.errors import ModelError
from playground.models.token_text import TokenText
from playground.prompts import Message, Prompt, Written, render_plain

PLAIN_STOP = "\nQ:"
"""Where a reply to a plain prompt ends at the latest: the next question, which the model would make up."""


class Chat:
    """How one model is asked.

    Args:
        tokenizer: the model's transformers tokenizer.
        text: the same tokenizer seen as bytes.
    """

    def __init__(self, tokenizer: Any, text: TokenText) -> None:
        self._tokenizer = tokenizer
        self._text = text
        self._literals = _any_of(text.special)

    @property
    def templated(self) -> bool:
        return bool(self._tokenizer.chat_template)

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end a reply besides those asked for."""
        return () if self.templated else (PLAIN_STOP,)

    def read(self, prompt: Prompt | Written) -> tuple[Written, list[int]]:
        """The exact text, control tokens written out, and its token ids.

        Raises:
            ModelError: the chat template cannot show this prompt.
        """
        if isinstance(prompt, Written):
            return prompt, list(prompt.ids) or self._read_again(prompt.text)
        marks: list[str] = []
        if self._literals is not None:
            prompt = self._marked(prompt, self._literals, marks)
        text = self._render(prompt)
        pieces = _split(text, marks)
        ids: list[int] = []
        for i, (piece, literal) in enumerate(pieces):
            beginning = i == 0 and not (self.templated and prompt.messages)
            ids += self._text.encode(piece, special=not literal, beginning=beginning)
        text = "".join(piece for piece, _ in pieces)
        read_differently = (marks or not prompt.messages) and ids != self._read_again(text)
        return Written(text, tuple(ids) if read_differently else ()), ids

    def _read_again(self, text: str) -> list[int]:
        """Ids of a conversation's exact text, none of whose control tokens are a person's words."""
        return self._text.encode(text, special=True, beginning=not self.templated)

    def _marked(self, prompt: Prompt, literals: re.Pattern[str], marks: list[str]) -> Prompt:
        """The prompt with a private mark in place of each literal control token; `marks` receives them, with
        the mark's own character first."""
        contents = "".join(message.content for message in prompt.messages) + prompt.prefill
        if not literals.search(contents):
            return prompt
        mark = next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in contents)
        marks.append(mark)

        def stand_in(match: re.Match[str]) -> str:
            marks.append(match[0])
            return f"{mark}{len(marks) - 1}{mark}"

        messages = tuple(
            replace(message, content=literals.sub(stand_in, message.content)) for message in prompt.messages
        )
        return replace(prompt, messages=messages, prefill=literals.sub(stand_in, prompt.prefill))

    def _render(self, prompt: Prompt) -> str:
        if not prompt.messages:
            return prompt.prefill
        if not self.templated:
            return render_plain(prompt)
        try:
            text = self._apply(prompt.messages)
        except TemplateError:
            # Some templates know no system role or want user and assistant to alternate.
            try:
                text = self._apply(alternating(prompt.messages))
            except TemplateError as error:
                raise ModelError(
                    f"The model's chat template cannot show this conversation: {error}.",
                    "Choose a strategy that asks in one turn, or another model.",
                ) from error
        between = " " if prompt.prefill and not text[-1:].isspace() else ""
        return text + between + prompt.prefill

    def _apply(self, messages: Sequence[Message]) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        text: str = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return text


def alternating(messages: Sequence[Message]) -> list[Message]:
    """The same conversation with the system's words in the first user turn and no role twice in a row."""
    turns: list[Message] = []
    for message in messages:
        role = "user" if message.role == "system" else message.role
        if turns and turns[-1].role == role:
            turns[-1] = Message(role, f"{turns[-1].content}\n\n{message.content}")
        else:
            turns.append(Message(role, message.content))
    return turns


def _any_of(texts: set[str]) -> re.Pattern[str] | None:
    longest_first = sorted((text for text in texts if text), key=lambda text: (-len(text), text))
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _split(text: str, marks: Sequence[str]) -> list[tuple[str, bool]]:
    """The text cut at its marks; (piece, whether it stands for a literal control token)."""
    if not marks:
        return [(text, False)]
    cut = re.split(f"{marks[0]}([0-9]+){marks[0]}", text)
    return [
        (marks[int(piece)], True) if i % 2 else (piece, False)
        for i, piece in enumerate(cut)
        if i % 2 or piece
    ]
