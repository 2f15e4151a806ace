"""What a shared file holds, how much of it there may be, and an event as JSON that any program can parse.

Boundary: values and JSON values; reads no bytes and no store. `writing` and `reading` are the two directions.

JSON has no NaN and no infinity, and models do give them: such a number is written `{"$number": "NaN"}`, "Infinity" or
"-Infinity". So that nothing else can look like one, a name that begins with "$" in a free mapping (a run's settings,
say) is written with one "$" more.
"""

from __future__ import annotations

import json
import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, get_args

from playground.events import Event, to_json

FORMAT = "reasoning-playground/sessions"
VERSION = 2
"""Of what is written; every one from 1 on is read. The second knows the varentropy of tokens, and tree search."""

MOST_BYTES = 64 * 2**20
MOST_DEPTH = 40
"""How deep lists and objects may be nested in a file."""
MOST_VALUES = 12_000_000
MOST_CONTAINERS = 4_000_000
"""Lists and objects in a file; each costs memory however short it is written."""
MOST_SESSIONS = 10_000
MOST_RUNS = 20_000
MOST_EVENTS = 500_000
"""Events of one run."""
MOST_TAGS = 100
MOST_TEXT = 5_000_000
"""Characters of one text in an event."""
MOST_NODE_NAME = 500
MOST_NODE_DEPTH = 200
"""How deep the nodes of a run may hang below each other."""
LARGEST_INT = 2**63 - 1
MOST_SPENT = 10**12
"""Of a number in one `spent` event, so that no sum is too large for the store."""
LAST_TIME = 253_402_300_799.0
"""The end of the year 9999 in Unix seconds."""

ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
"""Ids of sessions and runs: they stand in addresses and file names."""

Timed = tuple[float, Event]


@dataclass(frozen=True, slots=True)
class SharedRun:
    """A run as a file holds it: its log as [Unix seconds, event], in order. A log without an end is of a run that
    was interrupted, or was still going on when it was written down."""

    id: str
    created: float
    log: tuple[Timed, ...]


@dataclass(frozen=True, slots=True)
class SharedSession:
    """A session as a file holds it; `name` is None where no person gave one. Its forks are among its runs."""

    id: str
    created: float
    name: str | None
    note: str
    tags: tuple[str, ...]
    runs: tuple[SharedRun, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A whole file."""

    sessions: tuple[SharedSession, ...]


# Events by their type hints

KINDS: dict[str, type[Event]] = {t.__dataclass_fields__["kind"].default: t for t in get_args(Event)}
HINTS: dict[str, dict[str, Any]] = {
    kind: {name: hint for name, hint in typing.get_type_hints(t).items() if name != "kind"}
    for kind, t in KINDS.items()
}
REQUIRED: dict[str, tuple[str, ...]] = {
    kind: tuple(f.name for f in fields(t) if f.default is MISSING and f.default_factory is MISSING)
    for kind, t in KINDS.items()
}


def options(hint: Any) -> tuple[Any, ...]:
    """The types a value may have: those of a union, else the one."""
    return get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def is_float(hint: Any) -> bool:
    return float in options(hint)


def is_free(hint: Any) -> bool:
    """Whether it is a mapping of anything."""
    return Mapping[str, Any] in options(hint)


_FLOATS = {kind: [name for name, hint in hints.items() if is_float(hint)] for kind, hints in HINTS.items()}
_FREE = {kind: [name for name, hint in hints.items() if is_free(hint)] for kind, hints in HINTS.items()}

# To JSON

NUMBER = "$number"
UNWRITABLE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def number(value: float) -> float | dict[str, str]:
    """A number as JSON."""
    value = float(value)
    if math.isfinite(value):
        return value
    return {NUMBER: "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}


def free(value: Any) -> Any:
    """Any plain value as JSON."""
    if isinstance(value, Mapping):
        return {f"${name}" if name.startswith("$") else name: free(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [free(inner) for inner in value]
    return number(value) if isinstance(value, float) else value


def event(event: Event) -> dict[str, Any]:
    """An event as JSON: that of `playground.events`, with no number that JSON lacks."""
    out = to_json(event)
    for name in _FLOATS[event.kind]:
        if out.get(name) is not None:
            out[name] = number(out[name])
    for name in _FREE[event.kind]:
        if name in out:
            out[name] = free(out[name])
    if "alternatives" in out:
        out["alternatives"] = [[id, text, number(logprob)] for id, text, logprob in out["alternatives"]]
    return out


def dump(value: Any) -> str:
    """JSON on one line in ASCII, so that half characters and odd line ends survive every program."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def line(timed: Timed) -> str:
    """One event of a log; equal for equal events, also where a number is NaN."""
    return dump([float(timed[0]), event(timed[1])])
