"""Self-consistency: sample several chains, take the answer most of them reach (Wang et al. 2023)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pydantic import Field

from playground import marking
from playground.events import Event, NodeClosed, NodeScored
from playground.models.base import Model
from playground.strategies.answering import Path
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.samples import ManyParams, draw

VOTES = "share of the samples that reached this answer"


class SelfConsistencyParams(ManyParams):
    stop_early: bool = Field(False, description="Stop once the leading answer cannot be overtaken.")
    group: int = Field(
        5,
        ge=1,
        le=64,
        description="With stop_early: how many samples are drawn at a time.",
        json_schema_extra={"when": {"stop_early": True}},
    )


@strategy(
    "self-consistency",
    title="Self-consistency",
    group="many answers",
    leads=True,
    summary=(
        "Draws several chains of thought at a moderate temperature and takes the answer that most of them reach: "
        "wrong chains scatter, right ones meet. It rises with the number of samples and flattens; it helps when "
        "the model is right more often than it is wrong in any single way, and costs n full replies."
    ),
    paper="Wang et al. 2023, arXiv:2203.11171",
)
def run(
    question: Question, model: Model, params: SelfConsistencyParams, place: Place
) -> Generator[Event, None, Result]:
    """Sample n chains, marginalise out the reasoning, keep the majority answer (§2)."""
    size = params.group if params.stop_early else params.n
    paths: list[Path] = []
    stopped = None
    while len(paths) < params.n and not stopped:
        # 1. Samples of a group are drawn together; each has its own random numbers and its answer.
        group = range(len(paths), min(len(paths) + size, params.n))
        paths += yield from draw(question, model, params, place, group)
        # 2. Once the leader cannot be overtaken, the rest need not be drawn.
        if params.stop_early:
            stopped = why_stop(paths, params.n, question.family)
    # 3. One sample, one vote.
    return (yield from vote(paths, stopped, question.family))


def tally(paths: Sequence[Path], family: str | None = None) -> list[tuple[str, float]]:
    """Votes per answer, equal answers counted together, most first, then first seen."""
    found = [p.answer.text for p in paths if p.answer]
    return marking.pool(found, [1.0] * len(found), family)


def why_stop(paths: Sequence[Path], n: int, family: str | None = None) -> str | None:
    """Why the samples left cannot change the result, or None."""
    counts = [votes for _, votes in tally(paths, family)]
    left = n - len(paths)
    lead = counts[0] - (counts[1] if len(counts) > 1 else 0) if counts else 0
    if left and lead > left:
        return f"the leading answer is {lead:.0f} votes ahead with {left} samples left"
    return None


def vote(
    paths: Sequence[Path], stopped: str | None, family: str | None = None
) -> Generator[Event, None, Result]:
    """Count, mark every sample with its answer's votes, and choose."""
    votes = tally(paths, family)
    info = {"samples": len(paths), "stopped_early": stopped, "votes": [[a, int(v)] for a, v in votes]}
    chosen = None
    for path in paths:
        if path.answer is None:
            yield NodeClosed(path.node, "pruned", "no answer found")
            continue
        count = next(v for a, v in votes if marking.same(a, path.answer.text, family))
        yield NodeScored(path.node, "votes", count, "samples that reached the same answer")
        if chosen is None and marking.same(path.answer.text, votes[0][0], family):
            chosen = path
            yield NodeClosed(path.node, "chosen")
        else:
            yield NodeClosed(path.node, "kept")
    if chosen is None or chosen.answer is None:
        return Result(None, info=info)
    return Result(chosen.answer.text, chosen.node, votes[0][1] / len(paths), VOTES, info)
