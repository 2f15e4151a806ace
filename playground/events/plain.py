"""Events as plain JSON values and back, checked field by field.

Boundary: knows the kinds of event and nothing of files. What is left at its default is left out.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, Literal, get_args

from playground.events.kinds import TYPES, Alternative, Event, Usage


def to_json(event: Event) -> dict[str, Any]:
    """The event as a dict of plain JSON values; defaults are left out, `kind` never is."""
    out: dict[str, Any] = {"kind": event.kind}
    for name, default in _DEFAULTS[event.kind]:
        value = getattr(event, name)
        if value != default:
            out[name] = _plain(value)
    return out


def from_json(data: Mapping[str, Any]) -> Event:
    """The event that `to_json` wrote.

    Raises:
        ValueError: unknown kind, missing or unexpected field, or a field of the wrong type; names the field.
    """
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in TYPES:
        raise ValueError(f"kind: {kind!r} is not an event kind")
    hints = _HINTS[kind]
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name == "kind":
            continue
        if name not in hints:
            raise ValueError(f"{kind}.{name}: no such field")
        values[name] = _read(value, hints[name], f"{kind}.{name}")
    try:
        return TYPES[kind](**values)
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Usage):
        return {f.name: getattr(value, f.name) for f in fields(value) if getattr(value, f.name)}
    if isinstance(value, tuple) and value and isinstance(value[0], Alternative):
        return [[a.id, a.text, a.logprob] for a in value]
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return list(value)
    return value


def _read(value: Any, hint: Any, where: str) -> Any:
    if hint is Usage:
        if not isinstance(value, Mapping) or not all(_is_count(v) for v in value.values()):
            raise ValueError(f"{where}: wants counts by name")
        try:
            return Usage(**value)
        except TypeError as error:
            raise ValueError(f"{where}: {error}") from error
    if hint == tuple[int, ...]:
        if not isinstance(value, Iterable) or isinstance(value, str) or not all(map(_is_count, value)):
            raise ValueError(f"{where}: wants a list of token ids")
        return tuple(value)
    if hint == tuple[Alternative, ...]:
        if not isinstance(value, Iterable) or isinstance(value, str):
            raise ValueError(f"{where}: wants a list of [id, text, logprob]")
        return tuple(_alternative(v, where) for v in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not _fits(value, hint):
        raise ValueError(f"{where}: {value!r} is not {getattr(hint, '__name__', hint)}")
    return value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _alternative(value: Any, where: str) -> Alternative:
    match value:
        case [int() | None as id, str(text), float() | int() as logprob]:
            return Alternative(id, text, float(logprob))
    raise ValueError(f"{where}: {value!r} is not [id, text, logprob]")


def _fits(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    origin = typing.get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    if origin is not None:
        return isinstance(value, Mapping)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


_HINTS = {kind: typing.get_type_hints(t) for kind, t in TYPES.items()}
_MISSING = object()


def _default(f: Any) -> Any:
    if f.default is not MISSING:
        return f.default
    if f.default_factory is not MISSING:
        return f.default_factory()
    return _MISSING


_DEFAULTS = {
    kind: [(f.name, _default(f)) for f in fields(t) if f.name != "kind"] for kind, t in TYPES.items()
}
