"""Sequential revisions: chains of attempts, each seeing those before it (Snell et al. 2024, §6)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from pydantic import Field

from playground import marking, prompts
from playground.events import Event, NodeClosed, NodeOpened
from playground.models.base import Model
from playground.prompts import Prompt
from playground.strategies.answering import Path, scored, write
from playground.strategies.base import Place, Question, Result, SampledParams, strategy
from playground.strategies.choosing import Chosen, Select, choose, ranked
from playground.strategies.samples import Asked, ask
from playground.strategies.scoring import Candidate, Scorer, ready, score

SEEN = 4
"""How many earlier attempts a revision sees at most."""
LIKELY = 0.5
"""A score from which on an attempt is called likely."""


class RevisionsParams(SampledParams):
    chains: int = Field(4, ge=1, le=64, description="How many chains are begun side by side.")
    length: int = Field(4, ge=1, le=64, description="Attempts in each chain, the first one included.")
    prompt: Asked = Field("zero-shot CoT", description="What first attempts are asked with.")
    select: Select = Field(
        "weighted",
        description="The best single attempt; the best answer of each chain, then of all chains, by summed scores; "
        "or the commonest answer of all attempts.",
    )
    scorer: Scorer = Field("self-judge", description="What an attempt is scored by.")
    reward_model: str = Field(
        "reward:embedded",
        description="Which reward model scores.",
        json_schema_extra={"when": {"scorer": "PRM"}},
    )


@strategy(
    "revisions",
    title="Sequential revisions",
    group="many answers",
    summary=(
        "Begins several answers side by side and revises each one again and again, up to four earlier attempts in "
        "view; a scorer then chooses among all attempts, since a revision can also give up a right answer. Under "
        "one budget of attempts, long chains suit easy questions, where a first try is nearly right, and many short "
        "ones suit hard questions, where another approach is needed. It costs chains × length replies, whose "
        "prompts grow, and what the scorer spends."
    ),
    paper="Snell et al. 2024, arXiv:2408.03314",
)
def run(
    question: Question, model: Model, params: RevisionsParams, place: Place
) -> Generator[Event, None, Result]:
    """Parallel chains of sequential revisions; a verifier chooses within each chain and across chains (§6.2)."""
    # 1. First attempts, side by side, once it is sure that they can be scored.
    if params.select != "majority":
        ready(params.scorer, question, model, place, reward_model=params.reward_model)
    first = ask(params.prompt, question, model)
    roots = [(place.node, first)] * params.chains
    begun = yield from attempt(question, model, roots, 1, params, place)
    chains = [[path] for path in begun]
    # 2. Every chain's next attempt, all in one batch; each sees the last four before it.
    for number in range(2, params.length + 1):
        asked = [
            (chain[-1].node, prompts.revise(question.text, [path.text for path in chain[-SEEN:]]))
            for chain in chains
        ]
        revised = yield from attempt(question, model, asked, number, params, place)
        for chain, path in zip(chains, revised, strict=True):
            chain.append(path)
    # 3. Every attempt that came to an answer is scored, unless attempts are only counted.
    answered = [path for chain in chains for path in chain if path.answer]
    values = [0.0] * len(answered)
    if params.select != "majority":
        candidates = [Candidate.of_path(path, path.text, path.tokens) for path in answered]
        values = yield from score(
            params.scorer, question, model, candidates, place, reward_model=params.reward_model
        )
    worth = dict(zip((path.node for path in answered), values, strict=True))
    # 4. The best answer of each chain, then of all chains.
    items = [[Chosen(p.node, answer_of(p), worth.get(p.node, 0.0)) for p in chain] for chain in chains]
    voters = [item for chain in items for item in chain]
    if params.select == "weighted":
        voters = yield from best_of_each(items, question.family)
    result = yield from choose(voters, params.select, question.family)
    # 5. How often a good answer was left again, where that is known; the choice does not look at it.
    info: dict[str, Any] = {**result.info, "candidates": len(answered), "chains": params.chains}
    info["length"] = params.length
    if marking.known(question.gold, question.family):
        info["right"] = left_again([[is_right(question, path) for path in chain] for chain in chains])
    if params.select != "majority" and params.scorer not in ("checker", "logprob"):
        info["likely"] = left_again([[item.score >= LIKELY for item in chain] for chain in items])
    return replace(result, info=info)


def attempt(
    question: Question,
    model: Model,
    asked: Sequence[tuple[str, Prompt]],
    number: int,
    params: RevisionsParams,
    place: Place,
) -> Generator[Event, None, list[Path]]:
    """The next attempt of every chain: under which node, and asked with what."""
    nodes = [place.child(f"chain-{i + 1}-attempt-{number}") for i in range(len(asked))]
    for i, (node, (parent, _)) in enumerate(zip(nodes, asked, strict=True)):
        if number == 1:
            yield NodeOpened(node, parent, "branch", f"chain {i + 1}")
        else:
            yield NodeOpened(node, parent, "revision", f"chain {i + 1}, attempt {number}")
    paths = yield from write(
        question,
        model,
        asked[0][1] if number == 1 else [prompt for _, prompt in asked],
        nodes,
        params.sampling(),
        place,
        purpose="first attempt" if number == 1 else f"attempt {number}",
        max_new_tokens=params.max_new_tokens,
        state_answer=number > 1 or params.prompt != "plain",
    )
    for path in paths:
        yield from scored(path)
    return paths


def best_of_each(
    chains: Sequence[Sequence[Chosen]], family: str | None
) -> Generator[Event, None, list[Chosen]]:
    """Each chain's best-scored attempt at the answer with the largest sum of scores; the others are closed."""
    best: list[Chosen] = []
    for chain in chains:
        totals = ranked(chain, "weighted", family)
        winner = None
        if totals:
            holders = [
                i for i in chain if i.answer is not None and marking.same(i.answer, totals[0][0], family)
            ]
            winner = max(holders, key=lambda item: item.score)
            best.append(winner)
        for item in chain:
            if item.answer is None:
                yield NodeClosed(item.node, "pruned", "no answer found")
            elif item is not winner:
                yield NodeClosed(item.node, "kept", "another attempt stands for its chain")
    return best


def left_again(good: Sequence[Sequence[bool]]) -> dict[str, int]:
    """Of the attempts that were revised: how many were good and how many of these were followed by one that is not,
    how many were bad and how many of these by one that is good."""
    steps = [step for chain in good for step in pairwise(chain)]
    return {
        "good": sum(before for before, _ in steps),
        "left": sum(before and not after for before, after in steps),
        "bad": sum(not before for before, _ in steps),
        "mended": sum(after and not before for before, after in steps),
    }


def answer_of(path: Path) -> str | None:
    return path.answer.text if path.answer else None


def is_right(question: Question, path: Path) -> bool:
    answer = answer_of(path)
    return answer is not None and bool(marking.right(question.text, answer, question.gold, question.family))
