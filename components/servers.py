"""Choosing a model on a server: Groq's, or any that speaks OpenAI's API; and this visitor's keys for them.

Boundary: draws the fields and asks the engine what servers list and give. Typed keys are held in this visitor's state,
which the server forgets when the visitor leaves; they are never drawn again, and never a widget's starting value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import streamlit as st

from components import engine
from components.wording import plain
from playground import keys
from playground.errors import PlaygroundError
from playground.models.base import Capabilities, ModelInfo

Kind = Literal["groq", "openai"]
KINDS: dict[str, str] = {"groq": "Groq …", "openai": "A server of yours …"}
NOT_ASKED = "Its server has not been asked yet what it gives."
_STATE = "servers.state"


@dataclass(slots=True, repr=False)
class Servers:
    """What one visitor typed and learned.

    Attributes:
        keys: typed ones, by "groq" or a server's address.
        listed: models by the same.
        known: what a model's server said it gives, by the model's whole name.
        problem: why the last question was not answered, by server.
    """

    keys: dict[str, str] = field(default_factory=dict)
    listed: dict[str, list[ModelInfo]] = field(default_factory=dict)
    known: dict[str, ModelInfo] = field(default_factory=dict)
    problem: dict[str, PlaygroundError] = field(default_factory=dict)


def current() -> Servers:
    """This visitor's state."""
    state: Servers = st.session_state.setdefault(_STATE, Servers())
    return state


def picked(page: str, kind: Kind) -> ModelInfo:
    """The model that is chosen on a server; its name ends in nothing while none is."""
    if kind == "groq":
        return named(f"groq:{_text(f'{page}.groq_model')}")
    place = f"@{address(page)}" if address(page) else ""
    end = "#completions" if st.session_state.get(f"{page}.endpoint") == "completions" else ""
    return named(f"openai:{_text(f'{page}.server_model')}{place}{end}")


def named(name: str) -> ModelInfo:
    """A model on a server by its whole name, as far as its server has said what it gives."""
    known = current().known.get(name)
    if known is not None:
        return known
    scheme, _, rest = name.partition(":")
    if scheme == "groq":
        return engine.model_info(name)
    title = rest.partition("@")[0] or "A model on a server"
    return ModelInfo(name, title, scheme, Capabilities(streaming=True, cancel=True), note=NOT_ASKED)


def put(page: str, name: str) -> None:
    """Fill the fields with a model's name; for use in callbacks."""
    scheme, _, rest = name.partition(":")
    if scheme == "groq":
        st.session_state[f"{page}.groq_model"] = rest
        return
    model, _, place = rest.rpartition("@") if "@" in rest else (rest, "", "")
    place, _, end = place.partition("#")
    st.session_state[f"{page}.server_model"], st.session_state[f"{page}.server_address"] = model, place
    st.session_state[f"{page}.endpoint"] = end or "chat"


def address(page: str) -> str:
    return _text(f"{page}.server_address").rstrip("/")


def groq(page: str) -> None:
    """Draw the key and the choice of a model at Groq."""
    _key_field(page, "groq", "Groq API key", wanted=not keys.of_groq())
    _model_field(page, "groq", f"{page}.groq_model", ready=bool(current().keys.get("groq") or keys.of_groq()))


