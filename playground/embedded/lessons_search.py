"""Kinds of examples for voting, revising and searching: with the project's own prompts, on puzzles of the training
split, and on attempts at them that are right or go wrong somewhere.
"""

from __future__ import annotations

from random import Random

from playground import prompts
from playground.embedded import attempts
from playground.embedded.attempts import Attempt
from playground.embedded.lessons import Segment, Stage, kind, puzzle_for, reply, segments_of, shown
from playground.prompts import texts
from playground.puzzles import Puzzle, game24

WIDTHS = (3, 5, 5, 8)
"""How many next steps are asked for at a time."""


SHOWING = frozenset(("review", "judge", "revise", "critique", "correct", "next_step", "propose", "value"))
"""Kinds whose prompts show work; what is right in it is learned as well."""


def attempt_at(rng: Random, puzzle: Puzzle, right: float = 0.5) -> Attempt:
    """A worked answer that is right with the given probability."""
    return attempts.correct(puzzle) if rng.random() < right else attempts.wrong(rng, puzzle)


def said(rng: Random, attempt: Attempt, short: float = 0.25) -> str:
    """An attempt as an answer reads: worked, or now and then the bare answer."""
    return f"{attempt.answer}." if rng.random() < short else attempt.text


def worked_part(attempt: Attempt, answer: str) -> str:
    """What of an answer is worth learning: the right part of a working, nothing of a bare answer."""
    return f" {attempt.right_text}" if answer == attempt.text else ""


def verdict(attempt: Attempt) -> str:
    return f"[[{texts.VERDICTS[not attempt.correct]}]]"


def checked(attempt: Attempt, answer: str, puzzle: Puzzle) -> str:
    """A review: each step again with whether it is right, up to the first that is not; a bare answer is worked out."""
    if answer == attempt.text:
        lines = [f"{step.rstrip('.')} is right." for step in attempt.steps[: attempt.right]]
        lines += [f"{step.rstrip('.')} is wrong." for step in attempt.steps[attempt.right :][:1]]
        return " ".join([*lines, verdict(attempt)])
    if puzzle.family == "game_of_24":  # a bare expression is worked out from the inside
        moves = [step.split(" (")[0] + "." for step in attempt.steps]
        return " ".join([*moves, verdict(attempt)])
    return f"{puzzle.worked} {verdict(attempt)}"


