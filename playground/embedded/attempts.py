"""Attempts at puzzles: worked solutions, right or with a slip in them, and for every step whether it is right.

Knows puzzles and how each family's steps are written. A slip is what a small model does at a temperature of 1: a sum
that is off, a letter miscopied, a coin turned the wrong way. What follows it goes on from it without another one,
so it is wrong too (Math-Shepherd's view: from there the right answer is no longer reached). Must not know prompts,
tokens or models.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from playground.puzzles import Puzzle, game24


@dataclass(frozen=True)
class Attempt:
    """A worked answer: its steps, how many of the first are right, its answer, and the first slip put right."""

    steps: tuple[str, ...]
    right: int
    answer: str
    mended: str = ""

    @property
    def correct(self) -> bool:
        return self.right == len(self.steps)

    @property
    def right_text(self) -> str:
        """Its text as far as it is right."""
        return self.text if self.correct else " ".join(self.steps[: self.right])

    @property
    def text(self) -> str:
        return f"{' '.join(self.steps)} So the answer is {self.answer}."


def correct(puzzle: Puzzle) -> Attempt:
    """The puzzle's own solution."""
    steps = tuple(step.text for step in puzzle.solution)
    return Attempt(steps, len(steps), puzzle.answer)


Slip = Callable[[Random, Puzzle, list[str]], Attempt | None]
_SLIPS: dict[str, Slip] = {}


def _slip(name: str) -> Callable[[Slip], Slip]:
    def register(function: Slip) -> Slip:
        _SLIPS[name] = function
        return function

    return register


def wrong(rng: Random, puzzle: Puzzle) -> Attempt:
    """An attempt with one slip, whose answer is wrong."""
    steps = [step.text for step in puzzle.solution]
    while True:
        made = _SLIPS[puzzle.family](rng, puzzle, list(steps))
        if made is not None and not puzzle.accepts(made.answer):
            return made


def near(rng: Random, number: int) -> int:
    """A plausible wrong result: a digit off, ten off, or two digits swapped."""
    while True:
        digits = list(str(number))
        kind = rng.random()
        if kind < 0.45:
            other = number + rng.choice((-1, 1, -2, 2))
        elif kind < 0.8:
            other = number + rng.choice((-10, 10, -9, 9, 11))
        elif len(digits) > 1:
            i = rng.randrange(len(digits) - 1)
            digits[i], digits[i + 1] = digits[i + 1], digits[i]
            other = int("".join(digits))
        else:
            other = rng.randint(0, 9)
        if other >= 0 and other != number:
            return other


_SUM = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")


def _computed(a: int, operator: str, b: int) -> int | None:
    match operator:
        case "+":
            return a + b
        case "-":
            return a - b if a >= b else None
        case "*":
            return a * b
    return a // b if b and a % b == 0 else None


def _sums_from(steps: list[str], start: int, value: int) -> int | None:
    """Go on with `value` through the sums of the steps from `start`, rewriting them; the last result."""
    for i in range(start, len(steps)):
        found = _SUM.fullmatch(steps[i].rstrip("."))
        if not found:
            return None
        result = _computed(value, found[2], int(found[3]))
        if result is None or result > 999 + value:
            return None
        steps[i] = f"{value} {found[2]} {found[3]} = {result}."
        value = result
    return value


@_slip("arithmetic")
def _arithmetic(rng: Random, puzzle: Puzzle, steps: list[str]) -> Attempt | None:
    at = rng.randrange(1, len(steps))
    found = _SUM.fullmatch(steps[at].rstrip("."))
    if found is None:
        return None
    a, operator, b, result = int(found[1]), found[2], int(found[3]), int(found[4])
    if rng.random() < 0.7:
        value: int | None = near(rng, result)
    else:  # the right sum of wrong things: another operation, or a number misread
        if rng.random() < 0.5:
            operator = rng.choice([o for o in "+-*/" if o != operator])
        else:
            b = near(rng, b)
        value = _computed(a, operator, b)
    if value is None or value == result:
        return None
    right = steps[at]
    steps[at] = f"{a} {operator} {b} = {value}."
    last = _sums_from(steps, at + 1, value)
    return None if last is None else Attempt(tuple(steps), at, str(last), right)


@_slip("year_parity")
def _year_parity(rng: Random, puzzle: Puzzle, steps: list[str]) -> Attempt | None:
    at = rng.randrange(1, len(steps))
    right = steps[at]
    year = int(re.findall(r"\d+", steps[at - 1])[-1])
    if at < len(steps) - 1:
        found = _SUM.fullmatch(steps[at].rstrip("."))
        if found is None:
            return None
        year = near(rng, int(found[4]))
        steps[at] = f"{found[1]} + {found[3]} = {year}."
        for i in range(at + 1, len(steps) - 1):
            shift = re.findall(r"\d+", steps[i])[1]
            steps[i] = f"{year} + {shift} = {year + int(shift)}."
            year += int(shift)
        answer = "odd" if year % 2 else "even"
    else:
        answer = "even" if puzzle.answer == "odd" else "odd"
    steps[-1] = f"The last digit is {year % 10}, so {year} is {answer}."
    return Attempt(tuple(steps), at, answer, right)


