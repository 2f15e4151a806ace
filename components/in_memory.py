"""The models in memory: what each takes, whether a run uses it, and letting one go.

Boundary: draws what the engine says. It is asked only while this is open: the engine process need not run before that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from components import engine
from components.wording import plain
from playground.errors import PlaygroundError
from playground.models.choice import Choice
from playground.models.memory import in_words


def in_memory(page: str) -> None:
    """Draw the list, closed at first."""
    popover = st.popover(
        "Models in memory",
        icon=":material/memory_alt:",
        width="stretch",
        key=f"{page}.in_memory",
        on_change="rerun",
    )
    if popover.open:
        with popover:
            _listed(page)


def _listed(page: str) -> None:
    problem: PlaygroundError | None = st.session_state.pop(_problem(page), None)
    try:
        models: list[dict[str, Any]] = engine.runner().call("loaded")
    except PlaygroundError as error:
        models, problem = [], error
    if problem is not None:
        st.warning(f"{plain(problem.message)} {plain(problem.hint)}", icon=":material/block:")
    elif not models:
        st.caption("None. A model comes into memory with the first run on it.")
    for model in models:
        name = str(_copy(model))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(model['name'])}**", width="stretch")
            st.button(
                "Unload",
                key=f"{page}.unload.{name}",
                on_click=_unload,
                args=(page, name),
                type="tertiary",
                icon=":material/eject:",
                help=f"Free the memory of {plain(name)}. The next run on it loads it again.",
            )
        st.caption(facts(model))
    if len(models) > 1:
        st.caption(f"Together {in_words(sum(model['bytes'] for model in models))}.")


def facts(model: Mapping[str, Any]) -> str:
    """What a model takes and where it is."""
    numbers = f"{model['bits']} bits" if model["bits"] else model["dtype"]
    used = " · in use now" if model["in_use"] else ""
    return f"{in_words(model['bytes'])} · {numbers} on {model['device']}{used}"


def _copy(model: Mapping[str, Any]) -> Choice:
    """This one copy of a model, should there be one in other numbers."""
    return Choice(model["name"], model["device"], model["dtype"], model["bits"])


def _unload(page: str, model: str) -> None:
    """Ask the engine to let a model go; it refuses while a run uses it."""
    try:
        engine.runner().call("unload", model=model)
    except PlaygroundError as error:
        st.session_state[_problem(page)] = error


def _problem(page: str) -> str:
    return f"{page}.unload_problem"
