"""Bytes that claim to be sessions, checked to the last field before anything is done with them.

Boundary: from bytes to a `Bundle`; touches no store. What a file may hold is in `form`; one event is read in
`events_in`. Size, depth and number of values are looked at before the bytes become values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NoReturn

from playground.errors import BadInput
from playground.exchange import form
from playground.exchange.events_in import Wrong, read_log, real_text, shown
from playground.exchange.form import Bundle, SharedRun, SharedSession
from playground.store.sessions import MOST_NAME, MOST_NOTE, MOST_TAG

_HINT = "Export it again where it comes from, or mend the file at this place."
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = b"[]{}"
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def read_json(data: bytes) -> Bundle:
    """The sessions in a file that `to_json` wrote, or another program in the same form.

    Raises:
        BadInput: what is wrong, and in which field: "sessions[0].runs[2].events[17].token.logprob: 'x' is not float".
    """
    document = _parsed(data)
    try:
        return _bundle(document)
    except Wrong as error:
        raise BadInput(f"The file cannot be brought in. {error}.", _HINT) from error


def _parsed(data: bytes) -> Any:
    if len(data) > form.MOST_BYTES:
        raise too_large()
    _measure(data)
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise BadInput(
            "The file is not text in UTF-8.", "Choose a JSON file that the playground exported."
        ) from error
    except (ValueError, RecursionError) as error:  # a number of too many digits is a plain ValueError
        raise BadInput(
            f"The file is not JSON: {error}.", "Choose a JSON file that the playground exported."
        ) from error


def too_large() -> BadInput:
    return BadInput(
        f"The file has more than {form.MOST_BYTES // 2**20} MB, the most that is read.",
        "Export fewer sessions at a time.",
    )


def _refuse(name: str) -> NoReturn:
    raise ValueError(f'{name} is not a number of JSON; it is written {{"{form.NUMBER}": "{name}"}}')


def _measure(data: bytes) -> None:
    """Refuse what would need too much memory or too deep a recursion, before any of it becomes a value."""
    bare = _STRINGS.sub(b"", data)
    containers = bare.count(b"[") + bare.count(b"{")
    if containers > form.MOST_CONTAINERS or containers + bare.count(b",") > form.MOST_VALUES:
        raise BadInput("The file holds too many values.", "Export fewer sessions at a time.")
    brackets = bare.translate(None, bytes(set(range(256)) - set(_BRACKETS)))
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > form.MOST_DEPTH:
        raise BadInput(f"The file nests values more than {form.MOST_DEPTH} deep.", _HINT)


def _bundle(document: Any) -> Bundle:
    if not isinstance(document, dict) or document.get("format") != form.FORMAT:
        raise BadInput(
            f'This is not a file of saved sessions: its "format" is not "{form.FORMAT}".',
            "Choose a JSON file that the playground exported.",
        )
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise Wrong("version", f"{shown(version)} is not the number of a version")
    if version > form.VERSION:
        raise BadInput(
            f"The file was written by a newer version of the playground (form {version}; this one reads "
            f"{form.VERSION}).",
            "Update the playground.",
        )
    _fields(document, "", ("format", "version", "sessions"))
    listed = _list(document["sessions"], "sessions", form.MOST_SESSIONS)
    sessions = tuple(_session(session, f"sessions[{i}]") for i, session in enumerate(listed))
    runs = [
        (run.id, f"sessions[{i}].runs[{j}].id")
        for i, s in enumerate(sessions)
        for j, run in enumerate(s.runs)
    ]
    if len(runs) > form.MOST_RUNS:
        raise Wrong("sessions", f"they have {len(runs):,} runs; {form.MOST_RUNS:,} are taken at a time")
    _once([(session.id, f"sessions[{i}].id") for i, session in enumerate(sessions)])
    _once(runs)
    return Bundle(sessions)


def _session(value: Any, where: str) -> SharedSession:
    _fields(value, where, ("id", "created", "name", "note", "tags", "runs"))
    name = value["name"]
    if name is not None:
        name = _one_line(name, f"{where}.name", MOST_NAME)
    note = real_text(value["note"], f"{where}.note", MOST_NOTE)
    tags = _list(value["tags"], f"{where}.tags", form.MOST_TAGS)
    tags = [_one_line(tag, f"{where}.tags[{i}]", MOST_TAG) for i, tag in enumerate(tags)]
    _once([(tag, f"{where}.tags[{i}]") for i, tag in enumerate(tags)])
    runs = _list(value["runs"], f"{where}.runs", form.MOST_RUNS)
    return SharedSession(
        _id(value["id"], f"{where}.id"),
        _time(value["created"], f"{where}.created"),
        name,
        note,
        tuple(tags),
        tuple(_run(run, f"{where}.runs[{i}]") for i, run in enumerate(runs)),
    )


def _run(value: Any, where: str) -> SharedRun:
    _fields(value, where, ("id", "created", "events"))
    events = _list(value["events"], f"{where}.events", form.MOST_EVENTS)
    timed = []
    for i, pair in enumerate(events):
        if not isinstance(pair, list) or len(pair) != 2:
            raise Wrong(f"{where}.events[{i}]", f"{shown(pair)} is not [time, event]")
        timed.append((_time(pair[0], f"{where}.events[{i}][0]"), pair[1]))
    id = _id(value["id"], f"{where}.id")
    return SharedRun(id, _time(value["created"], f"{where}.created"), read_log(timed, f"{where}.events"))


def _fields(value: Any, where: str, names: Sequence[str]) -> None:
    if not isinstance(value, dict):
        raise Wrong(where, f"{shown(value)} is not an object")
    for name in names:
        if name not in value:
            raise Wrong(f"{where}.{name}".lstrip("."), "is missing")
    for name in value:
        if name not in names:
            raise Wrong(where or "the file", f"it has no field {shown(name)}")


def _list(value: Any, where: str, most: int) -> list[Any]:
    if not isinstance(value, list):
        raise Wrong(where, f"{shown(value)} is not a list")
    if len(value) > most:
        raise Wrong(where, f"it has {len(value):,} entries; {most:,} are taken")
    return value


def _id(value: Any, where: str) -> str:
    if not isinstance(value, str) or not form.ID.fullmatch(value):
        raise Wrong(where, f"{shown(value)} is not an id of letters, digits, '.', '_' and '-', 64 at most")
    return value


def _time(value: Any, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= form.LAST_TIME:
        raise Wrong(where, f"{shown(value)} is not a time in Unix seconds")
    return float(value)


def _one_line(value: Any, where: str, most: int) -> str:
    text = real_text(value, where, most)
    if not text or " ".join(text.split()) != text:
        raise Wrong(where, f"{shown(value)} is empty, or not one line with single spaces")
    return text


def _once(places: Sequence[tuple[str, str]]) -> None:
    seen: set[str] = set()
    for value, where in places:
        if value in seen:
            raise Wrong(where, f"{shown(value)} stands there twice")
        seen.add(value)
