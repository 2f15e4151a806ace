"""A log from JSON values: each event by its type hints, and their order.

Boundary: JSON values in, events out. Types are those of `playground.events`; here is what a file from elsewhere could
hold besides that would break the store, the fold or a picture.
"""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from playground.events import (
    Alternative,
    Event,
    NodeOpened,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
    Spent,
    TokenAdded,
    Warned,
    from_json,
)
from playground.exchange import form
from playground.exchange.form import Timed

PARENTS = ("run", "of")
"""Where a fork names the run it grew from: the one whose picture it appears in, and its own."""

_HEX = re.compile(r"(?:[0-9a-f]{2}){0,32}")


class Wrong(Exception):
    """Something is wrong at a place of the file."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")


def shown(value: Any) -> str:
    """A value in a message: short, on one line."""
    if isinstance(value, list | dict):
        return f"a{'n object' if isinstance(value, dict) else ' list'} of {len(value)}"
    text = repr(value[:60]) if isinstance(value, str) else repr(value)[:60]
    return text if not isinstance(value, str) or len(value) <= 60 else f"{text}…"


def real_text(value: Any, where: str, most: int) -> str:
    """A text that the database can hold."""
    if not isinstance(value, str):
        raise Wrong(where, f"{shown(value)} is not str")
    if len(value) > most:
        raise Wrong(where, f"it has {len(value):,} characters; {most:,} are taken")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Wrong(where, "it holds half characters (lone surrogates)") from error
    return value


def read_log(timed: Sequence[tuple[float, Any]], where: str) -> tuple[Timed, ...]:
    """The log of one run: its configuration first, nodes below nodes that are there, nothing but warnings after its
    end. (A warning may come later: that the end could not be saved.)"""
    log: list[Timed] = []
    depths: dict[str | None, int] = {None: 0}
    over = False
    for i, (time, value) in enumerate(timed):
        event = _event(value, f"{where}[{i}]")
        if isinstance(event, RunStarted) != (i == 0):
            what = "the log begins with" if i == 0 else "this is a second run in the log of one, a"
            raise Wrong(f"{where}[{i}]", f"{what} {event.kind}")
        if over and not isinstance(event, Warned):
            raise Wrong(f"{where}[{i}]", f"a {event.kind} after the run's end")
        over = over or isinstance(event, RunFinished | RunFailed | RunCancelled)
        _hang(event, depths, f"{where}[{i}].{event.kind}")
        log.append((time, event))
    if not log:
        raise Wrong(where, "a log has at least its run_started")
    return tuple(log)


def _hang(event: Event, depths: dict[str | None, int], where: str) -> None:
    """Keep how deep each node hangs; a picture of a circle, or of a very deep tree, would never end."""
    node = getattr(event, "node", None)
    if isinstance(event, NodeOpened):
        if event.parent not in depths:
            raise Wrong(f"{where}.parent", f"{shown(event.parent)} is not a node that was opened before")
        depth = depths[event.parent] + 1
        if depth > form.MOST_NODE_DEPTH:
            raise Wrong(where, f"nodes hang more than {form.MOST_NODE_DEPTH} deep")
        if depths.setdefault(event.node, depth) != depth:
            raise Wrong(f"{where}.node", f"{shown(node)} was opened elsewhere before")
    elif node is not None:
        depths.setdefault(node, 2)


def _event(value: Any, where: str) -> Event:
    if not isinstance(value, dict):
        raise Wrong(where, f"{shown(value)} is not an event")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in form.KINDS:
        raise Wrong(f"{where}.kind", f"{shown(kind)} is not an event kind")
    hints, plain = form.HINTS[kind], {"kind": kind}
    for name, given in value.items():
        if name != "kind":
            if name not in hints:
                raise Wrong(f"{where}.{kind}", f"it has no field {shown(name)}")
            try:
                plain[name] = _value(given, hints[name])
            except ValueError as error:
                raise Wrong(f"{where}.{kind}.{name}", str(error)) from error
    for name in form.REQUIRED[kind]:
        if name not in plain:
            raise Wrong(f"{where}.{kind}.{name}", "is missing")
    try:
        event = from_json(plain)
    except ValueError as error:
        field, _, what = str(error).partition(": ")
        raise Wrong(f"{where}.{field}", what[:200]) from error
    _check(event, f"{where}.{kind}")
    return event


def _check(event: Event, where: str) -> None:
    """What no type says."""
    if isinstance(node := getattr(event, "node", None), str) and len(node) > form.MOST_NODE_NAME:
        raise Wrong(f"{where}.node", f"it has {len(node):,} characters; {form.MOST_NODE_NAME} are taken")
    match event:
        case TokenAdded() if not _HEX.fullmatch(event.hex):
            raise Wrong(f"{where}.hex", f"{shown(event.hex)} is not a few bytes in hexadecimal")
        case Spent():
            for name in ("calls", "prompt_tokens", "cached_tokens", "completion_tokens", "forward_passes"):
                if getattr(event.usage, name) > form.MOST_SPENT:
                    raise Wrong(f"{where}.usage", f"so many {name} cannot be")
        case RunStarted():
            _check_start(event, where)


def _check_start(event: RunStarted, where: str) -> None:
    """What becomes a row of the database."""
    for name in ("question", "strategy", "model", "gold", "family"):
        if (text := getattr(event, name)) is not None:
            real_text(text, f"{where}.{name}", form.MOST_TEXT)
    if event.seed < 0:
        raise Wrong(f"{where}.seed", f"{event.seed} is below 0")
    for name, value in (event.parent or {}).items():
        if name in PARENTS and not (isinstance(value, str) and form.ID.fullmatch(value)):
            raise Wrong(f"{where}.parent.{name}", f"{shown(value)} is not the id of a run")
        if isinstance(value, float) and not math.isfinite(value):
            raise Wrong(f"{where}.parent", f"{value} has no meaning there")


def _value(value: Any, hint: Any) -> Any:
    """A field's value as `from_json` takes it, which looks at its type.

    Raises:
        ValueError: JSON has no such value, or it is too large.
    """
    if typing.get_origin(hint) is typing.Literal and value not in typing.get_args(hint):
        raise ValueError(f"{shown(value)} is not one of {', '.join(map(str, typing.get_args(hint)))}")
    if isinstance(value, str):
        if len(value) > form.MOST_TEXT:
            raise ValueError(f"it has {len(value):,} characters; {form.MOST_TEXT:,} are taken")
    elif form.is_float(hint):
        return _number(value)
    elif isinstance(value, int):
        return _int(value)
    elif hint == tuple[Alternative, ...]:
        return [_alternative(entry) for entry in _typed(value, list)]
    elif hint == tuple[int, ...]:
        return [_int(entry) for entry in _typed(value, list)]
    elif form.is_free(hint) and value is not None:
        return _free(_typed(value, dict))
    elif hint == Mapping[str, str] and not all(
        isinstance(entry, str) for entry in _typed(value, dict).values()
    ):
        raise ValueError("its values are not all str")
    return value


def _typed(value: Any, wanted: type) -> Any:
    if not isinstance(value, wanted):
        raise ValueError(f"{shown(value)} is not a {wanted.__name__}")
    return value


def _int(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > form.LARGEST_INT:
        raise ValueError("so large a whole number cannot be kept")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, dict):
        return _special(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return float(_int(value))
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("so large a number cannot be kept")
    return value


def _special(value: Mapping[str, Any]) -> float:
    name = value.get(form.NUMBER)
    if len(value) != 1 or not isinstance(name, str) or name not in form.UNWRITABLE:
        raise ValueError(f'{shown(value)} is not {{"{form.NUMBER}": "NaN", "Infinity" or "-Infinity"}}')
    return form.UNWRITABLE[name]


def _alternative(entry: Any) -> Any:
    if not isinstance(entry, list) or len(entry) != 3 or any(isinstance(part, bool) for part in entry):
        raise ValueError(f"{shown(entry)} is not [id, text, logprob]")
    return [_int(entry[0]), entry[1], _number(entry[2])]


def _free(value: Any) -> Any:
    """A free value: what `form.free` wrote."""
    if isinstance(value, dict):
        if form.NUMBER in value:
            return _special(value)
        for name in value:
            if name.startswith("$") and not name.startswith("$$"):
                raise ValueError(f"the name {shown(name)} begins with one $")
        return {name.removeprefix("$"): _free(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_free(inner) for inner in value]
    return _number(value) if isinstance(value, float) else _int(value)
