"""The Ask page's question and the button that runs it or stops it.

Boundary: draws these widgets and holds their callbacks. How a question is written or drawn, `asking` says; what a run
looks like afterwards is other components' business.
"""

from __future__ import annotations

import time

import streamlit as st

from components import ask_state, asking, engine, pickers, settings_form
from components.asking import Known
from components.wording import plain
from playground.errors import PlaygroundError
from playground.execute import RunSpec
from playground.models.base import ModelInfo
from playground.strategies.base import Strategy

QUESTION_KEY = "ask.question"
GO_KEY = "ask.go"
DOUBLE_CLICK = 0.4
"""Seconds after a start in which another click counts as the same one, not as Stop."""


def question_box(model: ModelInfo, strategy: Strategy) -> None:
    """Draw the question, the buttons under it and what is wrong with it."""
    state = ask_state.current()
    asking.question_text(state)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        # One button with one key, so that it changes in place and the two never stand side by side.
        if state.going:
            st.button(
                "Stop", key=GO_KEY, icon=":material/stop:", shortcut="Alt+S", on_click=stop, type="primary"
            )
        else:
            st.button(
                "Run",
                key=GO_KEY,
                icon=":material/play_arrow:",
                shortcut="Ctrl+Enter",
                on_click=run,
                type="primary",
                disabled=not pickers.fits(strategy, model),
            )
        asking.puzzle_drawer(state)
    asking.problem_line(state)
    with st.container(gap="xxsmall"):
        if model.note:
            st.caption(f"{plain(model.title)}: {plain(model.note)}")
        if asking.known_now(state) is not None:
            st.caption(
                ":material/check_circle: The right answer to this question is known, so the run will be marked."
            )


def current_question() -> str:
    """The text in the box, as it would be asked."""
    return asking.current_question("ask")


def run() -> None:
    """Start a run of what is in the form; what is wrong with it is kept for the page to show."""
    state = ask_state.current()
    if state.going:
        return
    state.problem = None
    model, strategy = pickers.chosen_model(), pickers.chosen_strategy()
    known = asking.known_now(state)
    try:
        run_id = engine.start(
            RunSpec(
                question=current_question(),
                strategy=strategy.name,
                model=model.name,
                params=settings_form.current_values(strategy, model.capabilities),
                seed=pickers.chosen_seed(),
                gold=known.answer if known else None,
                family=known.family if known else None,
            )
        )
    except PlaygroundError as error:
        state.problem = error
        return
    ask_state.open_run(run_id)
    state.started = time.monotonic()
    state.pull_first_token()


def stop() -> None:
    """Ask the run on screen, and its forks, to end."""
    state = ask_state.current()
    if time.monotonic() - state.started <= DOUBLE_CLICK:
        return
    for live in state.going:
        try:
            engine.runner().cancel(live.run_id)
        except PlaygroundError as error:
            state.problem = error


def use_again() -> None:
    """Fill the whole form with what the run on screen was started with."""
    state = ask_state.current()
    started = state.trace.started or engine.requested(state.trace.run_id)
    if started is None:
        return
    pickers.choose(started.model, started.strategy, started.seed)
    strategy = pickers.chosen_strategy()
    if strategy.name == started.strategy:
        settings_form.fill(strategy, started.params)
    if started.gold is not None:
        asking.offer(state, Known(started.question, started.gold, started.family))
    else:
        st.session_state[QUESTION_KEY] = started.question
