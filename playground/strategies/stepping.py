"""Growing answers a step at a time, for strategies that look at every step before they go on.

Boundary: writes steps and knows when an answer is complete; which steps are kept is the strategies' business. A step
is a sentence or a line. Where a backend lets replies be begun, the steps before are the beginning of the reply, so
that a model on this machine finds them among what it has read; else they are shown and the next one is asked for.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from pydantic import Field

from playground import answers, prompts
from playground.events import AnswerFound, Event, NodeOpened, Role, TokenAdded
from playground.models.base import Completion, Model
from playground.prompts import Message, Prompt
from playground.sampling import Sampling
from playground.strategies.answering import read_path
from playground.strategies.base import Place, Question, SampledParams

SENTENCE_ENDS = (". ", "! ", "? ", ".\n", "!\n", "?\n", "\n")


class SteppedParams(SampledParams):
    """Settings of a strategy that writes its answers step by step."""

    max_new_tokens: int = Field(120, ge=1, le=8192, description="Longest step, in tokens.")
    temperature: float = Field(1.0, ge=0, le=5, description="Divides the logits; 0 is greedy, 1 leaves them.")
    max_steps: int = Field(20, ge=1, le=40, description="Longest answer, in steps.")


@dataclass(frozen=True, slots=True)
class Line:
    """The beginning of an answer, or a whole one: its steps, and the node of the last.

    Attributes:
        done: nothing comes after it.
        tokens: of all its steps; empty where the backend gives none.
        answer: what it came to, located in the text of its last node.
        delta: mean top-2 margin over the answer's tokens.
    """

    node: str
    steps: tuple[str, ...] = ()
    done: bool = False
    tokens: tuple[TokenAdded, ...] = ()
    answer: AnswerFound | None = None
    delta: float | None = None

    @property
    def text(self) -> str:
        return " ".join(self.steps)

    @property
    def depth(self) -> int:
        return len(self.steps)


def prompt_after(question: str, steps: Sequence[str], *, prefill: bool, to_end: bool = False) -> Prompt:
    """The prompt whose continuation is the next step, or with `to_end` all of them."""
    if not prefill:
        return prompts.go_on(question, steps) if to_end else prompts.next_step(question, steps)
    begun = " ".join([prompts.texts.STEP_BY_STEP, *steps])
    return Prompt((Message("user", question),), prefill=begun)


def grow(
    question: Question,
    model: Model,
    lines: Sequence[tuple[Line, int]],
    sampling: Sampling,
    place: Place,
    *,
    max_new_tokens: int,
    purpose: str = "step",
    role: Role = "thought",
    label: str = "",
) -> Generator[Event, None, list[list[Line]]]:
    """Write the next step of each line, as often as its number says, all in one batch.

    Children are `node/1`, `node/2` …, after `label` where a line is grown more than once; lists of them come back
    in the order of `lines`. A step without text ends the line as it was.
    """
    nodes: list[str] = []
    asked: list[Prompt] = []
    for line, count in lines:
        prompt = prompt_after(question.text, line.steps, prefill=model.capabilities.prefill)
        for i in range(count):
            nodes.append(f"{line.node}/{label}{i + 1}")
            asked.append(prompt)
            yield NodeOpened(nodes[-1], line.node, role, f"step {line.depth + 1}")
    if not nodes:
        return [[] for _ in lines]
    replies = yield from model.sample(
        asked,
        nodes,
        sampling,
        node=place.node,
        purpose=purpose,
        max_new_tokens=max_new_tokens,
        seed=place.seed,
        stop=SENTENCE_ENDS,
    )
    written = iter(replies)
    grown: list[list[Line]] = []
    for line, count in lines:
        grown.append([])
        for _ in range(count):
            child = longer(line, next(written), question)
            if child.answer is not None:
                yield child.answer
            grown[-1].append(child)
    return grown


def longer(line: Line, reply: Completion, question: Question) -> Line:
    """The line with one step more."""
    text = reply.text.strip()
    # The stop text is no part of the reply; what it took off a sentence comes back.
    if reply.end == "stop text" and text and text[-1] not in ".!?:":
        text += "."
    steps = (*line.steps, text) if text else line.steps
    tokens = (*line.tokens, *reply.tokens)
    done = reply.end in ("stop", "context full") or not text or answers.announces_answer(text)
    path = read_path(reply.node, reply.text, reply.tokens, question.family) if done and text else None
    return replace(
        line,
        node=reply.node,
        steps=steps,
        tokens=tokens,
        done=done,
        answer=path.answer if path else None,
        delta=path.delta if path else None,
    )


def finish(
    question: Question,
    model: Model,
    lines: Sequence[Line],
    sampling: Sampling,
    place: Place,
    *,
    max_new_tokens: int,
    name: str = "rollout",
    role: Role = "rollout",
) -> Generator[Event, None, list[Line]]:
    """Write every line to its end, all in one batch, each in a node under its last; those at their end stay."""
    open_ = [line for line in lines if not line.done]
    nodes = [f"{line.node}/{name}" for line in open_]
    for node, line in zip(nodes, open_, strict=True):
        yield NodeOpened(node, line.node, role, name)
    if not open_:
        return list(lines)
    prefill = model.capabilities.prefill
    replies = yield from model.sample(
        [prompt_after(question.text, line.steps, prefill=prefill, to_end=True) for line in open_],
        nodes,
        sampling,
        node=place.node,
        purpose=name,
        max_new_tokens=max_new_tokens,
        seed=place.seed,
    )
    ended = {}
    for line, reply in zip(open_, replies, strict=True):
        path = read_path(reply.node, reply.text, reply.tokens, question.family)
        if path.answer is not None:
            yield path.answer
        ended[line.node] = replace(
            line,
            node=reply.node,
            steps=(*line.steps, *sentences(reply.text)),
            tokens=(*line.tokens, *reply.tokens),
            done=True,
            answer=path.answer,
            delta=path.delta,
        )
    return [ended.get(line.node, line) for line in lines]


def sentences(text: str) -> tuple[str, ...]:
    """A text cut after every sentence and line, as it would have been written step by step."""
    for end in SENTENCE_ENDS:
        text = text.replace(end, end.strip() + "\n")
    return tuple(piece.strip() for piece in text.split("\n") if piece.strip())
