"""What can be done with the selected sessions: open, name, tag, note, delete and undo, take out and bring in.

Boundary: buttons and fields around `playground.store` and `playground.exchange`; changes happen in callbacks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from components import engine, places
from components.compare.saved import compare_link
from components.sessions import state as states
from components.sessions.finder import heading
from components.wording import count, plain
from playground import exchange
from playground.errors import PlaygroundError
from playground.store import Session
from playground.store.sessions import MOST_NAME, MOST_NOTE

FORMATS: dict[str, tuple[str, str, str]] = {
    "JSON, to be brought in again": ("to_json", "json", "application/json"),
    "One HTML file, opens anywhere": ("to_html", "html", "text/html"),
    "Markdown report": ("to_markdown", "md", "text/markdown"),
    "CSV summary": ("to_csv", "csv", "text/csv"),
}


def notices() -> None:
    """Say what came of the last action, and offer to undo a deletion."""
    state = states.current()
    if state.problem is not None:
        st.error(f"{plain(state.problem.message)} {plain(state.problem.hint)}", icon=":material/error:")
    if state.deleted:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(
                f"{count(len(state.deleted), 'session')} deleted.", icon=":material/delete:", width="stretch"
            )
            st.button("Undo", key="sessions.undo", icon=":material/undo:", on_click=restore)
    elif state.said:
        st.success(state.said, icon=":material/check:")


def selected(sessions: Sequence[Session], there: bool) -> None:
    """Draw what can be done with the selection, or how to select where `there` is something."""
    if not sessions:
        if there:
            st.caption(
                "Click a session to replay, name, tag or note it; tick several to export or delete them together."
            )
        return
    ids = [session.id for session in sessions]
    if len(sessions) == 1:
        one(sessions[0])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        export(ids)
        st.button(
            "Delete" if len(ids) == 1 else f"Delete {count(len(ids), 'session')}",
            key="sessions.delete",
            icon=":material/delete:",
            on_click=delete,
            args=(ids,),
        )


def one(session: Session) -> None:
    """A session's name, tags and note, and the ways to look at it."""
    st.subheader(heading(session), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            "pages/explore.py",
            label="Replay and explore",
            icon=":material/play_circle:",
            query_params={"session": session.id},
        )
        if session.runs:
            st.page_link(
                "pages/ask.py",
                label="Open in Ask",
                icon=":material/psychology:",
                query_params={"run": session.runs[0]},
            )
        if (comparison := compare_link(session)) is not None:
            st.page_link(
                "pages/compare.py",
                label="Open in Compare",
                icon=":material/view_column:",
                query_params=comparison,
            )
        with st.popover("Link", icon=":material/link:", type="tertiary"):
            st.caption("The permanent address of this session on this machine:")
            st.code(
                places.link(st.context.url or "", {"session": session.id}), language=None, wrap_lines=True
            )
    left, right = st.columns(2)
    name, tags, note = (f"sessions.{what}.{session.id}" for what in ("name", "tags", "note"))
    with left:
        st.text_input(
            "Name",
            session.name if session.named else "",
            key=name,
            max_chars=MOST_NAME,
            placeholder=session.question[:MOST_NAME] or "A name",
            on_change=_keep,
            args=("rename", session.id, name),
        )
        st.multiselect(
            "Tags",
            sorted({*engine.runner().store.sessions.tags(), *session.tags}),
            list(session.tags),
            key=tags,
            accept_new_options=True,
            placeholder="Choose or write a tag",
            on_change=_keep,
            args=("set_tags", session.id, tags),
        )
    with right:
        st.text_area(
            "Note",
            session.note,
            key=note,
            max_chars=MOST_NOTE,
            height=122,
            on_change=_keep,
            args=("set_note", session.id, note),
        )


def _keep(method: str, session: str, key: str) -> None:
    state, sessions = states.current(), engine.runner().store.sessions
    try:
        getattr(sessions, method)(session, st.session_state[key])
    except PlaygroundError as error:
        state.problem = error
    else:
        state.problem = None


def delete(ids: Sequence[str]) -> None:
    """Take sessions off the list; `restore` brings the last ones back."""
    if _done(lambda: engine.runner().store.sessions.delete(ids)):
        states.current().deleted = tuple(ids)


def restore() -> None:
    """Undo the last deletion."""
    state = states.current()
    if _done(lambda: engine.runner().store.sessions.restore(state.deleted)):
        state.deleted = ()


def _done(change: Callable[[], object]) -> bool:
    state = states.current()
    try:
        change()
    except PlaygroundError as error:
        state.problem = error
        return False
    state.changed()
    return True


def export(ids: Sequence[str]) -> None:
    """Draw the choice of a format and the button that makes the file when it is clicked."""
    chosen = st.selectbox(
        "Export as", list(FORMATS), key="sessions.format", width=280, persist_state="session"
    )
    function, ending, mime = FORMATS[chosen]
    store, state = engine.runner().store, states.current()

    def make() -> str | bytes:
        try:
            made: str | bytes = getattr(exchange, function)(store, list(ids))
        except PlaygroundError as error:
            # The browser says only that there is no file; the page says why when it is drawn next.
            state.problem = error
            raise
        return made

    st.download_button(
        "Export",
        make,
        file_name=f"{ids[0] if len(ids) == 1 else 'sessions'}.{ending}",
        mime=mime,
        icon=":material/download:",
        key="sessions.export",
        on_click="ignore",
    )


def importer() -> None:
    """Draw the place where an exported file is dropped, and bring it in."""
    with st.expander("Import", icon=":material/upload:"):
        given = st.file_uploader(
            "A JSON file that a playground exported",
            type="json",
            key=f"sessions.import.{states.current().version}",
            max_upload_size=exchange.MOST_BYTES >> 20,
        )
        if given is not None:
            st.button(
                "Bring in",
                key="sessions.bring_in",
                on_click=bring_in,
                args=(given.getvalue(),),
                type="primary",
            )


def bring_in(data: bytes) -> None:
    """Read an exported file and save what is in it; what is wrong with it is kept for the page to show."""
    state = states.current()
    try:
        brought = exchange.bring_in(engine.runner().store, exchange.read_json(data))
    except PlaygroundError as error:
        state.problem, state.said = error, ""
        return
    state.deleted = ()
    there = f", {brought.already_there:,} were here already" if brought.already_there else ""
    state.changed(f"{count(brought.new, 'run')} brought in{there}.")
