"""What is open on the Explore page: a session, the choice among its runs, what the run was asked and its links.

Boundary: draws facts about saved runs; opening another one goes through `explore_state`.
"""

from __future__ import annotations

import streamlit as st

from components import engine, explore_state, places
from components.clock import moment_text
from components.explore_state import ExploreState
from components.places import Place
from components.run_view import settings_list
from components.wording import plain, shorten, well_formed
from playground.store import SavedRun, Wanted
from playground.strategies.base import load_all

LATEST = 10


def choice() -> None:
    """Draw what to open where nothing is: the latest sessions."""
    latest = engine.runner().store.sessions.find(Wanted(), limit=LATEST)
    if not latest:
        st.info(
            "Nothing is saved yet. Every question asked on the Ask page is, as it runs.",
            icon=":material/history:",
        )
        st.page_link("pages/ask.py", label="Ask a question", icon=":material/psychology:")
        return
    st.caption("Choose a saved session: it is replayed from what was recorded, without its model.")
    with st.container(gap=None):
        for session in latest:
            what = ", ".join(strategy_title(name) for name in session.strategies)
            answers = plain(", ".join(session.answers), 24)
            st.button(
                f"{plain(session.name, 90)} · {plain(what, 40)}" + (f" · **{answers}**" if answers else ""),
                key=f"explore.open.{session.id}",
                icon=":material/play_circle:",
                type="tertiary",
                on_click=explore_state.current().visit,
                args=(session.id, None),
            )
    st.page_link("pages/sessions.py", label="All sessions: search and filters", icon=":material/list:")


def heading(state: ExploreState) -> None:
    """The session's name, note and tags; the choice among its runs; the open run's facts."""
    session, run = state.session, state.run
    assert session is not None and run is not None  # noqa: S101, PT018 `explore` looked
    st.subheader(plain(session.name, 200), anchor=False)
    if session.tags or session.note:
        st.text("\n".join(filter(None, (", ".join(session.tags), well_formed(session.note)))))
    if len(session.runs) > 1:
        titles = {run_id: run_title(engine.runner().store.run(run_id)) for run_id in session.runs}
        st.selectbox(
            "Run",
            list(titles),
            index=list(titles).index(run.id) if run.id in titles else None,
            key=f"explore.run.{session.id}",
            format_func=lambda id: titles.get(id, str(id)),
            placeholder="A fork of one of them",
            on_change=_choose,
            args=(session.id,),
        )
    if run.question != session.name:
        st.text(well_formed(run.question))
    facts(state, run)


def facts(state: ExploreState, run: SavedRun) -> None:
    """With what the run was made and when; its settings, its links and the ways on from it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"**{plain(strategy_title(run.strategy))}** on {plain(run.model)}, seed {run.seed} · "
            f"{moment_text(run.created)}",
            width="stretch",
        )
        if state.grew_from:
            st.button(
                "The run it grew from",
                key="explore.parent",
                icon=":material/arrow_back:",
                type="tertiary",
                on_click=state.visit,
                args=(None, state.grew_from),
            )
        st.page_link(
            "pages/ask.py",
            label="Open in Ask",
            icon=":material/psychology:",
            query_params={"run": run.id},
        )
        started = engine.requested(run.id)
        if started is not None:
            with st.popover("Settings", icon=":material/tune:", type="tertiary"):
                settings_list(started)
        with st.popover("Link", icon=":material/link:", type="tertiary"):
            links(state, run)


def links(state: ExploreState, run: SavedRun) -> None:
    """The addresses of what is open."""
    here = st.context.url or ""
    assert state.session is not None  # noqa: S101 `explore` looked
    said = {"The session": {"session": state.session.id}, "This run": places.parameters(run.id)}
    if state.target and state.target.run == run.id:
        place = Place(state.target.node, state.target.index)
        said["The place that was followed"] = places.parameters(run.id, place)
    st.caption("Permanent addresses on this machine. For one of a token, click it and copy its link.")
    for title, query in said.items():
        st.caption(title)
        st.code(places.link(here, query), language=None, wrap_lines=True)


def run_title(run: SavedRun) -> str:
    """A run in the list of a session's runs."""
    title = f"{strategy_title(run.strategy)} on {run.model}, seed {run.seed}"
    return f"{title} · {shorten(run.answer or run.status, 40)}"


def strategy_title(name: str) -> str:
    known = load_all().get(name)
    return known.title if known else name


def _choose(session: str) -> None:
    explore_state.current().visit(session, st.session_state[f"explore.run.{session}"])