@_slip("last_letter")
def _last_letter(rng: Random, puzzle: Puzzle, steps: list[str]) -> Attempt | None:
    at = rng.randrange(len(steps))
    right = steps[at]
    word = right.split(" ", 1)[0]
    letter = rng.choice([*word[:-1].lower(), rng.choice("aeinorst")])
    steps[at] = f"{word} ends in {letter}."
    answer = "".join(step.rstrip(".")[-1] for step in steps)
    return Attempt(tuple(steps), at, answer, right)


@_slip("coin_flip")
def _coin_flip(rng: Random, puzzle: Puzzle, steps: list[str]) -> Attempt | None:
    turned = {"heads.": "tails.", "tails.": "heads."}
    at = rng.randrange(1, len(steps))
    right = steps[at]
    for i in range(at, len(steps)):
        start, _, side = steps[i].rpartition(" ")
        if side not in turned:
            return None
        steps[i] = f"{start} {turned[side]}"
    return Attempt(tuple(steps), at, "no" if puzzle.answer == "yes" else "yes", right)


@_slip("letter_count")
def _letter_count(rng: Random, puzzle: Puzzle, steps: list[str]) -> Attempt | None:
    right = steps[0]
    count = int(puzzle.answer)
    if rng.random() < 0.7 and count:
        # A letter overlooked: its mark is missing and the later ones count one less.
        lost = rng.randint(1, count)
        marks = {f"({n})": f"({n - (n > lost)})" for n in range(1, count + 1)} | {f"({lost})": ""}
        steps[0] = re.sub(r"\(\d+\)", lambda mark: marks[mark[0]], right)
        answer, at = count - 1, 0
    else:
        answer, at, right = near(rng, count) % 10, 1, steps[1]
    steps[1] = f"The count is {answer}."
    return Attempt(tuple(steps), at, str(answer), right)


@_slip("decimal_compare")
def _decimal_compare(rng: Random, puzzle: Puzzle, steps: list[str]) -> Attempt | None:
    a, b = re.findall(r"\d+\.\d+", puzzle.question)
    answer = b if puzzle.answer == a else a
    at, right = len(steps) - 1, steps[-1]
    compared = re.findall(r"\d+", steps[-2])
    larger = re.findall(r"\d+", steps[-1])[0]
    other = [number for number in compared if number != larger]
    if not other:
        return None
    if len(steps) == 3 and rng.random() < 0.5:
        # The digits compared as they stand, as if .11 were more than .9.
        one, two = a.partition(".")[2], b.partition(".")[2]
        if int(one) == int(two) or (int(one) > int(two)) == (puzzle.answer == a):
            return None
        at, right = 1, steps[1]
        steps[1] = f"The decimals are {one} and {two}."
        steps[2] = f"{max(one, two, key=int)} is larger."
    else:
        steps[-1] = f"{other[0]} is larger."
    return Attempt(tuple(steps), at, answer, right)


@_slip("game_of_24")
def _game_of_24(rng: Random, puzzle: Puzzle, steps: list[str]) -> Attempt | None:
    """A dead end, or a sum that is off. The last step always claims what is left."""
    given = game24.numbers_of(puzzle.question)
    now = tuple(sorted(given))
    chosen: list[game24.Move] = []
    texts: list[str] = []
    right, mended = None, ""
    while len(now) > 1:
        good = game24.good_moves(now)
        slips = right is None and (len(now) == 2 or rng.random() < 0.5)
        open_ = game24.moves(now) if slips or right is not None else good
        if not open_:  # a slip has made a number too large to go on with
            return None
        move = rng.choice(open_)
        if slips and rng.random() < 0.4:
            result = 24 if len(now) == 2 else near(rng, move.result)
            left = sorted([*_without(now, move.a, move.b), result])
            move = game24.Move(move.a, move.operator, move.b, result, tuple(left))
        if right is None and move not in good:
            right, mended = len(texts), rng.choice(good).text
        chosen.append(move)
        texts.append(move.text)
        now = move.left
    if right is None:
        return None
    return Attempt(tuple(texts), right, game24.expression(chosen, given), mended)


def _without(numbers: tuple[int, ...], *taken: int) -> list[int]:
    left = list(numbers)
    for number in taken:
        left.remove(number)
    return left
