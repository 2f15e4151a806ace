"""What the lab draws: what the engine said, as typed values, and its packing into the bytes that lab.js unpacks.

Boundary: plain values; knows neither Streamlit nor who asked. Text from models passes through untouched, as data.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from components.lab.settings import LabSettings


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the vocabulary and its text for a person."""

    id: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """The next token's distribution, as far as a backend gives it.

    Attributes:
        tokens: the likeliest, best first.
        path: the texts of the path's tokens, where the backend knows them.
        logits: all raw logits, descending, float32, shape (vocabulary,); None where only some are known.
        position: how many tokens stand before, None where not known.
        logprobs: of `tokens`, nats; only where there are no logits.
        rest: the probability of all others; only where there are no logits.
    """

    tokens: tuple[Token, ...]
    path: tuple[Token, ...] = ()
    logits: npt.NDArray[np.float32] | None = None
    position: int | None = None
    logprobs: tuple[float, ...] = ()
    rest: float = 0.0

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Look:
        """From the engine's answer to "look"."""
        exact = bool(answer["exact"])
        return cls(
            tuple(Token(token["id"], token["text"]) for token in answer["tokens"]),
            tuple(Token(token["id"], token["text"]) for token in answer["path"]),
            np.asarray(answer["logits"], dtype=np.float32) if exact else None,
            answer["position"],
            () if exact else tuple(token["logprob"] for token in answer["tokens"]),
            0.0 if exact else answer["rest"],
        )

    @property
    def exact(self) -> bool:
        return self.logits is not None


@dataclass(frozen=True, slots=True)
class ReadToken:
    """A token of a text that was read, and how the model foresaw it; NaN and rank 0 where nothing stood before.

    Attributes:
        text: "" while its bytes are no whole character; `hex` has them then.
        logprob: nats. `entropy`: bits. `margin`: p(first) − p(second). `rank`: from 1. All of raw logits.
        alternatives: id, text and log-probability of the likeliest there.
    """

    id: int
    text: str
    hex: str
    logprob: float
    rank: int
    entropy: float
    margin: float
    alternatives: tuple[tuple[int, str, float], ...]

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> ReadToken:
        logprob, entropy, margin = (
            math.nan if answer[name] is None else float(answer[name])
            for name in ("logprob", "entropy", "margin")
        )
        alternatives = tuple((id, text, logprob) for id, text, logprob in answer["alternatives"])
        return cls(
            answer["id"],
            answer["text"],
            answer["hex"],
            logprob,
            answer["rank"] or 0,
            entropy,
            margin,
            alternatives,
        )

    @property
    def token(self) -> Token:
        """With bytes that are no whole character written as \\x…, as everywhere in the lab."""
        return Token(self.id, self.text or bytes.fromhex(self.hex).decode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True)
class Drawn:
    """The last draw: its luck, and the probability and rank of what came out."""

    text: str
    u: float
    p: float
    rank: int


@dataclass(frozen=True, slots=True)
class LabView:
    """What the lab shows.

    Attributes:
        model: the model's title.
        path: the tokens after the text; the first `spelled` of them spell the text itself.
        cursor: how many of them stand before the open position; `first` is the least that can be opened.
        settings: what the sliders are set to when `revision` is new to the browser; else its own are newer.
        why: why nothing can be set or appended, "" where it can.
    """

    look: Look
    model: str
    path: Sequence[Token] = ()
    cursor: int = 0
    first: int = 0
    spelled: int = 0
    settings: LabSettings = LabSettings()
    revision: str = ""
    drawn: Drawn | None = None
    why: str = ""

    @property
    def next(self) -> Token | None:
        """The token that the path goes on with."""
        return self.path[self.cursor] if self.cursor < len(self.path) else None

    def pack(self, key: str) -> bytes:
        """A header's length (uint32), the header as JSON, then the logits (float32), all little-endian."""
        look, logits = self.look, self.look.logits
        tokens = [asdict(token) for token in look.tokens]
        for token, logprob in zip(tokens, look.logprobs, strict=False):
            token["logprob"] = logprob
        header = json.dumps(
            {
                "key": key,
                "exact": look.exact,
                "model": self.model,
                "vocabulary": None if logits is None else len(logits),
                "position": look.position,
                "tokens": tokens,
                "rest": look.rest,
                "path": [asdict(token) for token in self.path],
                "cursor": self.cursor,
                "first": self.first,
                "spelled": self.spelled,
                "next": asdict(self.next) if self.next else None,
                "drawn": asdict(self.drawn) if self.drawn else None,
                "settings": self.settings.to_json(),
                "revision": self.revision,
                "able": not self.why,
                "why": self.why,
            }
        ).encode()
        return (
            struct.pack("<I", len(header))
            + header
            + (b"" if logits is None else logits.astype("<f4").tobytes())
        )
