"""Any transformers causal language model on this machine, as a `TokenModel`.

Boundary: joins the parts (loading, chat, network, decoding) into what strategies see; no arithmetic of its own.
Importing it imports torch; `catalog` does so when the first model is loaded.

The same settings and seed give the same tokens. Two caveats: logits differ in their last bits with the shape of a
batch and with what was read before, so on a near-tie (more likely in 16 bits) another token can come out; and of a
reply that ended by itself the end-of-turn token is counted as written but is no part of text or tokens.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from playground.errors import BadInput
from playground.events import Alternative, CallStarted, Event, Spent, TokenAdded, Usage
from playground.models import loading
from playground.models.base import Branch, Capabilities, Completion, Prompts, forked
from playground.models.chat import Chat
from playground.models.decoding import Decoding, LocalBranch, Settings
from playground.models.description import context_length, local_capabilities
from playground.models.measures import TOP, foreseen, token_added
from playground.models.network import Network
from playground.models.prefix import Reading
from playground.models.token_text import TokenText
from playground.prompts import Prompt, Written
from playground.sampling import Sampling, largest, validate

CACHE_TOKENS = 16384
"""Tokens whose keys and values a model remembers by default: 200 MB for the embedded model, 400 MB for Qwen2.5-0.5B."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalPrefix:
    """A prompt that has been read; see `playground.models.base.Prefix`."""

    model: LocalModel
    reading: Reading
    next_logits: torch.Tensor

    @property
    def token_count(self) -> int:
        return len(self.reading)

    @property
    def ids(self) -> tuple[int, ...]:
        """The prompt's tokens."""
        return self.reading.ids

    def top(self, k: int) -> list[Alternative]:
        logits = self.next_logits
        if not 1 <= k <= len(logits):
            raise BadInput(
                f"k = {k} first tokens cannot be taken from a vocabulary of {len(logits)}.",
                f"Choose k between 1 and {len(logits)}.",
            )
        values, ids = largest(logits.unsqueeze(0), k)
        logprobs = values[0] - logits.logsumexp(-1)
        shown = self.model.text.shown
        return [
            Alternative(id, shown(id), p) for id, p in zip(ids[0].tolist(), logprobs.tolist(), strict=True)
        ]

    def alternatives(self, ids: Sequence[int]) -> list[Alternative]:
        self.model._check_ids(ids)
        logprobs = (self.next_logits[list(ids)] - self.next_logits.logsumexp(-1)).tolist()
        shown = self.model.text.shown
        return [Alternative(id, shown(id), p) for id, p in zip(ids, logprobs, strict=True)]

    def logits(self) -> npt.NDArray[np.float32]:
        return self.next_logits.cpu().numpy().copy()

    def fork(self, nodes: Sequence[str], first: Sequence[int] | None = None) -> list[Branch]:
        if first is not None and len(first) != len(nodes):
            raise BadInput(
                f"{len(nodes)} branches were given {len(first)} first tokens.", "Give one for each."
            )
        self.model._check_ids(first or ())
        firsts: Sequence[int | None] = [None] * len(nodes) if first is None else first
        network, text = self.model.network, self.model.text
        return [
            LocalBranch(network, text, node, self.reading, id) for node, id in zip(nodes, firsts, strict=True)
        ]


