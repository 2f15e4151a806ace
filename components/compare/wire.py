"""The lanes as the browser draws them: plain JSON values.

Boundary: the only writer of what board.js reads. Texts of models go through as data. While lanes write, this is sent a
few times a second, so texts are sent as they stand and nothing else is long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.compare import tally
from components.compare.state import Lane
from components.compare.texts import Piece, Reading, compared, reading
from components.live_run import LiveRun
from components.wording import count, duration, shorten, well_formed
from playground import allowance
from playground.trace import Node, Trace

TITLE, DIFFERS = 1, 2
BRANCHES = 24
"""Rows of branches sent for a lane; more are counted."""
_SAID = {
    "waiting": "Waiting for the model …",
    "running": "Running",
    "finished": "Done",
    "failed": "Failed",
    "cancelled": "Stopped by hand",
    "interrupted": "Interrupted: the program ended while it was going",
}


def encode(lanes: Sequence[Lane], names: Sequence[str]) -> dict[str, Any]:
    """All lanes; `places` are where differences begin among the first lane's words."""
    readings = [reading(lane.open.trace) if lane.open else Reading() for lane in lanes]
    pieces, places = compared(readings)
    return {
        "lanes": [
            _lane(i + 1, lane, name, mine)
            for i, (lane, name, mine) in enumerate(zip(lanes, names, pieces, strict=True))
        ],
        "places": places,
    }


def _lane(number: int, lane: Lane, name: str, pieces: Sequence[Piece]) -> dict[str, Any]:
    trace = lane.open.trace if lane.open else None
    counted = tally.tally(lane.traces)
    return {
        "n": number,
        "place": lane.place,
        "name": shorten(name, 120),
        "state": state_words(lane),
        "tone": tone(lane),
        "spent": spent_words(lane),
        "error": error_words(lane),
        "answers": [[shorten(a.text, 80), a.count, a.correct] for a in counted.answers],
        "runs": [_run(live) for live in lane.runs] if lane.repeats > 1 or len(lane.runs) > 1 else [],
        "asked": lane.repeats,
        "open": lane.open.run_id if lane.open else "",
        "branches": _branches(trace) if trace else [],
        "more": max(0, len(trace.with_role("branch")) - BRANCHES) if trace else 0,
        "text": [_piece(piece) for piece in pieces],
        "writing": lane.going,
    }


def state_words(lane: Lane) -> str:
    """How a lane stands, in a few words."""
    live = lane.open
    if live is None:
        return "Could not begin" if lane.problem else "Not run yet"
    if lane.going:
        trace = lane.runs[-1].trace
        if trace.waiting is not None:
            return f"Waiting: {trace.waiting.reason}"
        if not trace.calls and len(lane.runs) == 1:
            return _SAID["waiting"]
        return _SAID["running"] if lane.repeats == 1 else f"Run {len(lane.runs)} of {lane.repeats}"
    trace = lane.runs[-1].trace
    if trace.stopped:
        told = (
            f"Stopped at its allowance of {allowance.words(*allowance.read(lane.budget))}"
            if lane.budget
            else ""
        )
        return told or f"Stopped: {trace.stopped}"
    if lane.repeats > 1 and trace.status == "finished" and len(lane.runs) == lane.repeats:
        return f"Done, {count(len(lane.runs), 'run')}"
    return _SAID[trace.status]


def tone(lane: Lane) -> str:
    """Which of the few looks its state has."""
    if lane.going:
        return "going"
    if lane.problem or any(live.trace.status == "failed" for live in lane.runs):
        return "bad"
    return "over" if lane.runs else "idle"


def spent_words(lane: Lane) -> str:
    """What the open run has spent."""
    if lane.open is None or not lane.open.trace.calls:
        return ""
    trace = lane.open.trace
    which = f"run {lane.runs.index(lane.open) + 1}: " if len(lane.runs) > 1 else ""
    written = max(trace.usage.completion_tokens, sum(len(node.tokens) for node in trace.nodes.values()))
    return f"{which}{count(written, 'token')} · {duration(trace.seconds)}"


def error_words(lane: Lane) -> str:
    """What went wrong, of the lane or of its open run."""
    if lane.problem is not None:
        return f"{lane.problem.message} {lane.problem.hint}".strip()
    failure = lane.open.trace.failure if lane.open else None
    return f"{failure.message} {failure.hint}".strip() if failure else ""


def _run(live: LiveRun) -> list[Any]:
    trace = live.trace
    answer = trace.answered.text if trace.answered else None
    seed = trace.started.seed if trace.started else None
    short = shorten(answer, 14) if answer else ("…" if trace.running else "no answer")
    return [live.run_id, "" if seed is None else seed, short, tally.marked(trace)]


def _branches(trace: Trace) -> list[list[Any]]:
    """Each branch: what it is, its tokens, its answer, and whether it is chosen, still written or out."""
    nodes = trace.with_role("branch")
    if len(nodes) < 2:
        return []
    return [
        [
            i + 1,
            len(node.tokens) or node.usage.completion_tokens,
            shorten(answer.text, 24) if (answer := _answer(trace, node)) else "",
            look(trace, node),
        ]
        for i, node in enumerate(nodes[:BRANCHES])
    ]


def look(trace: Trace, node: Node) -> str:
    if node.status in ("chosen", "pruned", "failed"):
        return node.status
    return "writing" if trace.running and node.end is None and node.status is None else ""


def _answer(trace: Trace, node: Node) -> Any:
    below = (child.answer for child in trace.children(node) if child.role == "answer")
    return node.answer or next((answer for answer in below if answer), None)


def _piece(piece: Piece) -> list[Any]:
    return [
        TITLE * piece.title + DIFFERS * piece.differs,
        piece.at,
        well_formed(piece.text),
    ]
