"""Which sessions are wanted, and the table of them.

Boundary: search box, filters, table and pages; returns what is selected and changes nothing saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from components import engine
from components.clock import moment, zone
from components.sessions import state as states
from components.wording import count, plain, shorten
from playground.store import Session, Wanted
from playground.strategies.base import load_all

ROWS = 50
WIDE = 275
"""Pixels for a session's name: with the other columns as much as a window of 1280 pixels shows."""
ANY = ""
_MARKS = {"right": "Right", "wrong": "Wrong", "unmarked": "Not marked"}


def filters() -> Wanted:
    """Draw the search box and the filters; returns what they ask for."""
    sessions = engine.runner().store.sessions
    strategies, models = sessions.strategies_and_models()
    known = load_all()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search",
            key="sessions.text",
            placeholder="Words in questions, answers, texts, names, notes, tags",
            icon=":material/search:",
            on_change=_first_page,
            persist_state="session",
            width="stretch",
        )
        strategy = _choice("Strategy", strategies, lambda name: known[name].title if name in known else name)
        model = _choice("Model", models, str)
        mark = _choice("Marked", list(_MARKS), lambda name: _MARKS[name])
        tag = _choice("Tag", sessions.tags(), str)
    return Wanted(text, tag or None, strategy or None, model or None, mark or None)  # type: ignore[arg-type]


def _choice(label: str, options: list[str], title: Any) -> str:
    key = f"sessions.{label.lower()}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = ANY
    return str(
        st.selectbox(
            label,
            [ANY, *options],
            key=key,
            width=150,
            on_change=_first_page,
            persist_state="session",
            format_func=lambda value: shorten(title(value), 40) if value != ANY else "Any",
        )
    )


def _first_page() -> None:
    states.current().page = 0


def table(wanted: Wanted) -> tuple[list[Session], list[Session]]:
    """Draw one page of the list; returns its sessions and the selected ones."""
    state, sessions = states.current(), engine.runner().store.sessions
    total = sessions.count(wanted)
    last = max(0, (total - 1) // ROWS)
    state.page = min(state.page, last)
    found = sessions.find(wanted, limit=ROWS, offset=state.page * ROWS)
    if not found:
        narrowed = wanted != Wanted()
        st.info(
            "No session fits. Take a filter away, or search for other words."
            if narrowed
            else "Nothing is saved yet. Every question asked on the Ask page is, as it runs.",
            icon=":material/search_off:" if narrowed else ":material/history:",
        )
        return [], []
    picked = st.dataframe(
        [row(session) for session in found],
        key=f"sessions.table.{state.version}.{state.page}",
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        hide_index=True,
        column_config=_columns(),
    )
    _pages(total, last)
    return found, [found[i] for i in _picked(picked["selection"]) if i < len(found)]


def _picked(selection: Mapping[str, Any]) -> list[int]:
    """The rows that are ticked; else the one in which something was clicked."""
    return list(selection["rows"]) or [row for row, _ in selection.get("cells", ())]


def _columns() -> dict[str, Any]:
    column = st.column_config
    return {
        "When": column.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone=str(zone()), width=125),
        "Session": column.TextColumn(width=WIDE),
        "Answer": column.TextColumn(width=90),
        "Marked": column.TextColumn(width=75),
        "Strategy": column.TextColumn(width=175),
        "Model": column.TextColumn(width=90),
        "Runs": column.NumberColumn(width=50, help="Forks are not counted."),
        "Tokens": column.NumberColumn(format="localized", width=65, help="Written in all its runs."),
        "Time": column.NumberColumn(format="%.2f s", width=65, help="Of all its runs together."),
        "Tags": column.ListColumn(width=80),
    }


def row(session: Session) -> dict[str, Any]:
    """A session as a row of the table."""
    known = load_all()
    titles = (known[name].title if name in known else name for name in session.strategies)
    return {
        "When": moment(session.created),
        "Session": shorten(session.name, 200),
        "Answer": shorten(", ".join(session.answers), 60),
        "Marked": marked(session),
        "Strategy": ", ".join(titles),
        "Model": ", ".join(session.models),
        "Runs": len(session.runs),
        "Tokens": session.tokens,
        "Time": session.seconds,
        "Tags": list(session.tags),
    }


def marked(session: Session) -> str:
    """How its runs were marked, in words."""
    if session.right + session.wrong == 0:
        return ""
    if len(session.runs) == 1:
        return "right" if session.right else "wrong"
    return f"{session.right} right, {session.wrong} wrong"


def _pages(total: int, last: int) -> None:
    state = states.current()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{count(total, 'session')}" + (f", page {state.page + 1} of {last + 1}" if last else ""),
            width="stretch",
        )
        if last:
            st.button(
                "Newer",
                key="sessions.newer",
                icon=":material/chevron_left:",
                disabled=state.page == 0,
                on_click=_turn,
                args=(-1,),
            )
            st.button(
                "Older",
                key="sessions.older",
                icon=":material/chevron_right:",
                disabled=state.page == last,
                on_click=_turn,
                args=(1,),
            )


def _turn(pages: int) -> None:
    states.current().page += pages


def heading(session: Session) -> str:
    """A session's name as one line of markdown."""
    return plain(session.name, 120)
