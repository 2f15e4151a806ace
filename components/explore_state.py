"""What the Explore page remembers for one visitor: which saved run is open, where in it a link led, how far it is
replayed.

Boundary: state and how it follows the address; draws nothing, loads no model.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import streamlit as st

from components import engine, places, run_tabs
from components.live_run import LiveRun
from components.places import Place
from components.tokens import Selection, Target
from playground.errors import BadInput, PlaygroundError
from playground.events import Record
from playground.forking import STRATEGY
from playground.store import SavedRun, Session
from playground.trace import Trace, fold

_KEY = "explore"
POSITION_KEY, SPEED_KEY = "explore.position", "explore.speed"
SPEEDS = (0, 1, 2, 4, 8)
"""Times the run's own pace; 0 is the pace that shows the whole run in `WHOLE` seconds."""
WHOLE = 10.0


@dataclass(slots=True)
class ExploreState:
    """One visitor's Explore page.

    Attributes:
        session: the session that is open, None before the first.
        run: the run of it that is open.
        records: that run's whole log.
        forks: the runs forked from it.
        again: the same run started anew, None before.
        since: when playing began or the speed changed, monotonic; None while nothing plays.
        at: seconds into the run where it stood then.
        problem: what was wrong with the last thing asked for.
        lost: what was wrong with the place that the address named in the run.
        target: where it leads in the run.
        address: the session and run that the address named when it was last followed.
        place: the node and token that it named then.
        followed: how many places were, so that each is gone to once.
    """

    session: Session | None = None
    run: SavedRun | None = None
    records: list[Record] = field(default_factory=list)
    forks: list[LiveRun] = field(default_factory=list)
    again: LiveRun | None = None
    since: float | None = None
    at: float = 0.0
    problem: PlaygroundError | None = None
    lost: PlaygroundError | None = None
    target: Target | None = None
    address: tuple[str | None, str | None] = (None, None)
    place: tuple[str | None, str | None] = (None, None)
    followed: int = 0

    @property
    def run_id(self) -> str | None:
        return self.run.id if self.run else None

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
        self.address, self.place = (session, run_id), (None, None)
        self.problem, self.lost, self.target, self.again, self.since = None, None, None, None, None
        self.session, self.run, self.records, self.forks = None, None, [], []
        if session is None and run_id is None:
            return
        store = engine.runner().store
        try:
            self.session = store.sessions.get(session or store.run(str(run_id)).session)
            if run_id is None and not self.session.runs:
                raise BadInput("This session has no run.", "Choose another one on the Sessions page.")
            self.run = store.run(run_id or self.session.runs[0])
            self.records = engine.runner().records(self.run.id)
            self.forks = [LiveRun(fork.id) for fork in store.forks(self.run.id)]
        except PlaygroundError as error:
            self.problem, self.session, self.run = error, None, None
        self.at = self.seconds
        st.session_state.pop(POSITION_KEY, None)
        st.session_state.setdefault(SPEED_KEY, 1 if self.seconds > WHOLE / 2 else 0)

    def go(self, node: str | None, token: str | None) -> None:
        """Go to a node of the open run, or to a token of it, as an address names them."""
        self.place, self.lost, self.target = (node, token), None, None
        if self.run is None:
            return
        self.at, self.since = self.seconds, None
        trace = self.trace()
        try:
            place = places.read(node, token, trace)
        except BadInput as error:
            self.lost = error
            return
        if place is not None:
            self.followed += 1
            self.target = Target(self.run.id, place.node, place.index, f"{self.run.id}.{self.followed}")
            run_tabs.open_at("explore", trace, place)

    def select(self, chosen: Selection) -> None:
        """A token of the open run was clicked: the address names it from now on."""
        if self.run is None or chosen.run != self.run.id:
            return
        said = places.parameters(self.run.id, Place(chosen.node, chosen.index), self.address[0])
        self.address, self.lost = (self.address[0], self.run.id), None
        self.place = (said["node"], said["token"])
        st.query_params.from_dict(said)

    def visit(self, session: str | None, run_id: str | None) -> None:
        """Open another session or run, and say so in the address; for use in callbacks."""
        said = {"session": session, "run": run_id}
        st.query_params.from_dict({name: value for name, value in said.items() if value})
        self.open(session, run_id)

    @property
    def going(self) -> bool:
        """Whether the run had not come to an end when it was opened."""
        return self.run is not None and self.run.status in ("waiting", "running")

    @property
    def grew_from(self) -> str | None:
        """The run that the open one is a fork of."""
        parent = self.run.parent if self.run and self.run.strategy == STRATEGY else None
        return str(parent["run"]) if parent else None

    def trace(self) -> Trace:
        """The run as it stood at the present position; whole at its end."""
        if self.at >= self.seconds:
            trace = fold(self.records)
            if trace.running and not self.going:
                trace.status = "interrupted"
        else:
            first = self.records[0].time if self.records else 0.0
            trace = fold(record for record in self.records if record.time - first <= self.at)
        trace.run_id = self.run_id or ""
        return trace

    def play(self) -> None:
        """Start, from the beginning where the end is reached, or pause."""
        self.target = None
        if self.playing:
            self.advance()
            self.since = None
            return
        if self.at >= self.seconds:
            self.at = 0.0
        self.since = time.monotonic()

    def advance(self) -> None:
        """Move on by the time that has passed."""
        if self.since is None:
            return
        now = time.monotonic()
        chosen = st.session_state.get(SPEED_KEY)
        speed = float(chosen or 1) if chosen != 0 else self.seconds / WHOLE
        self.at, self.since = min(self.seconds, self.at + (now - self.since) * speed), now
        if self.at >= self.seconds:
            self.since = None


def current() -> ExploreState:
    """This visitor's state."""
    state: ExploreState = st.session_state.setdefault(_KEY, ExploreState())
    return state


def follow_address(state: ExploreState) -> None:
    """Open what the address names, and go where it leads."""
    wanted = (st.query_params.get("session"), st.query_params.get("run"))
    if wanted != state.address:
        state.open(*wanted)
    place = (st.query_params.get("node"), st.query_params.get("token"))
    if place != state.place:
        state.go(*place)
