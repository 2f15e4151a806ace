"""A run's log as bytes, and back: as it grows in chunks, and once it is over in blocks that equal texts share.

Boundary: records and bytes; no SQL. While a run writes, each commit is a chunk of JSON lines. When it has ended, its
tokens are taken out of the log by node, sixteen to a block, and a block is known by a hash of what is in it: a fork
begins with the very tokens of the branch it grew from, and lanes of a comparison often do, so those are kept once.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from playground.events import Alternative, Event, Record, TokenAdded, from_json, to_json
from playground.store import blocks as token_blocks

BLOCK = 16
"""Tokens in a block: small enough that forks share nearly all of what they begin with."""

_WHOLE = b"w"
"""First byte of a whole log; compressed chunks never begin with it."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A whole log: `data`, and the blocks it refers to by hash."""

    data: bytes
    blocks: Mapping[bytes, bytes]


def pack_chunk(records: Sequence[Record]) -> bytes:
    """Records that follow each other, as compressed JSON lines of [time, event]."""
    lines = "\n".join(json.dumps([record.time, to_json(record.event)]) for record in records)
    return zlib.compress(lines.encode())


def pack_whole(records: Sequence[Record]) -> Packed:
    """All records of a run, tokens in blocks."""
    texts: dict[str, list[TokenAdded]] = {}
    events: list[Any] = []
    places: dict[str, int] = {}
    for record in records:
        event = record.event
        if isinstance(event, TokenAdded):
            texts.setdefault(event.node, []).append(event)
            events.append(places.setdefault(event.node, len(places)))
        else:
            events.append(to_json(event))
    blocks: dict[bytes, bytes] = {}
    names: list[list[str]] = []
    for tokens in texts.values():
        names.append([])
        for start in range(0, len(tokens), BLOCK):
            content = _block(tokens[start : start + BLOCK])
            name = blake2b(content, digest_size=16).digest()
            blocks[name] = zlib.compress(content, 9)
            names[-1].append(name.hex())
    whole = {"nodes": list(texts), "blocks": names, "times": _times(records), "events": events}
    return Packed(_WHOLE + zlib.compress(_dump(whole), 9), blocks)


def block_names(data: bytes) -> list[bytes]:
    """Hashes of the blocks that a stored log refers to, each once; none for a chunk."""
    if not data.startswith(_WHOLE):
        return []
    found = {name for names in _load_whole(data)["blocks"] for name in names}
    return [bytes.fromhex(name) for name in sorted(found)]


def unpack(run_id: str, first_seq: int, data: bytes, blocks: Mapping[bytes, bytes]) -> list[Record]:
    """The records that were packed; `blocks` has those that `block_names` names.

    Raises:
        zlib.error, ValueError, KeyError, TypeError, IndexError: the bytes are damaged or a block is missing.
    """
    timed = _read_whole(data, blocks) if data.startswith(_WHOLE) else _read_chunk(data)
    return [Record(run_id, first_seq + i, time, event) for i, (time, event) in enumerate(timed)]


def _read_chunk(data: bytes) -> Iterator[tuple[float, Event]]:
    # Only "\n" parts the lines: a text may hold other separators.
    for line in zlib.decompress(data).decode().split("\n"):
        time, event = json.loads(line)
        yield time, from_json(event)


def _read_whole(data: bytes, blocks: Mapping[bytes, bytes]) -> Iterator[tuple[float, Event]]:
    whole = _load_whole(data)
    texts = [
        _tokens(node, (blocks[bytes.fromhex(name)] for name in names))
        for node, names in zip(whole["nodes"], whole["blocks"], strict=True)
    ]
    for time, event in zip(_read_times(whole["times"]), whole["events"], strict=True):
        yield time, next(texts[event]) if isinstance(event, int) else from_json(event)


def _load_whole(data: bytes) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(zlib.decompress(data[1:]))
    return whole


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


# Tokens: a block is that of `blocks`, or where that would not be exact JSON as [8, token, …]. Files from before have
# [4, token, …]: float32 numbers, written with the digits those need.


def _block(tokens: Sequence[TokenAdded]) -> bytes:
    packed = token_blocks.pack(tokens)
    return packed if packed is not None else _dump([8, *map(_values, tokens)])


def _values(token: TokenAdded) -> list[Any]:
    alternatives = [[a.id, a.text, a.logprob] for a in token.alternatives]
    return [
        token.id, token.text, token.logprob, token.entropy, token.margin, token.chosen, token.sampling_logprob,
        token.hex, alternatives, token.varentropy,
    ]  # fmt: skip


def _tokens(node: str, stored: Iterator[bytes]) -> Iterator[TokenAdded]:
    for block in map(zlib.decompress, stored):
        if not block.startswith(b"["):
            yield from token_blocks.unpack(node, block)
            continue
        digits, *rows = json.loads(block)
        for row in map(_restored, rows) if digits == 4 else rows:
            # Rows from before end with the alternatives.
            id, text, logprob, entropy, margin, chosen, sampled, code, alternatives, *more = row
            likeliest = tuple(Alternative(*other) for other in alternatives)
            yield TokenAdded(
                node, id, text, logprob, entropy, margin, chosen, likeliest, sampled, code, *more
            )


def _restored(row: list[Any]) -> list[Any]:
    id, text, logprob, entropy, margin, chosen, sampled, code, alternatives = row
    return [
        id, text, _single(logprob), _single(entropy), _single(margin), chosen,
        None if sampled is None else _single(sampled), code,
        [[other, said, _single(value)] for other, said, value in alternatives],
    ]  # fmt: skip


def _single(number: float) -> float:
    return float(np.float32(number))


# Times: as whole numbers of a unit where that is exact, each as what it is more than the one before. A clock's seconds
# since 1970 are multiples of 2⁻²² until the year 2038, because a float has 53 bits.

_UNITS = {"us": 1_000_000, "tick": 2**22}


def _times(records: Sequence[Record]) -> list[Any]:
    times = [record.time for record in records]
    if all(abs(time) < 2**31 and str(time) != "-0.0" for time in times):
        for unit, per_second in _UNITS.items():
            counts = [round(time * per_second) for time in times]
            if [count / per_second for count in counts] == times:
                return [unit, *(now - before for before, now in zip([0, *counts], counts, strict=False))]
    return ["s", *times]


def _read_times(stored: list[Any]) -> list[float]:
    unit, *values = stored
    if unit == "s":
        return values
    times, now = [], 0
    for step in values:
        now += step
        times.append(now / _UNITS[unit])
    return times
