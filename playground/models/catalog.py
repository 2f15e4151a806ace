"""Which models there are, and one copy of each in memory.

Boundary: names, not tensors; torch is imported when the first local model is loaded and not before. A name is
"embedded", a directory or a Hugging Face id, each with options after a question mark (see `choice`), or `scheme:rest`
for a backend that registered its scheme. What a public deployment may use is decided here.

A backend registers by decorating its loader, in a module of this package named in `_BACKENDS` or in an installed one
named under the entry point group `playground.models`:

    @register("groq", models=list_groq_models)
    def load(name: str) -> Model: ...
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from playground import extensions
from playground.errors import BadInput, ModelError, UnknownName
from playground.models import choice, downloaded, downloads, estimate
from playground.models.base import Closing, Model, ModelInfo
from playground.models.choice import Choice
from playground.models.description import describe, local_capabilities
from playground.models.fetching import Progress
from playground.models.known import KNOWN, Known
from playground.models.memory import Key, M, Resident, Residents
from playground.settings import settings

if TYPE_CHECKING:
    from playground.models.loading import Plan

EMBEDDED = Path(__file__).resolve().parents[2] / "assets" / "embedded"
"""Where the embedded model lies."""

_BACKENDS = ("scripted", "groq", "openai_compatible", "reward")

Loader = Callable[[str], Model]
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Backend:
    """A kind of model that is chosen by `scheme:rest`.

    Attributes:
        load: makes the model of a whole name, scheme included.
        models: the names that can be offered without being typed; must be quick and must not fail.
        describe: what is known of a model; None loads it to see what it can do.
        listed: what the server at an address ("" for the one there is) lists; may take a while, and fail.
        shared: one model of a name serves everybody; else each run has its own, made with its visitor's keys.
    """

    scheme: str
    load: Loader
    models: Callable[[], list[ModelInfo]]
    describe: Callable[[str], ModelInfo] | None = None
    listed: Callable[[str], list[ModelInfo]] | None = None
    shared: bool = True

    def offered(self) -> list[ModelInfo]:
        """Its models, or none where their list is broken."""
        package = self.load.__module__.partition(".")[0]
        return extensions.kept(package, f"The list of models of {self.scheme!r}", self.models, [])


_backends: dict[str, Backend] = {}


def register(
    scheme: str,
    models: Callable[[], list[ModelInfo]] = list,
    *,
    describe: Callable[[str], ModelInfo] | None = None,
    listed: Callable[[str], list[ModelInfo]] | None = None,
    shared: bool = True,
) -> Callable[[Loader], Loader]:
    """Make a function the loader of every name that begins `scheme:`.

    Raises:
        BadInput: another module has registered the scheme.
    """

    def remember(load: Loader) -> Loader:
        before = _backends.get(scheme)
        if before is not None and before.load.__module__ != load.__module__:
            raise BadInput(
                f"{scheme!r} names models of {before.load.__module__} already.", "Choose another scheme."
            )
        _backends[scheme] = Backend(scheme, load, models, describe, listed, shared)
        return load

    return remember


@cache
def _import_backends() -> None:
    for module in _BACKENDS:
        if find_spec(f"playground.models.{module}"):
            importlib.import_module(f"playground.models.{module}")
    extensions.load(entry_points(group="playground.models"))


def _backend(name: str) -> Backend | None:
    scheme, colon, _ = name.partition(":")
    if not colon:
        return None
    _import_backends()
    return _backends.get(scheme)


def list_models(everything: bool = False) -> list[ModelInfo]:
    """The models that can be chosen from a list: the embedded one, good ones of Hugging Face that are on this machine
    (with `everything` also those that would be downloaded first), then those the backends offer."""
    _import_backends()
    found = [info("embedded")] if (EMBEDDED / "config.json").is_file() and is_allowed("embedded") else []
    for known in KNOWN:
        folder = downloaded.find(known.id)
        if is_allowed(known.id) and (everything or folder is not None):
            found.append(_local_info(Choice(known.id), folder))
    offered = [model for backend in _backends.values() for model in backend.offered()]
    return found + [model for model in offered if is_allowed(model.name)]


def info(name: str) -> ModelInfo:
    """What is known of a model without loading it.

    Raises:
        UnknownName: no such model; the hint has the nearest names.
        BadInput: an option that there is not, or a model that a public deployment does not offer.
        ModelError: its files cannot be read.
    """
    check_allowed(name)
    backend = _backend(name)
    if backend is not None:
        for model in backend.offered():
            if model.name == name:
                return model
        if backend.describe is not None:
            return backend.describe(name)
        return ModelInfo(name, name.partition(":")[2], backend.scheme, load(name).capabilities)
    chosen = choice_of(name)
    return _local_info(chosen, _directory(chosen.name))


def _local_info(chosen: Choice, folder: Path | None) -> ModelInfo:
    known = next((known for known in KNOWN if known.id == chosen.name), None)
    filled = choice.with_defaults(chosen)
    device = filled.device or estimate.likely_device()
    if folder is not None:
        # A downloaded one lies in a folder that is called after its version.
        own = None if folder == Path(chosen.name).expanduser() else chosen.name
        title = "Embedded model" if chosen.name == "embedded" else known.title if known else own
        found = describe(str(chosen), folder, title, device, filled.dtype, filled.bits)
    elif known is not None:
        found = _from_table(known, str(chosen), device, filled)
    else:
        note = "downloaded from Hugging Face when first used"
        found = ModelInfo(
            str(chosen), chosen.name, "local", local_capabilities(None), note=note, downloaded=False
        )
    if chosen.remarks:
        found = replace(found, title=f"{found.title}, {chosen.remarks}")
    if known is None:
        return found
    return replace(
        found,
        parameters=known.parameters,
        licence=known.licence,
        gated=known.gated,
        instruct=known.instruct,
        note=known.note or found.note,
    )


def _from_table(known: Known, name: str, device: str, filled: Choice) -> ModelInfo:
    dtype = filled.dtype or estimate.default_dtype(known.parameters, known.stored, device)
    weights = estimate.weight_bytes(known.parameters, dtype, filled.bits)
    memory = weights + estimate.context_bytes(known.memory, dtype)
    return ModelInfo(
        name,
        known.title,
        "local",
        local_capabilities(known.context),
        note="downloaded when first used",
        memory_bytes=memory,
        fits=estimate.fits(memory, device),
        downloaded=False,
        download_bytes=estimate.weight_bytes(known.parameters, known.stored),
    )


def is_allowed(name: str) -> bool:
    """Whether this deployment offers a model; all are, unless PLAYGROUND_PUBLIC_MODELS lists some."""
    listed = settings().public_models
    return not listed or any(
        name == entry or (entry.endswith("*") and name.startswith(entry[:-1])) for entry in listed
    )


def check_allowed(name: str) -> None:
    """
    Raises:
        BadInput: this deployment does not offer the model.
    """
    if not is_allowed(name):
        raise BadInput(
            f"{name} is not offered here.", f"Choose one of: {', '.join(settings().public_models)}."
        )


def choice_of(name: str) -> Choice:
    """A local model's name with the options after it."""
    # A folder may have a question mark in its name.
    return Choice(name) if Path(name).expanduser().is_dir() else choice.read(name)


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
    if not downloaded.is_id(name):
        raise UnknownName("model", name, _known())
    folder = downloaded.find(name)
    if folder is None and "/" not in name:
        # A bare name is more likely a slip than one of the few ids without an owner.
        raise UnknownName("model", name, _known())
    return folder


