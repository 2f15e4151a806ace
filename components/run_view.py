"""A run on screen, from its first token to its answer card: the part of the Ask page that moves.

Boundary: lays out the other components and decides when to look for news. While a run is going, one fragment
looks a few times a second; when it has ended, the page is drawn once more and the looking stops.
"""

from __future__ import annotations

import streamlit as st

from components import ask_state, engine, forks, local_models, places, question
from components.answer_card import answer_card
from components.run_tabs import Shown, tabs
from components.ticker import ticker
from components.wording import count, duration, plain, setting_name, setting_value, shorten
from playground.events import RunStarted
from playground.forking import STRATEGY
from playground.strategies.base import load_all
from playground.trace import Trace

SECONDS_BETWEEN_LOOKS = 0.2


def run_view() -> None:
    """Draw the run on screen, or say that there is none."""
    state = ask_state.current()
    if state.lost is not None:
        st.error(f"{plain(state.lost.message)} {plain(state.lost.hint)}", icon=":material/link_off:")
    elif state.run_id is None:
        st.caption(
            "Nothing has been asked yet. Draw a puzzle and run it: the reasoning appears here while it is written."
        )
    else:
        heading(state.trace)
        _moving()


def heading(trace: Trace) -> None:
    """What was asked, with which settings, and the way back to them."""
    started = trace.started or engine.requested(trace.run_id)
    if started is None:
        return
    known = load_all().get(started.strategy)
    title = known.title if known else started.strategy
    if started.question != question.current_question():
        st.text(started.question)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"**{plain(title)}** on {plain(started.model)}, seed {started.seed}", width="stretch")
        if started.strategy == STRATEGY and started.parent:
            st.button(
                "The run it grew from",
                key="ask.parent",
                icon=":material/arrow_back:",
                type="tertiary",
                on_click=ask_state.open_run,
                args=(started.parent["run"],),
            )
        with st.popover("Settings", icon=":material/tune:", type="tertiary"):
            settings_list(started)
            st.button(
                "Use these settings again",
                key="ask.again",
                icon=":material/restart_alt:",
                on_click=question.use_again,
            )
        if not trace.running:
            st.page_link(
                "pages/explore.py",
                label="Open in Explore",
                icon=":material/play_circle:",
                query_params=places.parameters(trace.run_id),
            )
        with st.popover("Link", icon=":material/link:", type="tertiary"):
            st.caption("This run is saved. Its address, for a bookmark or for someone on the same machine:")
            st.code(link(trace.run_id), language=None)


def settings_list(started: RunStarted) -> None:
    """Every setting of the run, its seed and the versions it ran with."""
    known = load_all().get(started.strategy)
    unseen = {name for name in started.params if known and not known.on_form(name)}
    lines = [
        f"{setting_name(name)}: {setting_value(value)}"
        for name, value in started.params.items()
        if value != [] and name not in unseen
    ]
    lines += [
        f"Seed: {started.seed}",
        *(f"{name}: {shorten(value, 24)}" for name, value in started.versions.items()),
    ]
    st.text("\n".join(lines))


def link(run_id: str) -> str:
    """The address of a run on this server."""
    base = (st.context.url or "").split("?")[0]
    return f"{base}?{ask_state.RUN_PARAMETER}={run_id}"


@st.fragment
def _moving() -> None:
    """One look at the run: its state or its answer, then the tabs; another look follows while something goes."""
    state = ask_state.current()
    were_going = len(state.going)
    state.pull()
    # The page, with its buttons, is drawn anew when something ends.
    if state.run_id is None or len(state.going) < were_going:
        st.rerun()
    ticker(going=bool(state.going), every=SECONDS_BETWEEN_LOOKS, key="ask.tick")
    with st.container():
        if state.running:
            progress(state.trace)
        else:
            answer_card(state.trace)
    on_fork = forks.begin if forks.possible(state.trace) else None
    tabs(Shown(state.trace, state.forks, on_fork=on_fork))


def progress(trace: Trace) -> None:
    """A line on how far a running run is."""
    usage = trace.usage
    written = max(usage.completion_tokens, sum(len(node.tokens) for node in trace.nodes.values()))
    if (waiting := trace.waiting) is not None:
        so_far = f" ({duration(waiting.seconds)})" if waiting.seconds else ""
        st.caption(f":shimmer[Waiting for the server: {plain(waiting.reason)}{so_far}]")
        return
    if not trace.calls:
        asked = trace.started or engine.requested(trace.run_id)
        if (
            asked is not None
            and local_models.may_download(asked.model)
            and local_models.download_line(asked.model)
        ):
            return
        st.caption(":shimmer[Waiting for the model …]")
        return
    passes = trace.forward_passes
    st.caption(
        f":shimmer[Running] · {duration(trace.seconds)} · {count(written, 'token')} written"
        + ("" if passes is None else f" · {count(passes, 'forward pass', 'forward passes')}")
    )
