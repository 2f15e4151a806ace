"""What the Compare page remembers for one visitor: its lanes, and the comparison that is on screen.

Boundary: state and how it follows the runner and the address; draws nothing and begins no run. Widgets keep their own
values under `compare.<widget>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from components import engine
from components.asking import Known, offer
from components.compare import saved
from components.compare.setups import Setup, first_setups
from components.live_run import LiveRun
from playground import allowance
from playground.errors import BadInput, PlaygroundError
from playground.runner.relay import Relay
from playground.trace import Trace

_KEY = "compare"
PAGE = "compare"
SESSION_PARAMETER = "session"
REPEATS_KEY, UNIT_KEY = f"{PAGE}.repeats", f"{PAGE}.unit"
NO_BUDGET = "off"
MOST_REPEATS = 30


def amount_key(unit: str) -> str:
    """The key of the widget that holds how much of a unit each lane may spend."""
    return f"{PAGE}.amount.{unit}"


@dataclass(slots=True)
class Lane:
    """One configuration and what has come of it.

    Attributes:
        place: its number in the session's runs, which stays when other lanes go.
        setup: what it will run, or has.
        attempt: how often it was begun before in this session.
        repeats, budget: what its last try was begun with.
        runs: the runs of that try, in the order they were begun.
        opened: the run of them that a person wants to read; None for the latest.
        relay: what begins the next ones; None where this process does not.
        problem: why it could not begin or go on.
    """

    place: int
    setup: Setup
    attempt: int = 0
    repeats: int = 1
    budget: Mapping[str, Any] | None = None
    runs: list[LiveRun] = field(default_factory=list)
    opened: str | None = None
    relay: Relay | None = None
    problem: PlaygroundError | None = None

    @property
    def going(self) -> bool:
        return any(live.running for live in self.runs) or (self.relay is not None and not self.relay.over)

    @property
    def traces(self) -> list[Trace]:
        return [live.trace for live in self.runs]

    @property
    def open(self) -> LiveRun | None:
        """The run that is read."""
        chosen = next((live for live in self.runs if live.run_id == self.opened), None)
        return chosen or (self.runs[-1] if self.runs else None)

    def pull(self) -> None:
        """Take in what has happened since the last time; what cannot be read is this lane's problem alone."""
        over = (
            self.relay is None or self.relay.over
        )  # asked first: what began before the end is then in the list
        if self.relay is not None:
            known = {live.run_id for live in self.runs}
            self.runs += [LiveRun(id) for id in list(self.relay.run_ids) if id not in known]
            self.problem = self.relay.problem or self.problem
        try:
            for live in self.runs:
                live.pull()
        except PlaygroundError as error:
            self.problem, self.runs = error, [live for live in self.runs if not live.running]
        if over:
            self.relay = None
        opening = self.runs[0].trace.started if self.runs else None
        if opening is not None:  # one that was found again says here what it was allowed
            self.budget = _sound(opening.budget)

    def clear(self) -> None:
        """Forget what it ran; that stays saved."""
        if self.runs:
            self.attempt += 1
        self.runs, self.opened, self.relay, self.problem = [], None, None, None


@dataclass(slots=True)
class CompareState:
    """One visitor's Compare page.

    Attributes:
        lanes: side by side, in this order.
        session: the comparison on screen; None before the first.
        question: what it asks, with its right answer where known.
        gold, family: of that question.
        address: the session that the address named when it was last followed.
        started: when this page last began lanes, on the monotonic clock.
        editing: the place of the lane whose settings are being edited.
        reopened: another run was opened just now, and the page has not been drawn since.
        problem: what was wrong with the last thing asked for.
        lost: what is wrong with the link that was followed.
        known: the last question offered whose answer is known.
    """

    lanes: list[Lane] = field(default_factory=list)
    session: str | None = None
    question: str = ""
    gold: str | None = None
    family: str | None = None
    address: str | None = None
    started: float = 0.0
    editing: int | None = None
    reopened: bool = False
    problem: PlaygroundError | None = None
    lost: PlaygroundError | None = None
    known: Known | None = None
    page: str = PAGE

    @property
    def going(self) -> bool:
        return any(lane.going for lane in self.lanes)

    @property
    def setups(self) -> list[Setup]:
        return [lane.setup for lane in self.lanes]

    def lane(self, place: int) -> Lane | None:
        return next((lane for lane in self.lanes if lane.place == place), None)

    def pull(self) -> None:
        for lane in self.lanes:
            lane.pull()

    def lay_out(self, setups: list[Setup]) -> None:
        """Other lanes, none of which has run; the comparison on screen stays saved."""
        self.lanes = [Lane(place, setup) for place, setup in enumerate(setups)]
        self.session, self.address, self.problem, self.lost = None, None, None, None
        self.question, self.gold, self.family = "", None, None

    def next_place(self) -> int:
        """A number that no lane of the session has had."""
        taken = [lane.place for lane in self.lanes]
        if self.session is not None:
            runs = engine.runner().store.runs_in(self.session)
            taken += [lane["lane"] for run in runs if (lane := run.parent) and "lane" in lane]
        return max(taken, default=-1) + 1

    def open(self, session: str) -> None:
        """Put a saved comparison on screen, as it stands, with its question in the box."""
        self.address = session
        self.lost = self.problem = None
        store = engine.runner().store
        try:
            name = store.sessions.get(session).name
            found = saved.lanes_of(store.runs_in(session))
            if not found:
                raise BadInput(f"The session {name!r} has no run to compare.", "Choose another one.")
            first = store.run(found[0].runs[0])
            lanes = [restored(session, lane) for lane in found]
        except PlaygroundError as error:
            self.lay_out(self.setups)
            self.address, self.lost = session, error
            return
        self.session, self.lanes = session, lanes
        self.question, self.gold, self.family = first.question, first.gold, first.family
        st.session_state[f"{PAGE}.question"] = first.question
        if first.gold is not None:
            offer(self, Known(first.question, first.gold, first.family))
        st.session_state[REPEATS_KEY] = min(lanes[0].repeats, MOST_REPEATS)
        st.session_state[UNIT_KEY] = NO_BUDGET
        if lanes[0].budget is not None:
            unit, amount = allowance.read(lanes[0].budget)
            st.session_state[UNIT_KEY] = unit
            st.session_state[amount_key(unit)] = float(amount) if unit == "seconds" else int(amount)


def _sound(budget: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A budget as a log has it; None where that one, from elsewhere, means nothing."""
    if budget is not None:
        try:
            allowance.read(budget)
        except BadInput:
            return None
    return budget


def restored(session: str, lane: saved.SavedLane) -> Lane:
    """A lane as its runs tell it, still going if it goes."""
    runs = [LiveRun(run_id) for run_id in lane.runs]
    back = Lane(lane.place, lane.setup, lane.attempt, lane.repeats, None, runs)
    back.relay = engine.relays().find(session, lane.place)
    back.pull()
    return back


def current() -> CompareState:
    """This visitor's state; a new visitor finds lanes to begin with."""
    state: CompareState | None = st.session_state.get(_KEY)
    if state is None:
        state = st.session_state[_KEY] = CompareState()
        state.lay_out(first_setups(engine.models()))
    return state


def follow_address(state: CompareState) -> None:
    """Open the comparison that the address names; one that is on screen stays and gets its address back."""
    wanted = st.query_params.get(SESSION_PARAMETER)
    if wanted is None and state.session is not None:
        st.query_params[SESSION_PARAMETER] = state.session
        state.address = state.session
    elif wanted is not None and wanted != state.address:
        state.open(wanted)
    state.pull()
