"""Filter-vote: the model reviews each of its answers, and only those it calls correct vote (Chen et al. 2024)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from pydantic import Field

from playground import prompts
from playground.events import Event, NodeClosed, NodeOpened, NodeScored, Warned
from playground.models.base import Model
from playground.sampling import Sampling
from playground.strategies.answering import Path
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.samples import Asked, ManyParams, draw
from playground.strategies.scoring import verdict
from playground.strategies.self_consistency import vote


class FilterVoteParams(ManyParams):
    prompt: Asked = Field("plain", description="What each sample is asked with.")
    review_tokens: int = Field(256, ge=1, le=8192, description="Longest review, in tokens.")
    review_temperature: float = Field(0.0, ge=0, le=5, description="Of the reviews; 0 is greedy.")


@strategy(
    "filter-vote",
    title="Filter-vote",
    group="many answers",
    summary=(
        "Draws n answers, lets the model check each one and conclude [[correct]] or [[wrong]], and takes the "
        "commonest of those it calls correct; where it calls none correct, all vote. It helps when checking is "
        "easier than answering, since a few right answers can then outlive many wrong ones; it hurts when the "
        "reviews are no better than chance. It costs n answers and n reviews."
    ),
    paper="Chen et al. 2024, arXiv:2403.02419",
)
def run(
    question: Question, model: Model, params: FilterVoteParams, place: Place
) -> Generator[Event, None, Result]:
    """Draw n answers, filter them by the model's own review, take the plurality of the rest (§3, "Filter-Vote")."""
    # 1. Samples are drawn together; one without an answer has nothing to be reviewed.
    paths = yield from draw(question, model, params, place)
    answered = [path for path in paths if path.answer]
    # 2. All reviews are written as one batch.
    said = yield from review(question, model, params, answered, place)
    # 3. Only what was called correct votes; if nothing was, everything does.
    approved = [path for path, verdict in zip(answered, said, strict=True) if verdict]
    kept = approved or answered
    voters = {path.node for path in kept}
    for path in paths:
        if path.answer is None:
            yield NodeClosed(path.node, "pruned", "no answer found")
        elif path.node not in voters:
            yield NodeClosed(path.node, "pruned", "the review did not call it correct")
    result = yield from vote(kept, None, question.family)
    info = {
        **result.info,
        "samples": len(paths),
        "kept": len(approved),
        "filter": "none was kept, so all vote" if answered and not approved else "as reviewed",
    }
    share = "share of the votes that went to this answer"
    return replace(result, confidence_kind=share if result.answer is not None else None, info=info)


def review(
    question: Question, model: Model, params: FilterVoteParams, paths: Sequence[Path], place: Place
) -> Generator[Event, None, list[bool | None]]:
    """What the model says of each answer; None where its review ends with neither verdict."""
    if not paths:
        return []
    nodes = [f"{path.node}/review" for path in paths]
    for node, path in zip(nodes, paths, strict=True):
        yield NodeOpened(node, path.node, "verdict", "review")
    replies = yield from model.sample(
        [prompts.review(question.text, path.text) for path in paths],
        nodes,
        Sampling(True, params.review_temperature),
        node=place.node,
        purpose="review",
        max_new_tokens=params.review_tokens,
        seed=place.seed,
    )
    said = [verdict(reply.text) for reply in replies]
    for node, path, says in zip(nodes, paths, said, strict=True):
        if says is None:
            yield NodeClosed(node, "failed", "it ends with neither [[correct]] nor [[wrong]]")
            continue
        yield NodeClosed(node, "kept", "correct" if says else "wrong")
        yield NodeScored(path.node, "review", float(says), "1 if the review called it correct, 0 if wrong")
    unclear = said.count(None)
    if unclear:
        yield Warned(f"{unclear} of {len(said)} reviews ended without a verdict and count as wrong.")
    return said
