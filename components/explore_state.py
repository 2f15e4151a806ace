"""What the Explore page remembers for one visitor: which saved run is open and how far it is replayed.

Boundary: state and how it follows the address; draws nothing, loads no model.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import streamlit as st

from components import engine
from components.live_run import LiveRun
from playground.errors import BadInput, PlaygroundError
from playground.events import Record
from playground.store import Session
from playground.trace import Trace, fold

_KEY = "explore"
POSITION_KEY = "explore.position"
SPEEDS = (1, 2, 4, 8)


@dataclass(slots=True)
class ExploreState:
    """One visitor's Explore page.

    Attributes:
        session: the session that is open, None before the first.
        run_id: the run of it that is open.
        records: that run's whole log.
        forks: the runs forked from it.
        again: the same run started anew, None before.
        since: when playing began or the speed changed, monotonic; None while nothing plays.
        at: seconds into the run where it stood then.
        problem: what was wrong with the last thing asked for.
        address: what the address named when it was last followed.
    """

    session: Session | None = None
    run_id: str | None = None
    records: list[Record] = field(default_factory=list)
    forks: list[LiveRun] = field(default_factory=list)
    again: LiveRun | None = None
    since: float | None = None
    at: float = 0.0
    problem: PlaygroundError | None = None
    address: tuple[str | None, str | None] = (None, None)

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return self.records[-1].time - self.records[0].time if self.records else 0.0

    @property
    def playing(self) -> bool:
        return self.since is not None

    @property
    def live(self) -> list[LiveRun]:
        """The runs begun from this page or from this run: forks, and the one run again."""
        return [*self.forks, *([self.again] if self.again else [])]

    @property
    def moving(self) -> bool:
        """Whether the picture changes by itself."""
        return self.playing or any(live.running for live in self.live)

    def open(self, session: str | None, run_id: str | None) -> None:
        """Open a session, or the one a run belongs to; the first of its runs if none is named."""
        self.address = (session, run_id)
        self.problem, self.again, self.since = None, None, None
        self.session, self.run_id, self.records, self.forks = None, None, [], []
        if session is None and run_id is None:
            return
        store = engine.runner().store
        try:
            self.session = store.sessions.get(session or store.run(str(run_id)).session)
            if run_id is None and not self.session.runs:
                raise BadInput("This session has no run.", "Choose another one on the Sessions page.")
            self.run_id = run_id or self.session.runs[0]
            self.records = engine.runner().records(self.run_id)
            self.forks = [LiveRun(fork.id) for fork in store.forks(self.run_id)]
        except PlaygroundError as error:
            self.problem, self.session, self.run_id = error, None, None
        self.at = self.seconds
        st.session_state.pop(POSITION_KEY, None)

    def trace(self) -> Trace:
        """The run as it stood at the present position; whole at its end."""
        if self.at >= self.seconds:
            trace = fold(self.records)
            if trace.running:
                trace.status = "interrupted"
        else:
            first = self.records[0].time if self.records else 0.0
            trace = fold(record for record in self.records if record.time - first <= self.at)
        trace.run_id = self.run_id or ""
        return trace

    def play(self) -> None:
        """Start, from the beginning where the end is reached, or pause."""
        if self.playing:
            self.advance(1)
            self.since = None
            return
        if self.at >= self.seconds:
            self.at = 0.0
        self.since = time.monotonic()

    def advance(self, speed: float) -> None:
        """Move on by the time that has passed."""
        if self.since is None:
            return
        now = time.monotonic()
        self.at, self.since = min(self.seconds, self.at + (now - self.since) * speed), now
        if self.at >= self.seconds:
            self.since = None


def current() -> ExploreState:
    """This visitor's state."""
    state: ExploreState = st.session_state.setdefault(_KEY, ExploreState())
    return state


def follow_address(state: ExploreState) -> None:
    """Open what the address names."""
    wanted = (st.query_params.get("session"), st.query_params.get("run"))
    if wanted != state.address:
        state.open(*wanted)
