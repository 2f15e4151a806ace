"""The game of 24: exact search, expressions that say what was done, and answers checked by their value."""

from __future__ import annotations

import itertools
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.puzzles import draw, game24

QUESTION = "Make 24 from 4, 4, 6 and 10, each used once."


def brute_force(numbers: tuple[int, ...]) -> bool:
    """Whether 24 can be made through whole numbers from 0 to 100, tried out on every order of operations."""
    if len(numbers) == 1:
        return numbers[0] == 24
    for i, j in itertools.permutations(range(len(numbers)), 2):
        a, b = numbers[i], numbers[j]
        rest = tuple(n for k, n in enumerate(numbers) if k not in (i, j))
        made = [a + b, a - b, a * b] + ([a // b] if b and a % b == 0 else [])
        if any(0 <= value <= 100 and brute_force((*rest, value)) for value in made):
            return True
    return False


@given(st.lists(st.integers(1, 13), min_size=1, max_size=4))
def test_reachable_agrees_with_brute_force(numbers: list[int]) -> None:
    assert game24.reachable(tuple(sorted(numbers))) == brute_force(tuple(numbers))


@given(st.lists(st.integers(1, 13), min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_expressions_come_to_what_the_moves_made(numbers: list[int], rng: Random) -> None:
    now, chosen = tuple(sorted(numbers)), []
    while len(now) > 1 and game24.moves(now):
        chosen.append(rng.choice(game24.moves(now)))
        now = chosen[-1].left
    if len(now) > 1:
        return
    text = game24.expression(chosen, tuple(numbers))
    read = game24.value(text)
    assert read is not None
    assert read[0] == Fraction(now[0])
    assert sorted(read[1]) == sorted(numbers)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("(10 - 4) * 4 = 24", False),  # one number is left over
        ("(10 - 6) * 4 + 4 + 4", False),  # one is used twice
        ("6 * 4 * (10 - 4) / 6", False),
        ("10 + 4 + 4 + 6", True),
        ("10 + 4 + 4 + 6 = 24.", True),
        ("10+4+4+6 = 25", False),
        ("4 * (10 - 4) * 6 / 6", False),
        ("10 - 4 + 6 * 4", False),
        ("24", False),
        ("", False),
        ("__import__('os')", False),
        ("10 ** 4", False),
        ("(" * 150, False),
        ("1" * 500, False),
        ("10 / (4 - 4) + 6", False),
        ("True + 23", False),
    ],
)
def test_answers_are_checked_by_value_and_numbers(answer: str, right: bool) -> None:
    assert game24.right(QUESTION, answer) is right


def test_an_answer_through_fractions_is_right_too() -> None:
    assert game24.right("Make 24 from 3, 3, 8 and 8, each used once.", "8 / (3 - 8 / 3)")


def test_the_goal_among_the_numbers_is_one_of_them() -> None:
    assert sorted(game24.numbers_of("Make 24 from 24, 1 and 1, each used once.")) == [1, 1, 24]
    assert game24.right("Make 24 from 24, 1 and 1, each used once.", "24 * 1 * 1")


def test_training_solutions_pass_no_three_numbers_held_out() -> None:
    for seed in range(60):
        puzzle = draw("game_of_24", seed=seed, difficulty=2, split="train")
        for step in puzzle.solution[:-2]:
            left = tuple(map(int, step.text.split("left: ")[1].rstrip(").").split()))
            assert game24.split_of(left) == "train"


def test_difficulty_is_how_many_ways_begin_well() -> None:
    for level, many in ((2, True), (3, False)):
        puzzle = draw("game_of_24", seed=1, difficulty=level)
        numbers = tuple(sorted(game24.numbers_of(puzzle.question)))
        assert (len(game24.good_moves(numbers)) >= game24.MANY) is many
    assert len(game24.numbers_of(draw("game_of_24", seed=1, difficulty=1).question)) == 3
