"""The lanes on screen while they run and after: the part of the Compare page that moves, and what came of it.

Boundary: lays out the other parts and decides when to look for news. While a lane goes, one fragment looks a few times
a second; when one ends or begins, the page is drawn once more, for its buttons.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from components import asking
from components.compare import setups, start, tally
from components.compare.board import board
from components.compare.figures import COSTS, Point, cost_figure, cost_words
from components.compare.heads import editor, heads
from components.compare.state import PAGE, SESSION_PARAMETER, CompareState, current
from components.compare.tally import Tally
from components.ticker import ticker
from components.wording import plain

SECONDS_BETWEEN_LOOKS = 0.2
COST_KEY = f"{PAGE}.cost"
_COST_TITLES = {"tokens": "Tokens", "passes": "Forward passes", "calls": "Calls", "seconds": "Seconds"}


def lanes(state: CompareState) -> None:
    """Draw the lanes, or what is wrong with the link that was followed."""
    if state.lost is not None:
        st.error(f"{plain(state.lost.message)} {plain(state.lost.hint)}", icon=":material/link_off:")
    if state.question and state.question != asking.current_question(PAGE):
        st.text(state.question)
    chips = setups.chips(state.setups)
    heads(state, chips)
    editor(state)
    _moving(tuple(lane.going for lane in state.lanes))


def names(state: CompareState) -> list[str]:
    """What each lane is called."""
    chips = setups.chips(state.setups)
    return [setups.name(lane.setup, chip) for lane, chip in zip(state.lanes, chips, strict=True)]


@st.fragment
def _moving(looking: tuple[bool, ...]) -> None:
    """One look at all lanes; `looking`: which of them went when the page was drawn."""
    state = current()
    state.pull()
    if state.reopened or tuple(lane.going for lane in state.lanes) != looking:
        state.reopened = False
        st.rerun()
    ticker(going=any(looking), every=SECONDS_BETWEEN_LOOKS, key=f"{PAGE}.tick")
    called = names(state)
    board(state.lanes, called, key=f"{PAGE}.board", on_open=start.open_run)
    if state.session is None:
        st.caption("Nothing has been run yet. Draw a puzzle and run all lanes: they start together.")
        return
    tallies = [tally.tally(lane.traces) for lane in state.lanes]
    summary(state, tallies, called)
    if not any(looking):
        picture(tallies, called)
        look_closer(state)


def summary(state: CompareState, tallies: Sequence[Tally], called: Sequence[str]) -> None:
    """Draw what each lane came to and what it cost, all its runs together."""
    st.subheader("Summary", anchor=False)
    st.table(
        [
            tally.row(number, name, counted, lane.budget)
            for number, (lane, counted, name) in enumerate(zip(state.lanes, tallies, called, strict=True), 1)
        ],
        border="horizontal",
        hide_index=True,
    )
    several = any(counted.runs > 1 for counted in tallies)
    together = "All runs of a lane together; its confidence is their mean. " if several else ""
    marks = (
        "" if state.gold else "The right answer to this question is not known, so nothing is marked. "
    ) + together
    if state.gold:
        marks = f"The right answer is {plain(state.gold, 60)}. {together}"
    st.caption(marks.strip())


def picture(tallies: Sequence[Tally], called: Sequence[str]) -> None:
    """Draw accuracy against cost, where anything was marked."""
    cost = str(st.session_state.setdefault(COST_KEY, "tokens"))
    found = points(tallies, called, cost)
    if not found:
        return
    st.subheader("Accuracy against cost", anchor=False)
    st.segmented_control(
        "Cost in",
        list(COSTS),
        key=COST_KEY,
        required=True,
        format_func=lambda cost: _COST_TITLES[cost],
        label_visibility="collapsed",
        persist_state="session",
    )
    st.plotly_chart(
        cost_figure(found, cost),
        key=f"{PAGE}.picture",
        config={"displayModeBar": False},
        alt=cost_words(found, cost),
    )
    one = all(point.marked == 1 for point in found)
    st.caption(
        "One run of each lane says only whether it was right this time; several runs give a share with its interval."
        if one
        else "Whiskers are 95 % Wilson intervals. Up is better, left is cheaper."
    )


def points(tallies: Sequence[Tally], called: Sequence[str], cost: str) -> list[Point]:
    """The lanes that have a share of right answers, with the mean cost of their runs."""
    out = []
    for number, (counted, name) in enumerate(zip(tallies, called, strict=True), 1):
        if not counted.marked:
            continue
        spent = {
            "tokens": counted.usage.completion_tokens,
            "passes": counted.passes,
            "calls": counted.usage.calls,
            "seconds": counted.seconds,
        }[cost]
        if spent is None:
            continue
        out.append(Point(number, name, spent / counted.runs, counted.right, counted.marked))
    return out


def look_closer(state: CompareState) -> None:
    """Draw the ways to look at one run with every token, and at the whole session."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for number, lane in enumerate(state.lanes, 1):
            if lane.open is not None:
                st.page_link(
                    "pages/ask.py",
                    label=f"Lane {number}, token by token",
                    icon=":material/psychology:",
                    query_params={"run": lane.open.run_id},
                )
        st.page_link(
            "pages/explore.py",
            label="Replay",
            icon=":material/play_circle:",
            query_params={"session": str(state.session)},
        )
        with st.popover("Link", icon=":material/link:", type="tertiary"):
            st.caption(
                "This comparison is saved. Its address, for a bookmark or for someone on the same machine:"
            )
            here = (st.context.url or "").split("?")[0]
            st.code(f"{here}?{SESSION_PARAMETER}={state.session}", language=None)
