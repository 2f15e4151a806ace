"""Best-of-N: draw N answers, score each, take the best (Cobbe et al. 2021; weighted: Li et al. 2023)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from playground.errors import CapabilityError
from playground.events import Event, NodeScored
from playground.models.base import Model
from playground.strategies.answering import Path
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.choosing import Chosen, Select, choose, ranked
from playground.strategies.samples import ManyParams, draw
from playground.strategies.scoring import Candidate, Scorer, ready, score

Distance = Literal["length", "likelihood"]
DISTANCES: dict[Distance, str] = {
    "length": "how far its words are from the samples' mean number, as a share of that",
    "likelihood": "mean negative log-probability per token, nats",
}
RULES: tuple[Select, ...] = ("naive", "weighted", "majority")


class BestOfNParams(ManyParams):
    scorer: Scorer = Field("self-judge", description="What an answer is scored by.")
    reward_model: str = Field(
        "reward:embedded",
        description="Which reward model scores.",
        json_schema_extra={"when": {"scorer": "PRM"}},
    )
    select: Select = Field(
        "weighted",
        description="The best single sample; the answer with the largest sum of scores; or the commonest answer.",
    )
    regularise: float = Field(
        0.0,
        ge=0,
        le=10,
        description="β: this many times its distance from the model's ordinary answers is taken off a score.",
    )
    distance: Distance = Field(
        "length", description="With regularise: distance by length, or by the model's own likelihood."
    )


@strategy(
    "best-of-n",
    title="Best-of-N",
    group="many answers",
    summary=(
        "Draws N answers, lets a scorer judge each one, and takes the best: the best single sample, or the answer "
        "whose samples' scores add up to most. With a good scorer it finds a right answer that only few samples "
        "reach, which a vote would lose; with a poor one and a large N it finds what deceives the scorer, which "
        "regularising holds back. It costs N replies and what the scorer spends on each."
    ),
    paper="Cobbe et al. 2021, arXiv:2110.14168",
)
def run(
    question: Question, model: Model, params: BestOfNParams, place: Place
) -> Generator[Event, None, Result]:
    """Sample N, verify each, select (§4.1)."""
    # 1. Samples are drawn together, once it is sure that they can be scored.
    ready(params.scorer, question, model, place, reward_model=params.reward_model)
    if params.regularise and params.distance == "likelihood":
        ready("logprob", question, model, place)
    paths = yield from draw(question, model, params, place)
    # 2. Every answer is scored, all in one batch.
    found = [path for path in paths if path.answer]
    candidates = [Candidate.of_path(path, path.text, path.tokens) for path in found]
    scores = yield from score(
        params.scorer, question, model, candidates, place, reward_model=params.reward_model
    )
    # 3. What is unlike the model's ordinary answers loses some of its score (regularised best-of-N).
    worth = dict(zip((path.node for path in found), scores, strict=True))
    if params.regularise:
        for path, distance in zip(found, distances(found, params.distance), strict=True):
            yield NodeScored(path.node, "distance", distance, DISTANCES[params.distance])
            worth[path.node] -= params.regularise * distance
            yield NodeScored(path.node, "regularised", worth[path.node], "score − β · distance")
    # 4. The best one, or equal answers pooled.
    items = [Chosen(p.node, p.answer.text if p.answer else None, worth.get(p.node, 0.0)) for p in paths]
    tables = {rule: ranked(weighed(items, rule, params), rule, question.family) for rule in RULES}
    result = yield from choose(weighed(items, params.select, params), params.select, question.family)
    info = {
        "samples": len(paths),
        "scorer": params.scorer,
        "choices": {rule: table[0][0] if table else None for rule, table in tables.items()},
        "weights": [[answer, round(weight, 6)] for answer, weight in tables[params.select]],
    }
    return replace(result, info=info)


def weighed(items: Sequence[Chosen], rule: Select, params: BestOfNParams) -> list[Chosen]:
    """What each sample counts by a rule: in a sum, one that is worth less than nothing has no say.

    Log-probabilities are negative by nature and become probabilities where they are added up (see `ranked`).
    """
    if rule != "weighted" or params.scorer == "logprob":
        return list(items)
    return [replace(item, score=max(0.0, item.score)) for item in items]


def distances(paths: Sequence[Path], by: Distance) -> list[float]:
    """How far each answer is from those the model gives as a rule, from 0.

    By likelihood it is the mean log-ratio of choosing this text for certain to the model writing it by itself.

    Raises:
        CapabilityError: the likelihood is asked for, and the model gives no tokens.
    """
    if by == "length":
        lengths = [len(path.text.split()) for path in paths]
        mean = sum(lengths) / len(lengths) if lengths else 0.0
        return [abs(length - mean) / mean if mean else 0.0 for length in lengths]
    known = [-path.logprob for path in paths if path.logprob is not None]
    if len(known) < len(paths):
        raise CapabilityError(
            "The distance by likelihood needs tokens with probabilities, and an answer came without.",
            "Take the distance by length, or a model on this machine.",
        )
    return known