@kind("review")
def _review(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = puzzle_for(rng, stage)
    attempt = attempt_at(rng, puzzle)
    answer = said(rng, attempt)
    return [
        *shown(prompts.review(puzzle.question, answer), worked_part(attempt, answer)),
        reply(checked(attempt, answer, puzzle)),
    ]


@kind("judge")
def _judge(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = puzzle_for(rng, stage)
    attempt = attempt_at(rng, puzzle)
    answer = said(rng, attempt)
    prompt = prompts.judge(puzzle.question, answer, prefill=False)
    return [*shown(prompt, worked_part(attempt, answer)), reply(verdict(attempt))]


@kind("revise")
def _revise(rng: Random, stage: Stage) -> list[Segment]:
    """One to four attempts, nearly always wrong ones, and then the right working (Snell et al. 2024, §6.1)."""
    puzzle = puzzle_for(rng, stage)
    tries = [attempt_at(rng, puzzle, 0.1) for _ in range(rng.choice((1, 1, 2, 2, 3, 4)))]
    answers = [said(rng, attempt, 0.15) for attempt in tries]
    parts = [worked_part(attempt, answer) for attempt, answer in zip(tries, answers, strict=True)]
    return [*shown(prompts.revise(puzzle.question, answers), *parts), reply(puzzle.worked)]


def criticism(attempt: Attempt, puzzle: Puzzle) -> str:
    """What is wrong in an attempt, and what would be right there."""
    if attempt.correct:
        return "Nothing is wrong."
    return f"{attempt.steps[attempt.right].rstrip('.')} is wrong. Better: {attempt.mended}"


@kind("critique")
def _critique(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = puzzle_for(rng, stage)
    attempt = attempt_at(rng, puzzle, 0.4)
    return [
        *shown(prompts.critique(puzzle.question, attempt.text), f" {attempt.right_text}"),
        reply(criticism(attempt, puzzle)),
    ]


@kind("correct")
def _correct(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = puzzle_for(rng, stage)
    attempt = attempt_at(rng, puzzle, 0.2)
    prompt = prompts.correct(puzzle.question, attempt.text, criticism(attempt, puzzle))
    return [*shown(prompt, f" {attempt.right_text}"), reply(puzzle.worked)]


# --- Steps of a search ------------------------------------------------------------------------------------


def last_step(answer: str) -> str:
    return f"{prompts.answer_cue} {answer}."


class Game:
    """A game of 24 somewhere on its way, which may lead nowhere."""

    def __init__(self, rng: Random, puzzle: Puzzle, *, astray: float) -> None:
        self.given = game24.numbers_of(puzzle.question)
        self.now = tuple(sorted(self.given))
        self.moves: list[game24.Move] = []
        for _ in range(rng.choice((0, 1, 1, 2, 2, 3))):
            good = [m for m in game24.good_moves(self.now) if game24.split_of(m.left) == "train"]
            every = [m for m in game24.moves(self.now) if game24.split_of(m.left) == "train"]
            open_ = every if rng.random() < astray else good
            if not open_ or len(self.now) == 1:
                break
            move = rng.choice(open_)
            self.moves.append(move)
            self.now = move.left

    @property
    def steps(self) -> list[str]:
        return [move.text for move in self.moves]

    def next_steps(self, rng: Random, n: int) -> list[str]:
        """Up to n different moves, good ones the more often, in any order; the answer when one number is left."""
        if len(self.now) == 1:
            return [last_step(game24.expression(self.moves, self.given))] if self.moves else []
        left = list(game24.moves(self.now))
        good = set(game24.good_moves(self.now))
        found: list[str] = []
        while left and len(found) < n:
            move = rng.choices(left, [4.0 if move in good else 1.0 for move in left])[0]
            left.remove(move)
            found.append(move.text)
        return found

    @property
    def outlook(self) -> str:
        """The value of the state: of two numbers by all they can make, of more at a glance."""
        hope = "impossible" if not game24.reachable(self.now) else "likely" if len(self.now) > 2 else "sure"
        if len(self.now) == 1:
            return f"{self.now[0]} is left: {hope}"
        if len(self.now) > 2:
            return hope
        b, a = self.now
        return f"{', '.join(f'{a} {sign} {b} = {made}' for sign, made in game24.joined(a, b))}: {hope}"


def on_the_way(rng: Random, puzzle: Puzzle, right: float) -> tuple[list[str], Attempt]:
    """The first steps of an attempt, at least one of them wrong if the attempt is."""
    attempt = attempt_at(rng, puzzle, right)
    least = 0 if attempt.correct else attempt.right + 1
    return list(attempt.steps[: rng.randint(least, len(attempt.steps))]), attempt


def right_part(attempt: Attempt, steps: list[str]) -> str:
    """Those of the first steps of an attempt that are right, as they are listed."""
    return listed(steps[: attempt.right])


def listed(steps: list[str]) -> str:
    return "".join(f"\n{step}" for step in steps)


def following(attempt: Attempt, steps: list[str]) -> str:
    """What comes after the first steps of an attempt."""
    return attempt.steps[len(steps)] if len(steps) < len(attempt.steps) else last_step(attempt.answer)


@kind("next_step")
def _next_step(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = puzzle_for(rng, stage)
    steps, attempt = on_the_way(rng, puzzle, 0.75)
    prompt = prompts.next_step(puzzle.question, steps)
    return [*shown(prompt, right_part(attempt, steps)), reply(following(attempt, steps))]


@kind("propose")
def _propose(rng: Random, stage: Stage) -> list[Segment]:
    """Different next steps; in the other families the right one among slips, for the values to tell apart."""
    puzzle = puzzle_for(rng, stage, "game_of_24" if rng.random() < 0.7 else None)
    n = rng.choice(WIDTHS)
    if puzzle.family == "game_of_24":
        game = Game(rng, puzzle, astray=0.5)
        steps, lines = game.steps, game.next_steps(rng, n)
        done = listed(steps)
    else:
        steps, attempt = on_the_way(rng, puzzle, 1.0)
        lines, done = [following(attempt, steps)], right_part(attempt, steps)
        for _ in range(8):
            other = attempts.wrong(rng, puzzle)
            if len(steps) < len(attempt.steps) and other.right == len(steps) and len(lines) < n:
                lines.append(following(other, steps))
        lines = list(dict.fromkeys(lines))
        rng.shuffle(lines)
    return [*shown(prompts.propose(puzzle.question, steps, n), done), reply("\n".join(lines))]


@kind("value")
def _value(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = puzzle_for(rng, stage, "game_of_24" if rng.random() < 0.7 else None)
    if puzzle.family == "game_of_24":
        game = Game(rng, puzzle, astray=0.45)
        return [*shown(prompts.value(puzzle.question, game.steps), listed(game.steps)), reply(game.outlook)]
    steps, attempt = on_the_way(rng, puzzle, 0.6)
    if not attempt.correct:
        said = f"{attempt.steps[attempt.right].rstrip('.')} is wrong: impossible"
    elif steps:
        said = f"{steps[-1].rstrip('.')} is right: {'sure' if len(steps) >= attempt.right - 1 else 'likely'}"
    else:
        said = "likely"
    return [*shown(prompts.value(puzzle.question, steps), right_part(attempt, steps)), reply(said)]


@kind("vote")
def _vote(rng: Random, stage: Stage) -> list[Segment]:
    """Two to five ways to have begun, at least one of them right; the first right one is named."""
    puzzle = puzzle_for(rng, stage, "game_of_24" if rng.random() < 0.4 else None)
    candidates: list[tuple[list[str], bool]] = []
    depth = rng.randint(1, max(1, len(puzzle.solution)))
    for _ in range(rng.randint(2, 5)):
        attempt = attempt_at(rng, puzzle, 0.4)
        candidates.append((list(attempt.steps[:depth]), attempt.right >= depth))
    if not any(good for _, good in candidates):
        i = rng.randrange(len(candidates))
        candidates[i] = (list(attempts.correct(puzzle).steps[:depth]), True)
    best = 1 + next(i for i, (_, good) in enumerate(candidates) if good)
    return [*segments_of(prompts.vote(puzzle.question, [steps for steps, _ in candidates])), reply(str(best))]


# --- Smaller questions first ------------------------------------------------------------------------------


def _divisible(rng: Random, stage: Stage) -> Puzzle:
    return puzzle_for(rng, stage, rng.choices(("last_letter", "arithmetic"), (3, 2))[0])


@kind("decompose")
def _decompose(rng: Random, stage: Stage) -> list[Segment]:
    """The questions a puzzle's steps answer; a puzzle without any is its own only question."""
    puzzle = _divisible(rng, stage) if rng.random() < 0.85 else puzzle_for(rng, stage)
    asked = [step.ask for step in puzzle.solution if step.ask] or [puzzle.question]
    return [*segments_of(prompts.decompose(puzzle.question)), reply("\n".join(asked))]


@kind("subquestion")
def _subquestion(rng: Random, stage: Stage) -> list[Segment]:
    puzzle = _divisible(rng, stage)
    turns = [(step.ask, step.reply) for step in puzzle.solution if step.ask]
    at = rng.randrange(len(turns))
    prompt = prompts.subquestion(puzzle.question, turns[:at], turns[at][0])
    return [*segments_of(prompt), reply(turns[at][1])]
