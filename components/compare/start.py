"""Begins and stops lanes, and changes which there are: the page's callbacks.

Boundary: turns lanes into descriptions of runs and hands them to the engine; draws nothing. What is wrong with one lane
is kept in that lane, and the others begin.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from components import asking, engine, pickers, settings_form
from components.compare import saved
from components.compare.setups import MOST, Setup, sendable, setup, why_not
from components.compare.state import (
    PAGE,
    REPEATS_KEY,
    SESSION_PARAMETER,
    UNIT_KEY,
    CompareState,
    Lane,
    amount_key,
    current,
)
from components.wording import shorten
from playground.allowance import UNITS
from playground.errors import BadInput, CapabilityError, PlaygroundError
from playground.execute import RunSpec, check
from playground.strategies.base import offered

DOUBLE_CLICK = 0.4
"""Seconds after a start in which another click counts as the same one, not as Stop."""
EDIT = f"{PAGE}.edit"
AMOUNTS: dict[str, float] = {"tokens": 500, "calls": 5, "seconds": 5.0}
"""What an allowance is at first."""


def chosen_repeats() -> int:
    return int(st.session_state.get(REPEATS_KEY) or 1)


def chosen_budget() -> dict[str, float] | None:
    """The same allowance for each lane, None where there is none."""
    unit = st.session_state.get(UNIT_KEY)
    if unit not in UNITS:
        return None
    return {unit: st.session_state.get(amount_key(unit)) or AMOUNTS[unit]}


# Beginning and stopping


def run_all() -> None:
    """Begin a comparison of all lanes on what is in the box."""
    state = current()
    if state.going:
        return
    state.problem = state.lost = None
    question, known = asking.current_question(PAGE), asking.known_now(state)
    gold, family = (known.answer, known.family) if known else (None, None)
    try:
        check_question(question)
        session = engine.runner().new_session(shorten(f"Comparison: {question}", 200))
    except PlaygroundError as error:
        state.problem = error
        return
    state.session = state.address = session
    state.question, state.gold, state.family = question, gold, family
    st.query_params[SESSION_PARAMETER] = session
    for place, lane in enumerate(state.lanes):
        lane.clear()
        lane.place, lane.attempt = place, 0
        begin(state, lane, chosen_repeats(), chosen_budget())
    state.started = time.monotonic()


def run_lane(place: int) -> None:
    """Begin one lane, again or for the first time, in the comparison on screen."""
    state = current()
    lane = state.lane(place)
    if lane is None or lane.going or state.session is None:
        return
    before = (lane.repeats, lane.budget)
    if not lane.runs:  # one that was added or changed runs like the others
        others = [other for other in state.lanes if other.runs]
        before = (others[0].repeats, others[0].budget) if others else (chosen_repeats(), chosen_budget())
    lane.clear()
    begin(state, lane, *before)


def begin(state: CompareState, lane: Lane, repeats: int, budget: Mapping[str, Any] | None) -> None:
    """Hand a lane's runs to the engine; what is wrong with them becomes the lane's problem."""
    if state.session is None:
        return
    lane.repeats, lane.budget, lane.problem = repeats, budget, None
    try:
        specs = specs_of(state, lane)
        lane.relay = engine.start_lane(state.session, lane.place, specs)
    except PlaygroundError as error:
        lane.problem = error
        return
    lane.pull()


def specs_of(state: CompareState, lane: Lane) -> list[RunSpec]:
    """A lane's runs, each with a seed of its own.

    Raises:
        CapabilityError: the strategy cannot run on the model.
        BadInput: what is wrong with the settings.
    """
    model = pickers.named(lane.setup.model)
    if reason := why_not(lane.setup, model):
        raise CapabilityError(reason, "Choose another strategy or model for this lane.")
    first = RunSpec(
        state.question,
        lane.setup.strategy,
        lane.setup.model,
        sendable(lane.setup, model),
        lane.setup.seed,
        state.gold,
        state.family,
        budget=lane.budget,
    )
    check(first)
    return [
        replace(
            first,
            seed=lane.setup.seed + repeat,
            parent=saved.note(lane.place, lane.attempt, repeat, lane.repeats),
        )
        for repeat in range(lane.repeats)
    ]


def check_question(question: str) -> None:
    """Raises BadInput where no lane could ask this question."""
    if not question:
        raise BadInput("The question is empty.", "Type a question, draw a puzzle or choose an example.")
    check(RunSpec(question, next(iter(offered())), "any"))


def stop_all() -> None:
    state = current()
    if time.monotonic() - state.started <= DOUBLE_CLICK:
        return
    for lane in state.lanes:
        stop_lane(lane.place)


def stop_lane(place: int) -> None:
    """Stop one lane; the others go on."""
    state = current()
    lane = state.lane(place)
    if lane is None or not lane.going:
        return
    try:
        if lane.relay is not None and not lane.relay.over:
            lane.relay.stop(engine.runner())
        for live in lane.runs:
            if live.running:
                engine.runner().cancel(live.run_id)
    except PlaygroundError as error:
        lane.problem = error


# Which lanes there are


def use_preset(setups: Sequence[Setup]) -> None:
    """Lay out other lanes."""
    state = current()
    if not state.going:
        state.lay_out(list(setups))
        st.query_params.pop(SESSION_PARAMETER, None)


def add_lane(like: int | None = None) -> None:
    """One lane more, beside the one it is like; else at the end and like the last."""
    state = current()
    if len(state.lanes) >= MOST:
        return
    at = next((i for i, lane in enumerate(state.lanes) if lane.place == like), len(state.lanes) - 1)
    state.lanes.insert(at + 1, Lane(state.next_place(), state.lanes[at].setup))


def remove_lane(place: int) -> None:
    """Take a lane off the screen, stopped if it goes; what it ran stays saved."""
    stop_lane(place)
    state = current()
    state.lanes = [lane for lane in state.lanes if lane.place != place]


def edit_lane(place: int) -> None:
    """Open a lane's settings in the form."""
    state = current()
    lane = state.lane(place)
    if lane is None:
        return
    state.editing = place
    pickers.choose(lane.setup.model, lane.setup.strategy, lane.setup.seed, EDIT)
    strategy = pickers.chosen_strategy(EDIT)
    settings_form.fill(strategy, lane.setup.params if strategy.name == lane.setup.strategy else {}, EDIT)


def close_editor() -> None:
    current().editing = None


def apply_edit() -> None:
    """Give the lane what is in the form; what it ran before stays saved."""
    state = current()
    lane = state.lane(-1 if state.editing is None else state.editing)
    state.editing = None
    if lane is None:
        return
    model, strategy = pickers.chosen_model(EDIT), pickers.chosen_strategy(EDIT)
    values = settings_form.current_values(strategy, model.capabilities, EDIT)
    changed = setup(model.name, strategy, values, pickers.chosen_seed(EDIT))
    if changed != lane.setup:
        stop_lane(lane.place)
        lane.clear()
        lane.setup = changed


def open_run(place: int, run_id: str) -> None:
    """Read another of a lane's runs."""
    state = current()
    lane = state.lane(place)
    if lane is not None and any(live.run_id == run_id for live in lane.runs):
        lane.opened, state.reopened = run_id, True
