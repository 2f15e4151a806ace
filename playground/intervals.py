"""Intervals for shares: what a measured share says, and how far a drawn one may stray.

Boundary: counts and probabilities in, bounds out; knows nothing of models or screens.
"""

from __future__ import annotations

import math

import numpy as np


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % score interval of the share right / count (Wilson 1927), within [0, 1]."""
    share = right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def binomial(n: int, p: float, level: float = 0.95) -> tuple[int, int]:
    """The central interval of a count out of n with probability p: it holds at least `level` of the probability,
    and on either side of it lies at most half of what is left. Exact, up to rounding."""
    if p <= 0 or p >= 1:
        return (0, 0) if p <= 0 else (n, n)
    logs = np.concatenate(([0.0], np.log(np.arange(1, n + 1)).cumsum()))
    k = np.arange(n + 1)
    log_pmf = logs[n] - logs - logs[::-1] + k * math.log(p) + (n - k) * math.log1p(-p)
    cdf = np.exp(log_pmf).cumsum()
    tail = (1 - level) / 2
    low = int(np.searchsorted(cdf, tail, side="right"))
    high = int(np.searchsorted(cdf, 1 - tail))
    return min(low, n), min(high, n)
