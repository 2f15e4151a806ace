"""What many samples would come to, estimated from few: coverage, votes over mixed questions, and how to split samples.

Boundary: counts and probabilities in, probabilities and counts out; knows nothing of models, strategies or screens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from playground.errors import BadInput

Rates = Sequence[Sequence[float]]
"""For each question, the pass rate of each configuration: the chance that one of its samples is right."""


def pass_at_k(n: int, right: int, k: int) -> float:
    """Chance that at least one of k samples is right, estimated without bias from n samples of which `right` were.

    1 − C(n − right, k) / C(n, k) (Chen et al. 2021, arXiv:2107.03374, eq. 1).

    Raises:
        BadInput: not 0 ≤ right ≤ n, or not 1 ≤ k ≤ n.
    """
    if not 0 <= right <= n:
        raise BadInput(f"{right} of {n} samples cannot be right.", "Count the right ones among all samples.")
    if not 1 <= k <= n:
        raise BadInput(f"pass@{k} cannot be told from {n} samples.", f"Choose k from 1 to {n}, or draw more.")
    return 1 - math.comb(n - right, k) / math.comb(n, k)


def coverage(n: int, right: int) -> list[float]:
    """pass@k for k = 1 … n (Brown et al. 2024, arXiv:2407.21787, §2)."""
    return [pass_at_k(n, right, k) for k in range(1, n + 1)]


def majority_right(p: float, k: int) -> float:
    """Chance that more than half of k answers are right when each is right with probability p, and a tie is decided
    by a coin."""
    chances = [math.comb(k, i) * p**i * (1 - p) ** (k - i) for i in range(k + 1)]
    tie = chances[k // 2] / 2 if k % 2 == 0 else 0.0
    return math.fsum(chances[k // 2 + 1 :]) + tie


def best_vote_count(easy_share: float, easy: float, hard: float) -> float:
    """How many votes are best over a mixture of easy and hard questions (Chen et al. 2024, arXiv:2403.02419, §4).

    More votes make easy questions surer to be right and hard ones surer to be wrong. From K to K + 2 votes the
    mixture gains as long as (K + 1) / 2 is below ln[α(2p₁−1) / ((1−α)(1−2p₂))] / ln[p₂(1−p₂) / (p₁(1−p₁))], so twice
    that is the best K where it has a highest point.

    Args:
        easy_share: α, the share of easy questions, in (0, 1).
        easy: p₁, the chance that one answer to an easy question is right, in (½, 1).
        hard: p₂, the same of a hard one, in (0, ½).

    Returns:
        The best number of votes, not rounded and at least 1; infinity where more are always better in the end.

    Raises:
        BadInput: an argument out of its range.
    """
    if not (0 < easy_share < 1 and 0.5 < easy < 1 and 0 < hard < 0.5):
        raise BadInput(
            f"A share of {easy_share} with chances {easy} and {hard} is no mixture of easy and hard questions.",
            "Give a share between 0 and 1, an easy chance above one half and a hard one below.",
        )
    gain = math.log(easy_share * (2 * easy - 1)) - math.log((1 - easy_share) * (1 - 2 * hard))
    fading = math.log(hard * (1 - hard)) - math.log(easy * (1 - easy))
    if fading > 0:
        return max(1.0, 2 * gain / fading)
    first = easy_share * easy + (1 - easy_share) * hard
    at_last_better = easy_share > first if fading < 0 else gain > 0
    return math.inf if at_last_better else 1.0


# --- Splitting samples over configurations ----------------------------------------------------------------


def solved(split: Sequence[int], rates: Rates) -> float:
    """Expected share of questions that at least one sample gets right, `split[i]` samples being of configuration i."""
    missed = [math.prod((1 - p) ** count for p, count in zip(row, split, strict=True)) for row in rates]
    return 1 - math.fsum(missed) / len(missed)


def allocate(budget: int, rates: Rates) -> list[int]:
    """Split a budget of samples over configurations so that as many questions as possible are solved (OSCA, Zhang et
    al. 2024, arXiv:2410.22480, §3).

    Hill climbing, one sample moved at a time, from several beginnings: the samples given out one by one to whoever
    gains most, spread evenly, or all given to one configuration. So the split found is at least as good as each of
    these, though it need not be the very best.

    Raises:
        BadInput: no questions, rows of different lengths, a rate outside [0, 1], or a negative budget.
    """
    width = len(rates[0]) if rates else 0
    if not width or any(len(row) != width or not all(0 <= p <= 1 for p in row) for row in rates):
        raise BadInput("These are no pass rates.", "Give each question the same number of rates in [0, 1].")
    if budget < 0:
        raise BadInput(f"A budget of {budget} samples cannot be split.", "Give 0 or more.")
    even = [budget // width + (i < budget % width) for i in range(width)]
    single = [[budget * (i == j) for i in range(width)] for j in range(width)]
    ends = [_climbed(start, rates) for start in (_given_out(budget, rates), even, *single)]
    return max(ends, key=lambda split: solved(split, rates))


def _given_out(budget: int, rates: Rates) -> list[int]:
    split = [0] * len(rates[0])
    for _ in range(budget):
        more = [[count + (k == i) for k, count in enumerate(split)] for i in range(len(split))]
        split = max(more, key=lambda other: solved(other, rates))
    return split


def _climbed(split: list[int], rates: Rates) -> list[int]:
    best = solved(split, rates)
    while True:
        moved = [
            [count - (k == i) + (k == j) for k, count in enumerate(split)]
            for i in range(len(split))
            for j in range(len(split))
            if i != j and split[i]
        ]
        values = [solved(other, rates) for other in moved]
        if not values or max(values) <= best:
            return split
        best = max(values)
        split = moved[values.index(best)]
