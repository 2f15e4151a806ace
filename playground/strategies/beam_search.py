"""Beam search over steps against a verifier (Snell et al. 2024, arXiv:2408.03314, §5.2)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from pydantic import Field

from playground.events import Event, NodeClosed, Warned
from playground.models.base import Model
from playground.sampling import GREEDY
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.choosing import Chosen, Select, choose
from playground.strategies.scoring import Candidate, Scorer, score
from playground.strategies.stepping import Line, SteppedParams, grow


class SearchParams(SteppedParams):
    """Settings of a search over steps that a verifier leads."""

    n: int = Field(16, ge=1, le=256, description="Answers in the end, and steps written at every round (N).")
    max_steps: int = Field(40, ge=1, le=40, description="Rounds.")
    scorer: Scorer = Field("self-judge", description="What a step is judged by.")
    reward_model: str = Field("reward:embedded", description="With the scorer PRM: which reward model.")
    select: Select = Field(
        "weighted",
        description="The best answer: of the best single line, or of all lines that reach it together.",
    )


class BeamSearchParams(SearchParams):
    width: int = Field(
        4, ge=1, le=64, description="Next steps of every beam that is kept (M); N / M are kept."
    )

    @property
    def kept(self) -> int:
        return max(1, self.n // self.width)


Scoring = Callable[[Sequence[Line]], Generator[Event, None, list[float]]]
Scored = tuple[Line, float]


@strategy(
    "beam-search",
    title="Beam search over steps",
    group="tree search",
    summary=(
        "Writes N first steps, keeps the N / M that a verifier likes best, writes M next steps from each, and so on "
        "until the answers are complete. It finds answers that plain sampling rarely writes, if the verifier can be "
        "trusted; where questions are easy it can do worse than best-of-N, because it exploits the verifier's "
        "mistakes. It costs about N steps a round and one verifier pass over them."
    ),
    paper="Snell et al. 2024, arXiv:2408.03314",
    shape="tree",
)
def run(
    question: Question, model: Model, params: BeamSearchParams, place: Place
) -> Generator[Event, None, Result]:
    """N beams, keep N/M, sample M from each."""

    def scored(lines: Sequence[Line]) -> Generator[Event, None, list[float]]:
        return (yield from score_lines(question, model, lines, params, place))

    # 1. All beams begin together and are one family: the best N/M of all go on.
    root = Line(place.node)
    finished = yield from search(question, model, [[(root, params.n)]], params.kept, scored, params, place)
    # 2. The answer, weighted by the verifier's last word on every line.
    return (yield from conclude(question, finished, params))


def search(
    question: Question,
    model: Model,
    families: list[list[tuple[Line, int]]],
    kept: int,
    scored: Scoring,
    params: BeamSearchParams,
    place: Place,
) -> Generator[Event, None, list[Scored]]:
    """Grow each family's lines by as many steps as are given, keep its best `kept`, repeat with `width` from each.

    Families do not compete; all are written in one batch. Returns the kept lines of all, those at their end among
    them, with the verifier's scores.
    """
    ends: list[list[Scored]] = [[] for _ in families]
    for _ in range(params.max_steps):
        flat = [item for family in families for item in family]
        if not flat:
            break
        # a. One step more for every line, all at once.
        grown = yield from grow(
            question, model, flat, params.sampling(), place, max_new_tokens=params.max_new_tokens
        )
        lines = [line for siblings in grown for line in siblings]
        # b. The verifier's word on all of them, as one batch.
        values = dict(zip((line.node for line in lines), (yield from scored(lines)), strict=True))
        # c. The best of every family are kept; the complete ones among them wait for the end.
        siblings = iter(grown)
        for i, family in enumerate(families):
            fresh = [(line, values[line.node]) for _ in family for line in next(siblings)]
            ranked = sorted([*ends[i], *fresh], key=lambda item: -item[1])
            best = ranked[:kept]
            for line, value in ranked[kept:]:
                yield NodeClosed(line.node, "pruned", f"{value:.3f}, not among the best {kept}")
            for line, _ in best:
                yield NodeClosed(line.node, "kept")
            ends[i] = [item for item in best if item[0].done]
            families[i] = [(line, params.width) for line, _ in best if not line.done]
    unfinished = [line for family in families for line, _ in family]
    if unfinished:
        yield Warned(f"{len(unfinished)} lines were not at their end after {params.max_steps} rounds.")
    return [item for family in ends for item in family]


def score_lines(
    question: Question, model: Model, lines: Sequence[Line], params: SearchParams, place: Place
) -> Generator[Event, None, list[float]]:
    return (
        yield from score(
            params.scorer,
            question,
            model,
            [Candidate.of_line(line) for line in lines],
            place,
            reward_model=params.reward_model,
        )
    )


def conclude(
    question: Question, finished: Sequence[Scored], params: SearchParams
) -> Generator[Event, None, Result]:
    """Choose among the complete lines."""
    chosen = [Chosen(line.node, line.answer.text if line.answer else None, value) for line, value in finished]
    return (yield from choose(chosen, params.select, question.family))


def ahead(
    question: Question,
    model: Model,
    lines: Sequence[Line],
    steps: int,
    params: BeamSearchParams,
    place: Place,
) -> Generator[Event, None, list[Line]]:
    """Every line up to `steps` greedy steps further on, in nodes below it."""
    looking = list(lines)
    for step in range(steps):
        open_ = [line for line in looking if not line.done]
        grown = yield from grow(
            question,
            model,
            [(line, 1) for line in open_],
            GREEDY,
            place,
            max_new_tokens=params.max_new_tokens,
            purpose="look ahead",
            role="rollout",
            label=f"ahead-{step + 1}-",
        )
        after = {line.node: further[0] for line, further in zip(open_, grown, strict=True)}
        looking = [after.get(line.node, line) for line in looking]
    return looking
