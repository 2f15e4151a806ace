"""What all lanes share: the question, how often each is run, what each may spend, and the ways to begin.

Boundary: draws these widgets; what they do is in `start`.
"""

from __future__ import annotations

import streamlit as st

from components import asking, engine
from components.compare import setups, start
from components.compare import state as states
from components.compare.state import PAGE, CompareState
from playground.allowance import MOST as MOST_BUDGET
from playground.allowance import UNITS

GO_KEY = f"{PAGE}.go"


def question_box(state: CompareState) -> None:
    """Draw the question, the button that runs or stops all lanes, and what is wrong with it."""
    asking.question_text(state)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        # One button with one key, so that it changes in place and the two never stand side by side.
        if state.going:
            st.button(
                "Stop all",
                key=GO_KEY,
                icon=":material/stop:",
                shortcut="Alt+S",
                on_click=start.stop_all,
                type="primary",
            )
        else:
            st.button(
                "Run all",
                key=GO_KEY,
                icon=":material/play_arrow:",
                shortcut="Ctrl+Enter",
                on_click=start.run_all,
                type="primary",
            )
        asking.puzzle_drawer(state)
    asking.problem_line(state)
    if asking.known_now(state) is not None:
        st.caption(
            ":material/check_circle: The right answer to this question is known, so the runs will be marked."
        )


def beginnings(state: CompareState) -> None:
    """Draw the ways to begin that vary one thing about the first lane."""
    base = state.lanes[0].setup if state.lanes else setups.first_setups(engine.models())[0]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Vary one thing:", width="content")
        for preset in setups.presets(base, engine.models()):
            reason = (
                "Stop the lanes, or wait for their end." if state.going and preset.setups else preset.reason
            )
            st.button(
                preset.title,
                key=f"{PAGE}.preset.{preset.name}",
                icon=preset.icon,
                disabled=bool(reason),
                help=reason or preset.help,
                on_click=start.use_preset,
                args=(preset.setups,),
            )


def terms(state: CompareState) -> None:
    """Draw how often each lane is run, what each may spend, and the button for one lane more."""
    st.session_state.setdefault(states.REPEATS_KEY, 1)
    st.session_state.setdefault(states.UNIT_KEY, states.NO_BUDGET)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.number_input(
            "Runs of each lane",
            min_value=1,
            max_value=states.MOST_REPEATS,
            step=1,
            key=states.REPEATS_KEY,
            persist_state="session",
            width=150,
            help="Each with the next seed. A lane then shows its answers and how often each came.",
        )
        unit = st.segmented_control(
            "Same allowance for every lane",
            [states.NO_BUDGET, *UNITS],
            key=states.UNIT_KEY,
            persist_state="session",
            required=True,
            format_func=lambda unit: unit.capitalize(),
            help="Every lane may spend the same, all its runs together; one that has used it up stops with what it "
            "has. Tokens are those written; seconds are those of the clock, and lanes on one model share it.",
        )
        if unit in UNITS:
            amount(unit)
        full = len(state.lanes) >= setups.MOST
        st.button(
            "Add a lane",
            key=f"{PAGE}.add",
            icon=":material/add:",
            on_click=start.add_lane,
            disabled=full,
            help=f"{setups.MOST} lanes are the most that stand side by side."
            if full
            else "Like the last one, to be changed.",
        )


def amount(unit: str) -> None:
    """Draw how much of a unit each lane may spend."""
    key = states.amount_key(unit)
    whole = unit != "seconds"
    kind = int if whole else float
    st.session_state.setdefault(key, kind(start.AMOUNTS[unit]))
    st.number_input(
        unit.capitalize(),
        min_value=kind(1) if whole else 0.1,
        max_value=kind(MOST_BUDGET),
        step=kind(1) if whole else 0.5,
        key=key,
        persist_state="session",
        width=150,
    )
