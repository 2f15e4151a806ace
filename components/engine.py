"""The pages' one door to the engine: the runner all visitors share, and what can be chosen on it.

Boundary: holds the shared objects and asks them; no page logic. Nothing here imports torch: models live in the
engine process, and this process only folds and draws what comes out of it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from playground.errors import PlaygroundError
from playground.events import RunStarted
from playground.models import catalog
from playground.models.base import ModelInfo
from playground.runner import Runner, default_backend
from playground.settings import settings
from playground.store import SavedRun, Store


@st.cache_resource(max_entries=1, show_spinner=False)
def runner() -> Runner:
    """The runner of this server; its engine process starts with the first run or warm-up.

    Raises:
        PlaygroundError: a setting cannot be used, or the saved runs cannot be opened.
    """
    return Runner(Store(settings().database), default_backend())


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


def model_info(name: str) -> ModelInfo:
    """What is known of any model without loading it.

    Raises:
        PlaygroundError: there is no such model, or its files cannot be read.
    """
    return catalog.info(name)


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
