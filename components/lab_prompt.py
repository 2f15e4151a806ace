"""Where one looks: the text, how it is read, and the lab at the open position.

Boundary: draws these and holds their callbacks; what they change is `lab_state`'s.
"""

from __future__ import annotations

import streamlit as st

from components import asking, engine, lab_address, lab_engine, lab_state
from components.lab import LabView, Look, lab, reported_action, reported_settings
from components.lab_state import FORM_KEY, LAB_KEY, QUESTION, TEXT, TEXT_KEY, LabState
from components.wording import plain
from playground.errors import CapabilityError, PlaygroundError
from playground.models.base import ModelInfo

EXAMPLE_KEY = "logits.example"
TEXTS = (
    "The capital of France is",
    "3 + 4 = 7. 3 + 5 =",
    "Once upon a time there was a",
)
"""Texts to go on from, as examples."""


def prompt_box() -> None:
    """Draw the text, how it is read, and the examples."""
    st.text_area(
        "Text",
        key=TEXT_KEY,
        height="content",
        persist_state="session",
        on_change=_start,
        placeholder="Write or paste a text; the lab looks at the token that comes next",
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.session_state.setdefault(FORM_KEY, QUESTION)
        st.segmented_control(
            "Read as",
            [QUESTION, TEXT],
            key=FORM_KEY,
            persist_state="session",
            on_change=_start,
            required=True,
            label_visibility="collapsed",
            format_func=lambda form: "As a question" if form == QUESTION else "As plain text",
            help="A question is put in the model's own form for questions, up to where its reply begins. Plain text "
            "is read as it stands.",
        )
        examples = [known.question for known in asking.examples()]
        st.menu_button(
            "Examples",
            [*examples, *TEXTS],
            key=EXAMPLE_KEY,
            icon=":material/list:",
            on_click=_take_example,
            format_func=lambda example: plain(example, 90),
        )


def first_text() -> str:
    """What a first visit looks at."""
    return asking.examples()[0].question


def look_here(model: ModelInfo, state: LabState) -> Look | None:
    """The distribution at the open position; None where there is none, the page then says why."""
    if state.empty and not lab_state.as_question():
        st.info("Write a text above, or choose an example.", icon=":material/edit:")
        return None
    if model.name not in {info.name for info in engine.models()} | state.allowed:
        st.info(
            f"{plain(model.title)} is not loaded yet. If it is not on this machine, loading it downloads it.",
            icon=":material/download:",
        )
        st.button("Load it and look", key="logits.load", on_click=state.allowed.add, args=(model.name,))
        return None
    if not model.capabilities.full_logits:
        if not model.capabilities.top_logprobs:
            _unable(model, f"{model.title} does not show its probabilities.")
            return None
        if state.asked != state.place:
            st.info(
                f"{plain(model.title)} runs on a server, which may charge for every question.",
                icon=":material/cloud:",
            )
            st.button("Ask it for the next token", key="logits.ask", on_click=state.ask_server)
            return None
    try:
        with st.spinner(f"{plain(model.title)} reads the text …"):
            state.name()
            look = lab_engine.look(state.place)
    except CapabilityError as error:
        _unable(model, error.message)
        return None
    except PlaygroundError as error:
        st.error(f"{plain(error.message)} {plain(error.hint)}", icon=":material/error:")
        if state.path:
            st.button("Back to the text", key="logits.back", on_click=_start)
        return None
    return look


def lab_here(model: ModelInfo, state: LabState, look: Look) -> None:
    """Draw the lab at the open position, and what was wrong with the last thing asked for."""
    why = (
        ""
        if look.exact
        else (
            f"This model's server gives only its {len(look.tokens)} likeliest tokens. Temperature and the cuts "
            "need them all, so nothing can be set here."
        )
    )
    view = LabView(
        look,
        model.title,
        state.path,
        state.cursor,
        state.first,
        state.spelled,
        state.given,
        state.revision,
        state.drawn,
        why,
    )
    lab(view, key=LAB_KEY, on_settings=_take_settings, on_action=_act)
    if state.problem is not None:
        st.error(f"{plain(state.problem.message)} {plain(state.problem.hint)}", icon=":material/error:")


def _unable(model: ModelInfo, why: str) -> None:
    st.info(
        f"{plain(why)} Questions can be put to it on the Ask page; the lab needs a model that shows its logits.",
        icon=":material/visibility_off:",
    )
    if any(info.name == "embedded" for info in engine.models()) and model.name != "embedded":
        st.button(
            "Use the embedded model",
            key="logits.embedded",
            type="primary",
            icon=":material/memory:",
            on_click=_use_embedded,
        )


def _start() -> None:
    state = lab_state.current()
    state.start()
    lab_address.write(state)


def _use_embedded() -> None:
    from components.pickers import model_key

    st.session_state[model_key()] = "embedded"


def _take_example() -> None:
    chosen = st.session_state.get(EXAMPLE_KEY)
    if chosen:
        st.session_state[TEXT_KEY] = str(chosen)
        st.session_state[FORM_KEY] = TEXT if chosen in TEXTS else QUESTION
        _start()


def _take_settings() -> None:
    state, reported = lab_state.current(), reported_settings(LAB_KEY)
    if reported is not None and reported[1] == state.revision:
        state.settings = reported[0]
        lab_address.write(state)


def _act() -> None:
    """Do what was clicked, if what it was clicked at is still open."""
    state, action = lab_state.current(), reported_action(LAB_KEY)
    if action is None or action.cursor != state.cursor:
        return
    state.problem = None
    try:
        if action.do == "open":
            state.open(action.at or 0)
        elif action.do == "draw":
            token, drawn = lab_engine.next_token(state.place, state.settings.sampling, state.settings.seed)
            state.append([token], drawn)
        else:
            tokens = lab_engine.look(state.place).tokens
            wanted = action.id if action.do == "append" else tokens[0].id
            state.append([token for token in tokens if token.id == wanted][:1])
    except PlaygroundError as error:
        state.problem = error
        return
    lab_address.write(state)
