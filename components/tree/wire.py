"""The tree picture's values as JSON, and only what is new of them.

Boundary: the only writer of what model.js reads. A tree is looked at several times a second while it grows, so the
browser is told what has changed since the last message. Streamlit may drop a message that the next one overtakes:
therefore each names the one it builds on, and a browser that lacks that one asks for everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from components.tree.story import Step
from components.tree.view import Entry, TreeView
from components.wording import well_formed

PHASES = ("select", "expand", "simulate", "back up")

Row = list[Any]


@dataclass(slots=True)
class Sent:
    """What the browser was told last."""

    number: int = 0
    run: str | None = None
    rows: list[Row] = field(default_factory=list)
    steps: int = 0
    head: dict[str, Any] = field(default_factory=dict)
    message: dict[str, Any] = field(default_factory=dict)


def message(view: TreeView, sent: Sent) -> dict[str, Any]:
    """What to tell the browser now, noted in `sent`; the last message again where nothing has changed.

    `number` counts messages, `on` is the one it builds on (0: none, this is everything). `rows` are pairs of a place
    and what stands there now, `count` how many places there are; `steps` go on after the first `known` of them.
    """
    places = view.places
    rows = [_row(entry) for entry in view.entries]
    head = {
        "run": view.run,
        "running": view.running,
        "best": view.best,
        "names": {well_formed(by): well_formed(what) for by, what in view.names.items()},
        "c": view.exploration,
    }
    new = sent.run != view.run or not sent.rows
    before = [] if new else sent.rows
    known = 0 if new else min(sent.steps, len(view.steps))
    changed = [[i, row] for i, row in enumerate(rows) if i >= len(before) or before[i] != row]
    same = (len(rows), len(view.steps), head) == (len(before), sent.steps, sent.head)
    if not new and not changed and same:
        return sent.message
    sent.message = head | {
        "number": sent.number + 1,
        "on": 0 if new else sent.number,
        "count": len(rows),
        "rows": changed,
        "known": known,
        "steps": [_step(step, places) for step in view.steps[known:]],
    }
    sent.number += 1
    sent.run, sent.rows, sent.steps, sent.head = view.run, rows, len(view.steps), head
    return sent.message


def _row(entry: Entry) -> Row:
    return [
        well_formed(entry.id),
        entry.parent,
        entry.role,
        well_formed(entry.title),
        well_formed(entry.text),
        int(entry.cut),
        entry.tokens,
        entry.status,
        well_formed(entry.reason),
        None if entry.answer is None else well_formed(entry.answer),
        [[well_formed(by), value] for by, value in entry.scores if math.isfinite(value)],
        int(entry.writing),
        entry.closed,
    ]


def _step(step: Step, places: dict[str, int]) -> Row:
    value = step.value if step.value is not None and math.isfinite(step.value) else None
    return [places[step.node], step.round, PHASES.index(step.phase), value, step.opened]
