"""The latest runs as a short list that opens them.

Boundary: asks for the saved runs and draws one button each; opening one only changes the address.
"""

from __future__ import annotations

import streamlit as st

from components import ask_state, engine
from components.wording import plain
from playground.errors import PlaygroundError
from playground.store import SavedRun
from playground.strategies.base import load_all

RUNS = 10
_MARKS = {True: (":material/check:", "right"), False: (":material/close:", "wrong")}
_ENDS = {
    "waiting": (":material/hourglass:", "waiting"),
    "running": (":material/hourglass:", "running"),
    "failed": (":material/error:", "failed"),
    "cancelled": (":material/stop_circle:", "stopped"),
    "interrupted": (":material/power_off:", "interrupted"),
}


def recent_runs() -> None:
    """Draw the list, newest first."""
    with st.expander("Recent runs", icon=":material/history:"):
        try:
            runs = engine.latest_runs(RUNS)
        except PlaygroundError as error:
            st.caption(f"{plain(error.message)} {plain(error.hint)}")
            return
        if not runs:
            st.caption("Runs are saved as they happen and listed here.")
        for run in runs:
            icon, word = mark(run)
            st.button(
                label(run),
                key=f"ask.recent.{run.id}",
                icon=icon,
                type="tertiary",
                width="stretch",
                wrap=False,
                on_click=ask_state.open_run,
                args=(run.id,),
                help=f"{strategy_title(run)}, {word}: {plain(run.question, 300)}",
            )


def mark(run: SavedRun) -> tuple[str, str]:
    """An icon and a word for how a run ended."""
    if run.status != "finished":
        return _ENDS[run.status]
    return _MARKS[run.correct] if run.correct is not None else (":material/done_all:", "finished, not marked")


def label(run: SavedRun) -> str:
    """Answer and question on one line, in markdown."""
    answer = f"**{plain(run.answer, 12)}** · " if run.answer else ""
    return answer + plain(run.question, 70)


def strategy_title(run: SavedRun) -> str:
    known = load_all().get(run.strategy)
    return plain(known.title if known else run.strategy)
