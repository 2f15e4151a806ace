"""What happened in a run and in which order, out of its log: a search's phases, and when each node was closed.

Boundary: folds records and draws nothing. A trace keeps how the tree stands; a scrubber also needs how it came to that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from playground.events import NodeClosed, NodeOpened, Phase, Record, Searched


@dataclass(frozen=True, slots=True)
class Step:
    """A phase that a search went through; `opened` nodes were open by then, `seq` is its place in the log."""

    seq: int
    node: str
    round: int
    phase: Phase
    value: float | None
    opened: int


@dataclass(frozen=True, slots=True)
class Closing:
    """When a node was closed: how many nodes were open and how many phases gone through by then."""

    opened: int
    steps: int


@dataclass(slots=True)
class Story:
    """A run's log as far as it has been read; `seq` is the last event taken in."""

    run: str = ""
    seq: int = -1
    steps: list[Step] = field(default_factory=list)
    closings: dict[str, Closing] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)

    def read(self, records: Iterable[Record]) -> Story:
        """Take in what comes next in the log."""
        for record in records:
            self.run, self.seq = record.run_id, record.seq
            match record.event:
                case NodeOpened(node=node):
                    self.opened.add(node)
                case Searched(node=node, round=number, phase=phase, value=value):
                    self.steps.append(Step(record.seq, node, number, phase, value, len(self.opened)))
                case NodeClosed(node=node):
                    self.closings[node] = Closing(len(self.opened), len(self.steps))
        return self
