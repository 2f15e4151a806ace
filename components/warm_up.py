"""The quiet line that says a model is being loaded.

Boundary: starts the loading after the page is drawn and shows how far it is; the model itself is the engine's.
"""

from __future__ import annotations

import streamlit as st

from components import engine
from components.ticker import ticker
from components.wording import plain
from playground.errors import PlaygroundError
from playground.models.base import ModelInfo

_SECONDS_BETWEEN_LOOKS = 0.5


def warm_up_line(model: ModelInfo) -> None:
    """Load a listed model that runs on this machine ahead of its first run; call this last on a page.

    A model named by hand is left alone: loading it may mean downloading it, which only a run should start.
    """
    local = model.capabilities.local or model.backend == "local"
    if not local or model.name not in {info.name for info in engine.models()}:
        return
    try:
        engine.warm(model.name)
    except PlaygroundError as error:
        st.error(f"{plain(error.message)} {plain(error.hint)}", icon=":material/database_off:")
        return
    _line(model.name, model.title)


@st.fragment
def _line(name: str, title: str) -> None:
    state = engine.warm(name).state
    ticker(going=state == "loading", every=_SECONDS_BETWEEN_LOOKS, key="warm_up.tick")
    if state == "loading":
        st.caption(f":shimmer[Loading {plain(title)}] · you can run already; the run then waits for it.")
        return
    if state == "failed":
        st.caption(f":material/warning: {plain(title)} could not be loaded; a run will say why.")
