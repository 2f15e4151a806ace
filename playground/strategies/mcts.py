"""Monte Carlo tree search over reasoning steps (Kocsis & Szepesvári 2006; over a language model's steps as in Hao et
al. 2023, arXiv:2305.14992)."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from playground.events import Event, NodeClosed, Searched
from playground.models.base import Model
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.scoring import Candidate, Scorer, score
from playground.strategies.stepping import Line, SteppedParams, finish
from playground.strategies.thoughts import Way, think


class MctsParams(SteppedParams):
    max_new_tokens: int = Field(60, ge=1, le=8192, description="Longest step, in tokens.")
    iterations: int = Field(24, ge=1, le=2000, description="Rounds of select, expand, simulate and back up.")
    exploration: float = Field(
        1.4, ge=0, le=10, description="c of UCT: how much a step that was tried little is favoured."
    )
    children: int = Field(4, ge=1, le=20, description="Next steps of every node that is expanded.")
    generate: Way = Field("sample", description="Draw each next step for itself, or ask for a list of them.")
    scorer: Scorer = Field("self-judge", description="What a finished answer is rewarded by.")
    reward_model: str = Field("reward:embedded", description="With the scorer PRM: which reward model.")
    answer_by: Literal["most visited", "best value"] = Field(
        "most visited", description="Which child is followed from the root to the answer."
    )
    stop_when_right: bool = Field(
        True,
        description="With the exact checker: stop at the first right answer.",
        json_schema_extra={"when": {"scorer": "checker"}},
    )
    rollout_tokens: int = Field(160, ge=1, le=8192, description="Longest simulation, in tokens.")


@dataclass(eq=False)
class State:
    """A node of the search tree: N visits, and the sum of the rewards backed up through it.

    `best` is the best-rewarded answer written from here on, `reward` what a complete line is worth.
    """

    line: Line
    parent: State | None = None
    children: list[State] = field(default_factory=list)
    visits: int = 0
    total: float = 0.0
    best: tuple[float, Line] | None = None
    reward: float | None = None

    @property
    def value(self) -> float:
        """Q, the mean reward; 0 before the first visit."""
        return self.total / self.visits if self.visits else 0.0

    def path(self) -> Iterator[State]:
        """This node and all above it."""
        state: State | None = self
        while state is not None:
            yield state
            state = state.parent


def uct(value: float, visits: int, parent_visits: int, exploration: float) -> float:
    """Q + c·√(ln N_parent / n); infinite for what was never visited (Kocsis & Szepesvári 2006, §2)."""
    if not visits:
        return math.inf
    return value + exploration * math.sqrt(math.log(max(1, parent_visits)) / visits)


@strategy(
    "mcts",
    title="Monte Carlo tree search",
    group="tree search",
    summary=(
        "Grows a tree of reasoning steps where it looks most promising: walks down by UCT, adds next steps, writes one "
        "of them to its end, and lets the reward of that answer count for every step on the way. It helps where the "
        "reward can be trusted, most of all with an exact checker; with a weak judge it finds what the judge likes. "
        "It costs one simulation and some steps a round."
    ),
    paper="Kocsis & Szepesvári 2006; Hao et al. 2023, arXiv:2305.14992",
    shape="tree",
)
def run(question: Question, model: Model, params: MctsParams, place: Place) -> Generator[Event, None, Result]:
    """Select by UCT all the way down, expand, simulate, back up."""
    root = State(Line(place.node))
    rounds = 0
    for rounds in range(1, params.iterations + 1):
        # 1. Select: from the root the child with the largest UCT, until a node without children.
        state = select(root, params.exploration)
        yield Searched(state.line.node, rounds, "select")
        # 2. Expand: a node that was visited before, and the root, gets its next steps; the first is tried.
        if (state.visits or state is root) and not state.line.done and state.line.depth < params.max_steps:
            yield from expand(question, model, state, params, place)
            yield Searched(state.line.node, rounds, "expand")
            state = state.children[0] if state.children else state
        # 3. Simulate: write the answer to its end and reward it.
        reward, ended = yield from simulate(question, model, state, params, place, rounds)
        yield Searched(state.line.node, rounds, "simulate", reward)
        # 4. Back up: every node on the way counts the visit and the reward.
        for above in state.path():
            above.visits += 1
            above.total += reward
            if ended.answer is not None and (above.best is None or reward > above.best[0]):
                above.best = (reward, ended)
        yield Searched(state.line.node, rounds, "back up", reward)
        if params.scorer == "checker" and params.stop_when_right and reward == 1.0:
            break
    # 5. The answer: down the most visited (or most valued) children, and the best simulation below.
    return (yield from choose(root, params, rounds))


def select(root: State, exploration: float) -> State:
    """The leaf that UCT leads to; of equals the first."""
    state = root
    while state.children:
        parent = state
        state = max(parent.children, key=lambda s: uct(s.value, s.visits, parent.visits, exploration))
    return state


def expand(
    question: Question, model: Model, state: State, params: MctsParams, place: Place
) -> Generator[Event, None, None]:
    """Give a node its children."""
    [lines] = yield from think(
        question,
        model,
        [state.line],
        params.children,
        params.generate,
        params.sampling(),
        place,
        max_new_tokens=params.max_new_tokens,
    )
    state.children = [State(line, state) for line in lines]


def simulate(
    question: Question, model: Model, state: State, params: MctsParams, place: Place, number: int
) -> Generator[Event, None, tuple[float, Line]]:
    """The reward of the answer that the node's line comes to, and that answer. A complete line is its own."""
    if state.reward is not None:
        return state.reward, state.line
    [ended] = yield from finish(
        question,
        model,
        [state.line],
        params.sampling(),
        place,
        max_new_tokens=params.rollout_tokens,
        name=f"rollout-{number}",
    )
    [reward] = yield from score(
        params.scorer, question, model, [Candidate.of_line(ended)], place, reward_model=params.reward_model
    )
    state.reward = reward if state.line.done else None
    return reward, ended


def choose(root: State, params: MctsParams, rounds: int) -> Generator[Event, None, Result]:
    """Follow the tree's own preference down, as far as there is an answer."""
    state = root
    while any(child.best for child in state.children):
        able = [child for child in state.children if child.best]
        if params.answer_by == "most visited":
            state = max(able, key=lambda s: (s.visits, s.value))
        else:
            state = max(able, key=lambda s: (s.value, s.visits))
        yield NodeClosed(
            state.line.node, "kept", f"{params.answer_by}: N {state.visits}, Q {state.value:.3f}"
        )
    info = {"rounds": rounds, "visits": root.visits}
    if state.best is None or state.best[1].answer is None:
        return Result(None, info=info)
    _, line = state.best
    yield NodeClosed(line.node, "chosen")
    answer = line.answer
    return Result(
        answer.text if answer else None, line.node, state.value, "Q, the mean reward on this way", info
    )
