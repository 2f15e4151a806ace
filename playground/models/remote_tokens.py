"""A model on a server that tells the likeliest tokens, as far as such a server is a `TokenModel`.

Boundary: what comes with each token of a reply, and branches as requests that go on from a first token. Such a server
tells a few likeliest tokens, not the distribution: margins are exact (they need the first two), entropies are not
known, and text that the model did not write has no log-probabilities, so nothing can be forced but a first token.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from playground.errors import BadInput, CapabilityError, ServerFailed
from playground.events import (
    Alternative,
    CallStarted,
    Choice,
    EndReason,
    Event,
    Spent,
    TextEnded,
    TokenAdded,
)
from playground.models.base import Branch, Completion, Prompts, each
from playground.models.chat_api import Put
from playground.models.remote import RemoteModel, announced, draw_seed, gathered
from playground.models.streams import Source
from playground.prompts import Prompt, Written
from playground.sampling import GREEDY, Sampling, validate

Told = tuple[bytes, float]
"""A token's bytes and its log-probability."""

Read = Callable[[Any], list[Event]]

_SPECIAL = re.compile(r"<\|.*\|>|</?s>|<eos>|<end_of_turn>")


@dataclass(slots=True, eq=False)
class RemoteBranch:
    """One reply; see `playground.models.base.Branch`. It grows once, in one request."""

    node: str
    prompt: Prompt
    first: TokenAdded | None
    tokens: list[TokenAdded] = field(default_factory=list)
    end: EndReason | None = None

    @property
    def text(self) -> str:
        return b"".join(token.data for token in self.tokens).decode("utf-8", errors="replace")

    def force(self, text: str) -> None:
        raise CapabilityError(
            "This model's server does not say how likely a text is that it did not write.",
            "Choose a model on this machine.",
        )


@dataclass(frozen=True, slots=True, eq=False)
class RemotePrefix:
    """A prompt, and the likeliest first tokens of its reply, best first."""

    prompt: Prompt
    token_count: int
    likeliest: tuple[Told, ...]

    def top(self, k: int) -> list[Alternative]:
        """Ids count from 0, best first; they mean something to `fork` only."""
        if not 1 <= k <= len(self.likeliest):
            raise BadInput(
                f"This model's server tells {len(self.likeliest)} first tokens, not {k}.",
                f"Choose k between 1 and {len(self.likeliest)}.",
            )
        return [
            Alternative(rank, data.decode(), logprob)
            for rank, (data, logprob) in enumerate(self.likeliest[:k])
        ]

    def fork(self, nodes: Sequence[str], first: Sequence[int] | None = None) -> list[Branch]:
        if first is None:
            return [RemoteBranch(node, self.prompt, None) for node in nodes]
        return [
            RemoteBranch(node, self.prompt, token_told(node, *self.likeliest[rank], self.likeliest, "forced"))
            for node, rank in zip(nodes, first, strict=True)
        ]

    def alternatives(self, ids: Sequence[int]) -> list[Alternative]:
        raise _unknown()

    def logits(self) -> npt.NDArray[np.float32]:
        raise _unknown()


