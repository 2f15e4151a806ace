"""Same luck: the random number of every step kept, what would be drawn at other temperatures.

Boundary: reads the engine's answer and mounts its picture, which moves in the browser without asking again. Luck is a
number u in [0, 1): the token drawn is the first, from the likeliest down, at which the summed probability exceeds u.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import streamlit as st

from components.lab.settings import HIGHEST, LOWEST
from components.lab.view import Token
from components.parts import script, style

_HERE = Path(__file__).parent

_mount = st.components.v2.component(
    "same_luck",
    css=style(_HERE, "base", "ranges", "luck"),
    js=script(_HERE, "text", "values", "luck"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One token of the text: its luck, itself, and the choices (from which temperature on, token), rising."""

    u: float
    token: Token
    choices: tuple[tuple[float, Token], ...]

    def at(self, temperature: float) -> Token:
        """What this luck draws at a temperature."""
        [*_, last] = [token for start, token in self.choices if start <= temperature] or [self.choices[0][1]]
        return last


@dataclass(frozen=True, slots=True)
class Flip:
    """Where the text first becomes another one: the temperature, the step (from 0) and what it writes instead."""

    temperature: float
    step: int
    instead: Token


@dataclass(frozen=True, slots=True)
class Luck:
    """A text drawn at `temperature`, and its luck elsewhere."""

    temperature: float
    steps: tuple[Step, ...]

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Luck:
        """From the engine's answer to "luck"."""
        return cls(
            answer["temperature"],
            tuple(
                Step(
                    step["u"],
                    Token(step["id"], step["text"]),
                    tuple((start, Token(id, text)) for start, id, text in step["choices"]),
                )
                for step in answer["steps"]
            ),
        )

    def flip_above(self) -> Flip | None:
        """The first flip on the way up from the temperature, None where all stays the same."""
        found = [
            Flip(start, i, token)
            for i, step in enumerate(self.steps)
            for start, token in step.choices
            if start > self.temperature and token.id != step.token.id
        ]
        return min(found, key=lambda flip: (flip.temperature, flip.step), default=None)

    def flip_below(self) -> Flip | None:
        """The first flip on the way down; it happens just under its temperature."""
        found = [
            Flip(end, i, token)
            for i, step in enumerate(self.steps)
            for (_, token), (end, _) in pairwise(step.choices)
            if end <= self.temperature and token.id != step.token.id
        ]
        return max(found, key=lambda flip: (flip.temperature, -flip.step), default=None)

    def to_json(self) -> dict[str, Any]:
        """For luck.js: of each choice its beginning, its text and whether it is the written token."""
        return {
            "temperature": self.temperature,
            "low": LOWEST,
            "high": HIGHEST,
            "steps": [
                {
                    "u": step.u,
                    "text": step.token.text,
                    "choices": [
                        [start, token.text, token.id == step.token.id] for start, token in step.choices
                    ],
                }
                for step in self.steps
            ],
        }


def luck_picture(luck: Luck, *, key: str) -> None:
    """Draw each step's choices along the temperature, and what of the text stays the same at any of them."""
    _mount(data=luck.to_json(), key=key)
