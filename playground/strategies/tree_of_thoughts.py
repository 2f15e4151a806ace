"""Tree of thoughts: search over steps that the model itself proposes and judges (Yao et al. 2023, arXiv:2305.10601)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal

from pydantic import Field

from playground.events import Event, NodeClosed, Warned
from playground.models.base import Model
from playground.sampling import GREEDY
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.stepping import Line, SteppedParams, finish
from playground.strategies.thoughts import Way, think, values, votes


class TreeOfThoughtsParams(SteppedParams):
    max_new_tokens: int = Field(60, ge=1, le=8192, description="Longest thought, in tokens.")
    temperature: float = Field(0.7, ge=0, le=5, description="Divides the logits; 0 is greedy, 1 leaves them.")
    search: Literal["BFS", "DFS"] = Field(
        "BFS", description="Keep the best states of every depth, or follow the best one and come back."
    )
    generate: Way = Field("propose", description="Ask for a list of next thoughts, or draw each for itself.")
    evaluate: Literal["value", "vote"] = Field(
        "value",
        description="Judge every state for itself, or vote among the states of a depth.",
        json_schema_extra={"when": {"search": "BFS"}},
    )
    thoughts: int = Field(8, ge=1, le=20, description="Next thoughts of every state.")
    breadth: int = Field(
        5,
        ge=1,
        le=50,
        description="States kept at every depth (b).",
        json_schema_extra={"when": {"search": "BFS"}},
    )
    opinions: int = Field(3, ge=1, le=10, description="Values or votes drawn and added up.")
    max_steps: int = Field(8, ge=1, le=40, description="Deepest thought.")
    threshold: float = Field(
        1.0,
        ge=0,
        le=200,
        description="A state worth less is not followed.",
        json_schema_extra={"when": {"search": "DFS"}},
    )
    max_states: int = Field(
        60,
        ge=1,
        le=2000,
        description="States looked at before giving up.",
        json_schema_extra={"when": {"search": "DFS"}},
    )

    @property
    def full_value(self) -> float:
        """What a state is worth when every opinion is the best one."""
        return self.opinions * (1.0 if self.search == "BFS" and self.evaluate == "vote" else 20.0)


State = tuple[Line, float]


@strategy(
    "tree-of-thoughts",
    title="Tree of thoughts",
    group="tree search",
    leads=True,
    summary=(
        "Lets the model propose several next steps, judge what each is worth, and go on only from the best: breadth "
        "first it keeps b states of every depth, depth first it follows the best one and comes back from dead ends. "
        "It helps where a first step can spoil everything, as in the game of 24; it costs many short calls, and is "
        "no better than the model's own judgement of its states."
    ),
    paper="Yao et al. 2023, arXiv:2305.10601",
    shape="tree",
)
def run(
    question: Question, model: Model, params: TreeOfThoughtsParams, place: Place
) -> Generator[Event, None, Result]:
    """Propose, evaluate, keep the best; until answers are reached (algorithms 1 and 2)."""
    search = breadth_first if params.search == "BFS" else depth_first
    best, states = yield from search(question, model, params, place)
    line, value = best
    if not line.done:
        # 5. Nothing reached an answer: the best state is written to its end.
        yield Warned("No state reached an answer; the best one was written to its end.", line.node)
        [line] = yield from finish(question, model, [line], GREEDY, place, max_new_tokens=256, name="end")
    yield NodeClosed(line.node, "chosen")
    info = {"states": states}
    if line.answer is None:
        return Result(None, line.node, info=info)
    kind = "value of the best state, of the largest there is"
    return Result(line.answer.text, line.node, min(1.0, value / params.full_value), kind, info)


def breadth_first(
    question: Question, model: Model, params: TreeOfThoughtsParams, place: Place
) -> Generator[Event, None, tuple[State, int]]:
    """Algorithm 1: all states of a depth at once, the best b go on."""
    frontier: list[State] = [(Line(place.node), 0.0)]
    count = 0
    for _ in range(params.max_steps):
        open_ = [line for line, _ in frontier if not line.done]
        if not open_:
            break
        # 1. Next thoughts of every open state.
        families = yield from expand(question, model, open_, params, place)
        # 2. What each new state is worth; one that has come to its answer is worth what it came from.
        fresh = [line for family in families for line in family]
        count += len(fresh)
        worth = dict(inherited(frontier, open_, families))
        judged = [line for line in fresh if not line.done]
        judge = values if params.evaluate == "value" else votes
        sampling = params.sampling()
        found = yield from judge(question, model, judged, params.opinions, sampling, place)
        worth |= dict(zip([line.node for line in judged], found, strict=True))
        # 3. The best b are kept, answers among them; ties go to the earlier.
        states = [state for state in frontier if state[0].done] + [(line, worth[line.node]) for line in fresh]
        if not states:
            break
        ranked = sorted(states, key=lambda state: -state[1])
        frontier = ranked[: params.breadth]
        for line, value in ranked[params.breadth :]:
            yield NodeClosed(
                line.node, "pruned", f"worth {value:.4g}, not among the best {params.breadth} of its depth"
            )
        for line, _ in frontier:
            yield NodeClosed(line.node, "kept")
    # 4. The best answer, or the best state where there is none.
    answered = [state for state in frontier if state[0].answer is not None]
    return max(answered or frontier, key=lambda state: state[1]), count


def inherited(
    frontier: Sequence[State], open_: Sequence[Line], families: Sequence[Sequence[Line]]
) -> list[tuple[str, float]]:
    """The children's values as their parents'."""
    worth = {line.node: value for line, value in frontier}
    return [
        (child.node, worth[parent.node])
        for parent, family in zip(open_, families, strict=True)
        for child in family
    ]


def depth_first(
    question: Question, model: Model, params: TreeOfThoughtsParams, place: Place
) -> Generator[Event, None, tuple[State, int]]:
    """Algorithm 2: follow the best state, prune below the threshold, come back from dead ends."""
    stack: list[State] = [(Line(place.node), params.full_value)]
    best: State = (Line(place.node), 0.0)
    count = 0
    while stack and count < params.max_states:
        line, value = stack.pop()
        if line.done:
            if line.answer is not None:
                return (line, value), count
            yield NodeClosed(line.node, "pruned", "ends without an answer")
            continue
        if (line.depth, value) > (best[0].depth, best[1]):
            best = (line, value)
        if line.depth >= params.max_steps:
            yield NodeClosed(line.node, "pruned", f"{params.max_steps} steps deep without an answer")
            continue
        [family] = yield from expand(question, model, [line], params, place)
        count += len(family)
        open_ = [child for child in family if not child.done]
        found = yield from values(question, model, open_, params.opinions, params.sampling(), place)
        worth = dict(zip([child.node for child in open_], found, strict=True))
        ahead = [(child, worth.get(child.node, value)) for child in family]
        for child, opinion in ahead:
            if opinion < params.threshold:
                yield NodeClosed(child.node, "pruned", f"worth {opinion:.4g}, below {params.threshold:g}")
        # The best is on top of the stack; those below it are where a dead end comes back to.
        stack += sorted((s for s in ahead if s[1] >= params.threshold), key=lambda state: state[1])
    return best, count


def expand(
    question: Question, model: Model, lines: Sequence[Line], params: TreeOfThoughtsParams, place: Place
) -> Generator[Event, None, list[list[Line]]]:
    return (
        yield from think(
            question,
            model,
            lines,
            params.thoughts,
            params.generate,
            params.sampling(),
            place,
            max_new_tokens=params.max_new_tokens,
        )
    )
