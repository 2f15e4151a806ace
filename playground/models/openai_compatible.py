"""Models on servers that speak OpenAI's API, through the `openai` SDK: vLLM, SGLang, llama.cpp, Ollama, LM Studio,
`transformers serve`, and OpenAI itself.

Boundary: what each server is known to give, and the two endpoints' ways of asking and telling; requests are
`chat_api`'s business, branches `remote_tokens`'.

A name is `openai:MODEL@ADDRESS`, with `#completions` behind it for the endpoint that goes on with plain text instead
of a conversation (base models; the prompt is then exactly as written). A server is asked once what it tells.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from playground import keys
from playground.errors import BadInput, ServerFailed
from playground.events import Event
from playground.models.base import Capabilities, ModelInfo
from playground.models.catalog import register
from playground.models.chat_api import ChatApi, Put, Server
from playground.models.remote import RemoteModel, conversation
from playground.models.remote_tokens import Read, RemoteTokenModel, Told
from playground.prompts import Prompt, render_plain

SCHEME = "openai"
KEY = "OPENAI_API_KEY"
KEY_HINT = f"Set {KEY}, or type the server's key on the page."
OPENAI = "https://api.openai.com/v1"
LIMIT = 60.0
"""Seconds that asking a server what it is may take."""

Endpoint = Literal["chat", "completions"]

_CONTINUED: dict[str, dict[str, Any]] = {
    "vllm": {"continue_final_message": True, "add_generation_prompt": False},
    "sglang": {"continue_final_message": True},
    "llamacpp": {},
}
"""Servers, as they call themselves in their list of models, that go on with a reply which has been begun, and what
they want to be told for it."""

_FURTHER_SETTINGS = (*_CONTINUED, "me")
"""Servers that take top-k and min-p; llama-cpp-python calls itself "me"."""

_COUNTED: dict[str, Any] = {"stream_options": {"include_usage": True}}
"""Asks for the token counts of a streamed reply."""

_TOLD_AT_MOST = (20, 5)
"""Likeliest tokens to ask for, until one is not refused: OpenAI's own limits at its two endpoints."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a name says."""

    model: str
    address: str
    endpoint: Endpoint = "chat"

    @classmethod
    def read(cls, name: str) -> Place:
        """Raises BadInput when the name is not of the form above; an address may hold no password."""
        scheme, _, rest = name.partition(":")
        model, at, address = rest.rpartition("@") if "@" in rest else (rest, "", "")
        address, _, endpoint = address.partition("#")
        parts = urlsplit(address)
        if (
            scheme != SCHEME
            or not model
            or (at and (parts.scheme not in ("http", "https") or not parts.hostname))
        ):
            raise BadInput(
                f"{name!r} names no model on a server.",
                "Write openai:MODEL@http://HOST:PORT/v1, or give --base-url.",
            )
        if parts.username or parts.password or parts.query:
            raise BadInput("The server's address holds a password.", "Leave it out, and give the key apart.")
        if endpoint not in ("", "chat", "completions"):
            raise BadInput(f"There is no endpoint {endpoint!r}.", "Write #completions, or nothing.")
        end: Endpoint = "completions" if endpoint == "completions" else "chat"
        return cls(model, address.rstrip("/") or keys.own_server(), end)


def api(address: str) -> ChatApi:
    """A client for a server, with this visitor's key for it; servers of one's own often want none."""
    import httpx2
    import openai

    # The SDK wants a key also where the server wants none.
    key = keys.of_server(address) or "none"
    return ChatApi(
        Server(openai, "AsyncOpenAI", _title(address), (httpx2.HTTPError,), key, KEY_HINT, address)
    )


def models(address: str) -> list[ModelInfo]:
    """What a server lists, without asking it more; "" for the owner's.

    Raises:
        KeyRefused, ServerFailed: the list cannot be had.
    """
    client = api(address := address or keys.own_server())
    try:
        listed = client.ask(client.models(), LIMIT)
    finally:
        client.close()
    return [
        ModelInfo(
            f"{SCHEME}:{model.id}@{address}", model.id, SCHEME, Capabilities(streaming=True, cancel=True)
        )
        for model in sorted(listed, key=lambda model: str(model.id))
    ]


def describe(name: str) -> ModelInfo:
    """What can be said of a model before its server has been asked."""
    place = Place.read(name)
    return ModelInfo(name, place.model, SCHEME, Capabilities(streaming=True, cancel=True))


@register(SCHEME, describe=describe, listed=models, shared=False)
def load(name: str) -> RemoteModel:
    """The model that a name names, for one run of the visitor for whom this thread works; asks the server what it
    gives.

    Raises:
        BadInput, KeyRefused, ServerFailed: the name is wrong, or the server cannot be used.
    """
    place = Place.read(name)
    client = api(place.address)
    try:
        owner = client.ask(owner_of(client, place.model), LIMIT)
        told = client.ask(likeliest_told(client, place), LIMIT)
    except BaseException:
        client.close()
        raise
    able = capabilities(place, owner, told)
    if not told and place.endpoint == "completions":
        client.close()
        raise BadInput(
            f"{client.server.title} tells no log-probabilities with its completions.",
            "Leave #completions out of the name.",
        )
    if not told:
        return RemoteModel(name, place.model, client, able, _COUNTED)
    kind = CompletionsModel if place.endpoint == "completions" else ChatModel
    return kind(name, place.model, client, able, owner)


