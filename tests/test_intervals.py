"""Intervals against sums done the long way."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.intervals import binomial, wilson


@given(st.integers(1, 60), st.fractions(0, 1, max_denominator=50))
def test_binomial_interval_holds_95_percent_and_no_shorter_tail_would_do(n: int, p: Fraction) -> None:
    low, high = binomial(n, float(p))
    mass = [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    tail = Fraction(25, 1000)
    slack = Fraction(1, 10**9)
    assert 0 <= low <= high <= n
    assert sum(mass[:low]) <= tail + slack
    assert sum(mass[high + 1 :]) <= tail + slack
    if 0 < p < 1:
        assert sum(mass[: low + 1]) >= tail - slack, "one more below would leave too much out"
        assert sum(mass[high:]) >= tail - slack


def test_certain_and_impossible() -> None:
    assert binomial(100, 0.0) == (0, 0)
    assert binomial(100, 1.0) == (100, 100)
    assert binomial(100_000, 1e-12) == (0, 0)


def test_wilson_by_hand() -> None:
    assert wilson(20, 40) == pytest.approx((0.352, 0.648), abs=1e-3)
    assert wilson(0, 40)[0] == 0
    assert wilson(40, 40)[1] == 1
