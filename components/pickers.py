"""Choosing a model and a strategy in the sidebar, with what the strategy needs and why it may not fit.

Boundary: draws the two choices and reads them back; knows no model and no strategy by name. What a strategy's own
settings look like is `settings_form`'s business. `page` says whose widgets they are: `<page>.model` and so on.
"""

from __future__ import annotations

import streamlit as st

from components import engine, local_models, servers
from components.in_memory import in_memory
from components.strategy_help import strategy_help
from components.wording import paper_link, plain
from playground import extensions
from playground.errors import PlaygroundError
from playground.models.base import REASONS, Capabilities, ModelInfo
from playground.strategies.base import Strategy, offered

PAGE = "ask"
OTHER = "another local model"
_FIRST_STRATEGY = "cot-decoding"
# What local models can do, for one whose name is not known to be one yet.
_LOCAL = Capabilities(
    full_logits=True,
    branches=True,
    top_k=True,
    min_p=True,
    seed=True,
    prefill=True,
    n=True,
    streaming=True,
    cancel=True,
    local=True,
)


def model_key(page: str = PAGE) -> str:
    """The key of the widget that holds the model's name."""
    return f"{page}.model"


def chosen_model(page: str = PAGE) -> ModelInfo:
    """The model that is chosen now; one named by hand need not exist."""
    listed = {info.name: info for info in engine.models()}
    name = st.session_state.get(model_key(page), next(iter(listed), OTHER))
    if name in listed:
        return listed[name]
    if name in ("groq", "openai"):
        return servers.picked(page, name)
    typed = str(st.session_state.get(f"{page}.other_model") or "").strip()
    return named(typed)


def named(model: str) -> ModelInfo:
    """A model by its name; what is not known of one named by hand is taken to be as for any local model."""
    if model.partition(":")[0] in servers.KINDS:
        return servers.named(model)
    try:
        return engine.model_info(model)
    except PlaygroundError:
        return ModelInfo(model, model or "Another local model", "local", _LOCAL)


def chosen_strategy(page: str = PAGE) -> Strategy:
    """The strategy that is chosen now."""
    known = offered()
    name = st.session_state.get(f"{page}.chosen_strategy")
    return known[name] if name in known else _first(known)


def choose(model: str, strategy: str, seed: int, page: str = PAGE) -> None:
    """Set the choices; for use in callbacks."""
    if model in {info.name for info in engine.models()}:
        st.session_state[model_key(page)] = model
    elif (kind := model.partition(":")[0]) in servers.KINDS:
        st.session_state[model_key(page)] = kind
        servers.put(page, model)
    else:
        st.session_state[model_key(page)], st.session_state[f"{page}.other_model"] = OTHER, model
    if strategy in offered():
        st.session_state[f"{page}.chosen_strategy"] = strategy
    st.session_state[f"{page}.seed"] = seed


def model_picker(page: str = PAGE) -> ModelInfo:
    """Draw the choice of a model; returns it."""
    listed = {info.name: info for info in engine.models()}
    st.session_state.setdefault(model_key(page), next(iter(listed), OTHER))
    st.selectbox(
        "Model",
        [*listed, OTHER, *servers.KINDS],
        key=model_key(page),
        persist_state="session",
        format_func=lambda name: (
            listed[name].title if name in listed else servers.KINDS.get(name, "Another local model …")
        ),
    )
    chosen = st.session_state[model_key(page)]
    if chosen == "groq":
        servers.groq(page)
    elif chosen == "openai":
        servers.server(page)
    elif chosen == OTHER:
        field = f"{page}.other_model"
        local_models.known(page, field)
        typed = st.text_input(
            "Hugging Face id or directory",
            key=field,
            persist_state="session",
            placeholder="owner/name, or a folder on this machine",
            help="Any causal language model that transformers can load. An id that is not on this machine yet is "
            "downloaded when the run starts.",
        )
        if typed.strip():
            local_models.where(page, field)
            try:
                st.caption(local_models.facts(engine.model_info(typed.strip())))
            except PlaygroundError as error:
                st.warning(f"{plain(error.message)} {plain(error.hint)}", icon=":material/help:")
    model = chosen_model(page)
    if model.backend == "local":
        in_memory(page)
    return model


def strategy_picker(model: ModelInfo, page: str = PAGE) -> Strategy:
    """Draw the choice of a strategy with its summary, its paper, and why it cannot run where it cannot."""
    known = offered()
    unfit = [name for name, strategy in known.items() if not fits(strategy, model)]
    # A list whose words change forgets what was chosen in it, so lists with other words are other widgets.
    widget = ".".join([f"{page}.strategy", *unfit])
    st.session_state[widget] = chosen_strategy(page).name

    def choose_it() -> None:
        st.session_state[f"{page}.chosen_strategy"] = st.session_state[widget]

    st.selectbox(
        "Strategy",
        list(known),
        key=widget,
        on_change=choose_it,
        format_func=lambda name: known[name].title + (" (not with this model)" if name in unfit else ""),
    )
    strategy = chosen_strategy(page)
    for need in model.capabilities.missing(strategy.needs):
        if model.note == servers.NOT_ASKED:
            st.warning(f"{servers.NOT_ASKED} Choose a model there first.", icon=":material/help:")
            break
        st.warning(
            f"{plain(strategy.title)} cannot run on {plain(model.title)}: {REASONS[need]}.",
            icon=":material/block:",
        )
    st.caption(plain(strategy.summary))
    strategy_help(strategy, page)
    if strategy.paper:
        st.caption(f"Source: {paper_link(strategy.paper)}")
    for broken in extensions.broken():
        st.warning(f"{plain(broken.message)} {plain(broken.hint)}", icon=":material/extension_off:")
    return strategy


def seed_picker(model: ModelInfo, page: str = PAGE) -> None:
    """Draw the seed of all draws, disabled where the model's server honours none."""
    able = model.capabilities.seed
    st.session_state.setdefault(f"{page}.seed", 0)
    st.number_input(
        "Seed",
        min_value=0,
        max_value=2**31 - 1,
        step=1,
        key=f"{page}.seed",
        persist_state="session",
        disabled=not able,
        help="The same seed, model and settings give the same tokens."
        if able
        else "**This model's server does not promise to honour a seed.**",
    )


def chosen_seed(page: str = PAGE) -> int:
    return int(st.session_state.get(f"{page}.seed") or 0)


def fits(strategy: Strategy, model: ModelInfo) -> bool:
    """Whether the model has everything the strategy needs."""
    return not model.capabilities.missing(strategy.needs)


def _first(known: dict[str, Strategy]) -> Strategy:
    return known.get(_FIRST_STRATEGY) or next(iter(known.values()))
