"""Router: answer at once where that is safe, else reason, and let a second model grade (the closing design of the
article that this project grew from)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from pydantic import Field

from playground.events import Event, NodeClosed, NodeOpened, NodeScored, Titled
from playground.models.base import Model
from playground.strategies.base import Params, Place, Question, Result, get, strategy
from playground.strategies.difficulty import classify
from playground.strategies.scoring import Candidate, judged
from playground.strategies.stepping import sentences

EASY = ("easy", "simple")


class RouterParams(Params):
    sure: float = Field(
        0.9, gt=0, le=1, description="A direct answer with at least this confidence (Δ) is taken."
    )
    chain: str = Field(
        "zero-shot-cot", description="The strategy that reasons where a direct answer is not sure."
    )
    last: str = Field("self-consistency", description="The strategy for an answer that was graded wrong.")
    grader: str = Field("", description="The model that grades; empty for the one that answers.")
    pass_mark: float = Field(
        0.5,
        ge=0,
        le=1,
        description="An answer that is correct with at least this probability, as graded, passes.",
    )


@strategy(
    "router",
    title="Router",
    group="choosing a strategy",
    leads=True,
    summary=(
        "Classifies the question, answers an easy one directly and takes that answer if the model is sure of it; "
        "else it reasons, lets a second model grade the result, and spends more only on what was graded wrong. Every "
        "decision is shown. It saves most of the cost where most questions are easy; it fails where the model is "
        "surely wrong, or the grader is."
    ),
    paper="",
    shape="tree",
)
def run(
    question: Question, model: Model, params: RouterParams, place: Place
) -> Generator[Event, None, Result]:
    """Classify; answer directly if confident; else chain, grade, and try harder."""
    decisions: list[str] = []
    # 1. How hard is it, in the model's own word?
    label = yield from classify(question, model, place)
    decisions.append(f"classified as {label}")
    if label in EASY:
        # 2. An easy question is answered directly; a sure answer is the end.
        result = yield from nested("direct", "direct", question, model, params, place)
        if result.answer is not None and (result.confidence or 0.0) >= params.sure:
            return told(result, [*decisions, f"the direct answer is sure enough (Δ {result.confidence:.2f})"])
        decisions.append("the direct answer is not sure enough")
    # 3. Reason.
    result = yield from nested("chain", params.chain, question, model, params, place)
    # 4. A second model grades the answer.
    grade = yield from graded(question, model, result, params, place)
    decisions.append(f"graded {grade:.2f}")
    if grade >= params.pass_mark:
        return told(result, [*decisions, "passed"])
    # 5. What does not pass is tried again with more effort.
    decisions.append(f"did not pass: {params.last}")
    result = yield from nested("last", params.last, question, model, params, place)
    return told(result, decisions)


def told(result: Result, decisions: list[str]) -> Result:
    return replace(result, info={**result.info, "decisions": decisions})


def nested(
    name: str, strategy_name: str, question: Question, model: Model, params: RouterParams, place: Place
) -> Generator[Event, None, Result]:
    """Another strategy with its default settings, in a node of its own."""
    chosen = get(strategy_name)
    chosen.require(model.name, model.capabilities)
    inside = place.at(name)
    yield NodeOpened(inside.node, place.node, "step", chosen.title)
    yield Titled(inside.node, chosen.title, f"route: {strategy_name}")
    settings = chosen.parse({"max_new_tokens": params.max_new_tokens})
    result = yield from chosen.steps(question, model, settings, inside)
    yield NodeClosed(inside.node, "kept")
    return result


def graded(
    question: Question, model: Model, result: Result, params: RouterParams, place: Place
) -> Generator[Event, None, float]:
    """How likely the grader is to call the answer correct; 0 where there is none."""
    if result.answer is None:
        return 0.0
    grader = place.load(params.grader) if params.grader else model
    node = place.child("grade")
    yield NodeOpened(node, place.node, "verdict", f"graded by {grader.name}")
    candidate = Candidate(node, sentences(f"The answer is {result.answer}."), None)
    [grade] = yield from judged(question, grader, [candidate], place)
    yield NodeScored(node, "grade", grade, "probability of [[correct]], as graded")
    yield NodeClosed(node, "kept", "passed" if grade >= params.pass_mark else "did not pass")
    return grade
