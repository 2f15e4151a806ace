"""Above each lane: what is its own, its buttons, and the form in which its settings are changed.

Boundary: draws these widgets; what they do is in `start`.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from components import pickers
from components.compare import start
from components.compare.setups import FEWEST, MOST, why_not
from components.compare.state import PAGE, CompareState, Lane
from components.settings_form import settings_form
from components.wording import plain

EDIT, DUPLICATE, REMOVE = "Change its settings", "Duplicate", "Remove"


def heads(state: CompareState, chips: Sequence[Sequence[str]]) -> None:
    """Draw a head for every lane, in columns as wide as the lanes below."""
    for number, (column, lane, chip) in enumerate(
        zip(st.columns(len(state.lanes), gap="small"), state.lanes, chips, strict=True), 1
    ):
        with column:
            head(state, lane, number, chip)


def head(state: CompareState, lane: Lane, number: int, chip: Sequence[str]) -> None:
    """Draw one lane's chips and buttons."""
    badges = " ".join(f":gray-badge[{plain(text, 40)}]" for text in chip) or ":gray-badge[nothing of its own]"
    st.markdown(f"**{number}** {badges}")
    reason = why_not(lane.setup, pickers.named(lane.setup.model))
    if reason:
        st.caption(f":material/block: {plain(reason)}")
    with st.container(horizontal=True, gap="xsmall"):
        go(state, lane, reason)
        options = [EDIT]
        options += [DUPLICATE] if len(state.lanes) < MOST else []
        options += [REMOVE] if len(state.lanes) > FEWEST else []
        st.menu_button(
            f"Lane {number}",
            options,
            key=f"{PAGE}.menu.{lane.place}",
            on_click=choose,
            args=(lane.place,),
        )


def go(state: CompareState, lane: Lane, reason: str | None) -> None:
    """Draw the button that stops a lane or runs it again."""
    key = f"{PAGE}.lane.{lane.place}"
    if lane.going:
        st.button("Stop", key=key, on_click=start.stop_lane, args=(lane.place,))
        return
    st.button(
        "Rerun" if lane.runs else "Run",
        key=key,
        on_click=start.run_lane,
        args=(lane.place,),
        disabled=state.session is None or reason is not None,
        help=plain(reason)
        if reason
        else "Run all first; then each lane can be run alone."
        if state.session is None
        else None,
    )


def choose(place: int) -> None:
    """Do what was chosen from a lane's menu."""
    match st.session_state.get(f"{PAGE}.menu.{place}"):
        case "Change its settings":
            start.edit_lane(place)
        case "Duplicate":
            start.add_lane(place)
        case "Remove":
            start.remove_lane(place)


def editor(state: CompareState) -> None:
    """Draw the settings of the lane that is being edited, if one is."""
    places = [lane.place for lane in state.lanes]
    if state.editing not in places:
        return
    number = places.index(state.editing) + 1
    st.dialog(f"Lane {number}", width="medium", on_dismiss=start.close_editor)(_form)()


def _form() -> None:
    model = pickers.model_picker(start.EDIT)
    strategy = pickers.strategy_picker(model, start.EDIT)
    settings_form(strategy, model.capabilities, start.EDIT)
    pickers.seed_picker(model, start.EDIT)
    if st.button(
        "Use these settings",
        key=f"{start.EDIT}.apply",
        type="primary",
        on_click=start.apply_edit,
        disabled=not pickers.fits(strategy, model),
    ):
        st.rerun()
