"""How the rows of a picture stand to each other: which is better, which agree, where they part.

Boundary: pure functions on rows. Branches come in the order they were opened in, or in an earlier ranking.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from components.palette import group_colour, group_marker
from components.tokens.rows import Group, Row, Summed, TokenView
from playground.events import TokenAdded


def arranged(view: TokenView) -> TokenView:
    """The view with its branches ranked and cut to the limit, equal answers pooled, shared beginnings found.

    A branch that is chosen, or whose answer was framed by hand, is shown beyond the limit too.
    """
    if view.kind == "strip":
        return view
    branches = [row for row in (*view.rows, *view.hidden) if row.origin is None]
    if not view.running:
        branches.sort(key=lambda row: _badness(row, view.summed))
    groups, group_of = _pooled(branches, view.summed, running=view.running)
    branches = [_in_group(replace(row, number=i + 1), group_of) for i, row in enumerate(branches)]
    shown = branches[: view.limit]
    hidden: list[Row] = []
    for row in branches[view.limit :]:
        (shown if row.chosen or row.found else hidden).append(row)
    forks = [_in_group(row, group_of) for row in view.rows if row.origin]
    labels = {row.id: row.label for row in (*shown, *forks)}
    rows = _with_shared([*shown, *(_named(row, labels) for row in forks)])
    return replace(view, rows=rows, groups=groups, hidden=tuple(hidden))


def _badness(row: Row, by: Summed) -> tuple[bool, float, bool, float]:
    """Sort key: those that are out last; then by Δ or votes, the chosen one, mean log-probability."""
    score = row.delta if by == "delta" else row.votes
    return (
        row.out,
        math.inf if score is None else -score,
        not row.chosen,
        math.inf if row.logprob is None else -row.logprob,
    )


def _pooled(rows: Sequence[Row], by: Summed, running: bool) -> tuple[tuple[Group, ...], dict[str, int]]:
    """Equal canonical answers pooled, largest total first (while running: first seen first), and where each is."""
    members: dict[str, list[Row]] = {}
    for row in rows:
        if row.answer is not None and not row.out:
            members.setdefault(row.answer, []).append(row)
    totals = {
        text: sum(row.delta or 0.0 for row in same) if by == "delta" else float(len(same))
        for text, same in members.items()
    }
    order = list(members) if running else sorted(members, key=lambda text: -totals[text])
    groups = tuple(
        Group(
            group_marker(i),
            group_colour(i),
            text,
            totals[text],
            len(members[text]),
            any(row.chosen for row in members[text]),
        )
        for i, text in enumerate(order)
    )
    return groups, {text: i for i, text in enumerate(order)}


def _in_group(row: Row, group_of: dict[str, int]) -> Row:
    return replace(row, group=None if row.out or row.answer is None else group_of.get(row.answer))


def _named(row: Row, labels: dict[str, str]) -> Row:
    """A fork that knows the label of the row it left."""
    return replace(row, origin=row.origin and replace(row.origin, label=labels.get(row.origin.source)))


def _with_shared(rows: Sequence[Row]) -> tuple[Row, ...]:
    found = _prefixes([[_same(token) for token in row.tokens] for row in rows])
    return tuple(
        replace(row, shared=shared, shared_with=None if owner is None else rows[owner].label, parts=parts)
        for row, (shared, owner, parts) in zip(rows, found, strict=True)
    )


def _same(token: TokenAdded) -> int | bytes:
    """What two equal tokens have in common: the id, or where a server does not tell it the bytes."""
    return token.data if token.id is None else token.id


@dataclass(slots=True)
class _Place:
    """A place in the tree of all rows' tokens."""

    owner: int
    next: dict[int | bytes, _Place] = field(default_factory=dict)


def _prefixes(rows: Sequence[Sequence[int | bytes]]) -> list[tuple[int, int | None, tuple[int, ...]]]:
    """For each row: how many first ids an earlier row shares, which row, and where others leave its path."""
    root = _Place(0)
    shares: list[tuple[int, int | None]] = []
    for i, ids in enumerate(rows):
        place, shared, owner = root, 0, None
        for id in ids:
            if id in place.next:
                place = place.next[id]
                shared, owner = shared + 1, place.owner
            else:
                place.next[id] = place = _Place(i)
        shares.append((shared, owner))
    out = []
    for ids, (shared, owner) in zip(rows, shares, strict=True):
        place, parts = root, []
        for depth, id in enumerate(ids):
            if len(place.next) > 1:
                parts.append(depth)
            place = place.next[id]
        out.append((shared, owner, tuple(parts)))
    return out
