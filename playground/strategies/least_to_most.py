"""Least-to-most: smaller questions first, each answer fed into the next (Zhou et al. 2023)."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import replace

from pydantic import Field

from playground import answers, prompts
from playground.events import Event, NodeClosed, NodeOpened, Titled, Warned
from playground.models.base import Model
from playground.strategies.answering import ask_for_answer, conclude, read_path
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.direct import DirectParams

_MARK = re.compile(r"^\s*(?:(?:step|question)?\s*\d{1,3}\s*[.):]|[-*•])\s+", re.IGNORECASE)


class LeastToMostParams(DirectParams):
    max_new_tokens: int = Field(
        200, ge=1, le=8192, description="Longest answer to a smaller question, in tokens."
    )
    decompose_tokens: int = Field(
        400, ge=1, le=8192, description="Longest list of smaller questions, in tokens."
    )
    max_questions: int = Field(16, ge=1, le=64, description="At most so many smaller questions are asked.")
    whole_last: bool = Field(
        False,
        description="Ask the question itself at the end, for a model whose list of smaller ones stops before it.",
    )


@strategy(
    "least-to-most",
    title="Least-to-most",
    group="steps",
    summary=(
        "Asks which smaller questions lead to the answer, then asks these one after the other, every earlier one and "
        "its answer in view. It helps when a question is longer than those the model has learned from, since each "
        "step stays small; it hurts when the question does not come apart, or an early answer is wrong. It costs one "
        "call to take the question apart and one for each smaller question."
    ),
    paper="Zhou et al. 2023, arXiv:2205.10625",
    shape="steps",
)
def run(
    question: Question, model: Model, params: LeastToMostParams, place: Place
) -> Generator[Event, None, Result]:
    """Decompose, then solve the subquestions in order (§2)."""
    # 1. The smaller questions, simplest first.
    asked, complete = yield from decompose(question, model, params, place)
    # 2. Each is asked with those before it and their answers in view.
    solved: list[tuple[str, str]] = []
    last = None
    for number, smaller in enumerate(asked, 1):
        node = place.child(f"question-{number}")
        yield NodeOpened(node, place.node, "step", smaller)
        [reply] = yield from model.sample(
            prompts.subquestion(question.text, solved, smaller),
            [node],
            params.sampling(),
            node=node,
            purpose=f"smaller question {number}",
            max_new_tokens=params.max_new_tokens,
            seed=place.seed,
        )
        if not reply.text.strip():
            yield NodeClosed(node, "failed", "an empty reply")
            continue
        if last is not None:
            yield NodeClosed(last.node, "kept")
        yield Titled(node, smaller, reply.text.strip())
        solved.append((smaller, reply.text.strip()))
        last = reply
    info = {"questions": len(asked), "answered": len(solved)}
    if last is None:
        yield Warned("None of the smaller questions got an answer.")
        return Result(None, info=info)
    # 3. The last answer is the answer; where it states none, or questions were left out, it is asked for.
    path = read_path(last.node, last.text, last.tokens, question.family)
    if not (complete and answers.states_answer(last.text)):
        reasoning = "\n".join(reply for _, reply in solved)
        path = yield from ask_for_answer(question, model, path, reasoning, place)
    result = yield from conclude(path)
    return replace(result, info=info)


def decompose(
    question: Question, model: Model, params: LeastToMostParams, place: Place
) -> Generator[Event, None, tuple[list[str], bool]]:
    """The smaller questions to be asked, and whether these are all."""
    node = place.child("decompose")
    title = "Smaller questions"
    yield NodeOpened(node, place.node, "step", title)
    [reply] = yield from model.sample(
        prompts.decompose(question.text),
        [node],
        params.sampling(),
        node=node,
        purpose="decompose",
        max_new_tokens=params.decompose_tokens,
        seed=place.seed,
    )
    found = read_questions(reply.text)
    if not found:
        yield NodeClosed(node, "failed", "no smaller question in the reply")
        yield Warned("The model named no smaller questions; the question itself is asked.", node)
        return [question.text], True
    yield Titled(node, title, "\n".join(found))
    yield NodeClosed(node, "kept")
    if params.whole_last and found[-1] != question.text:
        found.append(question.text)
    complete = len(found) <= params.max_questions
    if not complete:
        yield Warned(
            f"{len(found)} smaller questions were to be asked; after the first {params.max_questions} the answer "
            "is asked for.",
            node,
        )
    return found[: params.max_questions], complete


def read_questions(text: str) -> list[str]:
    """The questions in a reply, one on each line, without numbers, dots and repetitions.

    Where some lines are questions, the others (a word before them, say) are left out.
    """
    lines = [_MARK.sub("", line).strip(" *\t") for line in text.splitlines()]
    lines = list(dict.fromkeys(line for line in lines if line))
    return [line for line in lines if line.endswith("?")] or lines