class RemoteTokenModel(RemoteModel, ABC):
    """Adds tokens to `RemoteModel`. What an endpoint is asked and how it tells its tokens is a subclass's business."""

    ends: frozenset[int] = frozenset()

    def begun(self, prompt: Prompt, text: str) -> Prompt:
        """The prompt with a reply that begins with this text."""
        return Prompt(prompt.messages, prompt.prefill + text)

    @abstractmethod
    def written(self, prompt: Prompt) -> str:
        """The prompt as it is shown."""

    @abstractmethod
    def asked(self, prompt: Prompt, settings: dict[str, Any], seed: int) -> dict[str, Any]:
        """The request for one reply with its tokens."""

    @abstractmethod
    def told(self, choice: Any) -> list[tuple[bytes, float, list[Told]]]:
        """The tokens in a choice of a chunk, each with the likeliest ones there, best first."""

    @abstractmethod
    async def send(self, request: dict[str, Any], node: str, read: Read, put: Put) -> None:
        """Send a request and put what `read` makes of each choice of its chunks."""

    def read(self, node: str, chosen: Choice, choice: Any) -> list[Event]:
        """A choice of a chunk as events.

        Raises:
            ServerFailed: text came without its tokens.
        """
        told = self.told(choice)
        said = getattr(choice, "text", None) or getattr(getattr(choice, "delta", None), "content", None)
        if said and not told:
            raise ServerFailed(
                "The server sent text without the log-probabilities it was asked for.",
                "Choose a strategy that needs none, such as a titled chain.",
            )
        return [token_told(node, data, logprob, likeliest, chosen) for data, logprob, likeliest in told]

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
        """As in `RemoteModel`, with the tokens of every reply."""
        validate(sampling)
        settings = self.settings(sampling, max_new_tokens, stop, json_mode)
        yield from announced(prompt, nodes, self.written, node, purpose, settings)
        branches = [
            RemoteBranch(own, asked, None) for asked, own in zip(each(prompt, nodes), nodes, strict=True)
        ]
        yield from self._grow(branches, sampling, settings, seed)
        return [Completion(b.node, b.text, tuple(b.tokens), b.end or "stop") for b in branches]

    def prefill(
        self, prompt: Prompt | Written, *, node: str, purpose: str, then: Sequence[int] = ()
    ) -> Generator[Event, None, RemotePrefix]:
        """Ask for one token, to know the likeliest ones there; the server keeps what it has read, if it does."""
        if isinstance(prompt, Written) or then:
            raise _unknown()
        settings = self.settings(GREEDY, 1, (), False)
        yield CallStarted(node, f"{purpose}: likeliest first tokens", self.written(prompt), settings)
        told: list[Told] = []
        tokens = 0

        def read(choice: Any) -> list[Event]:
            seen = self.told(choice)
            for _, _, likeliest in seen[: not told]:
                told.extend(likeliest)
            return [token_told(node, data, logprob, likeliest, "greedy") for data, logprob, likeliest in seen]

        for event in gathered([partial(self.send, self.asked(prompt, settings, 0), node, read)], [node]):
            # The token this request wrote is paid for, but no part of a reply.
            if not isinstance(event, TokenAdded | TextEnded):
                tokens += event.usage.prompt_tokens if isinstance(event, Spent) else 0
                yield event
        if not told:
            raise ServerFailed("The server told no first token.", "Choose another model.")
        return RemotePrefix(prompt, tokens, tuple(writable(told)))

    def decode(
        self,
        branches: Sequence[Branch],
        sampling: Sampling,
        *,
        node: str,
        max_new_tokens: int,
        seed: int,
        stop: Sequence[str] = (),
    ) -> Generator[Event, None, None]:
        """One request for each branch that has not ended, all on their way at once."""
        validate(sampling)
        growing = [b for b in branches if isinstance(b, RemoteBranch) and b.end is None]
        ready: list[RemoteBranch] = []
        for branch in growing:
            if branch.first is None:
                ready.append(branch)
                continue
            if ends_a_text(branch.first):
                branch.end = "stop"
                yield TextEnded(branch.node, branch.end)
                continue
            branch.tokens.append(branch.first)
            yield branch.first
            if max_new_tokens == 1:
                branch.end = "length"
                yield TextEnded(branch.node, branch.end)
                continue
            ready.append(branch)
        forced = any(branch.first is not None for branch in ready)
        settings = self.settings(sampling, max_new_tokens - forced, stop, False)
        yield from self._grow(ready, sampling, settings, seed)

    def measure(
        self,
        prompt: Prompt | Written,
        *,
        node: str,
        purpose: str,
        then: Sequence[int] = (),
        alternatives: int = 10,
    ) -> Generator[Event, None, list[tuple[TokenAdded, int | None]]]:
        yield from ()
        raise _unknown()

    def _grow(
        self, branches: Sequence[RemoteBranch], sampling: Sampling, settings: dict[str, Any], seed: int
    ) -> Generator[Event, None, None]:
        by_node = {branch.node: branch for branch in branches}
        chosen: Choice = "greedy" if sampling.greedy else "sampled"
        sources: list[Source[Event]] = []
        for branch in branches:
            prompt = branch.prompt if branch.first is None else self.begun(branch.prompt, branch.first.text)
            request = self.asked(prompt, settings, draw_seed(seed, branch.node))
            sources.append(partial(self.send, request, branch.node, partial(self.read, branch.node, chosen)))
        if not sources:
            return
        for event in gathered(sources, list(by_node)):
            if isinstance(event, TokenAdded):
                by_node[event.node].tokens.append(event)
            elif isinstance(event, TextEnded):
                by_node[event.node].end = event.reason
            yield event


def ends_a_text(token: TokenAdded) -> bool:
    """Whether it is a token that ends a text: servers show those as no text, or by name."""
    return not token.data or _SPECIAL.fullmatch(token.text) is not None


def writable(likeliest: Sequence[Told]) -> list[Told]:
    """Those that are text by themselves: a request cannot begin with half a character."""
    able = []
    for data, logprob in likeliest:
        try:
            data.decode()
        except UnicodeDecodeError:
            continue
        able.append((data, logprob))
    return able


def token_told(
    node: str, data: bytes, logprob: float, likeliest: Sequence[Told], chosen: Choice
) -> TokenAdded:
    """The event for a token that a server told of."""
    best = [math.exp(p) for _, p in likeliest[:2]]
    text, code = shown(data)
    return TokenAdded(
        node,
        None,
        text,
        min(logprob, 0.0),
        None,
        best[0] - best[1] if len(best) > 1 else best[0] if best else math.exp(logprob),
        chosen,
        tuple(Alternative(None, shown(other)[0] or other.hex(" "), min(p, 0.0)) for other, p in likeliest),
        hex=code,
    )


def shown(data: bytes) -> tuple[str, str]:
    """A token's text, or "" and its bytes in hexadecimal."""
    try:
        return data.decode(), ""
    except UnicodeDecodeError:
        return "", data.hex()


def _unknown() -> CapabilityError:
    return CapabilityError(
        "This model's server does not tell the whole next-token distribution.",
        "Choose a model on this machine.",
    )
