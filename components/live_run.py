"""One run as a screen follows it: its events so far, folded.

Boundary: asks the runner for news and folds it; draws nothing and starts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from components import engine
from playground.trace import Trace


@dataclass(slots=True)
class LiveRun:
    """A run and what has been seen of it; `seq` is the last event taken in."""

    run_id: str
    trace: Trace = field(default_factory=Trace)
    seq: int = -1

    def __post_init__(self) -> None:
        self.trace.run_id = self.run_id

    @property
    def running(self) -> bool:
        return self.trace.running

    def pull(self) -> None:
        """Take in what has happened since the last time.

        A run that the runner calls over, though its log has no end, is marked with the runner's word for it.

        Raises:
            PlaygroundError: there is no such run, or it cannot be read.
        """
        if not self.running:
            return
        runner = engine.runner()
        status = runner.status(self.run_id)
        for record in runner.records(self.run_id, after=self.seq):
            self.trace.apply(record)
            self.seq = record.seq
        if self.running and status not in ("waiting", "running"):
            self.trace.status = status
