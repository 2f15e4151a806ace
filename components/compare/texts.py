"""What a lane wrote, as one text, and where the lanes' texts differ.

Boundary: pure functions on traces and texts; no screen. Texts are compared word by word with that of the first lane;
white space alone is no difference. What a lane has not written yet is none either.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from components.chain import Draft, shown
from playground.strategies.base import load_all
from playground.trace import Node, Trace

_WORD = re.compile(r"\S+\s*|\s+")
MOST_PAIRS = 400_000
"""Words times words up to which the inside of two texts is compared; beyond, only how they begin and end."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A lane's text: its words in order, and which of them are a title's. `open`: more may come."""

    words: tuple[str, ...] = ()
    titles: frozenset[int] = frozenset()
    open: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a lane's text. `at` is where it stands among the first lane's words."""

    text: str
    at: int
    title: bool = False
    differs: bool = False


def reading(trace: Trace) -> Reading:
    """The steps of a chain one after the other, or else the branch that answers (until then, the first)."""
    words: list[str] = []
    titles: set[int] = set()
    for node in told(trace):
        draft = shown(node) if node.role == "step" else Draft("", node.content or node.text)
        if draft.title:
            more = split(f"{draft.title}\n")
            titles.update(range(len(words), len(words) + len(more)))
            words += more
        words += split(draft.content.lstrip())
        if words and not words[-1].endswith("\n"):
            words[-1] = words[-1].rstrip() + "\n"
    return Reading(tuple(words), frozenset(titles), trace.running)


def told(trace: Trace) -> list[Node]:
    """The nodes whose texts tell a run's story."""
    known = load_all().get(trace.started.strategy) if trace.started else None
    steps = [node for node in trace.with_role("step", "answer") if node.status != "failed"]
    if (known is not None and known.shape == "steps") or (steps and not trace.with_role("branch")):
        return steps
    branches = trace.with_role("branch")
    named = trace.answered.node if trace.answered else None
    best = next((n for n in branches if n.id == named), None) or next(
        (n for n in branches if n.status == "chosen"), None
    )
    return [best or branches[0]] if branches else []


def split(text: str) -> list[str]:
    """A text as words, each with the white space after it."""
    return _WORD.findall(text)


def compared(readings: Sequence[Reading]) -> tuple[list[list[Piece]], list[int]]:
    """Every lane's text in pieces, and where differences begin among the first lane's words.

    Each lane's pieces are cut wherever any lane has a difference, so that all can be scrolled to the same place.
    """
    if not readings:
        return [], []
    first = next((r for r in readings if r.words), readings[0])
    changes = [_changes(first, lane) if lane.words else [] for lane in readings]
    cuts = sorted({at for lane in changes for start, end, _, _ in lane for at in (start, end)})
    pieces = [
        _pieces(lane, change, cuts, len(first.words)) for lane, change in zip(readings, changes, strict=True)
    ]
    elsewhere = _merged([(start, end) for lane in changes for start, end, _, _ in lane])
    at_first = readings.index(first)
    # The first lane's own words differ where any other lane has others in their place.
    pieces[at_first] = _own(first, elsewhere)
    return pieces, [start for start, _ in elsewhere]


def _changes(first: Reading, lane: Reading) -> list[tuple[int, int, int, int]]:
    """Stretches [a, b) of the first lane's words that are [c, d) in this one's."""
    found = _opcodes(_bare(first.words), _bare(lane.words))
    if found and (lane.open or first.open):
        a, b, c, d = found[-1]
        ends_early = lane.open and d == len(lane.words)
        ends_late = first.open and b == len(first.words)
        if (ends_early and c == d) or (ends_late and a == b):
            found = found[:-1]
    return found


def _bare(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.strip() for word in words)


@lru_cache(maxsize=64)
def _opcodes(a: tuple[str, ...], b: tuple[str, ...]) -> list[tuple[int, int, int, int]]:
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    inner_a, inner_b = a[head : len(a) - tail], b[head : len(b) - tail]
    if not inner_a and not inner_b:
        return []
    if len(inner_a) * len(inner_b) > MOST_PAIRS:
        return [(head, len(a) - tail, head, len(b) - tail)]
    matcher = SequenceMatcher(None, inner_a, inner_b)
    return [
        (head + i1, head + i2, head + j1, head + j2)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]


def _pieces(
    lane: Reading, changes: Sequence[tuple[int, int, int, int]], cuts: Sequence[int], length: int
) -> list[Piece]:
    out: list[Piece] = []
    at = mine = 0
    for start, end, c, d in [*changes, (length, length, len(lane.words), len(lane.words))]:
        inside = [cut for cut in cuts if at < cut < start]
        for a, b in zip([at, *inside], [*inside, start], strict=True):
            # An end that has not been written yet makes the last stretch shorter.
            out += _piece(lane, mine, min(mine + b - a, c), a, differs=False)
            mine = min(mine + b - a, c)
        out += _piece(lane, mine, c, start, differs=False)
        out += _piece(lane, c, d, start, differs=True)
        at, mine = end, d
    return out


def _own(lane: Reading, elsewhere: Sequence[tuple[int, int]]) -> list[Piece]:
    out: list[Piece] = []
    at = 0
    for start, end in [*elsewhere, (len(lane.words), len(lane.words))]:
        out += _piece(lane, at, start, at, differs=False)
        out += _piece(lane, start, end, start, differs=True)
        at = end
    return out


def _piece(lane: Reading, start: int, end: int, at: int, *, differs: bool) -> list[Piece]:
    """Words [start, end) as pieces that are all title or all not."""
    out: list[Piece] = []
    i = start
    while i < end:
        title = i in lane.titles
        j = i
        while j < end and (j in lane.titles) == title:
            j += 1
        out.append(Piece("".join(lane.words[i:j]), at if differs else at + i - start, title, differs))
        i = j
    return out


def _merged(stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping or touching stretches as one, in order."""
    out: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out
