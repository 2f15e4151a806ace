"""What the tree picture draws: a trace's nodes in the order they were opened, and the phases of its search.

Boundary: pure functions on traces. Knows nothing of Streamlit, the browser or JSON (see `wire`). Text from models
passes through, as data. How often a node was visited is not here: the browser counts it out of the phases, so that it
can say so for every moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.tree.story import Step, Story
from playground.events import Role, Status
from playground.trace import Node, Trace

BEGINNING = 200
"""Characters of a node's text that every picture has; the whole text is fetched for the node that is looked at."""
EXPLORATION = "exploration"
"""The setting that is a search's c."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A node as it is drawn.

    Attributes:
        parent: place of its parent among the entries, always before its own; -1 for the root.
        text: the beginning of what was written; `cut` says that there is more.
        tokens: how many it has; 0 where the backend gives none.
        closed: place of the scrubber from which on its status is known; -1 for always.
    """

    id: str
    parent: int
    role: Role
    title: str
    text: str
    cut: bool
    tokens: int
    status: Status | None
    reason: str
    answer: str | None
    scores: tuple[tuple[str, float], ...]
    writing: bool
    closed: int = -1


@dataclass(frozen=True, slots=True)
class TreeView:
    """The whole picture.

    Attributes:
        best: place of the node that the run's answer is from, -1 before there is one.
        names: what each score measures.
        exploration: c of the run's search, None where it has none.
    """

    run: str
    running: bool
    entries: tuple[Entry, ...]
    steps: tuple[Step, ...]
    best: int
    names: Mapping[str, str]
    exploration: float | None

    @property
    def places(self) -> dict[str, int]:
        return {entry.id: i for i, entry in enumerate(self.entries)}


def tree_view(trace: Trace, story: Story | None = None) -> TreeView:
    """The tree as the trace stands; of the story only what comes before that."""
    places = {id: i for i, id in enumerate(trace.nodes)}
    known = [] if story is None else story.steps
    steps = tuple(step for step in known if step.seq < trace.count and step.node in places)
    closings = {} if story is None else story.closings
    entries = []
    for i, node in enumerate(trace.nodes.values()):
        # A damaged log may hang a node under one that comes later, or under none.
        parent = min(places.get(node.parent or "", 0), i - 1) if i else -1
        closing = closings.get(node.id)
        closed = -1 if closing is None else closing.steps if steps else closing.opened
        entries.append(_entry(node, parent, closed, trace.running))
    return TreeView(
        trace.run_id,
        trace.running,
        tuple(entries),
        steps,
        _best(trace, places),
        {by: score.what for node in trace.nodes.values() for by, score in node.scores.items()},
        _exploration(trace),
    )


def whole_text(node: Node) -> str:
    """Everything written at a node, or what was read of it."""
    return node.content or node.text


def _entry(node: Node, parent: int, closed: int, running: bool) -> Entry:
    text, cut = _beginning(node)
    return Entry(
        node.id,
        parent,
        node.role,
        node.title,
        text,
        cut,
        len(node.tokens),
        node.status,
        node.reason,
        node.answer.text if node.answer else None,
        tuple((by, score.value) for by, score in node.scores.items()),
        running and node.end is None and node.status is None and bool(node.tokens or node.pieces),
        closed,
    )


def _beginning(node: Node) -> tuple[str, bool]:
    """The first characters, without putting a long text together at every look."""
    if node.content:
        return node.content[:BEGINNING], len(node.content) > BEGINNING
    data, used = b"", 0
    for token in node.tokens:
        if len(data) > 4 * BEGINNING:
            break
        data += token.data
        used += 1
    text = data.decode("utf-8", errors="replace") if node.tokens else "".join(node.pieces)
    return text[:BEGINNING], len(text) > BEGINNING or used < len(node.tokens)


def _best(trace: Trace, places: Mapping[str, int]) -> int:
    if trace.answered is not None and trace.answered.node is not None:
        return places.get(trace.answered.node, -1)
    chosen = [node.id for node in trace.nodes.values() if node.status == "chosen"]
    return places[chosen[-1]] if chosen else -1


def _exploration(trace: Trace) -> float | None:
    value = trace.started.params.get(EXPLORATION) if trace.started else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