def capabilities(place: Place, owner: str, told: int) -> Capabilities:
    """What a server gives that calls itself `owner` and tells `told` likeliest tokens."""
    continued = place.endpoint == "completions" or owner in _CONTINUED
    return Capabilities(
        branches=told > 1 and continued,
        top_logprobs=told,
        top_k=owner in _FURTHER_SETTINGS,
        min_p=owner in _FURTHER_SETTINGS,
        seed=owner in _FURTHER_SETTINGS or place.address == OPENAI,
        prefill=continued,
        json_mode=place.endpoint == "chat",
        streaming=True,
        cancel=True,
    )


async def owner_of(client: ChatApi, model: str) -> str:
    """What the server calls itself, "" where it does not say or has no list of models.

    Raises:
        BadInput: it has a list, and the model is not on it.
    """
    try:
        listed = {entry.id: entry for entry in await client.models()}
    except (BadInput, ServerFailed):  # the model itself may answer all the same
        return ""
    if listed and model not in listed:
        names = ", ".join(sorted(listed)[:8])
        raise BadInput(f"{client.server.title} has no model {model!r}.", f"Choose one of: {names}.")
    return str(getattr(listed.get(model), "owned_by", "") or "")


async def likeliest_told(client: ChatApi, place: Place) -> int:
    """How many likeliest tokens come with a token, by asking for one; 0 for none."""
    for most in _TOLD_AT_MOST:
        counts: list[int] = []

        def read(choice: Any, counts: list[int] = counts) -> list[Event]:
            counts.extend(len(likeliest) for _, _, likeliest in _told(place.endpoint, choice))
            return []

        try:
            if place.endpoint == "completions":
                request = {"model": place.model, "prompt": "Q: 1 + 1?\nA:", "max_tokens": 1, "logprobs": most}
                await client.complete(request, "probe", lambda _: None, read)
            else:
                messages = [{"role": "user", "content": "1 + 1?"}]
                request = {"model": place.model, "messages": messages, "max_tokens": 1}
                request |= {"logprobs": True, "top_logprobs": most}
                await client.chat(request, "probe", lambda _: None, read)
        except BadInput:  # refused; ask for less
            continue
        return min(max(counts, default=0), most)
    return 0


class ChatModel(RemoteTokenModel):
    """The chat completions endpoint."""

    def __init__(self, name: str, model: str, api: ChatApi, able: Capabilities, owner: str) -> None:
        super().__init__(name, model, api, able, _COUNTED)
        self._begun = _CONTINUED.get(owner, {})

    def written(self, prompt: Prompt) -> str:
        return json.dumps(conversation(prompt), ensure_ascii=False, indent=1)

    def asked(self, prompt: Prompt, settings: dict[str, Any], seed: int) -> dict[str, Any]:
        request = self.request(conversation(prompt), settings, seed)
        request |= {"logprobs": True, "top_logprobs": self.capabilities.top_logprobs}
        if prompt.prefill:
            request["extra_body"] = {**request.get("extra_body", {}), **self._begun}
        return request

    def told(self, choice: Any) -> list[tuple[bytes, float, list[Told]]]:
        return _told("chat", choice)

    async def send(self, request: dict[str, Any], node: str, read: Read, put: Put) -> None:
        await self._api.chat(request, node, put, read)


class CompletionsModel(RemoteTokenModel):
    """The completions endpoint: plain text, gone on with."""

    def __init__(self, name: str, model: str, api: ChatApi, able: Capabilities, owner: str) -> None:
        super().__init__(name, model, api, able, _COUNTED)

    def begun(self, prompt: Prompt, text: str) -> Prompt:
        # The first token brings its own space.
        return Prompt((), render_plain(prompt) + text)

    def written(self, prompt: Prompt) -> str:
        return render_plain(prompt)

    def asked(self, prompt: Prompt, settings: dict[str, Any], seed: int) -> dict[str, Any]:
        request = self.request([], settings, seed)
        del request["messages"]
        return request | {"prompt": render_plain(prompt), "logprobs": self.capabilities.top_logprobs}

    def told(self, choice: Any) -> list[tuple[bytes, float, list[Told]]]:
        return _told("completions", choice)

    async def send(self, request: dict[str, Any], node: str, read: Read, put: Put) -> None:
        await self._api.complete(request, node, put, read)


def _told(endpoint: Endpoint, choice: Any) -> list[tuple[bytes, float, list[Told]]]:
    """The tokens in a choice of a chunk, each with the likeliest there, best first."""
    known = getattr(choice, "logprobs", None)
    if known is None:
        return []
    if endpoint == "chat":
        return [
            (_data(t), t.logprob, _best((_data(o), o.logprob) for o in t.top_logprobs))
            for t in known.content or ()
        ]
    return [
        (token.encode(), logprob, _best((text.encode(), p) for text, p in (others or {}).items()))
        for token, logprob, others in zip(
            known.tokens or (), known.token_logprobs or (), known.top_logprobs or (), strict=False
        )
    ]


def _best(told: Any) -> list[Told]:
    return sorted(told, key=lambda pair: -pair[1])


def _data(token: Any) -> bytes:
    return bytes(token.bytes) if token.bytes else token.token.encode()


def _title(address: str) -> str:
    return "OpenAI" if address == OPENAI else f"The server at {urlsplit(address).netloc}"
