"""The fold: events in, the tree of a run out. Live view, replay, export and store all use this one.

Boundary: knows events and nothing else. `apply` never raises on a well-formed event stream and tolerates one
that was cut off anywhere, so a crashed or cancelled run is still a readable tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeGuard

from playground.events import (
    Answered,
    AnswerFound,
    CallStarted,
    EndReason,
    Event,
    NodeClosed,
    NodeOpened,
    NodeScored,
    Record,
    Role,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
    Searched,
    Spent,
    Status,
    TextAdded,
    TextEnded,
    Titled,
    TokenAdded,
    Usage,
    Waiting,
    Warned,
)

_DEAREST = 1_000_000_000
"""Dollars for a million tokens that a log is believed."""

RunStatus = Literal["waiting", "running", "finished", "failed", "cancelled", "interrupted"]


@dataclass(slots=True)
class Score:
    """A value given to a node, and what it measures."""

    value: float
    what: str = ""


@dataclass(slots=True)
class Node:
    """One node of the tree, as far as the events have come.

    `text` is everything written at it; `title` and `content` are what a chain's step says once parsed.
    `visits` counts the values a search has backed up through the node, `total` is their sum.
    `call` is the place among `Trace.calls` of the one whose prompt its tokens go on from.
    `opened` and `ended` are Unix seconds (0.0 where the events carried no time).
    """

    id: str
    parent: str | None
    role: Role
    title: str = ""
    content: str = ""
    final: bool = False
    note: str = ""
    tokens: list[TokenAdded] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    scores: dict[str, Score] = field(default_factory=dict)
    visits: int = 0
    total: float = 0.0
    answer: AnswerFound | None = None
    end: EndReason | None = None
    status: Status | None = None
    reason: str = ""
    usage: Usage = Usage()
    call: int | None = None
    opened: float = 0.0
    ended: float = 0.0

    @property
    def text(self) -> str:
        if self.tokens:
            return b"".join(t.data for t in self.tokens).decode("utf-8", errors="replace")
        return "".join(self.pieces)

    @property
    def seconds(self) -> float:
        return max(0.0, self.ended - self.opened)

    @property
    def value(self) -> float | None:
        """Mean of the values backed up through it (Q); None before the first."""
        return self.total / self.visits if self.visits else None


@dataclass(slots=True)
class Trace:
    """The tree of one run and what it came to.

    Attributes:
        stopped: why a cancelled run ended, "" where a person did it.
        waiting: what the run waits for since its last event; None when that was something else.
    """

    run_id: str = ""
    started: RunStarted | None = None
    nodes: dict[str, Node] = field(default_factory=dict)
    calls: list[CallStarted] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    usage: Usage = Usage()
    answered: Answered | None = None
    correct: bool | None = None
    failure: RunFailed | None = None
    stopped: str = ""
    waiting: Waiting | None = None
    status: RunStatus = "waiting"
    first_time: float = 0.0
    last_time: float = 0.0
    count: int = 0

    @property
    def seconds(self) -> float:
        """Wall-clock seconds from the run's first event to its last so far."""
        return max(0.0, self.last_time - self.first_time)

    @property
    def cost_usd(self) -> float | None:
        """Dollars for everything spent so far: 0.0 when the model ran on this machine, None when nobody knows."""
        if self.started is None:
            return None
        return 0.0 if self.started.local else cost(self.usage, self.started.price)

    @property
    def forward_passes(self) -> int | None:
        """Times the network ran; None where it ran on a server, which does not say."""
        told = self.usage.forward_passes > 0 or self.started is None or self.started.local
        return self.usage.forward_passes if told else None

    @property
    def running(self) -> bool:
        return self.status in ("waiting", "running")

    @property
    def root(self) -> Node | None:
        return next(iter(self.nodes.values()), None)

    def children(self, node: Node) -> Iterator[Node]:
        return (self.nodes[child] for child in node.children)

    def with_role(self, *roles: Role) -> list[Node]:
        """Nodes of these roles in the order they were opened."""
        return [node for node in self.nodes.values() if node.role in roles]

    def apply(self, item: Record | Event) -> None:
        """Take in the next event (or record, which also carries the time)."""
        event, time = (item.event, item.time) if isinstance(item, Record) else (item, 0.0)
        if isinstance(item, Record):
            self.run_id = item.run_id
        if not self.count:
            self.first_time = time
        self.last_time = max(self.last_time, time)
        self.count += 1
        self.waiting = event if isinstance(event, Waiting) else None
        self._apply(event, time)

    def _apply(self, event: Event, time: float) -> None:
        match event:
            case RunStarted():
                self.started, self.status = event, "running"
            case NodeOpened():
                self._open(event, time)
            case CallStarted():
                self.calls.append(event)
            case TokenAdded():
                self._add_token(self._node(event.node), event)
            case TextAdded():
                self._node(event.node).pieces.append(event.text)
            case Titled():
                node = self._node(event.node)
                node.title, node.content, node.final, node.note = (
                    event.title,
                    event.content,
                    event.final,
                    event.note,
                )
            case TextEnded():
                node = self._node(event.node)
                node.end, node.ended = event.reason, time
            case Spent():
                self.usage = self.usage + event.usage
                node = self._node(event.node)
                node.usage = node.usage + event.usage
            case NodeScored():
                self._node(event.node).scores[event.by] = Score(event.value, event.what)
            case Searched():
                if event.phase == "back up" and event.value is not None:
                    self._back_up(self._node(event.node), event.value)
            case NodeClosed():
                node = self._node(event.node)
                node.status, node.reason, node.ended = event.status, event.reason, node.ended or time
            case AnswerFound():
                self._node(event.node).answer = event
            case Warned():
                self.warnings.append(event)
            case Answered():
                self.answered = event
            case RunFinished():
                self.correct, self.status = event.correct, "finished"
            case RunFailed():
                self.failure, self.status = event, "failed"
            case RunCancelled():
                self.status, self.stopped = "cancelled", event.reason

    def _add_token(self, node: Node, token: TokenAdded) -> None:
        if not node.tokens:
            around = {node.id, *self._above(node)}
            recent = (i for i in reversed(range(len(self.calls))) if self.calls[i].node in around)
            node.call = next(recent, None)
        node.tokens.append(token)

    def _back_up(self, node: Node, value: float) -> None:
        for id in (node.id, *self._above(node)):
            above = self.nodes[id]
            above.visits += 1
            above.total += value

    def _above(self, node: Node) -> Iterator[str]:
        """Ids of the nodes that `node` hangs under, nearest first."""
        for _ in range(len(self.nodes)):  # a damaged log may hang nodes under each other
            if node.parent is None or node.parent not in self.nodes:
                return
            yield node.parent
            node = self.nodes[node.parent]

    def _open(self, event: NodeOpened, time: float) -> None:
        self.nodes[event.node] = Node(event.node, event.parent, event.role, event.title, opened=time)
        if event.parent in self.nodes:
            self.nodes[event.parent].children.append(event.node)

    def _node(self, id: str) -> Node:
        """The node, opened under the root if a cut-off log lost its opening."""
        if id not in self.nodes:
            root = self.root
            self._open(NodeOpened(id, root.id if root else None, "branch"), self.last_time)
        return self.nodes[id]


def cost(usage: Usage, price: Mapping[str, Any] | None) -> float | None:
    """US dollars for `usage` at a price as in `RunStarted`: cached prompt tokens at their own price where there is
    one, else as the others. None without a price, and for calls whose tokens the server did not count."""
    if price is None or (usage.calls and not usage.prompt_tokens and not usage.completion_tokens):
        return None
    read, written = price.get("input"), price.get("output")
    cached = read if price.get("cached") is None else price["cached"]
    if not (_is_price(read) and _is_price(written) and _is_price(cached)):
        return None
    fresh = max(0, usage.prompt_tokens - usage.cached_tokens)
    return (fresh * read + usage.cached_tokens * cached + usage.completion_tokens * written) / 1_000_000


def _is_price(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _DEAREST


def fold(items: Iterable[Record | Event]) -> Trace:
    """The trace of a whole sequence of events."""
    trace = Trace()
    for item in items:
        trace.apply(item)
    return trace
