"""Estimates against hand-computed values, exact counting and brute force."""

from __future__ import annotations

import math
from itertools import combinations, pairwise, product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from playground.errors import BadInput
from playground.estimates import allocate, best_vote_count, coverage, majority_right, pass_at_k, solved


class TestPassAtK:
    @pytest.mark.parametrize(
        ("n", "right", "k", "value"),
        [
            (5, 2, 1, 2 / 5),
            (5, 2, 2, 7 / 10),
            (5, 2, 3, 9 / 10),
            (5, 2, 4, 1.0),
            (10, 0, 10, 0.0),
            (3, 3, 1, 1.0),
        ],
    )
    def test_by_hand(self, n: int, right: int, k: int, value: float) -> None:
        assert pass_at_k(n, right, k) == pytest.approx(value)

    @given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
    def test_it_is_the_share_of_all_choices_of_k(self, drawn: tuple[int, int, int]) -> None:
        n, right, k = drawn
        choices = list(combinations([i < right for i in range(n)], k))
        assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, choices)) / len(choices))

    @given(st.integers(1, 200), st.data())
    def test_the_curve_rises_from_the_share_that_is_right(self, n: int, data: st.DataObject) -> None:
        right = data.draw(st.integers(0, n))
        curve = coverage(n, right)
        assert len(curve) == n
        assert curve[0] == pytest.approx(right / n)
        assert all(0 <= a <= b <= 1 for a, b in pairwise(curve))
        assert curve[-1] == (1.0 if right else 0.0)

    @given(st.floats(0, 1), st.integers(1, 12), st.data())
    def test_it_has_no_bias(self, p: float, n: int, data: st.DataObject) -> None:
        # Over all numbers of right samples, weighted by their chances, it is 1 − (1 − p)^k.
        k = data.draw(st.integers(1, n))
        mean = sum(
            math.comb(n, right) * p**right * (1 - p) ** (n - right) * pass_at_k(n, right, k)
            for right in range(n + 1)
        )
        assert mean == pytest.approx(1 - (1 - p) ** k, abs=1e-9)

    @pytest.mark.parametrize(("n", "right", "k"), [(5, 6, 1), (5, -1, 1), (5, 2, 0), (5, 2, 6)])
    def test_what_cannot_be(self, n: int, right: int, k: int) -> None:
        with pytest.raises(BadInput):
            pass_at_k(n, right, k)


def mixture(share: float, easy: float, hard: float, k: int) -> float:
    return share * majority_right(easy, k) + (1 - share) * majority_right(hard, k)


class TestVotes:
    @pytest.mark.parametrize(
        ("p", "k", "value"), [(0.6, 1, 0.6), (0.6, 3, 0.648), (0.6, 2, 0.6), (0.5, 9, 0.5), (1.0, 4, 1.0)]
    )
    def test_a_majority_by_hand(self, p: float, k: int, value: float) -> None:
        assert majority_right(p, k) == pytest.approx(value)

    def test_the_best_number_by_hand(self) -> None:
        # ln[0.5·0.7 / (0.5·0.1)] = ln 7 and ln[0.2475 / 0.1275] = ln(33/17).
        assert best_vote_count(0.5, 0.85, 0.45) == pytest.approx(2 * math.log(7) / math.log(33 / 17))

    @given(st.floats(0.05, 0.95), st.floats(0.55, 0.95), st.floats(0.05, 0.45))
    @settings(max_examples=200)
    def test_it_is_where_the_exact_curve_is_highest(self, share: float, easy: float, hard: float) -> None:
        best = best_vote_count(share, easy, hard)
        assume(best < 150)
        exact = max(range(1, 201, 2), key=lambda k: round(mixture(share, easy, hard, k), 12))
        highest = mixture(share, easy, hard, exact)
        near = max(mixture(share, easy, hard, k) for k in range(1, 201, 2) if abs(k - best) <= 1.000001)
        assert near == pytest.approx(highest, abs=1e-9)

    @pytest.mark.parametrize(
        ("share", "easy", "hard", "best"),
        [
            (0.9, 0.6, 0.3, math.inf),  # easy questions gain for ever, and there are many
            (0.1, 0.8, 0.4, 1.0),  # from the first vote on the hard ones lose more
            (0.9, 0.7, 0.3, math.inf),  # both change at one pace: the many decide
            (0.1, 0.7, 0.3, 1.0),
            (0.2, 0.6, 0.05, math.inf),  # one vote: 0.16; with more and more votes 0.2
            (0.2, 0.55, 0.2, 1.0),  # one vote: 0.27
        ],
    )
    def test_no_highest_point_in_between(self, share: float, easy: float, hard: float, best: float) -> None:
        assert best_vote_count(share, easy, hard) == best

    @pytest.mark.parametrize("wrong", [(0, 0.8, 0.2), (0.5, 0.5, 0.2), (0.5, 0.8, 0.5), (0.5, 1.0, 0.2)])
    def test_no_mixture(self, wrong: tuple[float, float, float]) -> None:
        with pytest.raises(BadInput):
            best_vote_count(*wrong)


