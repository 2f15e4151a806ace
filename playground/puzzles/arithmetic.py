"""Arithmetic word problems: one person, one kind of thing, one to eight operations.

Knows how an operation is said in English and keeps every intermediate result a whole number from 0 to 300.
Whether a problem is for training or testing depends on its numbers and operations, and on its names and
things.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from playground.puzzles import words
from playground.puzzles.base import Puzzle, SolutionStep, Split, family

Operator = Literal["+", "-", "*", "/"]

LARGEST = 300

# {who} the person, {other} somebody else, {n} the number, {things} the noun.
PHRASES: dict[Operator, tuple[str, ...]] = {
    "+": (
        "{who} buys {n} more.",
        "{who} finds {n} {things}.",
        "{who} gets {n} from {other}.",
        "{other} gives {who} {n}.",
        "{other} gives {who} {n} more {things}.",
        "Then {who} picks up {n} more.",
        "{who} wins {n} {things}.",
        "{who} adds {n} more.",
    ),
    "-": (
        "{who} gives {n} to {other}.",
        "{who} gives {other} {n} {things}.",
        "{who} sells {n}.",
        "{who} loses {n} {things}.",
        "{other} takes {n} from {who}.",
        "Then {who} throws away {n}.",
        "{who} uses {n} {things}.",
        "{n} of them break.",
    ),
    "*": (
        "Then the number of {things} grows to {n} times as many.",
        "{who} now gets {n} times as many {things}.",
        "{who} multiplies the {things} by {n}.",
    ),
    "/": (
        "{who} shares them equally among {n} boxes and keeps one box.",
        "{who} puts the {things} into {n} equal piles and keeps one pile.",
        "{who} splits them into {n} equal parts and keeps one part.",
        "{who} divides the {things} by {n}.",
    ),
}
DOUBLE = ("{who} doubles the number of {things}.", "Then the number of {things} doubles.")
TRIPLE = ("{who} triples the number of {things}.",)
HALVE = ("{who} keeps only half of them.", "{who} keeps half of the {things}.")

STARTS = ("{who} has {n} {things}.", "{who} starts with {n} {things}.", "At first {who} has {n} {things}.")
ENDS = (
    "How many {things} does {who} have now?",
    "How many {things} does {who} have in the end?",
    "How many {things} are left?",
    "How many {things} does {who} have?",
)
DISTRACTORS = (
    "{other} has {n} {else_}.",
    "{other} is {n} years old.",
    "The shop is {n} miles away.",
    "{who} walks {n} steps.",
)
TITLES: dict[Operator, str] = {"+": "Add", "-": "Subtract", "*": "Multiply by", "/": "Divide by"}


@dataclass(frozen=True)
class Operation:
    """One step `before operator operand = after`."""

    before: int
    operator: Operator
    operand: int
    after: int

    @property
    def text(self) -> str:
        return f"{self.before} {self.operator} {self.operand} = {self.after}."


def operations(rng: Random, n: int) -> list[Operation]:
    """A random chain of `n` operations that stays whole and within 0..300; adding and taking away prevail."""
    value = rng.randint(2, 100)
    chain: list[Operation] = []
    while len(chain) < n:
        operator: Operator = rng.choice(("+", "+", "+", "-", "-", "-", "*", "/"))
        operand = rng.randint(2, 99) if rng.random() < 0.6 else rng.randint(2, 20)
        if operator == "+":
            after = value + operand
        elif operator == "-":
            after = value - operand
        elif operator == "*":
            operand = rng.randint(2, 5)
            after = value * operand
        else:
            divisors = [d for d in range(2, 11) if value % d == 0 and value >= 2 * d]
            if not divisors:
                continue
            operand = rng.choice(divisors)
            after = value // operand
        if not 0 <= after <= LARGEST or (after < 2 and len(chain) < n - 1):
            continue
        chain.append(Operation(value, operator, operand, after))
        value = after
    return chain


def _phrase(rng: Random, operation: Operation) -> str:
    special: tuple[str, ...] = ()
    if operation.operator == "*":
        special = {2: DOUBLE, 3: TRIPLE}.get(operation.operand, ())
    elif operation.operator == "/" and operation.operand == 2:
        special = HALVE
    if special and rng.random() < 0.5:
        return rng.choice(special)
    return rng.choice(PHRASES[operation.operator])


def make_arithmetic(
    rng: Random,
    difficulty: int,
    split: Split,
    *,
    distractors: int | None = None,
    made_up: float | None = None,
) -> Puzzle | None:
    """One word problem, or None if its numbers belong to the other split.

    `distractors`: how many beside-the-point sentences; None lets problems of four operations or more have
    some. `made_up`: share of made-up names and things; None means a fifth in training, so copying
    generalises, and none in tests.
    """
    chain = operations(rng, difficulty)
    key = f"{chain[0].before}" + "".join(f"{o.operator}{o.operand}" for o in chain)
    if words.split_of_key(key) != split:
        return None
    share = (0.2 if split == "train" else 0.0) if made_up is None else made_up
    who, first, second = words.names(rng, 3, split, made_up=share)
    things, else_ = words.things(rng, 2, split, made_up=share / 2)
    if distractors is None:
        distractors = rng.choice((0, 0, 1, 1 + difficulty // 4)) if difficulty >= 4 else 0

    told: list[str] = []
    sentences = [rng.choice(STARTS).format(who=who, n=chain[0].before, things=things)]
    for operation in chain:
        other = rng.choice((first, second))
        told.append(_phrase(rng, operation).format(who=who, other=other, n=operation.operand, things=things))
    sentences += told
    for _ in range(distractors):
        place = rng.randint(1, len(sentences))
        line = rng.choice(DISTRACTORS).format(
            who=who, other=rng.choice((first, second)), n=rng.randint(2, 99), else_=else_
        )
        # A sentence that says "them" must keep following the things it means.
        if place < len(sentences) and " them" in sentences[place]:
            place = len(sentences)
        sentences.insert(place, line)
    sentences.append(rng.choice(ENDS).format(who=who, things=things))

    steps = [SolutionStep("Start", f"{who} starts with {chain[0].before} {things}.")]
    steps += [
        SolutionStep(
            f"{TITLES[o.operator]} {o.operand}",
            o.text,
            f"{sentence} How many {things} are there then?",
            f"{o.text} So the answer is {o.after}.",
        )
        for o, sentence in zip(chain, told, strict=True)
    ]
    return Puzzle(" ".join(sentences), str(chain[-1].after), "arithmetic", difficulty, tuple(steps), key)


@family("arithmetic", title="Word problems", difficulties=(1, 8))
def _arithmetic(rng: Random, difficulty: int, split: Split) -> Puzzle | None:
    """Word problems with as many operations as the difficulty says."""
    return make_arithmetic(rng, difficulty, split)
