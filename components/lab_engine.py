"""What the logits page asks of the engine, with answers as typed values, the latest of them kept.

Boundary: asks and remembers; no page state and no drawing. Answers depend on nothing but the parameters, so all
visitors share them. Every function raises PlaygroundError as the engine does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from components import engine
from components.lab.view import Drawn, Look, ReadToken, Token
from playground.sampling import Sampling

_MINUTES = 10
"""For how long an answer is kept: another model may come to stand under the same name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one looks: a model, a text and the tokens after it."""

    model: str
    text: str
    as_question: bool = False
    path: tuple[int, ...] = ()

    def ask(self, method: str, **params: Any) -> Any:
        at = {"text": self.text, "as_question": self.as_question, "path": list(self.path)}
        if isinstance(params.get("sampling"), Sampling):
            params["sampling"] = asdict(params["sampling"])
        return engine.runner().call(method, model=self.model, at=at, **params)


@st.cache_data(max_entries=48, ttl=f"{_MINUTES}m", show_spinner=False)
def look(place: Place) -> Look:
    """The next token's distribution."""
    return Look.read(place.ask("look"))


@st.cache_data(max_entries=48, ttl=f"{_MINUTES}m", show_spinner=False)
def curves(
    place: Place, sampling: Sampling, ids: tuple[int, ...], temperatures: tuple[float, ...]
) -> Mapping[str, list[list[float]]]:
    """Probabilities of tokens along temperatures: "before" with nothing cut, "after" with the cuts of `sampling`."""
    along = {"ids": list(ids), "temperatures": list(temperatures)}
    answer: dict[str, list[list[float]]] = place.ask("curves", sampling=sampling, **along)
    return answer


@st.cache_data(max_entries=48, ttl=f"{_MINUTES}m", show_spinner=False)
def draws(place: Place, sampling: Sampling, n: int, seed: int) -> Mapping[str, Any]:
    """Counts of n draws beside their probabilities and the range 95 % of such counts lie in."""
    answer: dict[str, Any] = place.ask("draws", sampling=sampling, n=n, seed=seed)
    return answer


@st.cache_data(max_entries=48, ttl=f"{_MINUTES}m", show_spinner=False)
def luck(place: Place, sampling: Sampling, seed: int, steps: int) -> Mapping[str, Any]:
    """A text drawn with fixed luck, and what that luck draws at other temperatures."""
    answer: dict[str, Any] = place.ask("luck", sampling=sampling, seed=seed, steps=steps)
    return answer


@st.cache_data(max_entries=24, ttl=f"{_MINUTES}m", show_spinner=False)
def read_text(place: Place) -> tuple[ReadToken, ...]:
    """How well each token of the text and path was foreseen."""
    return tuple(ReadToken.read(token) for token in place.ask("read_text")["tokens"])


@st.cache_data(max_entries=24, ttl=f"{_MINUTES}m", show_spinner=False)
def beginning(model: str, id: int) -> tuple[int, ...]:
    """The ids that a model puts by itself before a text of nothing but the token `id`."""
    read = Place(model, "", path=(id,)).ask("read_text", top=1)["tokens"]
    return tuple(token["id"] for token in read[:-1])


def next_token(place: Place, sampling: Sampling, seed: int) -> tuple[Token, Drawn | None]:
    """The token that comes next, and its luck where it was drawn."""
    answer = place.ask("next_token", sampling=sampling, seed=seed)
    token = Token(answer["id"], answer["text"])
    if answer["u"] is None:
        return token, None
    return token, Drawn(token.text, answer["u"], answer["p"], answer["rank"])


def write(place: Place, sampling: Sampling, seed: int, steps: int) -> tuple[tuple[Token, ...], bool]:
    """Up to `steps` next tokens, and whether the text ended there."""
    answer = place.ask("write", sampling=sampling, seed=seed, steps=steps)
    return tuple(Token(token["id"], token["text"]) for token in answer["tokens"]), bool(answer["ended"])