def _known() -> list[str]:
    return ["embedded", *(model.name for model in list_models() if model.name != "embedded")]


_loaded: dict[str, Model] = {}
_locks: dict[str, threading.Lock] = {}
_guard = threading.Lock()


def _budget(device: str) -> int | None:
    """Bytes that local models may take on a device."""
    given = settings().model_memory
    if given is not None:
        return int(given)
    memory = estimate.device_memory(device)
    return None if memory is None else int(memory[1] * estimate.SHARE)


_residents = Residents(_budget)
_keys: dict[str, Key] = {}


def load(name: str) -> Model:
    """The model called `name`, loaded at the first call and shared after it, by all threads. An id that is not on this
    machine is downloaded first; `downloads.shared().progress(id)` says meanwhile how far it is.

    Who works with it for longer than a moment loads it through `holding`.

    Raises:
        UnknownName: no such model; the hint has the nearest names.
        BadInput, ModelError: it cannot be loaded, or may not be; the hint says what to do.
        ModelBusy, DownloadStopped: it may work later.
    """
    check_allowed(name)
    backend = _backend(name)
    if backend is None:
        return _load_local(name)
    if not backend.shared:
        return backend.load(name)
    with _guard:
        lock = _locks.setdefault(name, threading.Lock())
    # One lock a name: loading one model does not keep another waiting.
    with lock:
        if name not in _loaded:
            _loaded[name] = backend.load(name)
        return _loaded[name]


