"""What the Ask page remembers for one visitor, as one typed object in the session.

Boundary: state and how it follows the runner's records; draws nothing. Widgets keep their own values under
`ask.<widget>`; everything else is here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import streamlit as st

from components import engine
from components.asking import Known
from components.live_run import LiveRun
from playground.errors import PlaygroundError
from playground.trace import Trace

_KEY = "ask"
RUN_PARAMETER = "run"
PATIENCE = 0.15
"""Seconds that a click on Run may wait for the first token."""


@dataclass(slots=True)
class AskState:
    """One visitor's Ask page.

    Attributes:
        run: the run on screen, None before the first.
        forks: the runs forked from it, in the order they were begun.
        address: the run that the address named when it was last followed.
        started: when this page last started a run, on the monotonic clock.
        problem: what was wrong with the last thing asked for, shown beside the question.
        lost: what is wrong with the link that was followed.
        known: the last question offered whose answer is known; it counts only while the text is unchanged.
    """

    run: LiveRun | None = None
    forks: list[LiveRun] = field(default_factory=list)
    address: str | None = None
    started: float = 0.0
    problem: PlaygroundError | None = None
    lost: PlaygroundError | None = None
    known: Known | None = None
    page: str = "ask"

    @property
    def run_id(self) -> str | None:
        return self.run.run_id if self.run else None

    @property
    def trace(self) -> Trace:
        return self.run.trace if self.run else Trace()

    @property
    def running(self) -> bool:
        return self.run is not None and self.run.running

    @property
    def going(self) -> list[LiveRun]:
        """What still runs of the run on screen and its forks."""
        return [live for live in (self.run, *self.forks) if live is not None and live.running]

    def show(self, run_id: str | None) -> None:
        """Put another run, or none, on screen; its records are taken in by `pull`."""
        self.address, self.lost = run_id, None
        self.run = LiveRun(run_id) if run_id is not None else None
        self.forks = []
        if run_id is not None:
            try:
                self.forks = [LiveRun(fork.id) for fork in engine.runner().store.forks(run_id)]
            except PlaygroundError as error:
                self.problem = error

    def pull(self) -> None:
        """Take in what has happened in the run and its forks since the last time."""
        if self.run is None:
            return
        try:
            self.run.pull()
        except PlaygroundError as error:
            self.run, self.forks, self.lost = None, [], error
            return
        for fork in list(self.forks):
            try:
                fork.pull()
            except PlaygroundError as error:  # the run itself stays on screen
                self.forks.remove(fork)
                self.problem = error

    def pull_first_token(self) -> None:
        """Wait a moment for the run's first token, so that the first drawing after a start already shows it."""
        give_up = time.monotonic() + PATIENCE
        self.pull()
        while self.running and not any(node.tokens for node in self.trace.nodes.values()):
            if time.monotonic() > give_up:
                return
            time.sleep(0.01)
            self.pull()


def current() -> AskState:
    """This visitor's state."""
    state: AskState = st.session_state.setdefault(_KEY, AskState())
    return state


def follow_address(state: AskState) -> None:
    """Show the run that the address names; none if it names none."""
    wanted = st.query_params.get(RUN_PARAMETER)
    if wanted != state.address:
        state.show(wanted)
    state.pull()


def open_run(run_id: str) -> None:
    """Put a run on screen and into the address; for use in callbacks."""
    current().show(run_id)
    st.query_params[RUN_PARAMETER] = run_id
