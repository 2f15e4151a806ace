"""Coverage: how often at least one of k samples is right, for every k (Brown et al. 2024)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from pydantic import Field

from playground import estimates
from playground.events import Event
from playground.models.base import Model
from playground.strategies.base import Place, Question, Result, strategy
from playground.strategies.choosing import Chosen, choose, ranked
from playground.strategies.samples import ManyParams, draw
from playground.strategies.scoring import Candidate, ready, score

RIGHT = "share of the samples that are right (pass@1)"


class CoverageParams(ManyParams):
    n: int = Field(20, ge=1, le=200, description="How many samples are drawn.")


@strategy(
    "coverage",
    title="Coverage (pass@k)",
    group="many answers",
    summary=(
        "Draws n samples, checks each one exactly against the right answer, and tells pass@k: the chance that at "
        "least one of k samples is right, for every k up to n. It is what a perfect chooser would reach, so the gap "
        "between it and a vote says how much a better verifier could win. It needs a question whose right answer is "
        "known, and costs n full replies."
    ),
    paper="Brown et al. 2024, arXiv:2407.21787",
)
def run(
    question: Question, model: Model, params: CoverageParams, place: Place
) -> Generator[Event, None, Result]:
    """Draw n samples, mark them, estimate pass@k without bias (§2; the estimator is Chen et al. 2021, eq. 1)."""
    # 1. Samples are drawn together, if their answers can be marked at all.
    ready("checker", question, model, place)
    paths = yield from draw(question, model, params, place)
    # 2. Each is right or wrong; one without an answer is wrong.
    candidates = [Candidate.of_path(path, path.text, path.tokens) for path in paths]
    marks = yield from score("checker", question, model, candidates, place)
    right = round(sum(marks))
    # 3. The answer is the first right one; where there is none, the commonest.
    items = [
        Chosen(p.node, p.answer.text if p.answer else None, mark)
        for p, mark in zip(paths, marks, strict=True)
    ]
    result = yield from choose(items, "naive" if right else "majority", question.family)
    # 4. pass@k = 1 − C(n − c, k) / C(n, k), c of n samples being right.
    curve = estimates.coverage(len(paths), right)
    info = {
        "samples": len(paths),
        "right": right,
        "pass_at": [[k, round(value, 6)] for k, value in enumerate(curve, 1)],
        "votes": [[answer, int(count)] for answer, count in ranked(items, "majority", question.family)],
    }
    if result.answer is None:
        return replace(result, info=info)
    return replace(result, confidence=right / len(paths), confidence_kind=RIGHT, info=info)