def resident(name: str) -> Model | None:
    """The local model of a name, if it is in memory."""
    return _residents.find(_keys[name]) if name in _keys else None  # type: ignore[return-value]


def keep(name: str, plan: Plan, make: Callable[[], M], *, label: str, kind: str = "") -> M:
    """The model that was planned for a name, made if it is not in memory; `kind` tells apart what is made of the same
    files. Errors as in `Residents.get`."""
    files = f"{kind}:{plan.directory.resolve()}" if kind else str(plan.directory.resolve())
    key = Key(files, str(plan.device), plan.dtype_name, plan.bits, label=label)
    _keys[name] = key
    return _residents.get(key, plan.bytes, make)


def _load_local(name: str) -> Model:
    there = resident(name)
    if there is not None:
        return there
    chosen = choice_of(name)
    _directory(chosen.name)
    from playground.models import loading
    from playground.models.local import LocalModel

    filled = choice.with_defaults(chosen)
    # By its id, not its directory in the cache, a downloaded model keeps its revision.
    where = str(EMBEDDED) if chosen.name == "embedded" else chosen.name
    plan = loading.plan(where, filled.device, filled.dtype, filled.bits)
    return keep(name, plan, lambda: LocalModel.planned(plan, name=chosen.name), label=chosen.name)


@contextmanager
def holding(load: Callable[P, Model]) -> Iterator[Callable[P, Model]]:
    """A loader whose models are in use until the end: none is let go, however much others need the room."""
    with ExitStack() as held:

        def load_and_hold(*args: P.args, **kwargs: P.kwargs) -> Model:
            model = load(*args, **kwargs)
            held.enter_context(_residents.in_use(model))
            if isinstance(model, Closing):
                held.callback(model.close)
            return model

        yield load_and_hold


def probed(name: str, model: Model) -> ModelInfo:
    """What is known of a model that is there, a server's own word included."""
    scheme, colon, rest = name.partition(":")
    if not colon or scheme not in _backends:
        return info(name)
    return ModelInfo(name, rest.partition("@")[0], scheme, model.capabilities)


def listed(scheme: str, address: str = "") -> list[ModelInfo]:
    """The models that a server lists for this visitor at this moment.

    Raises:
        PlaygroundError: the list cannot be had.
    """
    _import_backends()
    backend = _backends.get(scheme)
    if backend is None or backend.listed is None:
        raise UnknownName("server", scheme, [name for name, known in _backends.items() if known.listed])
    return [info for info in backend.listed(address) if is_allowed(info.name)]


def in_memory() -> list[Resident]:
    """The local models that are loaded, the least recently used first."""
    return _residents.listed()


def forget(name: str, *, anyway: bool = True) -> None:
    """Let a loaded model go, all copies with the options in its name; its memory is free once no run uses it.

    Raises:
        ModelBusy: a run uses it, and `anyway` is false.
    """
    asked = choice_of(name)
    with _guard:
        _loaded.pop(name, None)
        names = [known for known, key in _keys.items() if known == name or _is(asked, known, key)]
        keys = {_keys[known] for known in names}
    _residents.forget(keys, anyway=anyway)
    with _guard:
        for known in names:
            _keys.pop(known, None)


def _is(asked: Choice, name: str, key: Key) -> bool:
    called = (name.partition("?")[0], key.label)
    return any(asked.covers(Choice(own, key.device, key.dtype, key.bits)) for own in called)


def missing(name: str) -> str | None:
    """The id that must be downloaded before a model can be loaded; None where nothing must.

    Raises:
        UnknownName, BadInput: there is no such model, or it is not offered here.
    """
    check_allowed(name)
    if _backend(name) is not None:
        return None
    chosen = choice_of(name)
    return chosen.name if _directory(chosen.name) is None else None


def download(name: str) -> Progress:
    """Begin to fetch a model from Hugging Face in the background, or go on; newer files replace older ones.

    Raises:
        BadInput: no id, or not offered here.
    """
    check_allowed(name)
    return downloads.shared().start(choice_of(name).name)
