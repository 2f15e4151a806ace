"""A chat model on a server, as a `Model`: replies to whole conversations, streamed, several at once.

Boundary: turns prompts and settings into requests; how requests are sent, retried and refused is `chat_api`'s business.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from playground.events import CallStarted, EndReason, Event, TextAdded, TextEnded, Waiting, Warned
from playground.models.base import Capabilities, Completion, Prompts, each
from playground.models.chat_api import ChatApi, Put
from playground.models.streams import Source, together
from playground.prompts import Prompt
from playground.sampling import Sampling, validate

TICK = 1.0
"""Seconds without news after which a waiting line says so, and a stopped run notices."""


class RemoteModel:
    """What all models on servers do.

    Args:
        api: belongs to this visitor's run; `close` lets go of its connections.
        always: is part of every request.
    """

    def __init__(
        self,
        name: str,
        model: str,
        api: ChatApi,
        capabilities: Capabilities,
        always: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self.capabilities = capabilities
        self._model = model
        self._api = api
        self._always = always

    @property
    def versions(self) -> dict[str, str]:
        """Servers do not say which weights they run; the address and the name are all there is."""
        return {"server": self._api.server.title, "model": self._model}

    def close(self) -> None:
        self._api.close()

    def sample(
        self,
        prompt: Prompts,
        nodes: Sequence[str],
        sampling: Sampling,
        *,
        node: str,
        purpose: str,
        max_new_tokens: int,
        seed: int,
        stop: Sequence[str] = (),
        json_mode: bool = False,
    ) -> Generator[Event, None, list[Completion]]:
        """One request for each of `nodes`, all on their way at once; see `playground.models.base.Model`."""
        validate(sampling)
        settings = self.settings(sampling, max_new_tokens, stop, json_mode)
        yield from announced(prompt, nodes, self.written, node, purpose, settings)
        sources: list[Source[Event]] = []
        for asked, own in zip(each(prompt, nodes), nodes, strict=True):
            request = self.request(conversation(asked), settings, draw_seed(seed, own))
            sources.append(partial(self.reply, request, own))
        return (yield from gathered(sources, nodes))

    def written(self, prompt: Prompt) -> str:
        """The prompt as it is shown."""
        return json.dumps(conversation(prompt), ensure_ascii=False, indent=1)

    async def reply(self, request: dict[str, Any], node: str, put: Put) -> None:
        """Send one request."""
        await self._api.chat(request, node, put)

    def settings(
        self, sampling: Sampling, max_new_tokens: int, stop: Sequence[str], json_mode: bool
    ) -> dict[str, Any]:
        """What is asked for besides the conversation, as it is sent and shown."""
        asked: dict[str, Any] = {
            "temperature": 0.0 if sampling.greedy else sampling.temperature,
            "max_tokens": max_new_tokens,
        }
        if not sampling.greedy and sampling.top_p < 1:
            asked["top_p"] = sampling.top_p
        further = {"top_k": sampling.top_k or None, "min_p": sampling.min_p or None}
        able = {
            k: v for k, v in further.items() if v and not sampling.greedy and getattr(self.capabilities, k)
        }
        if able:
            asked["extra_body"] = able
        if stop:
            asked["stop"] = list(stop)
        if json_mode and self.capabilities.json_mode:
            asked["response_format"] = {"type": "json_object"}
        return asked

    def request(self, messages: list[dict[str, str]], settings: dict[str, Any], seed: int) -> dict[str, Any]:
        """The whole request."""
        request = {"model": self._model, "messages": messages, **settings, **self._always}
        if self.capabilities.seed and settings["temperature"]:
            request["seed"] = seed
        return request


def announced(
    prompt: Prompts,
    nodes: Sequence[str],
    written: Callable[[Prompt], str],
    node: str,
    purpose: str,
    settings: Mapping[str, Any],
) -> Iterator[CallStarted]:
    """That the calls begin: one for all with one prompt, else one for each node."""
    if isinstance(prompt, Prompt):
        yield CallStarted(node, purpose, written(prompt), settings)
        return
    for asked, own in zip(each(prompt, nodes), nodes, strict=True):
        yield CallStarted(own, purpose, written(asked), settings)


def conversation(prompt: Prompt) -> list[dict[str, str]]:
    """The messages as servers take them, a begun reply last."""
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    if prompt.prefill:
        messages.append({"role": "assistant", "content": prompt.prefill})
    return messages


def draw_seed(seed: int, node: str) -> int:
    """A seed in [0, 2**31) that belongs to (seed, node): samples of one run differ, and come again in the next."""
    digest = hashlib.blake2b(f"{seed}\0{node}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) >> 1


def gathered(
    sources: Sequence[Source[Event]], nodes: Sequence[str]
) -> Generator[Event, None, list[Completion]]:
    """The events of several replies as they come, and the replies in the order of `nodes`."""
    texts: dict[str, list[str]] = {node: [] for node in nodes}
    ends: dict[str, EndReason] = {}
    waited, warned = 0.0, set[str]()
    told: Waiting | None = None
    for event in together(sources, TICK):
        if event is None:
            waited += TICK
            if told is not None and waited < told.seconds:  # silent for as long as it said
                yield replace(told, seconds=told.seconds - waited)
                continue
            open_ends = [node for node in nodes if node not in ends]
            yield Waiting((open_ends or list(nodes))[0], waited, "nothing has come from the server")
            continue
        waited, told = 0.0, event if isinstance(event, Waiting) else None
        if isinstance(event, TextAdded):
            texts[event.node].append(event.text)
        elif isinstance(event, TextEnded):
            ends[event.node] = event.reason
        elif isinstance(event, Warned):  # once, not for every reply
            if event.message in warned:
                continue
            warned.add(event.message)
        yield event
    return [Completion(node, "".join(texts[node]), (), ends.get(node, "stop")) for node in nodes]
