"""What a model is to the rest of the engine: two protocols, and what each instance can do.

Boundary: types only; no torch, no network. `Model` continues prompts (every backend). `TokenModel` also shows
its next-token distribution and grows a batch of branches step by step (local transformers models). Every
method that works is a generator of events, so whoever runs it decides who watches and when to stop.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from playground.errors import BadInput, CapabilityError
from playground.events import Alternative, CallStarted, EndReason, Event, TokenAdded
from playground.prompts import Prompt, Written
from playground.sampling import Sampling

T = TypeVar("T")
Prompts = Prompt | Sequence[Prompt]
"""One prompt for all replies that are wanted, or one for each."""

Need = Literal["full_logits", "branches", "prefill", "json_mode", "seed", "n"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one model instance can give. A number it cannot give is never invented.

    Attributes:
        full_logits: the whole next-token distribution, and branches decoded step by step.
        branches: the likeliest first tokens are known, and replies can be made to begin with each of them.
        top_logprobs: how many alternatives come with a token (0: none; with full_logits: as many as asked).
        top_k, min_p, seed, n: these request settings are honoured.
        prefill: the reply can be begun for the model.
        json_mode: the backend can force a reply to be JSON.
        streaming: text arrives while it is written.
        cancel: stopping ends the work at once.
        local: it runs on this machine, so calls cost no money.
        context_length: tokens that prompt and reply may have together, where known.
    """

    full_logits: bool = False
    branches: bool = False
    top_logprobs: int = 0
    top_k: bool = False
    min_p: bool = False
    seed: bool = False
    prefill: bool = False
    n: bool = False
    json_mode: bool = False
    streaming: bool = False
    cancel: bool = False
    local: bool = False
    context_length: int | None = None

    def missing(self, needs: Sequence[Need] | frozenset[Need]) -> list[Need]:
        """The needs that this model does not meet, in a fixed order."""
        return sorted(need for need in needs if not getattr(self, need))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


REASONS: dict[Need, str] = {
    "full_logits": "it needs the full next-token distribution, which this model's server does not give",
    "branches": "it begins a reply with each of the likeliest first tokens, which this model's server does not tell",
    "prefill": "it begins the reply for the model, which this model's server does not allow",
    "json_mode": "it needs replies forced to be JSON",
    "seed": "it needs a seed that the server honours",
    "n": "it needs several replies to one request",
}


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as a list shows it, before it is loaded. What is None is not known.

    Attributes:
        parameters: how many weights.
        licence: under which it may be used.
        gated: it is given only to accounts that accepted its terms.
        instruct: it was taught to answer; False if it only continues text.
        memory_bytes: about what it takes in memory when it is used (see `estimate`).
        fits: that much is free now.
        downloaded: its files are on this machine, or none are needed.
        download_bytes: about what must be fetched first.
    """

    name: str
    title: str
    backend: str
    capabilities: Capabilities
    parameters: int | None = None
    note: str = ""
    licence: str | None = None
    gated: bool = False
    instruct: bool | None = None
    memory_bytes: int | None = None
    fits: bool | None = None
    downloaded: bool = True
    download_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished piece of writing. `tokens` is empty for backends without tokens."""

    node: str
    text: str
    tokens: tuple[TokenAdded, ...]
    end: EndReason


class Model(Protocol):
    """Something that continues a prompt."""

    @property
    def name(self) -> str:
        """The name it is chosen by ("embedded", "groq:…", a Hugging Face id, a directory)."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def versions(self) -> dict[str, str]:
        """What a rerun must match: weights' revision or hash, libraries, device, dtype."""
        ...

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
        """Continue `prompt` once per entry of `nodes`, together; returns the completions in that order.

        Yields CallStarted and Spent (charged to `node`), then tokens or text for `nodes` while they grow, and
        one TextEnded each. The same `seed` and node id give the same draw. With a prompt for each of `nodes`, each
        has its own CallStarted, charged to it, and still all are written together.

        Raises:
            BadInput: the prompt does not fit the context.
            ModelError: the model gave something that is no distribution (NaN) or no reply.
        """
        ...


@runtime_checkable
class Closing(Protocol):
    """A model made for one run, with its visitor's key: closed when the run is over."""

    def close(self) -> None: ...


class Branch(Protocol):
    """One continuation of a prefix, growing. Only the model that made it can grow it."""

    @property
    def node(self) -> str: ...

    @property
    def tokens(self) -> Sequence[TokenAdded]: ...

    @property
    def text(self) -> str:
        """All its tokens' bytes, decoded together."""
        ...

    @property
    def end(self) -> EndReason | None:
        """Why it stopped growing; None while it may go on."""
        ...

    def force(self, text: str) -> None:
        """Queue text that is written next, whatever the model would have said (its real log-probabilities
        and margins are recorded). A branch that had stopped may go on after it."""
        ...


