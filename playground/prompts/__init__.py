"""Every prompt the project sends, in one place: the words are in `texts`, this module arranges them as messages.

Knows only texts and messages. Must not know models, tokenizers, strategies or how a reply is parsed; a
model's own chat template, or `render_plain` where there is none, turns the messages into tokens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from playground.prompts import texts
from playground.prompts.messages import Message, Prompt, Role, Written
from playground.prompts.search import (
    correct,
    critique,
    decompose,
    go_on,
    judge,
    next_step,
    propose,
    review,
    revise,
    subquestion,
    value,
    vote,
)

__all__ = [
    "Exemplar", "Message", "Prompt", "Role", "Step", "Written", "answer_cue", "classify_difficulty", "correct",
    "critique", "decompose", "exemplars", "few_shot_cot", "go_on", "judge", "next_step", "plain", "propose",
    "render_plain", "review", "revise", "state_answer", "subquestion", "texts", "titled_chain",
    "titled_chain_final", "value", "vote", "zero_shot_cot",
]  # fmt: skip


@dataclass(frozen=True)
class Exemplar:
    """A worked question for few-shot prompts; `worked` ends "So the answer is X."."""

    question: str
    worked: str
    family: str = ""


@dataclass(frozen=True)
class Step:
    """One reply of the titled chain."""

    title: str
    content: str
    next_action: Literal["continue", "final_answer"] = "continue"

    def to_json(self) -> str:
        return json.dumps(
            {"title": self.title, "content": self.content, "next_action": self.next_action},
            ensure_ascii=False,
        )

    def to_plain(self) -> str:
        return f"{self.title}: {self.content} [{self.next_action.replace('_', ' ')}]"


answer_cue = texts.ANSWER_CUE
"""Words that lead a model to state its answer: "So the answer is"."""


@cache
def exemplars() -> tuple[Exemplar, ...]:
    """The project's eight worked exemplars, from exemplars.json."""
    stored = json.loads(files(__package__).joinpath("exemplars.json").read_text("utf-8"))
    return tuple(Exemplar(**item) for item in stored)


def plain(question: str) -> Prompt:
    """The question and nothing else."""
    return Prompt((Message("user", question),))


def zero_shot_cot(question: str, *, prefill: bool = True) -> Prompt:
    """The question, with the reply made to begin "Let's think step by step." (Kojima et al. 2022).

    Without `prefill` (backends that do not let a reply be begun) the sentence ends the question instead.
    """
    if prefill:
        return Prompt((Message("user", question),), prefill=texts.STEP_BY_STEP)
    return Prompt((Message("user", f"{question}\n\n{texts.STEP_BY_STEP}"),))


def state_answer(question: str, reasoning: str) -> Prompt:
    """Ask for the answer to a question whose reasoning has been written."""
    turns = (Message("user", question), Message("assistant", reasoning), Message("user", texts.STATE_ANSWER))
    return Prompt(turns)


def few_shot_cot(question: str, examples: Sequence[Exemplar] | None = None) -> Prompt:
    """Worked exemplars as earlier turns, then the question (Wei et al. 2022). None takes the project's eight."""
    turns: list[Message] = []
    for example in exemplars() if examples is None else examples:
        turns += [Message("user", example.question), Message("assistant", example.worked)]
    return Prompt((*turns, Message("user", question)))


def titled_chain(question: str, steps: Sequence[Step] = (), *, plain: bool = False) -> Prompt:
    """Ask for the next titled step, given the steps so far: one JSON object, or with `plain` a line of text."""
    system = texts.TITLED_CHAIN_PLAIN_SYSTEM if plain else texts.TITLED_CHAIN_SYSTEM
    priming = texts.TITLED_CHAIN_PLAIN_PRIMING if plain else texts.TITLED_CHAIN_PRIMING
    return Prompt(
        (
            Message("system", system),
            Message("user", question),
            Message("assistant", priming),
            *(Message("assistant", step.to_plain() if plain else step.to_json()) for step in steps),
        )
    )


def titled_chain_final(question: str, steps: Sequence[Step], *, plain: bool = False) -> Prompt:
    """Ask for the final answer as plain text, from the steps above only."""
    chain = titled_chain(question, steps, plain=plain)
    return Prompt((*chain.messages, Message("user", texts.TITLED_CHAIN_FINAL)))


def classify_difficulty(question: str) -> Prompt:
    """Ask for one word of `texts.DIFFICULTIES`."""
    return Prompt((Message("system", texts.CLASSIFY_SYSTEM), Message("user", question)))


def render_plain(prompt: Prompt) -> str:
    """The prompt as plain text, for models without a chat template; ends where the reply begins."""
    if not prompt.messages:
        return prompt.prefill
    forms = {"system": "{}\n\n", "user": "Q: {}\n", "assistant": "A: {}\n\n"}
    text = "".join(forms[message.role].format(message.content) for message in prompt.messages)
    return text + "A:" + (f" {prompt.prefill}" if prompt.prefill else "")
