"""A saved run on screen without its model: replayed at any speed, looked at from all sides, run again.

Boundary: lays out other components around `explore_state`. Forks and running again need the model and say so.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from components import engine, explore_state, forks
from components.answer_card import answer_card
from components.explore_state import POSITION_KEY, SPEEDS, ExploreState
from components.live_run import LiveRun
from components.run_tabs import Shown, tabs
from components.tokens import Selection
from components.wording import count, duration, plain, shorten, well_formed
from playground.again import Comparison, compare, spec_of
from playground.errors import PlaygroundError
from playground.strategies.base import load_all
from playground.trace import Trace, fold

TICK = 0.2
"""Seconds between two pictures of a replay."""


def explore() -> None:
    """Draw the open run, or the way to one."""
    state = explore_state.current()
    if state.problem is not None:
        st.error(f"{plain(state.problem.message)} {plain(state.problem.hint)}", icon=":material/error:")
    if state.session is None or state.run_id is None:
        st.info("Open a saved session from the list on the Sessions page.", icon=":material/history:")
        st.page_link("pages/sessions.py", label="All sessions", icon=":material/list:")
        return
    heading(state)
    moving = state.moving
    st.fragment(run_every=TICK if moving else None)(_moving)(moving)


def heading(state: ExploreState) -> None:
    """The session's name, note and tags, and the choice among its runs."""
    session = state.session
    assert session is not None  # noqa: S101 `explore` looked
    st.subheader(plain(session.name, 200), anchor=False)
    if session.tags or session.note:
        st.text("\n".join(filter(None, (", ".join(session.tags), well_formed(session.note)))))
    if len(session.runs) > 1:
        titles = {run_id: run_title(run_id) for run_id in session.runs}
        st.selectbox(
            "Run",
            list(titles),
            index=list(titles).index(state.run_id) if state.run_id in titles else None,
            key=f"explore.run.{session.id}",
            format_func=lambda id: titles.get(id, str(id)),
            on_change=_choose,
            args=(session.id,),
        )


def _choose(session: str) -> None:
    run_id = st.session_state[f"explore.run.{session}"]
    st.query_params.from_dict({"session": session, "run": run_id})
    explore_state.current().open(session, run_id)


def run_title(run_id: str) -> str:
    """A run in the list of a session's runs."""
    saved = engine.runner().store.run(run_id)
    known = load_all().get(saved.strategy)
    title = known.title if known else saved.strategy
    return f"{title} on {saved.model}, seed {saved.seed} · {shorten(saved.answer or saved.status, 40)}"


def _moving(ticking: bool) -> None:
    """One picture of the run; `ticking`: another one follows by itself."""
    state = explore_state.current()
    state.advance(float(st.session_state.get("explore.speed") or 1))
    for live in state.live:
        live.pull()
    if state.moving != ticking:
        st.rerun()
    replay(state)
    trace = state.trace()
    if trace.running:
        st.caption(f"Replay: {duration(state.at)} of {duration(state.seconds)}")
    else:
        answer_card(trace)
        run_again(state, trace)
    can_fork = not trace.running and forks.possible(trace)
    tabs(Shown(trace, state.forks, "explore", begin_fork if can_fork else None, editable=False))


def replay(state: ExploreState) -> None:
    """Draw play, speed and the scrubber."""
    st.session_state[POSITION_KEY] = min(state.at, state.seconds)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Pause" if state.playing else "Replay",
            key="explore.play",
            on_click=_play,
            icon=":material/pause:" if state.playing else ":material/play_arrow:",
        )
        st.segmented_control(
            "Speed",
            SPEEDS,
            default=1,
            key="explore.speed",
            format_func=lambda speed: f"{speed}×",
            label_visibility="collapsed",
        )
        st.slider(
            "Seconds into the run",
            0.0,
            max(state.seconds, 0.001),
            key=POSITION_KEY,
            step=0.001,
            format="%.2f s",
            on_change=_scrub,
        )


def _play() -> None:
    explore_state.current().play()


def _scrub() -> None:
    state = explore_state.current()
    state.at, state.since = float(st.session_state[POSITION_KEY]), None


def begin_fork(chosen: Selection) -> None:
    """Start the fork that a click asked for; for use in callbacks."""
    state = explore_state.current()
    main = LiveRun(state.run_id or "", fold(state.records))
    main.trace.run_id = state.run_id or ""
    state.problem = forks.start(chosen, main, state.forks)


def run_again(state: ExploreState, old: Trace) -> None:
    """Draw the button that runs it again, and what came of it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run again",
            key="explore.again",
            icon=":material/restart_alt:",
            on_click=_run_again,
            disabled=state.again is not None and state.again.running,
            help="The same question, settings and seed on the same model: says whether every token comes out the same.",
        )
        if state.again is None:
            return
        if state.again.running:
            st.caption(":shimmer[Running again …]")
            return
        new = state.again.trace
        if new.status != "finished":
            why = f": {plain(new.failure.message)} {plain(new.failure.hint)}" if new.failure else "."
            st.warning(f"The run could not be repeated{why}", icon=":material/error:")
            return
        verdict(compare(old, new))


def verdict(result: Comparison) -> None:
    """Whether every token came out the same; if not, the first that differs and what changed."""
    said = ((name, old or "not said", new or "not said") for name, (old, new) in result.changed.items())
    changed = "; ".join(f"{name}: {old} → {new}" for name, old, new in said)
    if result.first is None:
        same = f"All {count(result.tokens, 'token')} are the same."
        st.success(plain(same + (f" Though changed: {changed}" if changed else "")), icon=":material/check:")
        return
    first = result.first
    before, after = ("the end" if text is None else f"“{text}”" for text in (first.before, first.after))
    why = f"What changed: {changed}." if changed else "Versions, device and number format are the same."
    st.warning(
        plain(f"The texts part at token {first.index + 1} of {first.node}: {before}, now {after}. {why}"),
        icon=":material/difference:",
    )


def _run_again() -> None:
    state = explore_state.current()
    try:
        spec = spec_of(fold(state.records))
        run_id = engine.runner().start(replace(spec, parent={**(spec.parent or {}), "again": state.run_id}))
    except PlaygroundError as error:
        state.problem = error
        return
    state.problem, state.again = None, LiveRun(run_id)
