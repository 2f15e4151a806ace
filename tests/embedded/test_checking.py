"""The checker of steps: agrees with attempts whose slips are known, and with examples checked by hand."""

from random import Random

import pytest

from playground.embedded import attempts
from playground.embedded.checking import labels
from playground.embedded.lessons_answering import worked_answer
from playground.puzzles import FAMILIES, Puzzle, SolutionStep, draw
from playground.strategies.stepping import sentences

EGGS = Puzzle(
    "Ray has 19 eggs. …",
    "83",
    "arithmetic",
    3,
    (
        SolutionStep("Start", "Ray starts with 19 eggs."),
        SolutionStep("", "19 * 4 = 76."),
        SolutionStep("", "76 + 10 = 86."),
        SolutionStep("", "86 - 3 = 83."),
    ),
)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_agrees_with_attempts_whose_slip_is_known(family):
    rng = Random(family)
    for seed in range(150):
        puzzle = draw(family, seed=seed)
        steps = sentences(worked_answer(rng, puzzle))
        assert labels(puzzle, steps) == [True] * len(steps)
        attempt = attempts.wrong(rng, puzzle)
        steps = sentences(attempt.text)
        assert len(steps) == len(attempt.steps) + 1
        assert labels(puzzle, steps) == [i < attempt.right for i in range(len(steps))]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("83.", [1]),
        ("The answer is 83.", [1]),
        ("83 eggs.", [1]),
        ("84 eggs.", [0]),
        ("Let's think step by step. Ray starts with 19 eggs. So the answer is 83.", [1, 1, 1]),
        ("First, Ray starts with 19 eggs. 19 * 4 = 76. So the answer is 76.", [1, 1, 0]),
        ("4 * 19 = 76. 10 + 76 = 86.", [1, 1]),
        # Another order, that comes to the same; and one that does not.
        ("19 * 4 = 76. 76 - 3 = 73. 73 + 10 = 83. So the answer is 83.", [1, 1, 1, 1]),
        ("19 + 10 = 29. 29 * 4 = 116. So the answer is 83.", [0, 0, 0]),
        ("19 * 4 = 77. 77 + 10 = 87.", [0, 0]),
        ("19 * 4 = 76. 76 * 4 = 304.", [1, 0]),
        ("Roy starts with 19 eggs. 19 * 4 = 76.", [0, 0]),
        ("19 / 0 = 4.", [0]),
        ("I like eggs. 19 * 4 = 76.", [0, 0]),
    ],
)
def test_arithmetic(text, right):
    assert labels(EGGS, sentences(text)) == [bool(label) for label in right]


GAME = Puzzle("Make 24 from 3, 8 and 1, each used once.", "3 * 8 * 1", "game_of_24", 1, ())


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("8 * 3 = 24 (left: 1 24). 24 * 1 = 24 (left: 24). So the answer is 8 * 3 * 1.", [1, 1, 1]),
        ("3 * 8 = 24 (left: 24 1). 24 / 1 = 24 (left: 24). So the answer is 3 * 8 / 1.", [1, 1, 1]),
        ("8 * 3 = 24 (left: 1 24). So the answer is 8 * 3 - 1.", [1, 0]),
        ("8 + 3 = 11 (left: 1 11). 11 + 1 = 12 (left: 12). So the answer is 8 + 3 + 1.", [0, 0, 0]),
        ("8 * 3 = 25 (left: 1 25).", [0]),
        ("8 * 3 = 24 (left: 24).", [0]),
        ("9 * 3 = 27 (left: 1 27).", [0]),
        ("8 * 3 * 1.", [1]),
    ],
)
def test_game_of_24(text, right):
    assert labels(GAME, sentences(text)) == [bool(label) for label in right]
