"""Generators of questions whose right answer is known because of how they were made.

Knows seeds, words and numbers. Must not know models, prompts, strategies or how answers are found in text.
A new family is one function under the `family` decorator, in one of this package's modules.
"""

from playground.puzzles import arithmetic, facts, game24, letters  # noqa: F401  (importing registers the families)
from playground.puzzles.base import (
    FAMILIES,
    Check,
    Family,
    Puzzle,
    PuzzleError,
    SolutionStep,
    Split,
    draw,
    family,
    generate,
    get_family,
)

__all__ = [
    "FAMILIES",
    "Check",
    "Family",
    "Puzzle",
    "PuzzleError",
    "SolutionStep",
    "Split",
    "draw",
    "family",
    "generate",
    "get_family",
]
