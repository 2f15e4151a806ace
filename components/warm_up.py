"""The quiet line that says a model is being loaded.

Boundary: starts the loading after the page is drawn and shows how far it is; the model itself is the engine's.
"""

from __future__ import annotations

import streamlit as st

from components import engine
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
        loading = engine.warm(model.name).state == "loading"
    except PlaygroundError as error:
        st.error(f"{plain(error.message)} {plain(error.hint)}", icon=":material/database_off:")
        return
    st.fragment(run_every=_SECONDS_BETWEEN_LOOKS if loading else None)(_line)(
        model.name, model.title, loading
    )


def _line(name: str, title: str, looking: bool) -> None:
    state = engine.warm(name).state
    if state == "loading":
        st.caption(f":shimmer[Loading {plain(title)}] · you can run already; the run then waits for it.")
        return
    if looking:
        # The page is drawn once more, without the timer.
        st.rerun()
    if state == "failed":
        st.caption(f":material/warning: {plain(title)} could not be loaded; a run will say why.")
