"""The pages' one door to the engine: the runner all visitors share, and what can be chosen on it.

Boundary: holds the shared objects and asks them; no page logic. Nothing here imports torch: models live in the
engine process, and this process only folds and draws what comes out of it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from playground import keys
from playground.errors import PlaygroundError
from playground.events import RunStarted
from playground.execute import RunSpec
from playground.models import catalog
from playground.models.base import Capabilities, ModelInfo
from playground.runner import Runner, default_backend
from playground.runner.relay import Relay, Relays
from playground.settings import settings
from playground.store import SavedRun, Store


@st.cache_resource(max_entries=1, show_spinner=False)
def runner() -> Runner:
    """The runner of this server; its engine process starts with the first run or warm-up.

    Raises:
        PlaygroundError: a setting cannot be used, or the saved runs cannot be opened.
    """
    return Runner(Store(settings().database), default_backend())


@st.cache_resource(max_entries=1, show_spinner=False)
def relays() -> Relays:
    """The lanes of all comparisons that go on in this server."""
    return Relays(runner())


def latest_runs(limit: int) -> list[SavedRun]:
    """The latest saved runs, newest first; forks are found with the run they grew from."""
    return runner().store.runs(limit, forks=False)


def requested(run_id: str) -> RunStarted | None:
    """What a run was asked to do, known before it has begun; None where nobody knows the run."""
    try:
        saved = runner().store.run(run_id)
    except PlaygroundError:
        return None
    return RunStarted(
        saved.question,
        saved.strategy,
        saved.model,
        saved.params,
        saved.seed,
        saved.gold,
        saved.family,
        parent=saved.parent,
        versions=saved.versions,
    )


def models() -> list[ModelInfo]:
    """The models that can be chosen from a list, the embedded one first where its files are there."""
    return catalog.list_models()


@st.cache_data(ttl=30, max_entries=1, show_spinner=False)
def known_models() -> list[ModelInfo]:
    """The good small models of Hugging Face, those to be downloaded first included."""
    return [
        info for info in catalog.list_models(everything=True) if "/" in info.name and info.backend == "local"
    ]


def model_info(name: str) -> ModelInfo:
    """What is known of any model without loading it.

    Raises:
        PlaygroundError: there is no such model, or its files cannot be read.
    """
    return catalog.info(name)


def start(spec: RunSpec, session: str | None = None) -> str:
    """Begin a run with this visitor's keys; as `Runner.start`."""
    with keys.given(_visitors_keys()):
        return runner().start(spec, session)


def start_lane(session: str, lane: int, specs: Sequence[RunSpec]) -> Relay:
    """Begin the runs of a lane of a comparison with this visitor's keys; as `Relays.start`."""
    with keys.given(_visitors_keys()):
        return relays().start(session, lane, specs)


def probe(name: str) -> ModelInfo:
    """Ask a model's server what it gives; takes as long as the server does.

    Raises:
        PlaygroundError: the server cannot be used.
    """
    with keys.given(_visitors_keys()):
        return _model(runner().call("probe", model=name))


def listed(scheme: str, address: str) -> list[ModelInfo]:
    """The models that a server lists for this visitor at this moment.

    Raises:
        PlaygroundError: the list cannot be had.
    """
    with keys.given(_visitors_keys()):
        return [_model(found) for found in runner().call("listed", scheme=scheme, address=address)]


def _model(plain: Mapping[str, Any]) -> ModelInfo:
    return ModelInfo(**{**plain, "capabilities": Capabilities(**plain["capabilities"])})


def _visitors_keys() -> keys.Keys:
    """What this visitor typed; see `servers`."""
    state = st.session_state.get("servers.state")
    return {} if state is None else state.keys


@dataclass(slots=True)
class WarmUp:
    """How far the loading of a model is; written by its own thread."""

    state: Literal["loading", "ready", "failed"] = "loading"


@st.cache_resource(max_entries=16, show_spinner=False)
def _warm_up(model: str) -> WarmUp:
    warm, shared = WarmUp(), runner()

    def load() -> None:
        try:
            shared.warm(model)
            warm.state = "ready"
        except PlaygroundError:
            warm.state = "failed"

    threading.Thread(target=load, name=f"warm-up of {model}", daemon=True).start()
    return warm


def warm(model: str) -> WarmUp:
    """Begin to load a model in the background, once per server, so that the first run starts at once."""
    return _warm_up(model)
