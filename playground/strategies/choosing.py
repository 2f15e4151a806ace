"""Choosing among scored answers: the single best one, or the answer with the most weight (best-of-N weighted: Li et
al. 2023, arXiv:2206.02336).

Boundary: pure counting over answers that are there; calls nothing.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

from playground import marking
from playground.events import Event, NodeClosed
from playground.strategies.base import Result

Select = Literal["naive", "weighted", "majority"]

KINDS: dict[Select, str] = {
    "naive": "score of the best answer",
    "weighted": "share of all scores that went to this answer",
    "majority": "share of the answers that are this one",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """An answer at a node, and its score; the answer is None where none was found."""

    node: str
    answer: str | None
    score: float


def ranked(items: Sequence[Chosen], select: Select, family: str | None) -> list[tuple[str, float]]:
    """Answers with their weights, heaviest first: sums of scores, counts, or for "naive" the best score of each.

    A negative score (a log-probability) counts as e to its power, so that weights stay positive.
    """
    found = [item for item in items if item.answer is not None]
    texts = [item.answer for item in found]
    if select == "naive":
        best: list[tuple[str, float]] = []
        for item in sorted(found, key=lambda item: -item.score):
            if item.answer is not None and not any(marking.same(a, item.answer, family) for a, _ in best):
                best.append((item.answer, item.score))
        return best
    if select == "majority":
        return marking.pool(texts, [1.0] * len(texts), family)
    shift = any(item.score < 0 for item in found)
    return marking.pool(texts, [math.exp(i.score) if shift else i.score for i in found], family)


def choose(items: Sequence[Chosen], select: Select, family: str | None) -> Generator[Event, None, Result]:
    """Close every node, the best one with the chosen answer as chosen, and say what was decided on."""
    totals = ranked(items, select, family)
    info = {"candidates": len(items), "weights": [[answer, round(weight, 6)] for answer, weight in totals]}
    if not totals:
        for item in items:
            yield NodeClosed(item.node, "pruned", "no answer found")
        return Result(None, info=info)
    answer, weight = totals[0]
    holders = [i for i in items if i.answer is not None and marking.same(i.answer, answer, family)]
    best = max(holders, key=lambda item: item.score)
    for item in items:
        if item is best:
            yield NodeClosed(item.node, "chosen")
        elif item.answer is None:
            yield NodeClosed(item.node, "pruned", "no answer found")
        else:
            yield NodeClosed(item.node, "kept")
    whole = sum(total for _, total in totals)
    if select == "naive":
        confidence: float | None = best.score if 0 <= best.score <= 1 else None
    else:
        confidence = weight / whole if whole > 0 else None
    return Result(best.answer, best.node, confidence, KINDS[select] if confidence is not None else None, info)
