"""A saved run on screen without its model: replayed at any speed, looked at from all sides, run again.

Boundary: lays out other components around `explore_state`. Forks and running again need the model and say so.
"""

from __future__ import annotations

import math

import streamlit as st

from components import explore_state, forks
from components.answer_card import answer_card
from components.explore_again import run_again
from components.explore_heading import choice, heading
from components.explore_state import POSITION_KEY, SPEED_KEY, SPEEDS, WHOLE, ExploreState
from components.live_run import LiveRun
from components.run_tabs import Shown, tabs
from components.ticker import ticker
from components.tokens import Selection
from components.wording import duration, plain
from playground.trace import fold

TICK = 0.2
"""Seconds between two pictures of a replay."""
STEP = 1 / 1024
"""Seconds from one place of the scrubber to the next: a power of two, so that the browser's sums are exact and the
last place is the end."""


def explore() -> None:
    """Draw the open run, or the way to one."""
    state = explore_state.current()
    if state.session is None or state.run_id is None:
        trouble(state)
        choice()
        return
    heading(state)
    _moving(state.run_id)


def trouble(state: ExploreState) -> None:
    """What was wrong with the last thing asked for, and with the place that the address names."""
    if state.problem is not None:
        st.error(f"{plain(state.problem.message)} {plain(state.problem.hint)}", icon=":material/error:")
    if state.lost is not None:
        st.warning(f"{plain(state.lost.message)} {plain(state.lost.hint)}", icon=":material/link_off:")


@st.fragment
def _moving(run_id: str) -> None:
    """One picture of the run; while something moves, another one follows by itself."""
    state = explore_state.current()
    state.advance()
    for live in state.live:
        live.pull()
    if state.run_id != run_id:
        st.rerun()
    trouble(state)
    replay(state)
    trace = state.trace()
    if trace.running and state.going and state.at >= state.seconds:
        st.info(
            "This run is still going. Here is what it had written when the page was opened; Ask shows it live.",
            icon=":material/hourglass:",
        )
    elif trace.running:
        st.caption(f"Replay: {duration(state.at)} of {duration(state.seconds)}")
    else:
        answer_card(trace)
        run_again(state, trace)
    can_fork = not trace.running and forks.possible(trace)
    tabs(
        Shown(
            trace,
            state.forks,
            "explore",
            begin_fork if can_fork else None,
            editable=False,
            on_select=state.select,
            target=state.target,
        )
    )
    ticker(going=state.moving, every=TICK, key="explore.tick")


def replay(state: ExploreState) -> None:
    """Draw play, speed and the scrubber."""
    # Set by us, the slider would take back what a person is just doing at it.
    if abs(st.session_state.get(POSITION_KEY, -1.0) - state.at) > 2 * STEP:
        st.session_state[POSITION_KEY] = min(state.at, state.seconds)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Pause" if state.playing else "Replay",
            key="explore.play",
            on_click=_play,
            icon=":material/pause:" if state.playing else ":material/play_arrow:",
            disabled=state.seconds == 0,
        )
        st.radio(
            "Speed",
            SPEEDS,
            key=SPEED_KEY,
            horizontal=True,
            width="content",
            format_func=lambda speed: f"{speed}×" if speed else f"in {WHOLE:.0f} s",
            help=f"Times the pace at which it happened, or the whole run in {WHOLE:.0f} seconds.",
        )
        st.slider(
            "Seconds into the run",
            0.0,
            max(1, math.ceil(state.seconds / STEP)) * STEP,
            key=POSITION_KEY,
            step=STEP,
            format="%.2f s",
            on_change=_scrub,
        )


def _play() -> None:
    explore_state.current().play()


def _scrub() -> None:
    state = explore_state.current()
    state.at = min(float(st.session_state[POSITION_KEY]), state.seconds)
    state.since, state.target = None, None


def begin_fork(chosen: Selection) -> None:
    """Start the fork that a click asked for; for use in callbacks."""
    state = explore_state.current()
    main = LiveRun(state.run_id or "", fold(state.records))
    main.trace.run_id = state.run_id or ""
    state.problem = forks.start(chosen, main, state.forks)
