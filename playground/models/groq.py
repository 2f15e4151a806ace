"""Models at Groq, through the `groq` SDK.

Boundary: what Groq's API has and lacks; requests are `chat_api`'s business. It gives no log-probabilities and one
reply a request, and takes neither top-k nor min-p, so strategies that need these say that they cannot run here.
"""

from __future__ import annotations

from playground import keys
from playground.errors import BadInput, KeyRefused
from playground.models.base import Capabilities, ModelInfo
from playground.models.catalog import register
from playground.models.chat_api import ChatApi, Server
from playground.models.remote import RemoteModel

SCHEME = "groq"
KEY = "GROQ_API_KEY"
KEY_HINT = f"Set {KEY}, type a key of yours on the page, or choose the embedded model."
CAPABILITIES = Capabilities(seed=True, json_mode=True, streaming=True, cancel=True)

_NO_CHAT = ("whisper", "tts", "guard", "safeguard", "orpheus")
LIST_LIMIT = 20.0
"""Seconds that the list of models may take."""


def describe(name: str) -> ModelInfo:
    """What every model at Groq can do; whether there is one of this name shows when it runs."""
    return ModelInfo(name, name.partition(":")[2], SCHEME, CAPABILITIES)


def api(key: str | None) -> ChatApi:
    """A client for this key. GROQ_BASE_URL names another address than Groq's own.

    Raises:
        KeyRefused: there is no key.
    """
    if not key:
        raise KeyRefused("Groq wants a key, and there is none.", KEY_HINT)
    import groq
    import httpx

    # Groq refuses to stream what it forces to be JSON.
    return ChatApi(Server(groq, "AsyncGroq", "Groq", (httpx.HTTPError,), key, KEY_HINT, json_streams=False))


def models(address: str = "") -> list[ModelInfo]:
    """The chat models that Groq lists for this visitor at this moment; names there come and go.

    Raises:
        KeyRefused, ServerFailed: the list cannot be had.
    """
    client = api(keys.of_groq())
    try:
        listed = client.ask(client.models(), LIST_LIMIT)
    finally:
        client.close()
    return [
        ModelInfo(f"{SCHEME}:{model.id}", model.id, SCHEME, CAPABILITIES)
        for model in sorted(listed, key=lambda model: str(model.id))
        if getattr(model, "active", True) and not any(word in model.id.lower() for word in _NO_CHAT)
    ]


@register(SCHEME, describe=describe, listed=models, shared=False)
def load(name: str) -> RemoteModel:
    """The model that `groq:NAME` names, for one run of the visitor for whom this thread works.

    Raises:
        KeyRefused: there is no key.
    """
    model = name.partition(":")[2]
    if not model:
        raise BadInput("No model at Groq is chosen.", "Choose one from its list, or type its name.")
    return RemoteModel(name, model, api(keys.of_groq()), CAPABILITIES)