@runtime_checkable
class PartingBranch(Branch, Protocol):
    """A branch that can be asked how it goes on, and can part into several (see `quadrants.Adaptive`)."""

    @property
    def options(self) -> Sequence[Alternative]:
        """The likeliest next tokens, best first, where decoding stopped to ask; empty elsewhere."""
        ...

    def choose(self, id: int) -> None:
        """Queue the token that is written next; see `force`."""
        ...

    def twin(self, node: str) -> PartingBranch:
        """The same text at another node; it goes on by itself, and nothing of it is read again."""
        ...


class Prefix(Protocol):
    """A prompt that has been read: its keys and values, and what may come next."""

    @property
    def token_count(self) -> int: ...

    def top(self, k: int) -> list[Alternative]:
        """The k likeliest next tokens on raw logits, best first.

        Raises:
            BadInput: k is larger than the vocabulary.
        """
        ...

    def alternatives(self, ids: Sequence[int]) -> list[Alternative]:
        """These tokens, with their log-probabilities as the next one.

        Raises:
            BadInput: an id that is no token.
        """
        ...

    def logits(self) -> npt.NDArray[np.float32]:
        """Raw logits of the next token, shape (vocabulary,)."""
        ...

    def fork(self, nodes: Sequence[str], first: Sequence[int] | None = None) -> list[Branch]:
        """New branches, one per node id, sharing this prefix; `first` forces each one's first token by id."""
        ...


def each(prompt: Prompts, nodes: Sequence[str]) -> list[Prompt]:
    """The prompt of every node.

    Raises:
        BadInput: there are several prompts, and not one for each.
    """
    prompts = [prompt] * len(nodes) if isinstance(prompt, Prompt) else list(prompt)
    if len(prompts) != len(nodes):
        raise BadInput(f"{len(nodes)} replies were given {len(prompts)} prompts.", "Give one for each.")
    return prompts


def token_ids(tokens: Sequence[Alternative] | Sequence[TokenAdded]) -> list[int]:
    """The tokens' ids.

    Raises:
        CapabilityError: they come from a server that tells only their texts.
    """
    ids = [token.id for token in tokens if token.id is not None]
    if len(ids) < len(tokens):
        raise CapabilityError(
            "This model's server does not tell the ids of its tokens.", "Choose a model on this machine."
        )
    return ids


def outcome(work: Generator[Event, None, T]) -> T:
    """What a generator of events returns, its events unread."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            value: T = done.value
            return value


@runtime_checkable
class TokenModel(Model, Protocol):
    """A model whose next-token distribution is open and whose branches decode as one batch."""

    @property
    def ends(self) -> frozenset[int]:
        """Ids of the tokens that end a text."""
        ...

    def prefill(
        self, prompt: Prompt | Written, *, node: str, purpose: str, then: Sequence[int] = ()
    ) -> Generator[Event, None, Prefix]:
        """Read a prompt once, and after it the tokens `then`. Yields CallStarted and Spent (charged to `node`)."""
        ...

    def measure(
        self,
        prompt: Prompt | Written,
        *,
        node: str,
        purpose: str,
        then: Sequence[int] = (),
        alternatives: int = 10,
    ) -> Generator[Event, None, list[tuple[TokenAdded, int | None]]]:
        """Read a text once and say of each of its tokens how it was foreseen, and its rank among all from 1.

        The rank is None, and the measures mean nothing, for a first token that nothing stands before. Yields
        CallStarted and Spent.
        """
        ...

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
        """Grow all branches together until each has ended; events come after every step.

        `max_new_tokens` counts the tokens added by this call, forced ones included. Spent is charged to
        `node`, once a step.
        """
        ...


def forked(
    model: TokenModel, prompt: Prompts, nodes: Sequence[str], *, node: str, purpose: str
) -> Generator[Event, None, list[Branch]]:
    """A branch for each of `nodes`, from its prompt; every different prompt is read once.

    Yields what `prefill` does: charged to `node` for one prompt, to the branches' own nodes for several.
    """
    if isinstance(prompt, Prompt):
        prefix = yield from model.prefill(prompt, node=node, purpose=purpose)
        return prefix.fork(nodes)
    branches: list[Branch] = []
    known: dict[Prompt, tuple[Prefix, CallStarted | None]] = {}
    for asked, own in zip(each(prompt, nodes), nodes, strict=True):
        if asked in known:
            prefix, call = known[asked]
            if call is not None:
                yield replace(call, node=own)
        else:
            call = None
            reading = model.prefill(asked, node=own, purpose=purpose)
            while True:
                try:
                    event = next(reading)
                except StopIteration as end:
                    prefix = end.value
                    break
                call = event if isinstance(event, CallStarted) else call
                yield event
            known[asked] = prefix, call
        branches += prefix.fork([own])
    return branches


class RewardModel(Protocol):
    """Something that says of steps towards an answer how likely it is that they are right."""

    @property
    def name(self) -> str: ...

    def rewards(
        self, items: Sequence[tuple[str, Sequence[str]]], *, node: str, purpose: str
    ) -> Generator[Event, None, list[list[float]]]:
        """For each question with its steps so far, a reward in [0, 1] after each step (a process reward model), or
        one for the whole (an outcome reward model). All items are read as one batch; Spent is charged to `node`.

        Raises:
            BadInput: an item is longer than the model's context.
        """
        ...
