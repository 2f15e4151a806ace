"""Lookahead search: beam search that judges a step by where it leads (Snell et al. 2024, §5.2)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from pydantic import Field

from playground.events import Event, NodeScored
from playground.models.base import Model
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.beam_search import BeamSearchParams, ahead, conclude, score_lines, search
from playground.strategies.stepping import Line


class LookaheadParams(BeamSearchParams):
    n: int = Field(8, ge=1, le=256, description="Beams: steps written at every round (N).")
    lookahead: int = Field(
        2, ge=0, le=20, description="Greedy steps written ahead of each step to judge it (k)."
    )


@strategy(
    "lookahead",
    title="Lookahead search",
    group="tree search",
    summary=(
        "Beam search that does not judge a step by itself but by what comes of it: from every step a greedy rollout "
        "of k more is written and the verifier reads its end. It helps where a mistake shows only later; it costs "
        "k + 1 times the steps of beam search, and at equal cost often does worse."
    ),
    paper="Snell et al. 2024, arXiv:2408.03314",
    shape="tree",
)
def run(
    question: Question, model: Model, params: LookaheadParams, place: Place
) -> Generator[Event, None, Result]:
    """Beam search with the verifier's word at the end of a k-step rollout."""

    def scored(lines: Sequence[Line]) -> Generator[Event, None, list[float]]:
        # 1. Roll every step out greedily, all in one batch; 2. what the verifier says at the end counts for the step.
        further = yield from ahead(question, model, lines, params.lookahead, params, place)
        values = yield from score_lines(question, model, further, params, place)
        for line, value in zip(lines, values, strict=True):
            yield NodeScored(line.node, "lookahead", value, f"{params.scorer} after {params.lookahead} steps")
        return values

    root = Line(place.node)
    finished = yield from search(question, model, [[(root, params.n)]], params.kept, scored, params, place)
    result = yield from conclude(question, finished, params)
    return replace(result, info={**result.info, "lookahead": params.lookahead})
