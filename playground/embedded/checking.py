"""Whether each step of a worked answer is right, exactly: how the reward model's labels are made.

Knows puzzles and how each family's steps are written; must not know models. A step is right if every step up to it is:

- arithmetic: the sum is true, and the operations that are left still lead to the right answer from its result;
- game of 24: the move is a true one on the numbers there are, names what is left, and 24 can still be made;
- the other families: it says what the puzzle's own solution says at that place;
- the sentence that states the answer: the answer is right.

Words that say nothing ("Let's think step by step.") are right; a sentence of any other kind is wrong, for nobody can
say what it is worth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from playground import answers
from playground.embedded.lessons_answering import OPENERS
from playground.puzzles import Puzzle, game24

Follower = Callable[[str], bool]
"""Told the steps one after the other; says whether each goes on rightly from those that did."""


def labels(puzzle: Puzzle, steps: Sequence[str]) -> list[bool]:
    """For each step whether it and all before it are right."""
    follows = _FOLLOWERS.get(puzzle.family, _as_solved)(puzzle)
    found: list[bool] = []
    for step in steps:
        said = without_opener(step)
        good = not said or follows(said) or _answers(puzzle, step, only=len(steps) == 1)
        found.append(good and all(found[-1:]))
    return found


def without_opener(step: str) -> str:
    """A step without the words that only begin an answer."""
    for opener, _ in OPENERS:
        if opener:
            step = step.removeprefix(opener.strip()).strip()
    return step


def _answers(puzzle: Puzzle, step: str, *, only: bool) -> bool:
    """Whether the step states the right answer. Alone, a bare answer is read as one."""
    if not (answers.announces_answer(step) or (only and answers.states_answer(step))):
        return False
    span = answers.locate(step)
    if span is None:
        return False
    return puzzle.accepts(span.text) or answers.normalise(span.text) == answers.normalise(puzzle.answer)


def _plain(text: str) -> str:
    return text.strip().rstrip(".").lower()


def _as_solved(puzzle: Puzzle) -> Follower:
    """The solution's own steps, in its order."""
    left = [_plain(step.text) for step in puzzle.solution]

    def follows(step: str) -> bool:
        good = bool(left) and _plain(step) == left[0]
        if good:
            del left[0]
        return good

    return follows


_SUM = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")
_COMPUTE: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def _arithmetic(puzzle: Puzzle) -> Follower:
    """Sums that lead on from the number there is. The operations may come in another order where that comes to the
    same answer."""
    start, *sums = (_plain(step.text) for step in puzzle.solution)
    asked = [(found[2], int(found[3])) for found in map(_SUM.fullmatch, sums) if found]
    now = int(sums[0].split()[0])
    goal = Fraction(puzzle.answer)

    def follows(step: str) -> bool:
        nonlocal now
        found = _SUM.fullmatch(_plain(step))
        if found is None:
            return _plain(step) == start
        a, operator, b, result = int(found[1]), found[2], int(found[3]), int(found[4])
        if operator in "+*" and a != now:
            a, b = b, a
        if a != now or (operator, b) not in asked or _COMPUTE[operator](Fraction(a), Fraction(b)) != result:
            return False
        rest = list(asked)
        rest.remove((operator, b))
        value = Fraction(result)
        for later, number in rest:
            value = _COMPUTE[later](value, Fraction(number))
        if value != goal:
            return False
        now, asked[:] = result, rest
        return True

    return follows


_MOVE = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+) \(left: (\d+(?: \d+)*)\)")


def _game_of_24(puzzle: Puzzle) -> Follower:
    """Moves on the numbers there are, replayed."""
    now = tuple(sorted(game24.numbers_of(puzzle.question)))

    def follows(step: str) -> bool:
        nonlocal now
        found = _MOVE.fullmatch(_plain(step))
        if found is None:
            return False
        a, operator, b, result = int(found[1]), found[2], int(found[3]), int(found[4])
        left = tuple(sorted(map(int, found[5].split())))
        if operator in "+*":
            a, b = max(a, b), min(a, b)
        if game24.Move(a, operator, b, result, left) not in game24.good_moves(now):
            return False
        now = left
        return True

    return follows


_FOLLOWERS: dict[str, Callable[[Puzzle], Follower]] = {"arithmetic": _arithmetic, "game_of_24": _game_of_24}
