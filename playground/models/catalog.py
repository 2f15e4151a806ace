"""Which models there are, and one copy of each in memory.

Boundary: names, not tensors; torch is imported when the first local model is loaded and not before. A name is
"embedded", a directory, a Hugging Face id, or `scheme:rest` for a backend that registered its scheme.

A backend registers by decorating its loader, in a module of this package named in `_BACKENDS` or in an installed one
named under the entry point group `playground.models`:

    @register("groq", models=list_groq_models)
    def load(name: str) -> Model: ...
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from playground.errors import BadInput, ModelError, UnknownName
from playground.models.base import Model, ModelInfo
from playground.models.description import describe, local_capabilities

EMBEDDED = Path(__file__).resolve().parents[2] / "assets" / "embedded"
"""Where the embedded model lies."""

_BACKENDS = ("scripted", "groq", "openai_compatible")

Loader = Callable[[str], Model]


@dataclass(frozen=True, slots=True)
class Backend:
    """A kind of model that is chosen by `scheme:rest`.

    Attributes:
        load: makes the model of a whole name, scheme included.
        models: the names that can be offered without being typed; must be quick and must not fail.
    """

    scheme: str
    load: Loader
    models: Callable[[], list[ModelInfo]]


_backends: dict[str, Backend] = {}


def register(scheme: str, models: Callable[[], list[ModelInfo]] = list) -> Callable[[Loader], Loader]:
    """Make a function the loader of every name that begins `scheme:`."""

    def remember(load: Loader) -> Loader:
        _backends[scheme] = Backend(scheme, load, models)
        return load

    return remember


@cache
def _import_backends() -> None:
    for module in _BACKENDS:
        if find_spec(f"playground.models.{module}"):
            importlib.import_module(f"playground.models.{module}")
    for entry in entry_points(group="playground.models"):
        entry.load()


def _backend(name: str) -> Backend | None:
    scheme, colon, _ = name.partition(":")
    if not colon:
        return None
    _import_backends()
    return _backends.get(scheme)


def list_models() -> list[ModelInfo]:
    """The models that can be chosen from a list: the embedded one, then those the backends offer."""
    _import_backends()
    found = [info("embedded")] if (EMBEDDED / "config.json").is_file() else []
    return found + [model for backend in _backends.values() for model in backend.models()]


def info(name: str) -> ModelInfo:
    """What is known of a model without loading it.

    Raises:
        UnknownName: no such model; the hint has the nearest names.
        ModelError: its files cannot be read.
    """
    backend = _backend(name)
    if backend is not None:
        for model in backend.models():
            if model.name == name:
                return model
        return ModelInfo(name, name.partition(":")[2], backend.scheme, load(name).capabilities)
    directory = _directory(name)
    if directory is not None:
        return describe(name, directory, "Embedded model" if name == "embedded" else None)
    return ModelInfo(
        name, name, "local", local_capabilities(None), note="downloaded from Hugging Face when first used"
    )


def _directory(name: str) -> Path | None:
    """Where a local model's files are; None for a Hugging Face id that is not on this machine yet.

    Raises:
        UnknownName: a bare name that is neither registered nor downloaded.
        ModelError: the embedded model is missing.
    """
    if name == "embedded":
        if not (EMBEDDED / "config.json").is_file():
            raise ModelError(
                "The embedded model's files are missing.",
                "Restore assets/embedded from the repository, or build it with python -m playground.embedded.train.",
            )
        return EMBEDDED
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if name.startswith((".", "/", "~")):
        raise BadInput(f"There is no directory {name!r}.", "Give the path of a directory that holds a model.")
    downloaded = _downloaded(name)
    if downloaded is None and "/" not in name:
        # A bare name is more likely a slip than one of the few ids without an owner.
        raise UnknownName("model", name, _known())
    return downloaded


def _downloaded(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError as error:
        raise UnknownName("model", name, _known()) from error
    return Path(found).parent if isinstance(found, str) else None


def _known() -> list[str]:
    return ["embedded", *(model.name for model in list_models() if model.name != "embedded")]


_loaded: dict[str, Model] = {}
_locks: dict[str, threading.Lock] = {}
_guard = threading.Lock()


def load(name: str) -> Model:
    """The model called `name`, loaded at the first call and shared after it, by all threads.

    Raises:
        UnknownName: no such model; the hint has the nearest names.
        BadInput, ModelError: it cannot be loaded; the hint says what to do.
    """
    with _guard:
        lock = _locks.setdefault(name, threading.Lock())
    # One lock a name: loading one model does not keep another waiting.
    with lock:
        if name not in _loaded:
            _loaded[name] = _load(name)
        return _loaded[name]


def _load(name: str) -> Model:
    backend = _backend(name)
    if backend is not None:
        return backend.load(name)
    _directory(name)
    from playground.models.local import LocalModel

    # By its id, not its directory in the cache, a downloaded model keeps its revision.
    return LocalModel.load(str(EMBEDDED) if name == "embedded" else name, name=name)


def forget(name: str) -> None:
    """Let a loaded model go; its memory is free once no run uses it."""
    with _guard:
        _loaded.pop(name, None)
