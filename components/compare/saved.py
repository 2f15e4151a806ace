"""Lanes out of the runs of a session, and the note in a run that says which lane it belongs to.

Boundary: pure functions on saved runs. Runs without such a note (a session from elsewhere) are sorted into lanes by
what they ran: the same configuration with several seeds is one lane. Lanes share a question, that of the first run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.compare.setups import FEWEST, MOST, Setup, setup
from playground.store import SavedRun, Session
from playground.strategies.base import load_all

FORK = "fork"


@dataclass(frozen=True, slots=True)
class SavedLane:
    """A lane as its runs tell it: its place in the session, how often it was tried, and the runs of the last try."""

    place: int
    attempt: int
    setup: Setup
    repeats: int
    runs: tuple[str, ...]


def note(place: int, attempt: int, repeat: int, repeats: int) -> dict[str, Any]:
    """The `parent` of a run of a comparison."""
    return {"lane": place, "attempt": attempt, "repeat": repeat, "repeats": repeats}


def lanes_of(runs: Sequence[SavedRun]) -> list[SavedLane]:
    """The lanes that these runs make up, in order; at most as many as are shown side by side.

    Args:
        runs: all runs of a session in the order they were begun.
    """
    tries: dict[tuple[int, int], list[SavedRun]] = {}
    alike: dict[str, int] = {}
    noted = [run for run in runs if _note(run) is not None]
    found = noted or [run for run in runs if run.strategy != FORK]
    for run in found:
        if run.question != found[0].question:
            continue
        said = _note(run)
        if said is not None:
            key = (said["lane"], said["attempt"])
        else:
            same = json.dumps([run.model, run.strategy, dict(run.params)], sort_keys=True)
            key = (alike.setdefault(same, len(alike)), 0)
        tries.setdefault(key, []).append(run)
    last: dict[int, int] = {}
    for place, attempt in tries:
        last[place] = max(attempt, last.get(place, 0))
    lanes = [_lane(place, attempt, tries[place, attempt]) for place, attempt in sorted(last.items())]
    return lanes[:MOST]


def comparable(session: Session) -> bool:
    """Whether a session has runs that can stand side by side. (A chain gone on with is a run of its session too.)"""
    return len(session.runs) >= FEWEST


def compare_link(session: Session) -> dict[str, str] | None:
    """The address parameters under which the Compare page opens a session; None where nothing is to compare."""
    return {"session": session.id} if comparable(session) else None


def _note(run: SavedRun) -> Mapping[str, Any] | None:
    parent = run.parent or {}
    whole = all(
        type(parent.get(name)) is int and parent[name] >= 0
        for name in ("lane", "attempt", "repeat", "repeats")
    )
    return parent if whole else None


def _lane(place: int, attempt: int, runs: Sequence[SavedRun]) -> SavedLane:
    first = runs[0]
    strategy = load_all().get(first.strategy)
    kept = (
        setup(first.model, strategy, first.params, first.seed)
        if strategy
        else Setup(first.model, first.strategy, first.params, first.seed)
    )
    said = _note(first)
    return SavedLane(
        place, attempt, kept, said["repeats"] if said else len(runs), tuple(run.id for run in runs)
    )