RATES = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(st.floats(0, 1), min_size=width, max_size=width), min_size=1, max_size=4)
)


class TestAllocation:
    # Two kinds of questions, each solved by one configuration only; the third is fair at both and good at neither.
    TABLE = ((0.5, 0.0, 0.1), (0.5, 0.0, 0.1), (0.5, 0.0, 0.1), (0.0, 0.2, 0.1))

    def test_share_solved_by_hand(self) -> None:
        assert solved([2, 1, 0], self.TABLE) == pytest.approx((3 * 0.75 + 0.2) / 4)
        assert solved([0, 0, 0], self.TABLE) == 0

    def test_it_beats_the_even_split_and_every_single_configuration(self) -> None:
        split = allocate(9, self.TABLE)
        # By hand: a sample more of the first gains 3/4 · 0.5^(n+1), of the second 1/4 · 0.2 · 0.8^n; the first gets
        # 5 (its next would gain 0.0117), the second 4 (its last gains 0.0256).
        assert split == [5, 4, 0]
        for other in ([3, 3, 3], [9, 0, 0], [0, 9, 0], [0, 0, 9]):
            assert solved(split, self.TABLE) > solved(other, self.TABLE) + 0.02

    def test_giving_out_one_by_one_is_mended_by_moving(self) -> None:
        # The first configuration gains most with one sample; with two, the others solve everything.
        assert allocate(2, [[0.6, 1.0, 0.0], [0.6, 0.0, 1.0]]) == [0, 1, 1]

    def test_moving_alone_would_stay_at_the_even_split(self) -> None:
        # Even: (1 + 0.75) / 2 = 0.875, and no single move is better; all of the third: 1 − (0.4³ + 0.5³) / 2 = 0.9055.
        rates = [[0.0, 1.0, 0.6], [0.5, 0.0, 0.5]]
        assert solved([1, 1, 1], rates) == pytest.approx(0.875)
        assert allocate(3, rates) == [0, 0, 3]
        assert solved([0, 0, 3], rates) == pytest.approx(0.9055)

    @given(RATES, st.integers(0, 6))
    @settings(max_examples=100)
    def test_never_worse_than_what_it_begins_from_and_near_the_best(
        self, rates: list[list[float]], budget: int
    ) -> None:
        width = len(rates[0])
        split = allocate(budget, rates)
        assert len(split) == width
        assert sum(split) == budget
        assert min(split) >= 0
        value = solved(split, rates)
        for i in range(width):
            assert value >= solved([budget * (i == j) for j in range(width)], rates) - 1e-12
        every = [s for s in product(range(budget + 1), repeat=width) if sum(s) == budget]
        best = max(solved(s, rates) for s in every)
        # Giving samples out one by one is within 1 − 1/e of the best, since what is solved is submodular.
        assert value >= (1 - 1 / math.e) * best - 1e-12

    @pytest.mark.parametrize("rates", [[], [[]], [[0.5], [0.5, 0.5]], [[1.5]], [[-0.1]], [[math.nan]]])
    def test_no_rates(self, rates: list[list[float]]) -> None:
        with pytest.raises(BadInput):
            allocate(3, rates)

    def test_no_budget(self) -> None:
        assert allocate(0, [[0.5, 0.5]]) == [0, 0]
        with pytest.raises(BadInput):
            allocate(-1, [[0.5]])
