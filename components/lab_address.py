"""The logits page as a link: what its sender saw, in the address.

Boundary: turns the state into query parameters and back. An address is input from outside: what it says is checked,
and it can choose only models that the list offers, since naming any other may mean a download.
"""

from __future__ import annotations

import streamlit as st

from components import engine, pickers
from components.lab.settings import read_settings
from components.lab.view import Token
from components.lab_state import FORM_KEY, QUESTION, TEXT, TEXT_KEY, LabState

LONGEST = 2000
"""Characters of text and path together; browsers and servers cut longer addresses."""


def follow(state: LabState, first_text: str) -> None:
    """Take over what the address says, if it says something new; a first visit without one gets a text to look at."""
    said = st.query_params.to_dict()
    if state.address is None and "text" not in said:
        st.session_state.setdefault(TEXT_KEY, first_text)
    if said and said != state.address:
        if "text" in said:
            _take_place(state, said)
        state.give(read_settings(said))
        state.address = said
    elif state.address:
        if not said:
            # The page was left and is entered again: the sliders may have been forgotten with it.
            state.give(state.settings)
        write(state)
    else:
        state.address = said


def write(state: LabState) -> None:
    """Let the address say what the state is."""
    state.address = to_query(state)
    if st.query_params.to_dict() != state.address:
        st.query_params.from_dict(state.address)


def to_query(state: LabState) -> dict[str, str]:
    """The state as query parameters; without text and path where these are too long for an address."""
    settings, place = state.settings.to_query(), state.whole
    query = {"text": place.text, "form": QUESTION if place.as_question else TEXT, "model": place.model}
    if place.path:
        query["path"] = ",".join(map(str, place.path))
    if state.cursor < len(state.path):
        query["at"] = str(state.cursor)
    return settings if sum(map(len, query.values())) > LONGEST else query | settings


def _take_place(state: LabState, said: dict[str, str]) -> None:
    st.session_state[TEXT_KEY] = said["text"]
    st.session_state[FORM_KEY] = TEXT if said.get("form") == TEXT else QUESTION
    state.start()
    model = said.get("model", "")
    if model not in {info.name for info in engine.models()}:
        return  # a path is of no use to another model
    st.session_state[pickers.model_key()] = state.model = model
    parts = said.get("path", "").split(",")
    state.path = tuple(Token(int(part)) for part in parts if part.isdecimal() and len(part) < 10)
    # Without a text, the first token of the path has nothing before it to be foreseen from.
    state.first = 1 if state.path and not said["text"] else 0
    at = said.get("at", "")
    state.open(int(at) if at.isdecimal() and len(at) < 10 else len(state.path))
