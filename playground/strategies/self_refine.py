"""Self-refine: answer, criticise the answer, correct it, again and again (Madaan et al. 2023)."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Literal

from pydantic import Field

from playground import prompts
from playground.events import Event, NodeClosed, NodeOpened, Titled, Warned
from playground.models.base import Model
from playground.prompts import Prompt
from playground.strategies.answering import DELTA, Path, scored, write
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.direct import DirectParams
from playground.strategies.samples import Asked, ask

Stopped = Literal["nothing is wrong", "all rounds done", "the critique is empty"]
_NOTHING = re.compile(
    r"(?:^|[.!?\n])[\s\"'*]*nothing (?:is|seems|was) wrong[\s\"'*]*(?:[.!\n]|$)", re.IGNORECASE
)


class SelfRefineParams(DirectParams):
    prompt: Asked = Field("zero-shot CoT", description="What the first answer is asked with.")
    rounds: int = Field(3, ge=1, le=20, description="How often it is criticised and corrected at most.")
    critique_tokens: int = Field(200, ge=1, le=8192, description="Longest critique, in tokens.")


@strategy(
    "self-refine",
    title="Self-refine",
    group="steps",
    summary=(
        "Lets the model answer, say what is wrong in its answer, and write it anew with the critique in view, until "
        "the critique finds nothing wrong. It helps when mistakes are easier to see than to avoid; without a critic "
        "that can tell right from wrong it keeps its mistakes, or gives up right answers. It costs two calls for "
        "each round, each reading the answer."
    ),
    paper="Madaan et al. 2023, arXiv:2303.17651",
    shape="steps",
)
def run(
    question: Question, model: Model, params: SelfRefineParams, place: Place
) -> Generator[Event, None, Result]:
    """Generate, give feedback, refine, until the feedback says stop (algorithm 1)."""
    # 1. The first answer.
    first = ask(params.prompt, question, model)
    stated = params.prompt != "plain"
    tried = [(yield from answer(question, model, first, "Answer", place.node, params, place, stated))]
    stopped: Stopped = "all rounds done"
    for number in range(1, params.rounds + 1):
        # 2. What is wrong in it, if anything is.
        found, under = yield from criticise(question, model, tried[-1], number, params, place)
        if not found or finds_nothing(found):
            stopped = "nothing is wrong" if found else "the critique is empty"
            break
        # 3. The answer again, with the critique in view.
        yield NodeClosed(tried[-1].node, "pruned", f"corrected after critique {number}")
        prompt = prompts.correct(question.text, tried[-1].text, found)
        title = f"Corrected answer {number}"
        tried.append((yield from answer(question, model, prompt, title, under, params, place)))
    # 4. The last answer stands.
    answers = [path.answer.text if path.answer else None for path in tried]
    info = {"rounds": len(tried) - 1, "stopped": stopped, "answers": answers}
    last = tried[-1]
    if last.answer is None:
        yield NodeClosed(last.node, "kept", "no answer found in the text")
        return Result(None, info=info)
    yield NodeClosed(last.node, "chosen", stopped)
    return Result(last.answer.text, last.node, last.delta, DELTA if last.delta is not None else None, info)


def answer(
    question: Question,
    model: Model,
    prompt: Prompt,
    title: str,
    parent: str,
    params: SelfRefineParams,
    place: Place,
    state_answer: bool = True,
) -> Generator[Event, None, Path]:
    """Write an answer as a step of the story."""
    node = place.child(title.lower().replace(" ", "-"))
    yield NodeOpened(node, parent, "step", title)
    [path] = yield from write(
        question,
        model,
        prompt,
        [node],
        params.sampling(),
        place,
        purpose=title.lower(),
        max_new_tokens=params.max_new_tokens,
        state_answer=state_answer,
    )
    yield Titled(node, title, path.text.strip())
    yield from scored(path)
    return path


def criticise(
    question: Question, model: Model, path: Path, number: int, params: SelfRefineParams, place: Place
) -> Generator[Event, None, tuple[str, str]]:
    """What the model finds wrong in an answer, and the node where it says so."""
    node = place.child(f"critique-{number}")
    title = f"Critique {number}"
    yield NodeOpened(node, path.node, "step", title)
    [reply] = yield from model.sample(
        prompts.critique(question.text, path.text),
        [node],
        params.sampling(),
        node=place.node,
        purpose=title.lower(),
        max_new_tokens=params.critique_tokens,
        seed=place.seed,
    )
    found = reply.text.strip()
    if not found:
        yield NodeClosed(node, "failed", "an empty critique")
        yield Warned(f"Critique {number} is empty; the answer before it stands.", node)
        return found, node
    yield Titled(node, title, found)
    yield NodeClosed(node, "kept", "nothing is wrong" if finds_nothing(found) else "")
    return found, node


def finds_nothing(critique: str) -> bool:
    """Whether a critique says, in a sentence of its own, that nothing is wrong."""
    return _NOTHING.search(critique) is not None
