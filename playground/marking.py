"""Whether an answer is right, and whether two answers are one, as the question's family sees it.

Boundary: joins the answers' own equality with the puzzle families that mark by a check of their own, where many
answers are right and each is another one. Knows nothing of runs and models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from playground import answers, puzzles

Equal = Callable[[str, str], bool]


def _check(family: str | None) -> puzzles.Check | None:
    known = puzzles.FAMILIES.get(family or "")
    return known.check if known else None


def kind(family: str | None) -> answers.Wanted | None:
    """What is looked for as the answer to such a question; None for whatever is there."""
    return "formula" if _check(family) is not None else None


def known(gold: str | None, family: str | None) -> bool:
    """Whether an answer to such a question can be marked."""
    return gold is not None or _check(family) is not None


def right(
    question: str, answer: str, gold: str | None, family: str | None, equal: Equal = answers.equal
) -> bool | None:
    """Whether an answer is right; None where that is not known.

    Raises:
        CheckerUnavailable: as `answers.compare`.
    """
    check = _check(family)
    if check is not None:
        return check(question, answer)
    return None if gold is None else equal(answer, gold)


def same(a: str, b: str, family: str | None) -> bool:
    """Whether two answers are one."""
    if _check(family) is not None:
        return answers.normalise(a) == answers.normalise(b)
    return answers.equal(a, b)


def pool(
    found: Sequence[str | None], weights: Sequence[float], family: str | None
) -> list[tuple[str, float]]:
    """The weights of equal answers added up; as `answers.pool`."""
    return answers.pool(found, weights, patience=0.0 if _check(family) is not None else 10.0)
