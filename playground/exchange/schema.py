"""The JSON Schema of the exchange format, generated from the events' own type hints.

Boundary: what a schema can say; what it cannot (the order of events, ids that stand twice) `reading` looks at too. The
published copy is docs/session.schema.json.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from playground.events import Alternative, Usage
from playground.exchange import form
from playground.store.sessions import MOST_NAME, MOST_NOTE, MOST_TAG

Schema = dict[str, Any]

_INT: Schema = {"type": "integer", "minimum": -form.LARGEST_INT, "maximum": form.LARGEST_INT}
_MAYBE_INT: Schema = {"anyOf": [_INT, {"type": "null"}]}
_COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": form.LARGEST_INT}
_TEXT: Schema = {"type": "string", "maxLength": form.MOST_TEXT}
_TIME: Schema = {"type": "number", "minimum": 0, "maximum": form.LAST_TIME, "description": "Unix seconds."}
_ID: Schema = {"type": "string", "pattern": f"^(?:{form.ID.pattern})$"}


def text() -> str:
    """The schema as it is published."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def schema() -> Schema:
    """The JSON Schema (2020-12) of a whole file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{form.FORMAT.replace('/', ':')}:{form.VERSION}",
        "title": "Sessions of the Reasoning Playground",
        "description": f"At most {form.MOST_BYTES} bytes, nested at most {form.MOST_DEPTH} deep.",
        **_record(
            {
                "format": {"const": form.FORMAT},
                "version": {"type": "integer", "minimum": 1, "maximum": form.VERSION},
                "sessions": _array({"$ref": "#/$defs/session"}, form.MOST_SESSIONS),
            }
        ),
        "$defs": {
            "session": _session(),
            "run": _run(),
            "event": {"oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in form.KINDS]},
            **{kind: _event(kind) for kind in form.KINDS},
            "usage": _usage(),
            "number": _number(),
            "value": _value(),
            "mapping": _mapping(),
        },
    }


def _session() -> Schema:
    line = {"type": "string", "minLength": 1, "pattern": r"^\S(.*\S)?$"}
    return _record(
        {
            "id": _ID,
            "created": _TIME,
            "name": {"anyOf": [line | {"maxLength": MOST_NAME}, {"type": "null"}]},
            "note": {"type": "string", "maxLength": MOST_NOTE},
            "tags": _array(line | {"maxLength": MOST_TAG}, form.MOST_TAGS) | {"uniqueItems": True},
            "runs": _array({"$ref": "#/$defs/run"}, form.MOST_RUNS),
        }
    )


def _run() -> Schema:
    return _record(
        {
            "id": _ID,
            "created": _TIME,
            "events": {
                "description": "Pairs of time and event in order; the first event is run_started.",
                **_array(_tuple([_TIME, {"$ref": "#/$defs/event"}]), form.MOST_EVENTS),
                "minItems": 1,
            },
        }
    )


def _event(kind: str) -> Schema:
    known = {name: _of(hint) for name, hint in form.HINTS[kind].items()}
    if "node" in known:
        known["node"] = known["node"] | {"maxLength": form.MOST_NODE_NAME}
    says = " ".join((form.KINDS[kind].__doc__ or "").split("\n\n")[0].split())
    return {
        "description": says,
        **_record({"kind": {"const": kind}, **known}, ("kind", *form.REQUIRED[kind])),
    }


def _of(hint: Any) -> Schema:
    """The schema of a value of this type."""
    options = form.options(hint)
    if len(options) > 1:
        return {"anyOf": [_of(option) for option in options]}
    if typing.get_origin(hint) is typing.Literal:
        return {"enum": list(get_args(hint))}
    known: list[tuple[Any, Schema]] = [
        (str, _TEXT),
        (bool, {"type": "boolean"}),
        (int, _INT),
        (float, {"$ref": "#/$defs/number"}),
        (type(None), {"type": "null"}),
        (Usage, {"$ref": "#/$defs/usage"}),
        (tuple[int, ...], {"type": "array", "items": _COUNT}),
        (
            tuple[Alternative, ...],
            {"type": "array", "items": _tuple([_MAYBE_INT, _TEXT, {"$ref": "#/$defs/number"}])},
        ),
        (Mapping[str, Any], {"$ref": "#/$defs/mapping"}),
        (Mapping[str, str], {"type": "object", "additionalProperties": _TEXT}),
    ]
    for known_hint, answer in known:
        if hint == known_hint:
            return answer
    raise TypeError(f"The schema does not know {hint}: add it to `_of`.")


def _usage() -> Schema:
    names = [f.name for f in fields(Usage)]
    return _record({name: _COUNT | {"maximum": form.MOST_SPENT} for name in names}, ())


def _number() -> Schema:
    special = _record({form.NUMBER: {"enum": list(form.UNWRITABLE)}})
    return {"description": "A number; JSON lacks three of them.", "anyOf": [{"type": "number"}, special]}


def _value() -> Schema:
    plain = [{"type": name} for name in ("null", "boolean", "string")]
    return {
        "description": "Any value.",
        "anyOf": [
            *plain,
            {"$ref": "#/$defs/number"},
            {"type": "array", "items": {"$ref": "#/$defs/value"}},
            {"$ref": "#/$defs/mapping"},
        ],
    }


def _mapping() -> Schema:
    return {
        "description": 'Any mapping. A name that begins with "$" has one "$" more than it had.',
        "type": "object",
        "propertyNames": {"pattern": r"^(?!\$[^$])(?!\$$)"},
        "additionalProperties": {"$ref": "#/$defs/value"},
    }


def _record(properties: Mapping[str, Schema], required: tuple[str, ...] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }


def _array(items: Schema, most: int) -> Schema:
    return {"type": "array", "items": items, "maxItems": most}


def _tuple(entries: list[Schema]) -> Schema:
    return {"type": "array", "prefixItems": entries, "items": False, "minItems": len(entries)}
