"""A few tokens as bytes, and back: what takes the room in a log, kept small.

Boundary: tokens of one text and bytes; neither times nor nodes, so that equal tokens give equal bytes wherever they
stand. Numbers are float32, as models give them, byte by byte in columns (the first bytes of many numbers are alike, so
they compress); tokens and texts that stand there several times are written once. Compression is `packing`'s business.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, get_args

import numpy as np

from playground.events import Alternative, Choice, TokenAdded

VERSION = 3
"""First byte; a block of the first version is JSON and begins with "[". One of the second is as it is now, but knows
no varentropies."""

_READ = (2, VERSION)

_HEAD = struct.Struct("<BHH")
_APART = 255
"""In place of an alternative's number: the token is not one of its own alternatives."""
_DRAWN, _VAGUE, _UNEVEN = 4, 8, 16
"""Added to how a token was chosen: it has a sampling log-probability; it has no entropy; it has a varentropy."""
_NO_ID = 2**32 - 1
_CHOICES: tuple[Choice, ...] = get_args(Choice)


def pack(tokens: Sequence[TokenAdded]) -> bytes | None:
    """The tokens but for their node; None where this form would not be exact."""
    known: dict[tuple[int | None, str], int] = {}
    named: list[int] = []
    logprobs: list[float] = []
    facts = bytearray()
    for token in tokens:
        if len(token.alternatives) >= _APART or token.chosen not in _CHOICES:
            return None
        place = _place(token)
        own = [Alternative(token.id, token.text, token.logprob)] if place == _APART else []
        for entry in (*token.alternatives, *own):
            named.append(known.setdefault((entry.id, entry.text), len(known)))
            logprobs.append(entry.logprob)
        way = _CHOICES.index(token.chosen)
        way |= 0 if token.sampling_logprob is None else _DRAWN
        way |= _VAGUE if token.entropy is None else 0
        way |= 0 if token.varentropy is None else _UNEVEN
        facts += bytes((len(token.alternatives), place, way))
    numbers = _single(
        [
            *logprobs,
            *(token.entropy for token in tokens if token.entropy is not None),
            *(token.margin for token in tokens),
            *(token.varentropy for token in tokens if token.varentropy is not None),
            *(token.sampling_logprob for token in tokens if token.sampling_logprob is not None),
        ]
    )
    fits = len(known) <= 0xFFFF and all(id is None or 0 <= id < _NO_ID for id, _ in known)
    if numbers is None or not fits:
        return None
    ids = [_NO_ID if id is None else id for id, _ in known]
    texts = [text for _, text in known]
    codes = {i: token.hex for i, token in enumerate(tokens) if token.hex}
    return b"".join(
        (
            _HEAD.pack(VERSION, len(tokens), len(known)),
            np.frombuffer(facts, np.uint8).reshape(-1, 3).T.tobytes(),
            _columns(np.array(ids, "<u4")),
            _columns(np.array(named, "<u2")),
            _columns(numbers),
            json.dumps([texts, codes], separators=(",", ":"), ensure_ascii=False).encode(
                "utf-8", "surrogatepass"
            ),
        )
    )


def unpack(node: str, content: bytes) -> Iterator[TokenAdded]:
    """The tokens that were packed, at `node`.

    Raises:
        ValueError, IndexError, KeyError, RuntimeError: the bytes are damaged, or a newer version wrote them.
    """
    read = _Reader(content)
    version, count, many = _HEAD.unpack(read.take(_HEAD.size))
    if version not in _READ:
        raise ValueError(f"a block of version {version}")
    sizes, places, ways = np.frombuffer(read.take(3 * count), np.uint8).reshape(3, count).tolist()
    ids = [None if id == _NO_ID else id for id in read.columns("<u4", many)]
    named = read.columns("<u2", sum(sizes) + places.count(_APART))
    numbers = iter(read.columns("<f4", len(named) + count + sum(map(_numbers, ways))))
    texts, codes = json.loads(read.rest().decode("utf-8", "surrogatepass"))
    entries = iter([Alternative(ids[i], texts[i], next(numbers)) for i in named])
    entropies = [None if way & _VAGUE else next(numbers) for way in ways]
    margins = list(islice(numbers, count))
    varentropies = [next(numbers) if way & _UNEVEN else None for way in ways]
    for i in range(count):
        likeliest = tuple(next(entries) for _ in range(sizes[i]))
        own = next(entries) if places[i] == _APART else likeliest[places[i]]
        drawn = next(numbers) if ways[i] & _DRAWN else None
        choice = _CHOICES[ways[i] & 3]
        yield TokenAdded(
            node, own.id, own.text, own.logprob, entropies[i], margins[i], choice, likeliest, drawn,
            codes.get(str(i), ""), varentropies[i],
        )  # fmt: skip


def _numbers(way: int) -> int:
    """How many numbers a token has besides its margin and the log-probabilities of what could have come."""
    return (not way & _VAGUE) + (way & _UNEVEN > 0) + (way & _DRAWN > 0)


def _place(token: TokenAdded) -> int:
    """Which of its alternatives a token is."""
    for i, other in enumerate(token.alternatives):
        if other.id == token.id and other.text == token.text and _same(other.logprob, token.logprob):
            return i
    return _APART


def _same(one: float, other: float) -> bool:
    return one == other and math.copysign(1, one) == math.copysign(1, other)


def _single(numbers: list[float]) -> np.ndarray[Any, np.dtype[np.float32]] | None:
    """As float32, if that is what they are."""
    given = np.array(numbers, np.float64)
    with np.errstate(over="ignore"):
        single = given.astype("<f4")
    return single if np.all((single == given) | np.isnan(given)) else None


def _columns(values: np.ndarray[Any, Any]) -> bytes:
    return values.view(np.uint8).reshape(len(values), -1).T.tobytes() if len(values) else b""


class _Reader:
    """Takes bytes from the front."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, size: int) -> bytes:
        part = self._content[self._at : self._at + size]
        if len(part) < size:
            raise ValueError("a block is too short")
        self._at += size
        return part

    def columns(self, kind: str, count: int) -> list[Any]:
        wide = np.dtype(kind).itemsize
        rows = np.frombuffer(self.take(wide * count), np.uint8).reshape(wide, count)
        values: list[Any] = np.ascontiguousarray(rows.T).view(kind).ravel().tolist() if count else []
        return values

    def rest(self) -> bytes:
        return self._content[self._at :]
