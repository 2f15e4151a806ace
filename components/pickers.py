"""Choosing a model and a strategy in the sidebar, with what the strategy needs and why it may not fit.

Boundary: draws the two choices and reads them back; knows no model and no strategy by name. What a strategy's own
settings look like is `settings_form`'s business.
"""

from __future__ import annotations

import streamlit as st

from components import engine
from components.wording import paper_link, plain
from playground.errors import PlaygroundError
from playground.models.base import REASONS, Capabilities, ModelInfo
from playground.strategies.base import Strategy, offered

MODEL_KEY = "ask.model"
OTHER_MODEL_KEY = "ask.other_model"
STRATEGY_KEY = "ask.strategy"
SEED_KEY = "ask.seed"
OTHER = "another local model"
_FIRST_STRATEGY = "cot-decoding"
# What local models can do, for one whose name is not known to be one yet.
_LOCAL = Capabilities(
    full_logits=True,
    top_k=True,
    min_p=True,
    seed=True,
    prefill=True,
    n=True,
    streaming=True,
    cancel=True,
    local=True,
)


def chosen_model() -> ModelInfo:
    """The model that is chosen now; one named by hand need not exist."""
    listed = {info.name: info for info in engine.models()}
    name = st.session_state.get(MODEL_KEY, next(iter(listed), OTHER))
    if name in listed:
        return listed[name]
    typed = str(st.session_state.get(OTHER_MODEL_KEY) or "").strip()
    try:
        return engine.model_info(typed)
    except PlaygroundError:
        return ModelInfo(typed, typed or "Another local model", "local", _LOCAL)


def chosen_strategy() -> Strategy:
    """The strategy that is chosen now."""
    known = offered()
    name = st.session_state.get(STRATEGY_KEY)
    return known[name] if name in known else _first(known)


def choose(model: str, strategy: str, seed: int) -> None:
    """Set the choices; for use in callbacks."""
    if model in {info.name for info in engine.models()}:
        st.session_state[MODEL_KEY] = model
    else:
        st.session_state[MODEL_KEY], st.session_state[OTHER_MODEL_KEY] = OTHER, model
    if strategy in offered():
        st.session_state[STRATEGY_KEY] = strategy
    st.session_state[SEED_KEY] = seed


def model_picker() -> ModelInfo:
    """Draw the choice of a model; returns it."""
    listed = {info.name: info for info in engine.models()}
    st.session_state.setdefault(MODEL_KEY, next(iter(listed), OTHER))
    st.selectbox(
        "Model",
        [*listed, OTHER],
        key=MODEL_KEY,
        persist_state="session",
        format_func=lambda name: listed[name].title if name in listed else "Another local model …",
    )
    if st.session_state[MODEL_KEY] == OTHER:
        typed = st.text_input(
            "Hugging Face id or directory",
            key=OTHER_MODEL_KEY,
            persist_state="session",
            placeholder="owner/name, or a folder on this machine",
            help="Any causal language model that transformers can load. An id that is not on this machine yet is "
            "downloaded when the run starts.",
        )
        if typed.strip():
            try:
                engine.model_info(typed.strip())
            except PlaygroundError as error:
                st.warning(f"{plain(error.message)} {plain(error.hint)}", icon=":material/help:")
    return chosen_model()


def strategy_picker(model: ModelInfo) -> Strategy:
    """Draw the choice of a strategy with its summary, its paper, and why it cannot run where it cannot."""
    known = offered()
    st.session_state.setdefault(STRATEGY_KEY, _first(known).name)
    st.selectbox(
        "Strategy",
        list(known),
        key=STRATEGY_KEY,
        persist_state="session",
        format_func=lambda name: (
            known[name].title + ("" if fits(known[name], model) else " (not with this model)")
        ),
    )
    strategy = chosen_strategy()
    for need in model.capabilities.missing(strategy.needs):
        st.warning(
            f"{plain(strategy.title)} cannot run on {plain(model.title)}: {REASONS[need]}.",
            icon=":material/block:",
        )
    st.caption(plain(strategy.summary))
    if strategy.paper:
        st.caption(f"Source: {paper_link(strategy.paper)}")
    return strategy


def seed_picker(model: ModelInfo) -> None:
    """Draw the seed of all draws, disabled where the model's server honours none."""
    able = model.capabilities.seed
    st.session_state.setdefault(SEED_KEY, 0)
    st.number_input(
        "Seed",
        min_value=0,
        max_value=2**31 - 1,
        step=1,
        key=SEED_KEY,
        persist_state="session",
        disabled=not able,
        help="The same seed, model and settings give the same tokens."
        if able
        else "**This model's server does not promise to honour a seed.**",
    )


def chosen_seed() -> int:
    return int(st.session_state.get(SEED_KEY) or 0)


def fits(strategy: Strategy, model: ModelInfo) -> bool:
    """Whether the model has everything the strategy needs."""
    return not model.capabilities.missing(strategy.needs)


def _first(known: dict[str, Strategy]) -> Strategy:
    return known.get(_FIRST_STRATEGY) or next(iter(known.values()))