class LocalModel:
    """A causal language model in this process; `LocalModel.load` reads one from disk or the hub.

    Args:
        model: a transformers causal language model.
        tokenizer: its tokenizer.
        name: what it is called in events.
        weights: identifies its weights in `versions`.
        alternatives: how many of the likeliest tokens are recorded with each token, at least 2.
        cache_tokens: how many tokens' keys and values of recent texts are remembered; 0 for none.
        stop_loops: end branches that repeat themselves, instead of only warning once.
        bits: of a weight in memory, where bitsandbytes made them fewer than those of the numbers computed with.

    Attributes:
        ends: ids of the tokens that end a text.
        memory_bytes: what its parameters and buffers take.

    Raises:
        ModelError: an architecture whose memory cannot be forked into branches.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str,
        weights: str = "unknown",
        alternatives: int = 10,
        cache_tokens: int = CACHE_TOKENS,
        stop_loops: bool = False,
        bits: int | None = None,
    ) -> None:
        model.eval()
        self.name = name
        self.network = Network(model, cache_tokens)
        self.text = TokenText(tokenizer)
        self.chat = Chat(tokenizer, self.text)
        self.alternatives = alternatives
        self.stop_loops = stop_loops
        self.memory_bytes = loading.memory_bytes(model)
        self._weights = weights
        self._bits = bits
        self._dtype = str(model.dtype).removeprefix("torch.")
        self.ends = end_ids(model, tokenizer)
        self._context = context_length(model.config.to_dict())

    @classmethod
    def load(
        cls,
        name_or_path: str,
        *,
        device: str | None = None,
        dtype: str | torch.dtype | None = None,
        bits: int | None = None,
        **options: Any,
    ) -> LocalModel:
        """Load a model from a directory or a Hugging Face id; errors and defaults as in `loading.plan`.

        Args:
            options: as for the class; `name` defaults to `name_or_path`.
        """
        options.setdefault("name", name_or_path)
        return cls.planned(loading.plan(name_or_path, device, dtype, bits), **options)

    @classmethod
    def planned(cls, plan: loading.Plan, **options: Any) -> LocalModel:
        """Load a model as it was planned; errors as in `loading.load`, `options` as for the class."""
        loaded = loading.load(plan)
        return cls(loaded.model, loaded.tokenizer, weights=loaded.weights, bits=plan.bits, **options)

    @cached_property
    def capabilities(self) -> Capabilities:
        return local_capabilities(self._context, self.alternatives)

    @cached_property
    def versions(self) -> dict[str, str]:
        import transformers

        return {
            "weights": self._weights,
            "torch": str(torch.__version__),
            "transformers": str(transformers.__version__),
            "device": str(self.network.device),
            "dtype": self._dtype,
            **({"bits": str(self._bits)} if self._bits else {}),
        }

    def prefill(
        self, prompt: Prompt | Written, *, node: str, purpose: str, then: Sequence[int] = ()
    ) -> Generator[Event, None, LocalPrefix]:
        """Read a prompt once, and only what no recent text began with. Spent comes after every 512 tokens read.

        Raises:
            BadInput: there is nothing to read, it leaves no room in the context, or an id is no token.
            ModelError: what comes next is no distribution.
        """
        written, ids = self._read(prompt, then, room=1)
        yield CallStarted(node, purpose, written.text, ids=written.ids)
        passes = self.network.read(ids)
        while True:
            try:
                usage = next(passes)
            except StopIteration as end:
                # A finished read always has the logits after the text.
                return LocalPrefix(self, end.value, end.value.logits)
            yield Spent(node, usage)

    def measure(
        self,
        prompt: Prompt | Written,
        *,
        node: str,
        purpose: str,
        then: Sequence[int] = (),
        alternatives: int = 10,
    ) -> Generator[Event, None, list[tuple[TokenAdded, int | None]]]:
        """Read a text once and say how each of its tokens was foreseen; see `TokenModel.measure`.

        Raises:
            BadInput: there is nothing to read, it is longer than the context, or an id is no token.
        """
        written, ids = self._read(prompt, then, room=0)
        yield CallStarted(node, purpose, written.text, ids=written.ids)
        first = token_added(node, [float(ids[0]), *[math.nan] * (TOP - 1)], "forced", self.text)
        told: list[tuple[TokenAdded, int | None]] = [(first, None)]
        for logits in self.network.after_each(ids):
            next_ids = ids[len(told) : len(told) + len(logits)]
            yield Spent(node, Usage(prompt_tokens=len(logits), forward_passes=1))
            if next_ids:
                seen = partial(foreseen, logits[: len(next_ids)], next_ids, node, alternatives, self.text)
                told += self.network.turn(seen)
        return told

    def _read(self, prompt: Prompt | Written, then: Sequence[int], room: int) -> tuple[Written, list[int]]:
        """The exact text and its ids, if the context holds them and `room` more."""
        written, ids = self.chat.read(prompt)
        self._check_ids(then)
        ids += then
        if not ids:
            raise BadInput("There is nothing to read.", "Give a text of at least one token.")
        limit = self._context
        if limit is not None and len(ids) + room > limit:
            raise BadInput(
                f"The prompt has {len(ids)} tokens; {self.name} holds {limit} together with the reply.",
                "Shorten the question, use fewer examples, or choose a model with a longer context.",
            )
        return written, ids

    def _check_ids(self, ids: Sequence[int]) -> None:
        for id in ids:
            if not 0 <= id < self.network.vocabulary:
                raise BadInput(f"{id} is no token id.", f"Use ids from 0 to {self.network.vocabulary - 1}.")

    def decode(
        self,
        branches: Sequence[Branch],
        sampling: Sampling,
        *,
        node: str,
        max_new_tokens: int,
        seed: int,
        stop: Sequence[str] = (),
        stop_loops: bool | None = None,
    ) -> Generator[Event, None, None]:
        """Grow all branches together until each has ended; see `TokenModel.decode`.

        A branch that ended by a limit goes on where it was; one that ended by itself only with forced text. A
        branch is a call, counted when it starts. Spent counts every token that was computed: those of an ended
        text (end of turn, stop text) too. A branch's draws belong to its node id and to the places of its
        tokens, whatever else is in the batch and however many calls wrote it.

        Sampling may be `quadrants.Adaptive`. Where that asks, the call ends for all branches before the token in
        question, and is not counted further than that: branches that have not ended go on by another call, without
        anything being read again. Those in question have `options` then (see `base.PartingBranch`).

        Args:
            stop_loops: overrides the model's own setting.

        Raises:
            BadInput: settings out of range, or branches of another model.
            ModelError: what comes next is no distribution, or memory is full.
        """
        validate(sampling, moving=True)
        if max_new_tokens < 1:
            raise BadInput(f"max_new_tokens = {max_new_tokens} leaves nothing to write.", "Use 1 or more.")
        mine = [b for b in branches if isinstance(b, LocalBranch) and b.network is self.network]
        if len(mine) < len(branches):
            raise BadInput("A branch can only be grown by the model that made it.", "Read the prompt again.")
        settings = Settings(
            node=node,
            sampling=sampling,
            max_new_tokens=max_new_tokens,
            seed=seed,
            ends=self.ends,
            stops=tuple(text.encode() for text in (*stop, *self.chat.stops)),
            context_length=self._context,
            alternatives=self.alternatives,
            stop_loops=self.stop_loops if stop_loops is None else stop_loops,
        )
        yield from Decoding(self.network, self.text, mine, settings).events()

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
        """Continue a prompt once per node, together; `json_mode` has no effect here (see capabilities)."""
        branches = yield from forked(self, prompt, nodes, node=node, purpose=purpose)
        yield from self.decode(
            branches, sampling, node=node, max_new_tokens=max_new_tokens, seed=seed, stop=stop
        )
        return [Completion(b.node, b.text, tuple(b.tokens), b.end or "length") for b in branches]


def end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends a text: of the generation settings (end of turn), the model and the tokenizer."""
    found: set[int] = set()
    for source in (model.generation_config, model.config, tokenizer):
        ids = getattr(source, "eos_token_id", None)
        found.update(ids if isinstance(ids, list | tuple) else [ids] if ids is not None else [])
    return frozenset(int(id) for id in found)
