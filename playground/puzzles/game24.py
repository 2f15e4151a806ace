"""Game of 24: join all the numbers with + - * / so that they make 24.

Knows how to search the game exactly and how to check an answer. Every number along the way is whole and not
negative here; an answer that goes through fractions is accepted too. Which split a puzzle belongs to depends on its
numbers, whatever their order, and so does that of every three numbers on the way to it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from random import Random

from playground.puzzles import words
from playground.puzzles.base import Puzzle, SolutionStep, Split, family

GOAL = 24
LARGEST = 13
MOST = 100
"""No number on the way is larger: products beyond it lead nowhere but a few times in a hundred."""
MANY = 5
"""Four numbers with at least so many good first moves are the easier ones."""

_QUESTIONS = (
    "Use {list} once each with + - * / to make 24.",
    "Make 24 from {list}, each used once.",
    "How do you make 24 from {list}?",
)
LONGEST = 200
"""Characters of an answer that is still read."""


@dataclass(frozen=True)
class Move:
    """Two of the numbers joined, and the numbers there are then, in rising order."""

    a: int
    operator: str
    b: int
    result: int
    left: tuple[int, ...]

    @property
    def text(self) -> str:
        return f"{self.a} {self.operator} {self.b} = {self.result} (left: {listed(self.left)})."


def listed(numbers: tuple[int, ...]) -> str:
    return " ".join(map(str, numbers))


@cache
def moves(numbers: tuple[int, ...]) -> tuple[Move, ...]:
    """Every different way to join two of the numbers that makes no number above `MOST`."""
    found: dict[Move, None] = {}
    for i, a in enumerate(numbers):
        for j, b in enumerate(numbers):
            if i == j:
                continue
            rest = [n for k, n in enumerate(numbers) if k not in (i, j)]
            for operator, result in joined(a, b):
                found[Move(a, operator, b, result, tuple(sorted([*rest, result])))] = None
    return tuple(found)


def joined(a: int, b: int) -> Iterator[tuple[str, int]]:
    """What two numbers can make; nothing where `b` is the larger, so that 3 + 4 and 4 + 3 are one move."""
    if a >= b:
        for operator, result in (("+", a + b), ("-", a - b), ("*", a * b)):
            if result <= MOST:
                yield operator, result
        if b and a % b == 0:
            yield "/", a // b


@cache
def reachable(numbers: tuple[int, ...]) -> bool:
    """Whether these numbers can still make 24; `numbers` in rising order."""
    if len(numbers) == 1:
        return numbers[0] == GOAL
    return any(reachable(move.left) for move in moves(numbers))


@cache
def good_moves(numbers: tuple[int, ...]) -> tuple[Move, ...]:
    """The moves after which 24 can still be made."""
    return tuple(move for move in moves(numbers) if reachable(move.left))


def expression(chosen: list[Move], numbers: tuple[int, ...]) -> str:
    """The moves as one expression over the numbers they began with, with no brackets but those it needs."""
    made: list[tuple[int, str, int]] = [(n, str(n), 3) for n in numbers]
    for move in chosen:
        parts = []
        for value in (move.a, move.b):
            # What was made on the way is used before a number of the same size that was given.
            known = [item for item in made if item[0] == value]
            part = min(known, key=lambda item: item[2])
            made.remove(part)
            parts.append(part)
        strength = 2 if move.operator in "*/" else 1
        (_, left, left_strength), (_, right, right_strength) = parts
        left = f"({left})" if left_strength < strength else left
        tight = right_strength < strength or (right_strength == strength and move.operator in "-/")
        right = f"({right})" if tight else right
        made.append((move.result, f"{left} {move.operator} {right}", strength))
    return made[-1][1]


def value(text: str) -> tuple[Fraction, list[int]] | None:
    """What an expression of whole numbers and + - * / comes to, and its numbers; None if it is none."""
    if len(text) > LONGEST:
        return None
    text = text.replace("×", "*").replace("÷", "/").replace("−", "-")
    try:
        tree = ast.parse(text.strip().rstrip("."), mode="eval").body
        numbers: list[int] = []
        return _evaluated(tree, numbers), numbers
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def _evaluated(node: ast.expr, numbers: list[int]) -> Fraction:
    match node:
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            numbers.append(number)
            return Fraction(number)
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _evaluated(left, numbers), _evaluated(right, numbers)
            match operator:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.Div():
                    return a / b
    raise ValueError("not plain arithmetic")


def numbers_of(question: str) -> tuple[int, ...]:
    """The numbers a question gives, as they stand: all of its whole numbers but the goal, which is named once."""
    found = [int(piece) for piece in "".join(c if c.isdigit() else " " for c in question).split()]
    if GOAL in found:
        found.remove(GOAL)
    return tuple(found)


def right(question: str, answer: str) -> bool:
    """Whether an answer makes 24 from exactly the question's numbers; "... = 24" is read without its end."""
    body, _, said = answer.partition("=")
    read = value(body)
    if read is None or (said and said.strip(" .") != str(GOAL)):
        return False
    total, used = read
    return total == GOAL and sorted(used) == sorted(numbers_of(question))


def split_of(numbers: tuple[int, ...]) -> Split:
    """The split of numbers in any order; two numbers or one belong to both, which counts as training."""
    if len(numbers) < 3:
        return "train"
    return words.split_of_key("24:" + listed(tuple(sorted(numbers))))


def solve(rng: Random, numbers: tuple[int, ...], split: Split) -> list[Move] | None:
    """One way to 24, drawn at random, that for training passes no three numbers held out; None if there is none."""
    chosen: list[Move] = []
    now = tuple(sorted(numbers))
    while len(now) > 1:
        open_ = [m for m in good_moves(now) if split == "test" or split_of(m.left) == "train"]
        if not open_:
            return None
        move = rng.choice(open_)
        chosen.append(move)
        now = move.left
    return chosen


@family("game_of_24", title="Game of 24", difficulties=(1, 3), check=right)
def _game_of_24(rng: Random, difficulty: int, split: Split) -> Puzzle | None:
    """Make 24 from three numbers (1), or from four with many (2) or few (3) good ways to begin."""
    numbers = tuple(rng.randint(1, LARGEST) for _ in range(3 if difficulty == 1 else 4))
    key = tuple(sorted(numbers))
    if split_of(key) != split or not reachable(key):
        return None
    if difficulty > 1 and (len(good_moves(key)) >= MANY) != (difficulty == 2):
        return None
    chosen = solve(rng, key, split)
    if chosen is None:
        return None
    steps = tuple(SolutionStep(f"{m.a} {m.operator} {m.b}", m.text) for m in chosen)
    *first, last = map(str, numbers)
    question = rng.choice(_QUESTIONS).format(list=f"{', '.join(first)} and {last}")
    return Puzzle(question, expression(chosen, numbers), "game_of_24", difficulty, steps, listed(key))