def server(page: str) -> None:
    """Draw the address, the key and the choice of a model on a server."""
    st.text_input(
        "Address of the server",
        key=f"{page}.server_address",
        on_change=lambda: list_models(address(page)) if address(page) else None,
        persist_state="session",
        placeholder="http://127.0.0.1:8000/v1",
        help="vLLM, SGLang, llama.cpp, Ollama, LM Studio, transformers serve … anything that speaks OpenAI's API.",
    )
    place = address(page)
    if place:
        _key_field(page, place, "Key for this server, if it wants one", wanted=False)

    def ask() -> None:
        if _text(f"{page}.server_model"):
            probe(picked(page, "openai").name, place)

    st.segmented_control(
        "Endpoint",
        ["chat", "completions"],
        key=f"{page}.endpoint",
        on_change=ask,
        default="chat" if f"{page}.endpoint" not in st.session_state else None,
        required=True,
        persist_state="session",
        help="Chat sends a conversation. Completions goes on with plain text, as base models want it; it lets more "
        "servers begin a reply with a given token.",
    )
    _model_field(page, place, f"{page}.server_model", ready=bool(place), on_change=ask)
    info = picked(page, "openai")
    if place and _text(f"{page}.server_model") and info.note == NOT_ASKED:
        st.button(
            "Ask what it gives",
            key=f"{page}.probe",
            on_click=ask,
            icon=":material/troubleshoot:",
            help="Sends a request of one token, to see whether it tells log-probabilities.",
        )
        st.caption(NOT_ASKED)
    elif info.note != NOT_ASKED:
        st.caption(gives(info.capabilities))


def gives(able: Capabilities) -> str:
    """What a server gives, in a sentence."""
    if not able.top_logprobs:
        return "It gives text only, no log-probabilities."
    branches = (
        "goes on from chosen first tokens" if able.branches else "does not go on from chosen first tokens"
    )
    return f"It tells {able.top_logprobs} likeliest tokens with each token, and {branches}."


def probe(name: str, place: str) -> None:
    """Ask a model's server what it gives; for use in callbacks."""
    state = current()
    try:
        state.known[name] = engine.probe(name)
        state.problem.pop(place, None)
    except PlaygroundError as error:
        state.problem[place] = error


def list_models(kind: str) -> None:
    """Ask a server for its models: "groq", or an address; for use in callbacks."""
    state = current()
    try:
        scheme, place = ("groq", "") if kind == "groq" else ("openai", kind)
        state.listed[kind] = engine.listed(scheme, place)
        state.problem.pop(kind, None)
    except PlaygroundError as error:
        state.listed.pop(kind, None)
        state.problem[kind] = error


def _key_field(page: str, kind: str, label: str, *, wanted: bool) -> None:
    state = current()
    widget = f"{page}.key.{kind}"

    def take() -> None:
        typed = str(st.session_state.get(widget) or "").strip()
        st.session_state[widget] = ""
        if typed:
            state.keys[kind] = typed
            list_models(kind)

    def forget() -> None:
        for known in (state.keys, state.listed, state.problem):
            known.pop(kind, None)

    if kind in state.keys:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Your key is kept in memory until you leave, and goes with your requests only.")
            st.button("Forget it", key=f"{page}.forget.{kind}", on_click=forget, type="tertiary")
        return
    st.text_input(
        label,
        key=widget,
        type="password",
        autocomplete="off",
        on_change=take,
        help="Kept in this server's memory for your visit only: never stored, logged, exported or shown again.",
    )
    if not wanted and kind == "groq":
        st.caption("The owner of this playground has set a key; yours would be used instead.")


def _model_field(
    page: str, kind: str, widget: str, *, ready: bool, on_change: Callable[[], None] | None = None
) -> None:
    state = current()
    listed = [info.name.partition(":")[2].partition("@")[0] for info in state.listed.get(kind, [])]
    chosen = _text(widget)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Model there",
            listed if not chosen or chosen in listed else [chosen, *listed],
            key=widget,
            index=None if not chosen else 0,
            persist_state="session",
            accept_new_options=True,
            on_change=on_change,
            placeholder="Choose or type a name",
        )
        st.button(
            "List",
            key=f"{page}.list.{kind}",
            on_click=list_models,
            args=(kind,),
            disabled=not ready,
            icon=":material/refresh:",
            help="Ask the server which models it has now.",
        )
    if (problem := state.problem.get(kind)) is not None:
        st.warning(f"{plain(problem.message)} {plain(problem.hint)}", icon=":material/key_off:")


def _text(key: str) -> str:
    return str(st.session_state.get(key) or "").strip()
