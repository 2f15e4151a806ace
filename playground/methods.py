"""What can be asked of the engine besides runs, by name.

Boundary: each method takes the loader of models and plain parameters, and returns plain values or an array; `engine`
calls them, in whichever process it lives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from playground import lens
from playground.execute import LoadModel
from playground.lens import chance, reading
from playground.models import catalog
from playground.models.downloads import shared
from playground.sampling import Sampling


def load(load_model: LoadModel, model: str) -> None:
    """Load a model, so that the first run need not wait for it."""
    load_model(model)


def logits(load_model: LoadModel, model: str, prompt: str, as_question: bool = False) -> Any:
    """Raw logits of the token after `prompt`: float32, shape (vocabulary,)."""
    return lens.prefix_at(load_model(model), lens.At(prompt, as_question)).logits()


def table(
    load_model: LoadModel,
    model: str,
    prompt: str,
    sampling: Mapping[str, Any],
    top: int = 20,
    as_question: bool = False,
) -> dict[str, Any]:
    """The likeliest tokens after `prompt` and what each setting of `Sampling` does to them, as `lens` has it."""
    return lens.next_token_table(
        load_model(model), prompt, Sampling(**sampling), top=top, as_question=as_question
    )


def looking(look: Callable[..., Any]) -> Callable[..., Any]:
    """A function of `lens` as a method: `at` and `sampling` come as plain values."""

    def method(load_model: LoadModel, model: str, at: Mapping[str, Any], **params: Any) -> Any:
        if "sampling" in params:
            params["sampling"] = Sampling(**params["sampling"])
        return look(load_model(model), lens.At.read(at), **params)

    return method


def models(load_model: LoadModel, everything: bool = False) -> list[dict[str, Any]]:
    """The models that can be chosen, as `ModelInfo` has them; with `everything` those to be downloaded first too."""
    return [asdict(info) for info in catalog.list_models(everything)]


def loaded(load_model: LoadModel) -> list[dict[str, Any]]:
    """The local models in memory, the least recently used first."""
    return [
        {
            "name": resident.key.label,
            "device": resident.key.device,
            "dtype": resident.key.dtype,
            "bits": resident.key.bits,
            "bytes": resident.bytes,
            "in_use": resident.users,
        }
        for resident in catalog.in_memory()
    ]


def unload(load_model: LoadModel, model: str) -> None:
    """Let go of a model, all copies of it that have the options in its name; ModelBusy if a run uses one."""
    catalog.forget(model, anyway=False)


def download(load_model: LoadModel, model: str) -> dict[str, Any]:
    """Begin to fetch a model, or go on; returns how far it is, as `Progress` has it."""
    return asdict(catalog.download(model))


def downloads(load_model: LoadModel) -> list[dict[str, Any]]:
    """How far the downloads are that this engine was asked for, those that runs wait for among them."""
    return [asdict(progress) for progress in shared().all()]


def stop_download(load_model: LoadModel, model: str) -> None:
    """Stop fetching a model; what has come of it stays."""
    shared().cancel(model)


def probe(load_model: LoadModel, model: str) -> dict[str, Any]:
    """What one model gives, its server asked."""
    return asdict(catalog.probed(model, load_model(model)))


def listed(load_model: LoadModel, scheme: str, address: str = "") -> list[dict[str, Any]]:
    """The models that a server lists for this visitor."""
    return [asdict(info) for info in catalog.listed(scheme, address)]


METHODS: dict[str, Callable[..., Any]] = {
    "load": load,
    "models": models,
    "probe": probe,
    "listed": listed,
    "loaded": loaded,
    "unload": unload,
    "download": download,
    "downloads": downloads,
    "stop_download": stop_download,
    "logits": logits,
    "table": table,
    "look": looking(lens.look),
    "curves": looking(chance.curves),
    "draws": looking(chance.draws),
    "next_token": looking(chance.next_token),
    "write": looking(chance.write),
    "luck": looking(chance.luck),
    "read_text": looking(reading.read_text),
}
