"""Several replies to one question, drawn together; shared by the strategies that choose among many answers.

Boundary: asks, draws and reads the answers; which of them is chosen is the strategies' business.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal

from pydantic import Field

from playground import prompts
from playground.events import Event, NodeOpened
from playground.models.base import Model
from playground.prompts import Prompt
from playground.strategies.answering import Path, scored, write
from playground.strategies.base import Place, Question, SampledParams

Asked = Literal["zero-shot CoT", "few-shot CoT", "plain"]


class ManyParams(SampledParams):
    """Settings of a strategy that draws several answers."""

    n: int = Field(10, ge=1, le=200, description="How many samples are drawn.")
    prompt: Asked = Field("zero-shot CoT", description="What each sample is asked with.")


def ask(asked: Asked, question: Question, model: Model) -> Prompt:
    """The prompt of a first answer."""
    match asked:
        case "zero-shot CoT":
            return prompts.zero_shot_cot(question.text, prefill=model.capabilities.prefill)
        case "few-shot CoT":
            return prompts.few_shot_cot(question.text)
        case "plain":
            return prompts.plain(question.text)


def draw(
    question: Question, model: Model, params: ManyParams, place: Place, group: range | None = None
) -> Generator[Event, None, list[Path]]:
    """Draw `n` samples in one batch (or those of `group`, counted from 0), and read and measure their answers.

    Each has its own random numbers, whatever is drawn beside it. A working that states no answer is led to it.
    """
    numbers = range(params.n) if group is None else group
    nodes = [place.child(f"sample-{i + 1}") for i in numbers]
    for i, node in zip(numbers, nodes, strict=True):
        yield NodeOpened(node, place.node, "branch", f"sample {i + 1}")
    paths = yield from write(
        question,
        model,
        ask(params.prompt, question, model),
        nodes,
        params.sampling(),
        place,
        purpose="sample",
        max_new_tokens=params.max_new_tokens,
        state_answer=params.prompt != "plain",
    )
    for path in paths:
        yield from scored(path)
    return paths
