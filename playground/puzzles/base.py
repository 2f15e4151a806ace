"""What a puzzle is, and the registry of puzzle families.

Knows only plain values, randomness from a seed, and the train/test split of words. It must not know models,
prompts or how an answer is found in a text: a puzzle is a question whose right answer is known because of the
way it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from random import Random
from typing import Literal

from playground.errors import PlaygroundError

Split = Literal["train", "test"]

_MAX_ATTEMPTS = 4000


class PuzzleError(PlaygroundError):
    """An unknown family, a difficulty out of range, or more distinct puzzles than a family can make."""


@dataclass(frozen=True)
class SolutionStep:
    """One worked step: a short title and the sentence that does the work.

    Where a step is a smaller question of its own, `ask` puts it and `reply` answers it from the answers before.
    """

    title: str
    text: str
    ask: str = ""
    reply: str = ""


@dataclass(frozen=True)
class Puzzle:
    """A question with its known answer.

    `difficulty` counts the family's own unit (operations, words, people ...). `solution` is a full worked
    solution; its last step ends with the fact the answer is read from. `key` names the number or word
    combination that decides which split the puzzle belongs to.
    """

    question: str
    answer: str
    family: str
    difficulty: int
    solution: tuple[SolutionStep, ...]
    key: str = ""

    @property
    def worked(self) -> str:
        """The solution as one text that ends "So the answer is X."."""
        return " ".join(step.text for step in self.solution) + f" So the answer is {self.answer}."

    def accepts(self, answer: str) -> bool:
        """Whether an answer, as the family writes it, is right; case does not count."""
        check = FAMILIES[self.family].check
        return check(self.question, answer) if check else answer.lower() == self.answer.lower()


Maker = Callable[[Random, int, Split], Puzzle | None]


Check = Callable[[str, str], bool]


@dataclass(frozen=True)
class Family:
    """A registered generator. `make` may return None when the drawn numbers belong to the other split.

    `check(question, answer)` marks answers where many are right; without it there is one, the puzzle's own.
    """

    name: str
    title: str
    description: str
    min_difficulty: int
    max_difficulty: int
    make: Maker
    check: Check | None = None

    @property
    def difficulties(self) -> range:
        return range(self.min_difficulty, self.max_difficulty + 1)


FAMILIES: dict[str, Family] = {}


def family(
    name: str, *, title: str, difficulties: tuple[int, int], check: Check | None = None
) -> Callable[[Maker], Maker]:
    """Register a generator under `name`; its docstring's first line becomes the description."""

    def register(make: Maker) -> Maker:
        description = (make.__doc__ or "").strip().split("\n")[0]
        FAMILIES[name] = Family(name, title, description, *difficulties, make, check)
        return make

    return register


def get_family(name: str) -> Family:
    """The family called `name`; PuzzleError with the nearest names if there is none."""
    if name in FAMILIES:
        return FAMILIES[name]
    near = get_close_matches(name, FAMILIES, n=3, cutoff=0.4)
    suggestion = f"Did you mean {' or '.join(near)}? " if near else ""
    raise PuzzleError(
        f"There is no puzzle family called {name!r}.",
        hint=f"{suggestion}Choose one of: {', '.join(sorted(FAMILIES))}.",
    )


def draw(name: str, *, seed: int | str, difficulty: int | None = None, split: Split = "test") -> Puzzle:
    """One puzzle. The same arguments always give the same puzzle; difficulty None draws one at random."""
    return _draw(get_family(name), Random(f"{name}/{split}/{difficulty}/{seed}"), difficulty, split)


def generate(
    name: str, n: int, *, seed: int | str, difficulty: int | None = None, split: Split = "test"
) -> Iterator[Puzzle]:
    """`n` puzzles with different questions, reproducible by seed."""
    chosen = get_family(name)
    rng = Random(f"{name}/{split}/{difficulty}/{seed}/many")
    seen: set[str] = set()
    attempts = 0
    while len(seen) < n:
        puzzle = _draw(chosen, rng, difficulty, split)
        attempts += 1
        if puzzle.question not in seen:
            attempts = 0
            seen.add(puzzle.question)
            yield puzzle
        elif attempts > _MAX_ATTEMPTS:
            raise PuzzleError(
                f"Only {len(seen)} different {name} puzzles were found, {n} were asked for.",
                hint="Ask for fewer puzzles, or leave the difficulty open.",
            )


def _draw(chosen: Family, rng: Random, difficulty: int | None, split: Split) -> Puzzle:
    if split not in ("train", "test"):
        raise PuzzleError(f"There is no split called {split!r}.", hint="Choose 'train' or 'test'.")
    if difficulty is not None and difficulty not in chosen.difficulties:
        raise PuzzleError(
            f"{chosen.name} has no difficulty {difficulty}.",
            hint=f"Choose {chosen.min_difficulty} to {chosen.max_difficulty}.",
        )
    level = rng.choice(chosen.difficulties) if difficulty is None else difficulty
    for _ in range(_MAX_ATTEMPTS):
        puzzle = chosen.make(rng, level, split)
        if puzzle is not None:
            return puzzle
    raise PuzzleError(
        f"No {chosen.name} puzzle of difficulty {level} was found for the {split} split.",
        hint="This is a fault in the generator: please report it with the family and the difficulty.",
    )
