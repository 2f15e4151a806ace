"""The values of the token picture: rows, groups of equal answers, and the view that holds them.

Boundary: frozen values, nothing else. `view` makes them from traces, `order` arranges them, `spans` moves their
answer frames, `wire` writes them for the browser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from playground.events import EndReason, Status, TokenAdded
from playground.quadrants import Cutoffs

ROWS = 50

Summed = Literal["delta", "votes"]


@dataclass(frozen=True, slots=True)
class Span:
    """Where an answer stands: tokens [first, last) and characters [start, end); None where not known."""

    first: int | None = None
    last: int | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Where an answer was found, and Δ there, kept once a person has moved its frame."""

    span: Span
    delta: float | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a fork comes from: it leaves the row with id `source`, labelled `label` (None when that is not shown),
    at token `index`."""

    source: str
    index: int
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One branch, fork or text.

    Attributes:
        run, node: where it is; node ids are unique within a run only.
        number: its rank from 1 once the branches can be ranked, its place in opening order before; forks are
            counted by themselves.
        origin: where it was forked, None for what is no fork.
        tokens: what was written; empty for a backend that gives no tokens (then `text` has it all).
        pieces: what each token shows; "" for one whose bytes are only part of a character.
        answer: its canonical answer, None without one; `span` says where it stands, by hand where `found` is set.
        group: index of the group of equal answers.
        delta, sequence_delta: mean top-2 margin over the answer's tokens and over all tokens, in [0, 1].
        votes: branches with an equal answer, where the strategy counted them.
        logprob: mean log-probability per token, nats.
        shared: tokens at its start that an earlier row also begins with; `shared_with` is that row's label.
        parts: positions where other rows leave the path of this one, in order.
    """

    run: str
    node: str
    number: int
    title: str
    origin: Origin | None = None
    tokens: tuple[TokenAdded, ...] = ()
    pieces: tuple[str, ...] = ()
    text: str = ""
    answer: str | None = None
    span: Span = Span()
    found: Found | None = None
    group: int | None = None
    delta: float | None = None
    sequence_delta: float | None = None
    votes: float | None = None
    logprob: float | None = None
    status: Status | None = None
    reason: str = ""
    chosen: bool = False
    end: EndReason | None = None
    writing: bool = False
    shared: int = 0
    shared_with: str | None = None
    parts: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        return row_id(self.run, self.node)

    @property
    def label(self) -> str:
        return f"F{self.number}" if self.origin else str(self.number)

    @property
    def out(self) -> bool:
        return self.status in ("pruned", "failed")


@dataclass(frozen=True, slots=True)
class Group:
    """Branches with equal answers. `total` is their sum of Δ, or their number where no branch has Δ."""

    marker: str
    colour: str
    answer: str
    total: float
    branches: int
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class TokenView:
    """What the picture shows: branches in `rows`, then forks. `hidden` are the branches beyond `limit`; `groups`
    count those too, and never a fork. `cutoffs` say in which quadrant of entropy and varentropy a token is."""

    kind: Literal["branches", "strip"]
    rows: tuple[Row, ...]
    groups: tuple[Group, ...] = ()
    run: str = ""
    running: bool = False
    summed: Summed = "votes"
    hidden: tuple[Row, ...] = ()
    limit: int = ROWS
    cutoffs: Cutoffs = Cutoffs()

    @property
    def total_rows(self) -> int:
        return sum(row.origin is None for row in self.rows) + len(self.hidden)

    def row(self, id: str) -> Row | None:
        return next((row for row in self.rows if row.id == id), None)


@dataclass(frozen=True, slots=True)
class Target:
    """A row, or token `index` of it, that the picture goes to: once for every `sign`, however often it is drawn."""

    run: str
    node: str
    index: int | None
    sign: str


def row_id(run: str, node: str) -> str:
    """The name of a row, unique among the rows of several runs."""
    return f"{run}:{node}"
